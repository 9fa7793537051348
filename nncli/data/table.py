"""Rows as read, before any split: what every source and every file reader hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np

from nncli.data.cells import SHOWN, Array, Cells
from nncli.data.maps import blocks
from nncli.errors import DataError, Problem

CHUNK = 1 << 18  # cells worked on at a time: 2 MB at float64, which stays in the cache


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as read: at least one row and one feature, no number infinite, and gaps in features alone.

    Attributes:
        origin: What a person calls it: ``train.csv``, ``iris``.
        features: (n, d), uint8, float32 or float64; see ``Cells.values``.
        feature_names: The d names of the columns.
        target: (n,) of str or integers for classes; (n, k) of 0 and 1 for labels; (n,) or (n, k) of numbers otherwise.
        target_names: The k names of the target's columns.
        categorical: Whether the target stands for classes or labels: text, booleans, those of a built-in source or of
            IDX files. Integers from a table stay numbers: whether 3 is a class or a count, only the config can say.
        first_line: The line of row 0 in a text file whose every row is one line; None where lines mean nothing.
        weights: What each row counts in the loss (n,), float64; None where all count the same.
        weight_name: The name of that column.
        levels: The different texts of each feature that is a category; see ``Cells``.
        dates: The features that are dates.
        order: What tells the rows' order or belonging together when they are split, by ``group`` and ``time``, (n,)
            each; see ``data.split``.
        first_row: Of a part of a table: how many of its rows lie before it.
        looked_at: Whether its cells were looked at already, so that it need not be done again.

    Raises:
        DataError: No row, cells that are not finite (the first few are named), weights that are negative or all 0.
        ValueError: Shapes or kinds that do not fit together, which is a fault of the program and not of the data.
    """

    origin: str
    features: Array
    feature_names: tuple[str, ...]
    target: Array
    target_names: tuple[str, ...]
    categorical: bool
    first_line: int | None = None
    weights: Array | None = None
    weight_name: str = ""
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()
    order: Mapping[str, Array] = field(default_factory=dict)
    first_row: int = 0
    looked_at: bool = False

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.shape[1] != len(self.feature_names) or not self.feature_names:
            raise ValueError(f"features {self.features.shape} do not fit {len(self.feature_names)} names")
        if self.features.dtype not in (np.uint8, np.float32, np.float64):
            raise ValueError(f"features are {self.features.dtype}")
        columns = self.target.shape[1] if self.target.ndim == 2 else 1
        if self.target.ndim not in (1, 2) or columns != len(self.target_names) or len(self.target) != len(self):
            raise ValueError(f"target {self.target.shape} does not fit {len(self)} rows, names {self.target_names}")
        if self.target.dtype.kind not in "Uif" or (self.target.dtype.kind == "U" and not self.categorical):
            raise ValueError(f"target is {self.target.dtype}, categorical {self.categorical}")
        if not len(self):
            raise DataError("no rows", where=self.origin, remedy="a training needs some")
        if self.weights is not None and (self.weights.shape != (len(self),) or self.weights.dtype != np.float64):
            raise ValueError(f"weights {self.weights.shape} {self.weights.dtype} do not fit {len(self)} rows")
        if self.looked_at:
            return
        bad = BadCells(self.place)
        self.note_bad(bad)
        bad.refuse()
        if self.weights is not None and not self.weights.any():
            refuse_no_weight(self.origin, self.weight_name)

    def note_bad(self, bad: BadCells) -> None:
        """Note the cells that cannot be used."""
        bad.add_infinite(self.features, self.feature_names, feature_remedy)
        bad.add_nonfinite(self.target.reshape(len(self), -1), self.target_names, target_remedy)
        if self.weights is not None:
            note_bad_weights(self.weights, self.weight_name, bad)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def cells(self) -> Cells:
        """The features."""
        return Cells(self.origin, self.features, self.feature_names, self.levels, self.dates)

    def place(self, row: int) -> str:
        """Where ``row`` (from 0) stands: ``train.csv line 57``, or ``digits.npz row 57`` counted from 1."""
        return place(self.origin, self.first_line, self.first_row + row)

    def part(self, rows: slice) -> Table:
        """Some rows that follow one another, each in its place. They are not looked at again."""
        first, end, _ = rows.indices(len(self))
        return replace(
            self,
            features=self.features[first:end],
            target=self.target[first:end],
            weights=None if self.weights is None else self.weights[first:end],
            order={key: values[first:end] for key, values in self.order.items()},
            first_row=self.first_row + first,
            looked_at=True,
        )


def note_bad_weights(weights: Array, name: str, bad: BadCells) -> None:
    """Note the cells of a column of ``weights`` (n,) that cannot be used."""
    bad.add_nonfinite(weights[:, np.newaxis], [name], weight_remedy)
    negative, remedy = np.flatnonzero(weights < 0), weight_remedy(name)
    first = [(int(row), name, f"the weight {weights[row]:g} is negative", remedy) for row in negative[:SHOWN]]
    bad.add(len(negative), first)


def refuse_no_weight(origin: str, name: str) -> NoReturn:
    """Refuse a column of weights that are all 0."""
    where = f"{origin}, column {name!r}"
    raise DataError("every row has the weight 0", where=where, remedy="some rows have to count")


def place(origin: str, first_line: int | None, row: int) -> str:
    """The place of ``row`` (from 0) in words; see `Table.place`."""
    return f"{origin} row {row + 1}" if first_line is None else f"{origin} line {first_line + row}"


def feature_remedy(column: str) -> str:
    """What to do about a cell of a feature that is missing or not finite."""
    return f"fill the cell or delete the row; `data.drop: [{column}]` leaves the column out"


def target_remedy(column: str) -> str:
    """What to do about a cell of the target that is missing or not finite."""
    return f"fill the cell or delete the row: a row without {column!r} cannot be learned from"


def weight_remedy(column: str) -> str:
    """What to do about a weight that cannot be used."""
    return f"write how often the row counts in {column!r}: 0, 1, 2.5; or leave out `data.weight`"


class BadCells:
    """Gathers cells that cannot be used, and refuses them together: the first few by name, the others by number."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self._place = place
        self._total = 0
        self._first: list[tuple[int, str, str, str]] = []

    def add(self, total: int, first: Iterable[tuple[int, str, str, str]]) -> None:
        """Note ``total`` cells, of which ``first`` (row, column, message, remedy) has the first `SHOWN` at least."""
        self._total += total
        self._first += first

    def take(self, others: BadCells, first_row: int) -> None:
        """Note the cells of a part of the table, before which so many rows lie."""
        cells = sorted(others._first, key=lambda cell: cell[0])[: max(0, SHOWN - len(self._first))]
        first = [(first_row + row, column, message, remedy) for row, column, message, remedy in cells]
        self.add(others._total, first)

    def add_nonfinite(self, values: Array, names: Sequence[str], remedy: Callable[[str], str]) -> None:
        """Note every NaN and infinity of ``values`` (n, d)."""
        self._add(np.isfinite, values, names, remedy)

    def add_infinite(self, values: Array, names: Sequence[str], remedy: Callable[[str], str]) -> None:
        """Note every infinity of ``values`` (n, d)."""
        self._add(lambda x: ~np.isinf(x), values, names, remedy)

    def _add(
        self,
        right: Callable[[Array], Array],
        values: Array,
        names: Sequence[str],
        remedy: Callable[[str], str],
    ) -> None:
        if values.dtype.kind != "f":
            return
        for rows in chunks(len(values), values.shape[1]):
            wrong = ~right(values[rows])
            if wrong.any():
                first = np.argwhere(wrong)[:SHOWN]
                self.add(
                    int(wrong.sum()),
                    [
                        (
                            rows.start + int(row),
                            names[column],
                            f"{values[rows.start + row, column]} is not finite",
                            remedy(names[column]),
                        )
                        for row, column in first
                    ],
                )

    def refuse(self, others: Sequence[Problem] = ()) -> None:
        """Raise the DataError that has the ``others``, and names the first cells by row, if there are any."""
        problems = list(others)
        if self._total:
            cells = sorted(self._first, key=lambda cell: cell[0])[:SHOWN]
            named = [
                Problem(message, f"{self._place(row)}, column {column!r}", remedy)
                for row, column, message, remedy in cells
            ]
            problems += shortened(named, self._total)
        if problems:
            raise DataError(problems)


def shortened(problems: list[Problem], total: int) -> list[Problem]:
    """At most `SHOWN` of the problems, and how many more there are of ``total``."""
    shown = problems[:SHOWN]
    return [*shown, Problem(f"and {total - len(shown)} more")] if total > len(shown) else shown


def chunks(rows: int, columns: int, *arrays: Array | None) -> Iterator[slice]:
    """Cut ``rows`` into consecutive slices of about `CHUNK` cells; see ``maps.blocks`` for the ``arrays``."""
    return blocks(rows, *arrays, rows=max(1, CHUNK // max(1, columns)))
