"""Curves over each other in a terminal: of dots of braille, or where there are no such letters, of figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nncli.cli.console import plainly
from nncli.engine.buffers import Array
from nncli.seeing.comparison import Curve
from nncli.text import figure

WIDE_RANGE = 30.0
"""Values whose largest is more than so many times the smallest are drawn on a logarithmic scale, as in pictures."""
COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", "bright_cyan", "bright_magenta")
DASHES = ("1", "110", "1000", "111010", "11110000", "10", "1111110", "11001000")
"""Which dots of a line are drawn, one after the other: what tells lines apart where there is no colour."""
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of a braille letter, from the top and from the left: the bits behind U+2800 (The Unicode Standard, 16.0, block
Braille Patterns)."""
BRAILLE = 0x2800
NARROWEST = 20
"""Columns that are drawn on, however little room there is."""


def chart(curves: Mapping[str, Curve], width: int, height: int = 12, *, ascii_only: bool = False) -> Iterator[str]:
    """Lines of markup: the curves, their axes, and which is whose.

    A curve has its number, from 1, at its end.

    Args:
        curves: By name; each has a finite value.
        width: Columns at most, from about 30 on.
        height: Lines of the curves.
        ascii_only: Whether a curve is drawn by its number.
    """
    finite, log = _finite(curves), is_wide(curves)
    low, high = _room(np.log(finite) if log else finite)
    ticks = {row: _tick(high - (high - low) * row / (height - 1), log=log) for row in (0, height // 2, height - 1)}
    margin = max(map(len, ticks.values()))
    columns = max(NARROWEST, width - margin - 3)  # a blank, the axis, and the number at the end of a curve
    first = min(float(curve.epochs[0]) for curve in curves.values())
    last = max(float(curve.epochs[-1]) for curve in curves.values())
    dots = (1, 1) if ascii_only else (4, 2)
    shape = (height * dots[0], columns * dots[1])
    drawn = [_dots(curve, (first, last), (low, high), shape, log=log) for curve in curves.values()]
    cells = _figures(drawn) if ascii_only else _letters(drawn, height, columns)
    _number(cells, drawn, dots)
    corner, side = ("+", "|") if ascii_only else ("└", "│")
    for row, line in enumerate(cells):
        yield f"{ticks.get(row, ''):>{margin}} {side}{''.join(line).rstrip()}"
    yield f"{'':>{margin}} {corner}{('-' if ascii_only else '─') * columns}"
    ends = f"{first:g}", f"epoch {last:g}"
    yield f"{'':>{margin}}  {ends[0]}{ends[1]:>{columns - len(ends[0])}}"
    for i, name in enumerate(curves):
        yield f"{'':>{margin}}  [{COLOURS[i % len(COLOURS)]}]{i + 1}[/] {plainly(name)}"


def is_wide(curves: Mapping[str, Curve]) -> bool:
    """Whether their values are drawn on a logarithmic scale."""
    finite = _finite(curves)
    return bool(finite.min() > 0 and finite.max() / WIDE_RANGE > finite.min())


def _finite(curves: Mapping[str, Curve]) -> Array:
    return np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves.values()])


def _room(values: Array) -> tuple[float, float]:
    """The ends of the axis; some room where all values are the same."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)


def _tick(value: float, *, log: bool) -> str:
    return figure("", float(f"{np.exp(value) if log else value:.3g}"))


def _dots(
    curve: Curve, epochs: tuple[float, float], values: tuple[float, float], shape: tuple[int, int], *, log: bool
) -> Array:
    """Which dots (rows, columns) a curve goes through: from column to column, with no gap but where it has one."""
    rows, columns = shape
    drawn = np.zeros(shape, bool)
    known = np.isfinite(curve.values) & ((curve.values > 0) if log else True)
    at = curve.epochs[known]
    heights = np.log(curve.values[known]) if log else curve.values[known]
    low, high = values
    scale = (columns - 1) / max(epochs[1] - epochs[0], 1e-9)
    begin, end = (round((x - epochs[0]) * scale) for x in (at[0], at[-1]))
    across = np.arange(begin, end + 1)
    y = np.interp(across / scale + epochs[0], at, heights)
    down = np.rint((high - y) / (high - low) * (rows - 1)).astype(int).clip(0, rows - 1)
    before = down[0]
    for column, row in zip(across, down, strict=True):
        start = row if row == before else before + (1 if row > before else -1)
        drawn[min(start, row) : max(start, row) + 1, column] = True
        before = row
    return drawn


def _letters(drawn: Sequence[Array], height: int, columns: int) -> list[list[str]]:
    """Of each cell its markup; the first curve lies over the others."""
    letters, colours = np.zeros((height, columns), int), np.full((height, columns), -1)
    for i, dots in reversed([*enumerate(drawn)]):
        dash = np.array([mark == "1" for mark in DASHES[i % len(DASHES)]])
        shown = dots & np.resize(dash, dots.shape[1])
        for row, bits in enumerate(DOTS):
            for column, bit in enumerate(bits):
                letters |= np.where(shown[row::4, column::2], bit, 0)
        colours[shown.reshape(height, 4, columns, 2).any(axis=(1, 3))] = i

    def cell(letter: int, i: int) -> str:
        return " " if i < 0 else f"[{COLOURS[i % len(COLOURS)]}]{chr(BRAILLE + letter)}[/]"

    return [
        [cell(int(letter), int(i)) for letter, i in zip(*row, strict=True)]
        for row in zip(letters, colours, strict=True)
    ]


def _figures(drawn: Sequence[Array]) -> list[list[str]]:
    """Of each cell the number of its curve; the first lies over the others."""
    cells = np.full(drawn[0].shape, " ", dtype="<U1")
    for i, dots in reversed([*enumerate(drawn)]):
        cells[dots] = str((i + 1) % 10)
    return [list(map(str, row)) for row in cells]


def _number(cells: list[list[str]], drawn: Sequence[Array], dots: tuple[int, int]) -> None:
    """Put the number of each curve behind its end, or as near to it as no other number stands."""
    for line in cells:
        line.append(" ")
    taken: set[tuple[int, int]] = set()
    for i, curve in enumerate(drawn):
        down, across = np.nonzero(curve)
        column = int(across.max()) // dots[1] + 1
        end = int(down[across == across.max()][-1]) // dots[0]
        free = [row for row in range(len(cells)) if (row, column) not in taken]
        row = min(free, key=lambda row: (abs(row - end), row))
        taken.add((row, column))
        cells[row][column] = f"[{COLOURS[i % len(COLOURS)]} bold]{i + 1}[/]"
