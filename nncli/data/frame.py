"""From the columns of a polars frame to a `Table`: what they hold, and which cells cannot be used.

Nothing is guessed from the first rows: every cell of a column is looked at. Text is numbers or dates where more than
half of its cells are, and then the others are mistakes; otherwise it is a category.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nncli.data.cells import SHOWN, Array, Cells
from nncli.data.columns import choose_features, missing
from nncli.data.kinds import Form, Reading, Seen, as_dates, as_numbers, as_truth, kind_of_column, most, without
from nncli.data.room import refuse_too_large
from nncli.data.table import BadCells, Table, feature_remedy, place, shortened, target_remedy, weight_remedy
from nncli.errors import DataError, Problem
from nncli.machine import memory_limit

if TYPE_CHECKING:
    import polars as pl

_Message: TypeAlias = Callable[[Any], str]

TRUTH = ("false", "true")  # booleans as class labels
FEATURES, WEIGHTS = "features are numbers", "weights are numbers"
OTHER_WEIGHTS = "name another with `data.weight`"
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
    order: Mapping[str, str] | None = None,
    reading: Reading | None = None,
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
        order: ``group`` and ``time`` -> the column by which rows are split, where they are.
        reading: How cells of features are to be read.

    Raises:
        DataError: Columns as in `choose_features`; columns and cells that are not numbers, or are missing.
    """
    order, aside = order or {}, {f"split.{key}": name for key, name in (order or {}).items()}
    names = choose_features(
        origin, frame.columns, target=target, features=features, drop=drop, weight=weight, aside=aside
    )
    reader = Reader(origin, first_line, inferred)
    reading = reading or Reading()
    cells = reader.features(frame, names, reading)
    ordered = {key: reader.order(without(frame[name], reading.missing), key) for key, name in order.items()}
    targets = [reader.target(frame[name]) for name in target]
    w = None if weight is None else reader.weights(frame[weight])
    reader.refuse()

    def table(y: Array, categorical: bool) -> Table:
        return Table(
            origin,
            cells.values,
            names,
            y,
            target,
            categorical,
            first_line,
            weights=w,
            weight_name=weight or "",
            levels=cells.levels,
            dates=cells.dates,
            order=ordered,
        )

    if len(targets) == 1:
        return table(targets[0], targets[0].dtype.kind == "U")
    truths = [values.dtype.kind == "U" and bool(np.isin(values, TRUTH).all()) for values in targets]
    named = zip(target, targets, truths, strict=True)
    text = [name for name, values, truth in named if values.dtype.kind == "U" and not truth]
    reader.problems += several_targets(origin, text)
    reader.refuse()
    columns = [values == TRUTH[1] if truth else values for values, truth in zip(targets, truths, strict=True)]
    return table(np.column_stack(columns).astype(np.float64), all(truths))


def features_from_frame(
    frame: pl.DataFrame,
    origin: str,
    names: tuple[str, ...],
    reading: Reading,
    *,
    first_line: int | None,
    first_row: int = 0,
) -> Cells:
    """The columns ``names`` of ``frame``, a part of a table.

    Args:
        frame: As `table_from_frame` takes it.
        origin: The name of the file.
        names: The columns, in order.
        reading: How cells are to be read.
        first_line: The line of the first row, if lines tell.
        first_row: How many rows of the table lie before it.

    Raises:
        DataError: Columns that are not there; columns and cells that are not what they have to be.
    """
    problems = [
        Problem(missing("column", name, frame.columns), origin, "a table needs every column of the training table")
        for name in names
        if name not in frame.columns
    ]
    if problems:
        raise DataError(shortened(problems, len(problems)))
    reader = Reader(origin, first_line, inferred=True, first_row=first_row)
    cells = reader.features(frame, names, reading)
    reader.refuse()
    return cells


class Reader:
    """Reads columns one by one, and gathers what is wrong with them all before anything is refused.

    Args:
        origin: The name of the file.
        first_line: The line of the first row, where lines tell.
        inferred: Text that reads as numbers is numbers.
        first_row: How many rows of the table lie before it.

    Attributes:
        problems: With columns as they are.
        bad: Cells that cannot be used.
    """

    def __init__(self, origin: str, first_line: int | None, inferred: bool, first_row: int = 0) -> None:
        self.origin, self.first_line, self.inferred = origin, first_line, inferred
        self.first_row = 0 if first_line is not None else first_row
        self.problems: list[Problem] = []
        self.bad = BadCells(self.place)

    def place(self, row: int) -> str:
        """Where a row stands."""
        return place(self.origin, self.first_line, self.first_row + row)

    def refuse(self) -> None:
        """Raise the DataError that names all that is wrong, if anything is."""
        self.bad.refuse(self.problems)

    def features(self, frame: pl.DataFrame, names: tuple[str, ...], reading: Reading) -> Cells:
        """The columns as a matrix (n, d): uint8 or float32 if all of them are, float64 otherwise."""
        import polars as pl

        columns = {name: without(frame[name], reading.missing) for name in names}
        kinds = {name: reading.kinds.get(name) or kind_of_column(column) for name, column in columns.items()}
        types = {column.dtype for column in columns.values()}
        numeric = set(kinds.values()) == {"number"}
        whole = numeric and types == {pl.UInt8()} and not any(column.has_nulls() for column in columns.values())
        dtype = np.uint8 if whole else np.float32 if numeric and types == {pl.Float32()} else np.float64
        values, levels = np.empty((len(frame), len(names)), dtype), dict[str, tuple[str, ...]]()
        for j, (name, column) in enumerate(columns.items()):
            match kinds[name]:
                case "category":
                    values[:, j], levels[name] = self._category(column)
                case "date":
                    values[:, j] = self._date(column)
                case "number":
                    remedy = feature_remedy(name)
                    found = self._numbers(column, FEATURES, remedy, leave_out(name), reading.truths)
                    if found is not None:
                        values[:, j] = found.to_numpy()
        dates = frozenset(name for name, kind in kinds.items() if kind == "date")
        return Cells(self.origin, values, names, levels, dates)

    def _category(self, column: pl.Series) -> tuple[Array, tuple[str, ...]]:
        """For every cell (n,) which of the different texts it holds, and they, sorted."""
        import polars as pl

        text = column.cast(pl.String)
        levels = text.drop_nulls().unique().sort()
        codes = text.cast(pl.Enum(levels)).to_physical().cast(pl.Float64)
        return codes.to_numpy(), tuple(levels)

    def _date(self, column: pl.Series) -> Array:
        """The cells (n,) in seconds since the beginning of 1970; NaN for a gap, and for what was noted as bad."""
        import polars as pl

        found = as_dates(column)
        if found is None:
            where = f"{self.origin}, column {column.name!r}"
            self.problems.append(Problem(f"it holds {column.dtype}, and dates are wanted", where, "write 2024-01-31"))
            return np.full(column.len(), np.nan)
        wrong = found.is_null() & column.is_not_null()
        self._note(column, wrong, lambda cell: f"{cell!r} is no date", "write 2024-01-31, or 2024-01-31 23:59")
        return (found.dt.epoch("us").cast(pl.Float64) / 1e6).to_numpy()

    def order(self, column: pl.Series, key: str) -> Array:
        """What a split goes by (n,): whole numbers, the same for rows of one group; or how late each row is."""
        import polars as pl

        name = column.name
        remedy = f"fill the cell or delete the row: the rows are split by {name!r}"
        self._note(column, column.is_null(), lambda _: "empty cell", remedy)
        if key == "group":
            ranks = column.cast(pl.String).fill_null("").rank("dense").to_list()
            return np.array(ranks, np.intp)
        kind = kind_of_column(column)
        if kind == "date":
            return _filled(self._date(column))
        if kind == "number":
            found = self._numbers(column, "times are dates or numbers", remedy, "name another with `data.split.time`")
            if found is not None:
                return _filled(found.cast(pl.Float64).to_numpy())
        else:
            where = f"{self.origin}, column {name!r}"
            self.problems.append(
                Problem(
                    "it holds text, and times are dates (2024-01-31) or numbers", where, "look at `data.split.time`"
                )
            )
        return np.zeros(column.len())

    def weights(self, column: pl.Series, truths: frozenset[str] | None = None) -> Array:
        """The column of the rows' weights (n,); zeros where cells were noted as bad. For ``truths`` see `Reading`."""
        import polars as pl

        name = column.name
        remedy = weight_remedy(name)
        self._note(column, column.is_null(), lambda _: "empty cell", remedy)
        values = self._numbers(column, WEIGHTS, remedy, OTHER_WEIGHTS, truths)
        if values is None or values.has_nulls():
            return np.zeros(column.len())
        self._note(column, values.is_nan(), lambda cell: f"{cell} is not finite", remedy)
        return values.cast(pl.Float64).fill_nan(0).to_numpy()

    def _numbers(
        self, column: pl.Series, wanted: str, remedy: str, otherwise: str, truths: frozenset[str] | None = None
    ) -> pl.Series | None:
        """The column as numbers, null or NaN for a gap, bad cells noted; None if it holds no numbers at all.

        Where it is known which columns are ``truths``, it is a part of one, whose own cells do not say what it holds.
        """
        where = f"{self.origin}, column {column.name!r}"
        values = as_numbers(column, truths)
        if values is None:
            message, remedy = f"it holds {column.dtype}, and {wanted}", f"turn it into numbers; {otherwise}"
            self.problems.append(Problem(message, where, remedy))
            return None
        unread = values.is_null() & column.is_not_null()
        if truths is None and most(unread, column):
            row = int(unread.arg_true()[0])
            self.problems.append(holds_text(self.origin, column.name, column[row], self.place(row), wanted, otherwise))
            return None
        self._note(column, unread, lambda cell: f"{cell!r} is not a number", remedy)
        if values.dtype.is_float():
            self._note(column, values.is_infinite().fill_null(False), lambda cell: f"{cell} is not finite", remedy)
        return values

    def target(self, column: pl.Series, form: Form | None = None) -> Array:
        """The column (n,) as str, int64 or float64, in the ``form`` that all of its cells have, by default those here.

        Zeros where cells were noted as bad.
        """
        import polars as pl

        name, remedy = column.name, target_remedy(column.name)
        self._note(column, column.is_null(), lambda _: "empty cell", remedy)
        if column.dtype in (pl.Categorical, pl.Enum):
            column = column.cast(pl.String)
        if column.dtype not in (pl.Boolean, pl.String, pl.Null) and not column.dtype.is_numeric():
            self.problems.append(
                Problem(
                    f"it holds {column.dtype}, and a target is text, boolean or number",
                    f"{self.origin}, column {name!r}",
                    "choose another column with `data.target`",
                )
            )
            return np.zeros(column.len())
        if form is None:
            seen = Seen(column.dtype)
            seen.add(column, target=True)
            form = seen.form(inferred=self.inferred)
        match form:
            case "truth":
                return _as_written(as_truth(column) if column.dtype == pl.String else column)
            case "label":
                return self._labels(column)
            case "whole":
                return column.cast(pl.Int64).fill_null(0).to_numpy()
            case "number":
                values = column.cast(pl.Float64)
                wrong = ~values.is_finite().fill_null(True)
                self._note(values, wrong, lambda cell: f"{cell} is not finite", remedy)
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
        longest = lengths.max() or 1
        refuse_too_large(np.dtype((np.str_, longest)).itemsize * text.len(), self.origin, memory_limit())
        return np.array(text.fill_null("").to_list(), dtype=np.str_)

    def _note(self, column: pl.Series, wrong: pl.Series, message: _Message, remedy: str) -> None:
        """Note the cells of ``column`` where ``wrong``."""
        rows = wrong.arg_true()
        first = [int(row) for row in rows[:SHOWN]]
        self.bad.add(rows.len(), [(row, column.name, message(column[row]), remedy) for row in first])


def leave_out(name: str) -> str:
    """How a feature is left out."""
    return f"`data.drop: [{name}]` leaves it out"


def holds_text(origin: str, name: str, cell: str, place: str, wanted: str, otherwise: str) -> Problem:
    """What is wrong with a column of text where numbers are ``wanted``: such a ``cell``, which stands at ``place``."""
    message = f"it holds text ({cell!r} in {place}), and {wanted}"
    return Problem(message, f"{origin}, column {name!r}", f"turn it into numbers; {otherwise}")


def several_targets(origin: str, text: list[str]) -> list[Problem]:
    """What is wrong with those of several target columns that hold ``text``."""
    remedy = "several target columns must all be numbers, or true and false; name one column, "
    remedy += "or turn the text into numbers"
    return [Problem(f"the target {name!r} holds text", origin, remedy) for name in text]


def _filled(values: Array) -> Array:
    """The values with 0 for a gap, which has been noted as bad."""
    return np.where(np.isnan(values), 0.0, values)


def _as_written(truth: pl.Series) -> Array:
    """Booleans as class labels, the same from every kind of file."""
    return np.where(truth.fill_null(False).to_numpy(), TRUTH[1], TRUTH[0])
