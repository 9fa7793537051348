"""The picture of a network on its way through an example: columns of units with their numbers, and the weights between.

Made as SVG in numbers of pixels. A column of many units is shortened, and of many columns those around the current one
are drawn: so that whatever the network, the picture fits beside its text, and a page with one a step stays small.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from markupsafe import Markup, escape

from nncli.engine.buffers import Array
from nncli.text import printable

MOST_UNITS = 16
"""Units of a column that are all drawn: with their numbers they are as high as a laptop's window."""
ENDS = 7, 6
"""Of more, so many are, the first and the last."""
MOST_COLUMNS = 7
"""Columns that are all drawn; of more, these around the current one."""
WIDTH, HEIGHT, PITCH, GAP = 56, 26, 34, 92
"""Of a unit, from one unit to the next, and between two columns."""
MORE = 64
"""Room beside the columns for how many are not drawn."""
TOP = 52
"""Room for what stands above the columns."""
LETTERS = 18
"""Of a name beside a unit; the whole stands in its tooltip."""
LETTER = 6.6
SIGNS: tuple[tuple[str, int], ...] = (("plus", 1), ("minus", -1))
LEVELS = 6
"""How many widths lines have: those of one width and sign are one path."""
NUMBER = re.compile(r"(?<=[A-Za-z])\d+\b")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class Column:
    """Units side by side.

    Attributes:
        name: What stands above it: input, layer 1.
        size: How many units there are.
        labels: Their names, if they have names beside their numbers.
        marked: Those whose label is marked: what the target is.
        around: Whether a way leads around it, from the column before.
        weight: W (units of the column before, units), the lines to it; None where there are none.
        slope: ∂C/∂W.
    """

    name: str
    size: int
    labels: tuple[str, ...] = ()
    marked: frozenset[int] = frozenset()
    around: bool = False
    weight: Array | None = None
    slope: Array | None = None

    @cached_property
    def slots(self) -> list[int | None]:
        """The units that are drawn, from the top; None is the gap where the others would be."""
        if self.size <= MOST_UNITS:
            return [*range(self.size)]
        first, last = ENDS
        return [*range(first), None, *range(self.size - last, self.size)]


@dataclass(frozen=True, eq=False)
class Face:
    """What a column shows in a step.

    Attributes:
        symbol: ``A1``; empty where it shows nothing.
        values: (units,) or None.
        slopes: Whether the lines to it are ∂C/∂W; otherwise they are W.
    """

    symbol: str = ""
    values: Array | None = None
    slopes: bool = False


class Drawing:
    """A network that can be drawn in every step."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        slots = max(len(column.slots) for column in columns)
        arc = 16 if any(column.around for column in columns) else 0
        self._top = TOP + arc
        self._height = self._top + slots * PITCH + 6
        self._left = _room(columns[0].labels)
        self._right = _room(columns[-1].labels, " ◂ target" if columns[-1].marked else "")

    @property
    def shortened(self) -> bool:
        """Whether there are units that no picture shows."""
        return any(column.size > MOST_UNITS for column in self._columns)

    def definitions(self) -> Markup:
        """The lines between columns, once for the page: each picture refers to them."""
        parts = []
        for c, column in enumerate(self._columns):
            for kind, weights in (("w", column.weight), ("d", column.slope)):
                if weights is not None:
                    parts.append(f'<g id="{kind}{c}">{self._lines(c, weights)}</g>')
        return Markup('<svg class="definitions" width="0" height="0" aria-hidden="true"><defs>{}</defs></svg>').format(
            Markup("".join(parts))  # noqa: S704 - made of numbers
        )

    def picture(self, step: int, title: str, faces: Sequence[Face], now: int) -> Markup:
        """The network in a step, whose column ``now`` is the current one."""
        first, last = self._window(now)
        left = self._left if first == 0 else MORE
        right = self._right if last == len(self._columns) - 1 else MORE
        width = left + (last - first + 1) * (WIDTH + GAP) - GAP + right
        parts: list[str] = []
        for c in range(first, last + 1):
            x = left + (c - first) * (WIDTH + GAP)
            column, face = self._columns[c], faces[c]
            here = "now" if c == now else "then"
            if c > first:
                kind = "d" if face.slopes and column.slope is not None else "w"
                parts.append(self._between(c, x - GAP, kind, here))
            parts.append(f'<g class="column {here}" data-column="{c}">')
            parts.append(_centred(x + WIDTH / 2, 16, column.name, "name"))
            if face.symbol:
                parts.append(_centred(x + WIDTH / 2, 34, pretty(face.symbol), "shows"))
            parts.extend(self._units(column, face, x))
            parts.append("</g>")
        for c, x, anchor in ((first, left, "end"), (last, left + (last - first) * (WIDTH + GAP), "start")):
            if (c == 0 and anchor == "end") or (c == len(self._columns) - 1 and anchor == "start"):
                parts.extend(self._labels(self._columns[c], x, anchor))
            else:
                more = f"{first if anchor == 'end' else len(self._columns) - 1 - last} more"
                middle = self._top + (self._height - self._top) / 2
                parts.append(_centred(left / 2 if anchor == "end" else width - right / 2, middle, "⋯", "more"))
                parts.append(_centred(left / 2 if anchor == "end" else width - right / 2, middle + 14, more, "more"))
        identity = f"picture-{step}"
        return Markup(
            '<svg role="img" aria-labelledby="{0}-title {0}-description" width="{1}" height="{2}" '
            'viewBox="0 0 {1} {2}" data-now="{3}"><title id="{0}-title">{4}</title>'
            '<desc id="{0}-description">{5}</desc>{6}</svg>'
        ).format(
            identity,
            round(width),
            self._height,
            round(left + (now - first) * (WIDTH + GAP) + WIDTH / 2),
            title,
            self._description(faces[now], now),
            Markup("".join(parts)),  # noqa: S704 - escaped where it is text
        )

    def width(self) -> int:
        """Pixels of the widest picture."""
        n = min(len(self._columns), MOST_COLUMNS)
        return round(self._left + n * (WIDTH + GAP) - GAP + self._right)

    def _window(self, now: int) -> tuple[int, int]:
        last = len(self._columns) - 1
        if last < MOST_COLUMNS:
            return 0, last
        first = min(max(now - MOST_COLUMNS // 2, 0), last - MOST_COLUMNS + 1)
        return first, first + MOST_COLUMNS - 1

    def _y(self, column: Column, slot: int) -> float:
        """The middle of a slot; columns stand around one middle line."""
        room = self._height - self._top - 6
        return self._top + (room - len(column.slots) * PITCH) / 2 + (slot + 0.5) * PITCH

    def _units(self, column: Column, face: Face, x: float) -> list[str]:
        values = face.values
        finite = np.abs(values[np.isfinite(values)]) if values is not None else np.zeros(0)
        largest = float(finite.max()) if finite.size else 0.0
        parts = []
        for slot, unit in enumerate(column.slots):
            y = self._y(column, slot)
            if unit is None:
                hidden = column.size - sum(ENDS)
                parts.append(_centred(x + WIDTH / 2, y + 4, f"⋮ {hidden} more", "more"))
                continue
            value = None if values is None else float(values[unit])
            sign = "" if value is None else "plus" if value > 0 else "minus" if value < 0 else "zero"
            strength = abs(value) / largest if value is not None and largest and np.isfinite(value) else 0.0
            parts.append(
                f'<rect class="unit {sign or "empty"}" x="{x:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" '
                f'height="{HEIGHT}" rx="{HEIGHT / 2:g}"'
                + (f' style="--strength:{strength:.2f}"' if sign in ("plus", "minus") else "")
                + "/>"
            )
            if value is not None:
                parts.append(_centred(x + WIDTH / 2, y + 4, brief(value), "value"))
        return parts

    def _labels(self, column: Column, x: float, anchor: Literal["start", "end"] | str) -> list[str]:
        at = x - 8 if anchor == "end" else x + WIDTH + 8
        parts = []
        for slot, unit in enumerate(column.slots):
            if unit is None or unit >= len(column.labels):
                continue
            whole = printable(column.labels[unit])
            name = whole if len(whole) <= LETTERS else f"{whole[: LETTERS - 1]}…"
            tip = "" if name == whole else f"<title>{escape(whole)}</title>"
            marked = unit in column.marked
            style = "label marked" if marked else "label"
            text = escape(f"{name} ◂ target" if marked else name)
            y = self._y(column, slot) + 4
            parts.append(f'<text class="{style}" x="{at:g}" y="{y:g}" text-anchor="{anchor}">{text}{tip}</text>')
        return parts

    def _between(self, c: int, x: float, kind: str, here: str) -> str:
        """What leads to column ``c``, whose lines begin at ``x``."""
        column, before = self._columns[c], self._columns[c - 1]
        parts = []
        if column.weight is not None:
            parts.append(f'<use href="#{kind}{c}" x="{x:g}"/>')
        elif column.size == before.size:
            ys = [self._y(column, slot) for slot, unit in enumerate(column.slots) if unit is not None]
            parts.append(f'<path class="passes" d="{"".join(f"M{x:g} {y:g}h{GAP}" for y in ys)}"/>')
        else:
            y = self._top + (self._height - self._top - 6) / 2
            parts.append(f'<path class="passes" d="M{x + 8:g} {y:g}h{GAP - 16}m-7 -5l7 5l-7 5"/>')
        if column.around:
            start, end, top = x - WIDTH / 2, x + GAP + WIDTH / 2, self._top - 4
            slots = [self._y(one, 0) - HEIGHT / 2 for one in (before, column)]
            parts.append(
                f'<path class="around" d="M{start:g} {slots[0]:g}C{start:g} {top - 14:g} {end:g} {top - 14:g} '
                f'{end:g} {slots[1]:g}"/>'
            )
        return f'<g class="lines {here}">{"".join(parts)}</g>'

    def _lines(self, c: int, weights: Array) -> str:
        """Lines from column ``c − 1`` to ``c``, from x = 0 on: one path for each sign and width."""
        before, column = self._columns[c - 1], self._columns[c]
        start = [(unit, self._y(before, slot)) for slot, unit in enumerate(before.slots) if unit is not None]
        end = [(unit, self._y(column, slot)) for slot, unit in enumerate(column.slots) if unit is not None]
        drawn = weights[np.ix_([unit for unit, _ in start], [unit for unit, _ in end])]
        drawn = np.where(np.isfinite(drawn), drawn, 0.0)
        largest = float(np.abs(drawn).max(initial=0.0))
        levels = np.ceil(np.abs(drawn) / largest * LEVELS).astype(int) if largest else np.zeros(drawn.shape, int)
        parts = []
        for name, sign in SIGNS:
            for level in range(1, LEVELS + 1):
                pairs = np.argwhere((levels == level) & (np.sign(drawn) == sign))
                if len(pairs):
                    d = "".join(f"M0 {start[i][1]:g}L{GAP} {end[j][1]:g}" for i, j in pairs.tolist())
                    parts.append(f'<path class="{name} s{level}" d="{d}"/>')
        return "".join(parts)

    def _description(self, face: Face, now: int) -> str:
        sizes = ", ".join(f"{column.name}: {column.size}" for column in self._columns)
        said = f"Units in each column: {sizes}."
        if face.values is not None and len(face.values) <= MOST_UNITS:
            said += f" {self._columns[now].name} shows {face.symbol}: {', '.join(map(brief, face.values.tolist()))}."
        return said


def pretty(text: str) -> str:
    """Plain text with the numbers of its symbols set low.

    >>> pretty("∂C/∂Z12")
    '∂C/∂Z₁₂'
    """
    return NUMBER.sub(lambda found: found.group().translate(SUBSCRIPTS), text)


def brief(x: float) -> str:
    """Three digits, in at most seven characters."""
    text = f"{x:.3g}"
    if "e" in text:
        mantissa, exponent = f"{x:.1e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def _room(labels: Sequence[str], mark: str = "") -> int:
    """Pixels for the names beside a column."""
    longest = max((min(len(printable(label)), LETTERS) for label in labels), default=0)
    return 14 + round((longest + len(mark)) * LETTER) if longest else 16


def _centred(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'
