"""What the columns of the network's input matrix stand for, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Slot:
    """Consecutive columns of the input matrix that stand for one thing.

    Attributes:
        name: The column of the table that they come from.
        kind: ``number``: one column, a scaled number; ``code``: one column, which of ``levels`` values a category has,
            0, 1, ... as a float; ``flags``: columns that go in as they are: one-hot levels, gaps, parts of a date.
        width: How many columns of the matrix.
        levels: Of a code, how many values it takes.
        edges: Of a number, where its range is cut for a piecewise-linear embedding, in the matrix' own units,
            ascending; none unless asked for.
    """

    name: str
    kind: Literal["number", "code", "flags"]
    width: int = 1
    levels: int = 0
    edges: tuple[float, ...] = ()
