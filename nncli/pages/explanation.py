"""The page of ``nncli explain --html``: an example on its way through a network and back, to step through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from nncli.engine.buffers import Array
from nncli.engine.penalties import Penalty
from nncli.explain import Explanation
from nncli.pages.drawing import Column, Drawing, Face, pretty
from nncli.pages.grids import LINE, Grid, ends, grid_of, minus, numbered, text_of, with_gap
from nncli.pages.mathml import longest_clause, read, read_clause
from nncli.pages.page import render
from nncli.phrases import (
    CONVENTION,
    cell,
    coded,
    fused,
    headline,
    loss_of,
    mean_loss,
    scaled,
    target,
    title,
    verdict,
    whereabouts,
    which_rows,
    widths,
)
from nncli.walk import ExplainedLayer, Quantity

MOST_ROWS = 8
"""Rows that a page shows."""
SIGN = re.compile(r"(?<![\w.])-(?=\d)")
WIDE = 34
"""Characters of a formula that a phone has room for."""


@dataclass(frozen=True)
class Shown:
    """A quantity.

    Attributes:
        symbol: As it stands in the text, for links and those who do not see it.
        heading: The same as MathML.
        shape: ``(1, 16)``.
        tensor: Its name in a run's files.
        formula: As MathML; empty for what is given.
        long: Whether the formula may be wider than a phone.
        grid: The numbers.
    """

    symbol: str
    heading: Markup
    shape: str
    tensor: str
    formula: Markup
    long: bool
    grid: Grid


@dataclass(frozen=True)
class Step:
    """One stop on the way.

    Attributes:
        name: The heading.
        what: The line below it.
        said: Paragraphs, each text or formula.
        shown: The quantities.
        picture: The network at this stop.
        caption: What its units and lines are.
        features: The table of the inputs: its heads, and its rows.
    """

    name: str
    what: str
    said: tuple[str | Markup, ...] = ()
    shown: tuple[Shown, ...] = ()
    picture: Markup | None = None
    caption: str = ""
    features: tuple[tuple[str, ...], ...] = ()


def explanation_page(explanation: Explanation) -> str:
    """The page.

    Every number on it is one of the walk's, but for the lengths of gradients in the last step; the script only steps.
    """
    story = _Story(explanation)
    with np.errstate(all="ignore"):  # an infinity is shown as it is
        steps = story.steps()
    return render(
        "explanation.html",
        script="explanation.js",
        name=f"{explanation.source}, {which_rows(explanation)}",
        headline=headline(explanation),
        whereabouts=whereabouts(explanation),
        convention=CONVENTION,
        steps=steps,
        definitions=story.drawing.definitions(),
        shortened=story.drawing.shortened,
        beside=story.drawing.width() <= 640,
    )


class _Story:
    """The steps of one explanation, and their pictures."""

    def __init__(self, explanation: Explanation) -> None:
        self._e, self._walk = explanation, explanation.walk
        self._rows = tuple(f"row {row}" for row in explanation.rows)
        self._outputs = _output_names(explanation)
        columns = list(self._columns())
        self.drawing = Drawing(columns)
        self._names = [numbered(column.size) if not column.labels else column.labels for column in columns]
        self._step = 0

    def steps(self) -> list[Step]:
        """All of them, in order."""
        walk = self._walk
        steps = [self._example()]
        steps += [self._forward(i) for i in range(len(walk.layers))]
        steps.append(self._loss())
        steps += [self._back(i) for i in reversed(range(len(walk.layers)))]
        steps.append(self._back_to_input())
        if walk.penalty is not None:
            steps.append(self._penalty(walk.penalty))
        return [*steps, self._downhill()]

    def _columns(self) -> Iterator[Column]:
        e, layers = self._e, self._walk.layers
        yield Column("input", len(e.features), e.features)
        before = len(e.features)
        for layer in layers:
            last = layer is layers[-1]
            W, slope = _weight(layer.parameters, before, layer), _weight(layer.backward, before, layer)
            yield Column(
                f"layer {layer.number}",
                layer.outputs,
                labels=self._outputs if last else (),
                marked=_marked(e) if last else frozenset(),
                around="join" in layer.does,
                weight=W,
                slope=slope,
            )
            before = layer.outputs

    # the stops

    def _example(self) -> Step:
        e, X = self._e, self._walk.inputs.values
        Y = self._walk.targets
        heads = ["feature"]
        columns: list[Sequence[str]] = [e.features]
        for i, row in enumerate(self._rows):
            of = "" if len(X) == 1 else f", {row}"
            if e.raw is not None:
                heads.append(f"in the data{of}")
                columns.append([minus(cell(x)) for x in e.raw[i]])
            heads.append(f"x{of}")
            columns.append([text_of(x) for x in X[i]])
        rows, left = ends([*zip(*columns, strict=True)], LINE)
        grid = self._grid("Y", Y, self._outputs)
        shown = Shown("Y", read_clause("Y"), str(Y.shape), "", Markup(), False, grid)
        return Step(
            "The example",
            f"X {X.shape}{scaled(e)}",
            (f"{self._sentence(target(e))}", f"As the network has it, that is Y{coded(e)}:"),
            (shown,),
            self._picture("the example", 0, self._faces(forward=0)),
            self._caption("Units show the inputs; lines are the weights."),
            (tuple(heads), *with_gap(rows, left, len(heads))),
        )

    def _forward(self, i: int) -> Step:
        layer = self._walk.layers[i]
        quantities = (*layer.forward, *layer.parameters, *layer.statistics)
        shown = pretty(layer.forward[-1].symbol)
        return Step(
            f"Forward: layer {layer.number}",
            title(layer),
            (),
            tuple(self._shown(quantity, i) for quantity in quantities),
            self._picture(f"forward, layer {layer.number}", i + 1, self._faces(forward=i + 1)),
            self._caption(f"Units show what the layers put out, here {shown}; lines are the weights."),
        )

    def _loss(self) -> Step:
        e, walk = self._e, self._walk
        said: list[str | Markup] = [self._sentence(verdict(e)), read(f"{walk.losses.formula}, {loss_of(walk)}")]
        shown = []
        if walk.row_weights is not None:
            grid = self._grid("w", walk.row_weights[:, np.newaxis].T, self._rows)
            shape = str(walk.row_weights.shape)
            shown.append(Shown("w", read_clause("w"), shape, "", Markup(), False, grid))
            said.append("w is what each row counts: 1 in the mean of all training rows.")
        if len(walk.predictions) > 1 or walk.row_weights is not None:
            losses = walk.losses
            grid = self._grid(losses.symbol, losses.values[np.newaxis], self._rows)
            shown.append(Shown(losses.symbol, read(losses.symbol), str(losses.values.shape), "", Markup(), False, grid))
        said.append(read(f"{mean_loss(walk)} = {text_of(walk.loss)}"))
        last = len(walk.layers)
        symbol = pretty(walk.layers[-1].forward[-1].symbol)
        return Step(
            "The loss",
            walk.loss_name,
            tuple(said),
            tuple(shown),
            self._picture("the loss", last, self._faces(forward=last)),
            self._caption(f"The last column, {symbol}, is what the network says of the target; lines are the weights."),
        )

    def _back(self, i: int) -> Step:
        layer, note = self._walk.layers[i], fused(self._walk.layers[i], self._walk)
        faces = self._faces(back=i + 1)
        slope = f", here {pretty(faces[i + 1].symbol)}" if faces[i + 1].symbol else ""
        name = f"layer {layer.number}"
        on = f"From {name} on, units" if i + 1 < len(self._walk.layers) else f"Units of {name}"
        caption = f"{on} show the slope of C by each of them{slope}, and lines that by the weights; in front of it"
        return Step(
            f"Back: {name}",
            title(layer),
            (pretty(self._sentence(note)),) if note else (),
            tuple(self._shown(quantity, i) for quantity in layer.backward),
            self._picture(f"back, {name}", i + 1, faces),
            self._caption(f"{caption}, units show {'what they put out' if i else 'the inputs'}."),
        )

    def _back_to_input(self) -> Step:
        gradient = self._walk.input_gradient
        return Step(
            "Back: the input",
            "how C answers to a small change of each input",
            (),
            (self._shown(gradient, None),),
            self._picture("back, the input", 0, self._faces(back=0)),
            self._caption("Units show the slope of C by each of them, lines that by the weights."),
        )

    def _penalty(self, R: float) -> Step:
        quantities = [(i, q) for i, layer in enumerate(self._walk.layers) for q in layer.penalty]
        return Step(
            "The penalty",
            "what the weights cost by themselves",
            (
                read(f"R = {Penalty.formula}"),
                Markup("The sums go over all weights; that is {}.").format(read_clause(f"R = {text_of(R)}")),
                "The training goes down the gradient of C + R; C, and the gradients above, are without it.",
            ),
            tuple(self._shown(quantity, i) for i, quantity in quantities),
        )

    def _downhill(self) -> Step:
        layers, penalized = self._walk.layers, self._walk.penalty is not None
        total = "C + R" if penalized else "C"
        rows, square = [], 0.0
        for layer in layers:
            slopes = {q.tensor: q for q in layer.penalty}
            for q in layer.backward:
                if not q.tensor:
                    continue
                of_penalty = slopes.get(q.tensor)
                whole = q.values if of_penalty is None else q.values + of_penalty.values
                square += float(np.sum(whole**2))
                length = "0" if of_penalty is None else text_of(_length(of_penalty.values))
                rows.append((q.tensor, str(q.values.shape), text_of(_length(q.values)), *[length] * penalized))
        of = f"∂({total})/∂θ" if penalized else "∂C/∂θ"
        heads = ("parameter", "shape", "‖∂C/∂·‖", *["‖∂R/∂·‖"] * penalized)
        return Step(
            "A step downhill",
            "what gradient descent does with it",
            (
                read(f"θ ← θ − η·{of}"),
                "θ is all parameters together, and η the learning rate. The lengths of the gradients say which of them"
                " would move furthest:",
                Markup(
                    "For a small η, {} of these rows falls by about {}: the square of the gradient's length."
                ).format(read_clause(total), read_clause(f"η·{text_of(square)}")),
                "The optimizer of the config may average and scale the gradient first, and takes more rows at a time.",
            ),
            features=(heads, *rows),
        )

    # what they are made of

    def _shown(self, quantity: Quantity, i: int | None) -> Shown:
        """A quantity of layer ``i``, or the gradient of the input."""
        values = quantity.values
        rows, columns = self._axes(values, quantity, i)
        return Shown(
            symbol=quantity.symbol,
            heading=read(quantity.symbol),
            shape=str(values.shape),
            tensor=quantity.tensor,
            formula=read(quantity.formula) if quantity.formula else Markup(),
            long=longest_clause(quantity.formula) > WIDE,
            grid=grid_of(quantity.symbol, np.atleast_2d(values), rows, columns),
        )

    def _axes(self, values: Array, quantity: Quantity, i: int | None) -> tuple[Sequence[str], Sequence[str]]:
        """What the rows and the columns of an array are called."""
        before, own = (self._names[0], self._names[0]) if i is None else (self._names[i], self._names[i + 1])
        columns = values.shape[-1]
        first, second = (before, own) if quantity.name.endswith("fork") else (own, before)
        across = next((names for names in (first, second) if len(names) == columns), numbered(columns))
        if values.ndim == 1:
            return [""], across
        if not quantity.tensor:
            return self._rows, across
        down = before if len(before) == len(values) else numbered(len(values))
        return down, across

    def _grid(self, label: str, values: Array, columns: Sequence[str]) -> Grid:
        """That of what has a row for each row of the batch."""
        values = values if values.ndim == 2 else values[np.newaxis] if len(self._rows) > 1 else values[:, np.newaxis]
        down = self._rows if len(self._rows) == len(values) else [""] * len(values)
        if values.shape[1] != len(columns):
            columns = (
                self._rows if values.shape[1] == len(self._rows) and len(values) == 1 else numbered(values.shape[1])
            )
        return grid_of(label, values, down, columns)

    def _faces(self, forward: int | None = None, back: int | None = None) -> list[Face]:
        """What all columns show: what was reached by then on the way forward, or on the way back."""
        walk = self._walk
        faces = [Face("X", walk.inputs.values[0])] + [Face(q.symbol, q.values[0]) for q in _put_out(walk.layers)]
        if forward is not None:
            return [face if c <= forward else Face() for c, face in enumerate(faces)]
        assert back is not None
        slopes = [Face(walk.input_gradient.symbol, walk.input_gradient.values[0])]
        for layer in walk.layers:
            q = _reached(layer)
            slopes.append(Face(q.symbol, q.values[0], slopes=True) if q is not None else Face())
        return [slopes[c] if c >= back else face for c, face in enumerate(faces)]

    def _picture(self, name: str, column: int, faces: Sequence[Face]) -> Markup:
        self._step += 1
        return self.drawing.picture(self._step, f"The network {widths(self._walk)}: {name}", faces, column)

    def _sentence(self, text: str) -> str:
        """With a capital and a full stop; a sign that belongs to a class stays as it is."""
        text = text if self._e.classes is not None else SIGN.sub("−", text)
        first = text[0].upper() if text[1].isalpha() else text[0]  # p = 0.3 stays p
        return f"{first}{text[1:]}."

    def _caption(self, text: str) -> str:
        """With whose numbers they are, where there are several rows."""
        return text if len(self._rows) == 1 else f"{text} The numbers of units are those of {self._rows[0]}."


def _put_out(layers: Iterable[ExplainedLayer]) -> Iterator[Quantity]:
    """The last signal of each layer."""
    for layer in layers:
        yield layer.forward[-1]


def _reached(layer: ExplainedLayer) -> Quantity | None:
    """The gradient by the sums of a layer, Z; where it has none, the last by a signal of as many units."""
    signals = [q for q in layer.backward if not q.tensor and q.values.shape[-1] == layer.outputs]
    return next((q for q in signals if q.name == "dC/dZ"), signals[-1] if signals else None)


def _weight(quantities: Iterable[Quantity], inputs: int, layer: ExplainedLayer) -> Array | None:
    """What stands between a layer and the column before it: W, or its gradient."""
    return next(
        (q.values for q in quantities if q.name.endswith("W") and q.values.shape == (inputs, layer.outputs)), None
    )


def _output_names(explanation: Explanation) -> tuple[str, ...]:
    """What each output tells of."""
    e, k = explanation, explanation.walk.predictions.shape[1]
    if e.classes is not None:
        return tuple(map(str, e.classes if len(e.classes) == k else e.classes[1:]))
    if len(e.target_names) == k:
        return e.target_names
    if len(e.told) * len(e.target_names) == k:
        several = len(e.target_names) > 1
        return tuple(f"{told} of {name}" if several else told for told in e.told for name in e.target_names)
    return tuple(f"output {i}" for i in range(1, k + 1))


def _marked(explanation: Explanation) -> frozenset[int]:
    """The outputs that should be largest for the first row."""
    e, k = explanation, explanation.walk.predictions.shape[1]
    if e.classes is not None:
        code = [*e.classes].index(e.targets[0].item())
        return frozenset([code] if len(e.classes) == k else [0] * code)
    if e.task == "multilabel":
        return frozenset(np.flatnonzero(e.targets[0]).tolist())
    return frozenset()


def _length(values: Array) -> float:
    return float(np.sqrt(np.sum(values**2)))
