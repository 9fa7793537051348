"""Tables of a page: their cells are text by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        caption: What it is.
        heads: Of its columns.
        rows: Cells of text, as many as there are heads.
        figures: Whether all columns but the first hold numbers, which stand at the right.
        best: (row, column) of the cells that are marked as the best.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: bool = True
    best: frozenset[tuple[int, int]] = frozenset()
