"""The features of some rows as they were read: one matrix, and what its columns hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from nncli.data.columns import missing
from nncli.errors import DataError, Problem

Array: TypeAlias = NDArray[Any]
Kind: TypeAlias = Literal["number", "category", "date"]
"""What a column holds; booleans are the numbers 0 and 1."""

SHOWN = 5  # offending cells that are named; a column of a million infinities is one mistake, not a million


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of features. A gap is NaN, whatever the column holds.

    Attributes:
        origin: What a person calls the table.
        values: (n, d), uint8, float32 or float64: numbers; of a category, which of its ``levels``; of a date, the
            seconds since the beginning of 1970 (UTC).
        names: The d names of the columns.
        levels: The different texts of each column that is a category.
        dates: The columns that are dates.
    """

    origin: str
    values: Array
    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()

    def kind(self, name: str) -> Kind:
        """What the column holds."""
        return "category" if name in self.levels else "date" if name in self.dates else "number"

    @property
    def kinds(self) -> dict[str, Kind]:
        """What every column holds."""
        return {name: self.kind(name) for name in self.names}

    def select(self, names: tuple[str, ...]) -> Array:
        """The columns ``names`` (n, k), in their order; others are left out.

        Raises:
            DataError: Columns that are not there, the first few of them named.
        """
        if names == self.names:
            return self.values
        position = {name: column for column, name in enumerate(self.names)}
        absent = [name for name in names if name not in position]
        if absent:
            remedy = "a table needs every column of the training table"
            problems = [Problem(missing("column", name, self.names), self.origin, remedy) for name in absent[:SHOWN]]
            more = len(absent) - SHOWN
            raise DataError([*problems, Problem(f"and {more} more")] if more > 0 else problems)
        return self.values[:, [position[name] for name in names]]

    def read(self, name: str, rows: Array) -> list[float | str | None]:
        """The cells of a column at ``rows`` as they stood there: numbers, texts, dates (ISO 8601), None for gaps."""
        column = self.select((name,))[rows, 0].tolist()
        match self.kind(name):
            case "category":
                return [None if math.isnan(x) else self.levels[name][int(x)] for x in column]
            case "date":
                return [None if math.isnan(x) else str(datetime.fromtimestamp(x, UTC))[:-6] for x in column]
        return [None if math.isnan(x) else x for x in column]
