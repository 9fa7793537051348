"""Draws one example on its way through a network, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np

from nncli.cli.console import stdout
from nncli.engine.buffers import Array
from nncli.engine.penalties import Penalty
from nncli.explain import Explanation
from nncli.phrases import (
    CONVENTION,
    EDGE,
    PRECISION,
    cell,
    coded,
    ends,
    fused,
    headline,
    loss_of,
    mean_loss,
    number,
    scaled,
    target,
    title,
    verdict,
    whereabouts,
)
from nncli.walk import Quantity

NARROWEST, WIDEST = 32, 100
PIPED = 80
"""Columns where nobody says how many there are."""
IN_FULL = 16
"""A single row of so many numbers is not shortened, but goes on in the next line."""


def print_explanation(explanation: Explanation) -> None:
    """The example, the way forward, the loss, the way back; each quantity with its shape, its formula, its numbers."""
    console = stdout()
    width = min(console.width, WIDEST) if console.is_terminal else PIPED
    for line in page(explanation, max(width, NARROWEST)):
        heading = bool(line) and not line.startswith(" ")
        console.print(line, style="bold" if heading else None, markup=False)


def print_page(path: Path) -> None:
    """Where the page is."""
    stdout().print(f"page: {path}", markup=False)


def page(explanation: Explanation, width: int) -> Iterator[str]:
    """Lines of at most ``width`` characters; what begins at the margin is a heading."""
    walk = explanation.walk
    yield from _text(headline(explanation), width, indent=0)
    yield from _text(whereabouts(explanation), width)
    yield from _text(CONVENTION, width)
    yield ""
    yield from _example(explanation, width)
    for layer in walk.layers:
        yield ""
        yield from _text(f"forward, {title(layer)}", width, indent=0)
        for quantity in (*layer.parameters, *layer.statistics, *layer.forward):
            yield from _quantity(quantity, width)
    yield ""
    yield from _loss(explanation, width)
    for layer in reversed(walk.layers):
        yield ""
        yield from _text(f"back, {title(layer)}", width, indent=0)
        yield from _text(fused(layer, walk), width)
        for quantity in (*layer.backward, *layer.penalty):
            yield from _quantity(quantity, width)
    yield ""
    yield "back, the input"
    yield from _quantity(walk.input_gradient, width)


def _example(explanation: Explanation, width: int) -> Iterator[str]:
    """X with the names of the features, and Y."""
    X, raw, names = explanation.walk.inputs.values, explanation.raw, explanation.features
    one = len(X) == 1
    yield "the example" if one else "the examples"
    if one:
        yield from _text(f"X {X.shape}{scaled(explanation)}", width)
        own = [] if raw is None else [["value", *map(cell, raw[0])]]
        yield from _table([["feature", *names], *own, ["x", *map(number, X[0])]], width)
    else:
        yield from _text(f"features: {', '.join(ends(names))}", width)
        yield from _text(f"X {X.shape}{scaled(explanation)}", width)
        yield from _array(X, width)
    Y = explanation.walk.targets
    yield from _text(target(explanation), width)
    yield from _text(f"Y {Y.shape}{coded(explanation)}", width)
    yield from _array(Y, width)


def _loss(explanation: Explanation, width: int) -> Iterator[str]:
    walk = explanation.walk
    yield from _text(f"the loss: {walk.loss_name}", width, indent=0)
    yield from _text(verdict(explanation), width)
    yield from _text(f"{walk.losses.formula}, {loss_of(walk)}", width)
    if walk.row_weights is not None:
        yield from _text(f"w {walk.row_weights.shape}, what each row counts, 1 in the mean of all training rows", width)
        yield from _array(walk.row_weights, width)
    if len(walk.predictions) > 1:
        yield from _quantity(walk.losses, width, formula="")
    yield from _text(f"{mean_loss(walk)} = {number(walk.loss)}", width)
    if walk.penalty is not None:
        yield from _text(f"R = {Penalty.formula} over all weights = {number(walk.penalty)}", width)
        yield from _text("training goes down the gradient of C + R; below, the two stand apart", width)


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
    shown = [ends(column, heading=True) for column in columns]
    widths = [max(map(len, column)) for column in shown]
    widths[0] = max(3, min(widths[0], width - indent - sum(widths[1:]) - 2 * len(widths[1:])))
    for name, *numbers in zip(*shown, strict=True):
        name = name if len(name) <= widths[0] else f"{name[: widths[0] - 1]}…"
        cells = [f"{number:>{w}}" for number, w in zip(numbers, widths[1:], strict=True)]
        yield " " * indent + "  ".join([f"{name:<{widths[0]}}", *cells]).rstrip()


def _text(text: str, width: int, indent: int = 2) -> Iterable[str]:
    """Lines that fit; what does not is continued further in."""
    return wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_on_hyphens=False,
    )
