"""What an explanation says in words, the same on a screen and on a page."""

from __future__ import annotations

from collections.abc import Sequence

from nncli.engine.buffers import Array
from nncli.explain import Explanation
from nncli.walk import ExplainedLayer, Walk

EDGE = 4
"""Of what is shortened, at most so many are shown at each end."""
PRECISION = 6
CONVENTION = "· multiplies matrices, ⊙ entry by entry; a row is an example, a column a unit"


def headline(explanation: Explanation) -> str:
    """Of what network, at which weights."""
    return f"{explanation.source}: {explanation.task}, {widths(explanation.walk)}, at its {explanation.weights} weights"


def widths(walk: Walk) -> str:
    """``4-16-3``."""
    layers = walk.layers
    return "-".join(map(str, [layers[0].inputs, *(layer.outputs for layer in layers if layer.number)]))


def which_rows(explanation: Explanation) -> str:
    """``row 7``, ``rows 7 to 9``."""
    rows = explanation.rows
    return f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"


def whereabouts(explanation: Explanation) -> str:
    """Which rows, where they stand in the data, and at what precision they are taken through."""
    places = explanation.places[0] + (f", ..., {explanation.places[-1]}" if len(explanation.rows) > 1 else "")
    precision = explanation.walk.inputs.values.dtype
    of = f"{which_rows(explanation)} of {explanation.training_rows} training rows"
    return f"{of} ({places}), computed at {precision}"


def title(layer: ExplainedLayer) -> str:
    """``layer 1 (layers.0): 4 → 16, dense, tanh``."""
    return f"layer {layer.number} ({layer.block}): {layer.inputs} → {layer.outputs}, {layer.does}"


def scaled(explanation: Explanation) -> str:
    """What was done to the data to make X of it."""
    return "" if explanation.raw is None else ", scaled as in the training"


def target(explanation: Explanation) -> str:
    """The target of the rows, and what it could have been."""
    if explanation.classes is None:
        return f"target {', '.join(explanation.target_names)} = {own(explanation.targets)}"
    classes = ", ".join(ends([str(name) for name in explanation.classes]))
    return f"target {own(explanation.targets)}, one of {len(explanation.classes)}: {classes}"


def coded(explanation: Explanation) -> str:
    """How Y says it."""
    Y, classes = explanation.walk.targets, explanation.classes
    if classes is None:
        return ""
    if Y.ndim == 1:
        return ", the number of the class, from 0"
    return f", 1 for {classes[1]}, 0 for {classes[0]}" if Y.shape[-1] == 1 else ", 1 for the class, 0 for others"


def verdict(explanation: Explanation) -> str:
    """What the network makes of the rows, and what would be right."""
    P, classes = explanation.walk.predictions, explanation.classes
    said, right = explanation.predictions, explanation.targets
    if classes is None or len(P) > 1:
        more = "".join(f", {name} {own(values)}" for name, values in explanation.told.items())
        return f"predicted {own(said)}{more}; target {own(right)}"
    outcome = "which is right" if said[0] == right[0] else f"right is {right[0]}"
    if P.shape[1] == 1:
        return f"p = {number(P[0, 0])} for {classes[1]}: predicted {said[0]}, {outcome}"
    p = dict(zip(classes, P[0], strict=True))
    outcome += "" if said[0] == right[0] else f" with {number(p[right[0].item()])}"
    return f"predicted {said[0]} with {number(p[said[0].item()])}, {outcome}"


def loss_of(walk: Walk) -> str:
    """What the letters in the formula of the loss are: ``p = A2, n = 1, k = 1``."""
    letter = "z" if walk.loss_of.startswith("Z") else "p"
    sizes = f", k = {walk.predictions.shape[1]}" if "/k" in walk.losses.formula else ""
    sizes += f", d = {walk.targets.shape[1]}" if "1/d" in walk.losses.formula else ""
    return f"{letter} = {walk.loss_of}, n = {len(walk.predictions)}{sizes}"


def mean_loss(walk: Walk) -> str:
    """``C = L_1``, ``C = 1/3 · Σ_i L_i``."""
    n, weight = len(walk.predictions), "" if walk.row_weights is None else "w_i·"
    return f"C = {weight}L_i".replace("_i", "_1") if n == 1 else f"C = 1/{n} · Σ_i {weight}L_i"


def fused(layer: ExplainedLayer, walk: Walk) -> str:
    """Why there is no gradient by the output of the last activation; empty where there is."""
    if not layer.fused:
        return ""
    first, a = layer.backward[0].symbol, layer.forward[-1].symbol
    return f"{layer.fused} and loss are one function of {walk.loss_of}: {first} comes at once, without ∂C/∂{a}"


def own(values: Array) -> str:
    """Targets or predictions of a few rows, in the data's own form; the columns of a row together."""
    rows = values.reshape(len(values), -1).tolist()
    cells = [", ".join(number(x) if isinstance(x, float) else str(x) for x in row) for row in rows]
    return ", ".join(ends(cells if len(rows[0]) == 1 or len(rows) == 1 else [f"({cell})" for cell in cells]))


def ends(items: Sequence[str], heading: bool = False) -> list[str]:
    """All of a few; of many the first and the last."""
    body = [*items[heading:]]
    if len(body) > 3 * EDGE:
        body = [*body[:EDGE], "...", *body[-EDGE:]]
    return [*items[:heading], *body]


def cell(x: object) -> str:
    """A number, a text, or a gap."""
    return "" if x is None else x if isinstance(x, str) else number(x)  # type: ignore[arg-type]


def number(x: float) -> str:
    """As many digits as anybody reads."""
    return f"{x:.{PRECISION}g}"
