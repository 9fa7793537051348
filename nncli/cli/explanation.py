"""Draws one example on its way through a network, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

import numpy as np

from nncli.cli.console import stdout
from nncli.engine.buffers import Array
from nncli.engine.penalties import Penalty
from nncli.explain import Explanation
from nncli.walk import ExplainedLayer, Quantity

NARROWEST, WIDEST = 32, 100
PIPED = 80
"""Columns where nobody says how many there are."""
IN_FULL = 16
"""A single row of so many numbers is not shortened, but goes on in the next line."""
EDGE = 4
"""Of what is shortened, at most so many are shown at each end."""
PRECISION = 6


def print_explanation(explanation: Explanation) -> None:
    """The example, the way forward, the loss, the way back; each quantity with its shape, its formula, its numbers."""
    console = stdout()
    width = min(console.width, WIDEST) if console.is_terminal else PIPED
    for line in page(explanation, max(width, NARROWEST)):
        heading = bool(line) and not line.startswith(" ")
        console.print(line, style="bold" if heading else None, markup=False)


def page(explanation: Explanation, width: int) -> Iterator[str]:
    """Lines of at most ``width`` characters; what begins at the margin is a heading."""
    walk = explanation.walk
    yield from _headline(explanation, width)
    yield ""
    yield from _example(explanation, width)
    for layer in walk.layers:
        yield ""
        yield from _text(f"forward, {_title(layer)}", width, indent=0)
        for quantity in (*layer.parameters, *layer.statistics, *layer.forward):
            yield from _quantity(quantity, width)
    yield ""
    yield from _loss(explanation, width)
    for layer in reversed(walk.layers):
        yield ""
        yield from _text(f"back, {_title(layer)}", width, indent=0)
        if layer.fused:
            first, a = layer.backward[0].symbol, layer.forward[-1].symbol
            text = f"{layer.fused} and loss are one function of {walk.loss_of}: {first} comes at once, without ∂C/∂{a}"
            yield from _text(text, width)
        for quantity in (*layer.backward, *layer.penalty):
            yield from _quantity(quantity, width)
    yield ""
    yield "back, the input"
    yield from _quantity(walk.input_gradient, width)


def _headline(explanation: Explanation, width: int) -> Iterator[str]:
    layers, rows = explanation.walk.layers, explanation.rows
    widths = "-".join(map(str, [layers[0].inputs, *(layer.outputs for layer in layers if layer.number)]))
    name = f"{explanation.source}: {explanation.task}, {widths}, at its {explanation.weights} weights"
    yield from _text(name, width, indent=0)
    which = f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"
    places = explanation.places[0] + (f", ..., {explanation.places[-1]}" if len(rows) > 1 else "")
    precision = explanation.walk.inputs.values.dtype
    text = f"{which} of {explanation.training_rows} training rows ({places}), computed at {precision}"
    yield from _text(text, width)
    yield from _text("· multiplies matrices, ⊙ entry by entry; a row is an example, a column a unit", width)


def _title(layer: ExplainedLayer) -> str:
    return f"layer {layer.number} ({layer.block}): {layer.inputs} → {layer.outputs}, {layer.does}"


def _example(explanation: Explanation, width: int) -> Iterator[str]:
    """X with the names of the features, and Y."""
    X, raw, names = explanation.walk.inputs.values, explanation.raw, explanation.features
    one = len(X) == 1
    yield "the example" if one else "the examples"
    scaled = "" if raw is None else ", scaled as in the training"
    if one:
        yield from _text(f"X {X.shape}{scaled}", width)
        own = [] if raw is None else [["value", *map(_cell, raw[0])]]
        yield from _table([["feature", *names], *own, ["x", *map(_number, X[0])]], width)
    else:
        yield from _text(f"features: {', '.join(_ends(names))}", width)
        yield from _text(f"X {X.shape}{scaled}", width)
        yield from _array(X, width)
    Y = explanation.walk.targets
    if explanation.classes is not None:
        classes = ", ".join(_ends([str(name) for name in explanation.classes]))
        yield from _text(f"target {_own(explanation.targets)}, one of {len(explanation.classes)}: {classes}", width)
        coded = f"1 for {explanation.classes[1]}, 0 for {explanation.classes[0]}"
        if Y.shape[-1] > 1 or Y.ndim == 1:
            coded = "the number of the class, from 0" if Y.ndim == 1 else "1 for the class, 0 for others"
        yield from _text(f"Y {Y.shape}, {coded}", width)
    else:
        yield from _text(f"target {', '.join(explanation.target_names)} = {_own(explanation.targets)}", width)
        yield from _text(f"Y {Y.shape}", width)
    yield from _array(Y, width)


def _loss(explanation: Explanation, width: int) -> Iterator[str]:
    walk, n = explanation.walk, len(explanation.rows)
    yield from _text(f"the loss: {walk.loss_name}", width, indent=0)
    yield from _text(_verdict(explanation), width)
    letter = "z" if walk.loss_of.startswith("Z") else "p"
    sizes = f", n = {n}" + (f", k = {walk.predictions.shape[1]}" if "/k" in walk.losses.formula else "")
    sizes += f", d = {walk.targets.shape[1]}" if "1/d" in walk.losses.formula else ""
    yield from _text(f"{walk.losses.formula}, {letter} = {walk.loss_of}{sizes}", width)
    weight = "" if walk.row_weights is None else "w_i·"
    if walk.row_weights is not None:
        yield from _text(f"w {walk.row_weights.shape}, what each row counts, 1 in the mean of all training rows", width)
        yield from _array(walk.row_weights, width)
    if n > 1:
        yield from _quantity(walk.losses, width, formula="")
    mean = f"{weight}L_i".replace("_i", "_1") if n == 1 else f"1/{n} · Σ_i {weight}L_i"
    yield from _text(f"C = {mean} = {_number(walk.loss)}", width)
    if walk.penalty is not None:
        yield from _text(f"R = {Penalty.formula} over all weights = {_number(walk.penalty)}", width)
        yield from _text("training goes down the gradient of C + R; below, the two stand apart", width)


def _verdict(explanation: Explanation) -> str:
    """What the network makes of the rows, and what would be right."""
    P, classes = explanation.walk.predictions, explanation.classes
    said, right = explanation.predictions, explanation.targets
    if classes is None or len(P) > 1:
        more = "".join(f", {name} {_own(values)}" for name, values in explanation.told.items())
        return f"predicted {_own(said)}{more}; target {_own(right)}"
    outcome = "which is right" if said[0] == right[0] else f"right is {right[0]}"
    if P.shape[1] == 1:
        return f"p = {_number(P[0, 0])} for {classes[1]}: predicted {said[0]}, {outcome}"
    p = dict(zip(classes, P[0], strict=True))
    outcome += "" if said[0] == right[0] else f" with {_number(p[right[0].item()])}"
    return f"predicted {said[0]} with {_number(p[said[0].item()])}, {outcome}"


def _quantity(quantity: Quantity, width: int, formula: str | None = None) -> Iterator[str]:
    formula = quantity.formula if formula is None else formula
    yield from _text(f"{quantity.symbol} {quantity.values.shape}{f' = {formula}' if formula else ''}", width)
    yield from _array(quantity.values, width)


def _array(values: Array, width: int, indent: int = 4) -> Iterator[str]:
    """As NumPy prints it: a short single row in full, of anything else as many rows and columns as fit a line."""
    room = width - indent
    lines: list[str] = []
    if values.size <= IN_FULL and values.size == values.shape[-1]:
        lines = np.array2string(values, precision=PRECISION, max_line_width=room, threshold=IN_FULL).splitlines()
    for edge in range(EDGE, 0, -1) if not lines or max(map(len, lines)) > room else ():
        text = np.array2string(values, precision=PRECISION, max_line_width=10**6, threshold=0, edgeitems=edge)
        lines = text.splitlines()
        if max(map(len, lines)) <= room:
            break
    yield from (" " * indent + line for line in lines)


def _table(columns: Sequence[Sequence[str]], width: int, indent: int = 4) -> Iterator[str]:
    """The first column to the left, numbers to the right; long ones shortened, and names that do not fit."""
    shown = [_ends(column, heading=True) for column in columns]
    widths = [max(map(len, column)) for column in shown]
    widths[0] = max(3, min(widths[0], width - indent - sum(widths[1:]) - 2 * len(widths[1:])))
    for name, *numbers in zip(*shown, strict=True):
        name = name if len(name) <= widths[0] else f"{name[: widths[0] - 1]}…"
        cells = [f"{number:>{w}}" for number, w in zip(numbers, widths[1:], strict=True)]
        yield " " * indent + "  ".join([f"{name:<{widths[0]}}", *cells]).rstrip()


def _ends(items: Sequence[str], heading: bool = False) -> list[str]:
    """All of a few; of many the first and the last."""
    body = [*items[heading:]]
    if len(body) > 3 * EDGE:
        body = [*body[:EDGE], "...", *body[-EDGE:]]
    return [*items[:heading], *body]


def _own(values: Array) -> str:
    """Targets or predictions of a few rows, in the data's own form; the columns of a row together."""
    rows = values.reshape(len(values), -1).tolist()
    cells = [", ".join(_number(x) if isinstance(x, float) else str(x) for x in row) for row in rows]
    return ", ".join(_ends(cells if len(rows[0]) == 1 or len(rows) == 1 else [f"({cell})" for cell in cells]))


def _cell(x: object) -> str:
    """A number, a text, or a gap."""
    return "" if x is None else x if isinstance(x, str) else _number(x)  # type: ignore[arg-type]


def _number(x: float) -> str:
    return f"{x:.{PRECISION}g}"


def _text(text: str, width: int, indent: int = 2) -> Iterable[str]:
    """Lines that fit; what does not is continued further in."""
    return wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_on_hyphens=False,
    )
