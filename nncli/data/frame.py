"""From the columns of a polars frame to a `Table`: which are numbers, and which cells cannot be used.

Nothing is guessed from the first rows: a column is made of numbers when every one of its cells is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nncli.data.columns import choose_features, missing
from nncli.data.room import refuse_too_large
from nncli.data.table import (
    SHOWN,
    Array,
    BadCells,
    Table,
    feature_remedy,
    place,
    shortened,
    target_remedy,
    weight_remedy,
)
from nncli.errors import DataError, Problem
from nncli.machine import memory_limit

if TYPE_CHECKING:
    import polars as pl

_Message: TypeAlias = Callable[[Any], str]

TRUTH = ("false", "true")  # booleans as class labels
LONGEST_LABEL = 200  # characters; NumPy stores every label at the length of the longest


def table_from_frame(
    frame: pl.DataFrame,
    origin: str,
    *,
    first_line: int | None,
    inferred: bool,
    target: tuple[str, ...],
    features: tuple[str, ...] | None,
    drop: tuple[str, ...],
    weight: str | None = None,
) -> Table:
    """Turn ``frame`` into a table; columns that are neither feature, target nor weight are not looked at.

    Args:
        frame: The columns; those of a text file all as text, without blanks around the cells.
        origin: The name of the file.
        first_line: As in `Table`.
        inferred: Text that reads as numbers is numbers, also in the target (a text file knows no types).
        target: The target's columns.
        features: The feature columns, None for all others.
        drop: Columns to leave out.
        weight: The column of the rows' weights.

    Raises:
        DataError: Columns as in `choose_features`; columns and cells that are not numbers, or are missing.
    """
    names = choose_features(origin, frame.columns, target=target, features=features, drop=drop, weight=weight)
    reader = _Reader(origin, first_line, inferred)
    X = reader.features(frame, names)
    targets = [reader.target(frame[name]) for name in target]
    w = None if weight is None else reader.weights(frame[weight])
    reader.refuse()
    if len(targets) == 1:
        categorical = targets[0].dtype.kind == "U"
        y = targets[0]
        return Table(origin, X, names, y, target, categorical, first_line, weights=w, weight_name=weight or "")
    truths = [values.dtype.kind == "U" and bool(np.isin(values, TRUTH).all()) for values in targets]
    for name, values, truth in zip(target, targets, truths, strict=True):
        if values.dtype.kind == "U" and not truth:
            reader.problems.append(
                Problem(
                    f"the target {name!r} holds text",
                    origin,
                    "several target columns must all be numbers, or true and false; name one column, "
                    "or turn the text into numbers",
                )
            )
    reader.refuse()
    columns = [values == TRUTH[1] if truth else values for values, truth in zip(targets, truths, strict=True)]
    y = np.column_stack(columns).astype(np.float64)
    return Table(origin, X, names, y, target, all(truths), first_line, weights=w, weight_name=weight or "")


def features_from_frame(
    frame: pl.DataFrame, origin: str, names: tuple[str, ...], *, first_line: int | None, first_row: int = 0
) -> Array:
    """The columns ``names`` of ``frame``, a part of a table, as a matrix (n, d).

    Args:
        frame: As `table_from_frame` takes it.
        origin: The name of the file.
        names: The columns, in order.
        first_line: The line of the first row, if lines tell.
        first_row: How many rows of the table lie before it.

    Raises:
        DataError: Columns that are not there; columns and cells that are not numbers, or are missing.
    """
    problems = [
        Problem(missing("column", name, frame.columns), origin, "a table needs every column of the training table")
        for name in names
        if name not in frame.columns
    ]
    if problems:
        raise DataError(shortened(problems, len(problems)))
    reader = _Reader(origin, first_line, inferred=True, first_row=first_row)
    X = reader.features(frame, names)
    reader.refuse()
    return X


class _Reader:
    """Reads columns one by one, and gathers what is wrong with them all before anything is refused."""

    def __init__(self, origin: str, first_line: int | None, inferred: bool, first_row: int = 0) -> None:
        self.origin, self.first_line, self.inferred = origin, first_line, inferred
        self.first_row = 0 if first_line is not None else first_row
        self.problems: list[Problem] = []
        self.bad = BadCells(self.place)

    def place(self, row: int) -> str:
        return place(self.origin, self.first_line, self.first_row + row)

    def refuse(self) -> None:
        problems = list(self.problems)
        try:
            self.bad.refuse()
        except DataError as error:
            problems += error.problems
        if problems:
            raise DataError(problems)

    def features(self, frame: pl.DataFrame, names: tuple[str, ...]) -> Array:
        """The columns as a matrix (n, d): uint8 or float32 if all of them are, float64 otherwise."""
        import polars as pl

        kinds = {frame.schema[name] for name in names}
        dtype = np.uint8 if kinds == {pl.UInt8()} else np.float32 if kinds == {pl.Float32()} else np.float64
        X = np.empty((len(frame), len(names)), dtype)
        for column, name in enumerate(names):
            values = self._numbers(
                frame[name], "features are numbers", feature_remedy(name), f"`data.drop: [{name}]` leaves it out"
            )
            if values is not None and not values.has_nulls():
                X[:, column] = values.to_numpy()
        return X

    def weights(self, column: pl.Series) -> Array:
        """The column of the rows' weights (n,); zeros where cells were noted as bad."""
        import polars as pl

        name = column.name
        values = self._numbers(column, "weights are numbers", weight_remedy(name), "name another with `data.weight`")
        if values is None or values.has_nulls():
            return np.zeros(column.len())
        return values.cast(pl.Float64).to_numpy()

    def _numbers(self, column: pl.Series, wanted: str, remedy: str, otherwise: str) -> pl.Series | None:
        """The column as numbers, with bad cells noted and left as they are; None if it holds no numbers at all."""
        name = column.name
        values = as_numbers(column)
        if values is None:
            self.problems.append(
                Problem(
                    f"it holds {column.dtype}, and {wanted}",
                    f"{self.origin}, column {name!r}",
                    f"turn it into numbers; {otherwise}",
                )
            )
            return None
        unread = values.is_null() & column.is_not_null()
        if unread.any() and 2 * unread.sum() > column.len() - column.null_count():
            row = int(unread.arg_true()[0])
            self.problems.append(
                Problem(
                    f"it holds text ({column[row]!r} in {self.place(row)}), and {wanted}",
                    f"{self.origin}, column {name!r}",
                    f"turn it into numbers; {otherwise}",
                )
            )
            return None
        self._note(column, unread, lambda cell: f"{cell!r} is not a number", remedy)
        self._note(column, column.is_null(), lambda _: "empty cell", remedy)
        if values.dtype.is_float():
            self._note(column, ~values.is_finite().fill_null(True), lambda cell: f"{cell} is not finite", remedy)
        return values

    def target(self, column: pl.Series) -> Array:
        """The column (n,) as str, int64 or float64; zeros where cells were noted as bad."""
        import polars as pl

        name, remedy = column.name, target_remedy(column.name)
        self._note(column, column.is_null(), lambda _: "empty cell", remedy)
        if column.dtype == pl.Boolean:
            return _as_written(column)
        if column.dtype in (pl.String, pl.Categorical, pl.Enum):
            text = column.cast(pl.String)
            values = text.cast(pl.Float64, strict=False)
            if values.null_count() > text.null_count() or not self.inferred:
                return self._labels(text)
            whole = text.cast(pl.Int64, strict=False)
            column = values if whole.null_count() > text.null_count() else whole
        elif not column.dtype.is_numeric() and column.dtype != pl.Null:
            self.problems.append(
                Problem(
                    f"it holds {column.dtype}, and a target is text, boolean or number",
                    f"{self.origin}, column {name!r}",
                    "choose another column with `data.target`",
                )
            )
            return np.zeros(column.len())
        if column.dtype.is_integer():
            whole = column.cast(pl.Int64, strict=False)
            if whole.null_count() == column.null_count():
                return whole.fill_null(0).to_numpy()
        values = column.cast(pl.Float64)
        self._note(values, ~values.is_finite().fill_null(True), lambda cell: f"{cell} is not finite", remedy)
        return values.fill_null(0).to_numpy()

    def _labels(self, text: pl.Series) -> Array:
        lengths = text.str.len_chars()
        self._note(
            text,
            lengths > LONGEST_LABEL,
            lambda cell: f"a label of {len(str(cell))} characters ({str(cell)[:20]!r}...)",
            f"class names have {LONGEST_LABEL} at most: is this the right target column?",
        )
        if (lengths > LONGEST_LABEL).any():
            return np.zeros(text.len())
        truth = _truth(text)
        if self.inferred and truth.null_count() == text.null_count():
            return _as_written(truth)
        longest = lengths.max() or 1
        refuse_too_large(np.dtype((np.str_, longest)).itemsize * text.len(), self.origin, memory_limit())
        return np.array(text.fill_null("").to_list(), dtype=np.str_)

    def _note(self, column: pl.Series, wrong: pl.Series, message: _Message, remedy: str) -> None:
        """Note the cells of ``column`` where ``wrong``."""
        rows = wrong.arg_true()
        first = [int(row) for row in rows[:SHOWN]]
        self.bad.add(rows.len(), [(row, column.name, message(column[row]), remedy) for row in first])


def as_numbers(column: pl.Series) -> pl.Series | None:
    """The column as numbers, null where a cell is missing or no number; None if its type knows no numbers.

    Text is read as numbers; ``true`` and ``false``, if a text column holds nothing else, are 1 and 0.
    """
    import polars as pl

    if column.dtype == pl.Null or column.dtype == pl.Boolean:
        return column.cast(pl.Float64)
    if column.dtype in (pl.UInt8, pl.Float32):
        return column
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return None
    text = column.cast(pl.String)
    values = text.cast(pl.Float64, strict=False)
    if values.null_count() > text.null_count():
        truth = _truth(text)
        if truth.null_count() == text.null_count():
            return truth.cast(pl.Float64)
    return values


def _as_written(truth: pl.Series) -> Array:
    """Booleans as class labels, the same from every kind of file."""
    return np.where(truth.fill_null(False).to_numpy(), TRUTH[1], TRUTH[0])


def _truth(text: pl.Series) -> pl.Series:
    """True for ``true``, False for ``false`` in any case, null for everything else."""
    import polars as pl

    return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
