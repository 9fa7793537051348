"""Arrays as a page shows them: all numbers of a small one, the first and the last of a large one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nncli.engine.buffers import Array
from nncli.phrases import number

Item = TypeVar("Item")
DOTS = "⋯"
LINE = 32
"""Numbers of a single row that all stand there; of more the first and the last."""
CELLS = 1024
"""The same for a table."""
SIDES = 24, 16
"""Rows and columns that are shown of a larger one."""


@dataclass(frozen=True)
class Grid:
    """Numbers for a page, those left out as dots.

    Attributes:
        label: What they are, for those who do not see them.
        columns: What stands above each column.
        rows: What stands in front of each, and its cells; a single row is shown as one line that wraps.
        note: What is left out.
    """

    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    note: str = ""

    @property
    def is_line(self) -> bool:
        """Whether it is a single row."""
        return len(self.rows) == 1

    @property
    def is_named(self) -> bool:
        """Whether columns have more than numbers."""
        return not all(name.isdigit() or name == DOTS for name in self.columns)


def grid_of(label: str, values: Array, rows: Sequence[str], columns: Sequence[str]) -> Grid:
    """All numbers, or the first and the last of them."""
    down, across = len(values), values.shape[1]
    if down == 1:
        most = down, LINE
    elif values.size <= CELLS:
        most = down, across
    else:
        most = SIDES
    places, left = ends([*range(down)], most[0])
    spots, away = ends([*range(across)], most[1])
    shown = tuple(
        (DOTS, tuple("⋮" for _ in spots))
        if i is None
        else (rows[i], tuple(DOTS if j is None else text_of(values[i, j]) for j in spots))
        for i in places
    )
    what = [f"{left} rows"] * bool(left) + [f"{away} columns" if down > 1 else f"{away} numbers"] * bool(away)
    note = f"{' and '.join(what)} left out; nncli explain --json has all." if what else ""
    return Grid(label, tuple(DOTS if j is None else columns[j] for j in spots), shown, note)


def ends(items: Sequence[Item], most: int) -> tuple[list[Item | None], int]:
    """All of a few; of many the first and the last, None between them, and how many that leaves out."""
    if len(items) <= most:
        return [*items], 0
    last = most // 4
    return [*items[: most - last], None, *items[-last:]], len(items) - most


def with_gap(rows: Sequence[Sequence[str] | None], left: int, width: int) -> Iterator[tuple[str, ...]]:
    """Dots in place of None, which say how many are left out."""
    for row in rows:
        yield tuple(row) if row is not None else (f"… {left} more", *["⋮"] * (width - 1))


def numbered(n: int) -> tuple[str, ...]:
    """What units are called that have no names."""
    return tuple(map(str, range(1, n + 1)))


def text_of(x: float) -> str:
    """A number as it stands in a cell."""
    return minus(number(float(x)))


def minus(text: str) -> str:
    """A number with the sign that is as wide as a plus; other text as it is."""
    try:
        float(text)
    except ValueError:
        return text
    return text.replace("-", "−")
