"""What a column of a frame holds, and its cells as numbers or dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nncli.data.cells import Kind

if TYPE_CHECKING:
    import polars as pl

MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
"""Texts of a feature that mean that there is nothing, by default."""
DATES = ("%Y-%m-%d", "%Y/%m/%d")
TIMES = ("", " %H:%M", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S%.f", "T%H:%M:%S%.fZ")


@dataclass(frozen=True)
class Reading:
    """How cells of features are to be read.

    Attributes:
        kinds: What columns hold, where that is known; otherwise it is seen from their cells.
        missing: Texts that mean that there is nothing.
    """

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    missing: frozenset[str] = frozenset(MISSING)


def without(column: pl.Series, missing: frozenset[str]) -> pl.Series:
    """The column with gaps in place of the texts that mean one."""
    import polars as pl

    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return column
    text = column.cast(pl.String)
    gap = text.is_in(list(missing))
    return text.set(gap, None) if gap.any() else text


def kind_of_column(column: pl.Series) -> Kind:
    """What the column holds, as far as it tells: no type tells that text stands for a category."""
    import polars as pl

    if column.dtype in (pl.Date, pl.Datetime):
        return "date"
    if column.dtype != pl.String:
        return "number"
    values = as_numbers(column)
    if values is None or not most(values.is_null() & column.is_not_null(), column):
        return "number"
    dates = as_dates(column)
    return "category" if dates is None or most(dates.is_null() & column.is_not_null(), column) else "date"


def most(wrong: pl.Series, column: pl.Series) -> bool:
    """Whether more than half of the cells are ``wrong`` that are there at all."""
    return bool(2 * wrong.sum() > column.len() - column.null_count())


def as_dates(column: pl.Series) -> pl.Series | None:
    """The column as points of time, null where a cell is missing or no date; None if its type knows no dates.

    A time zone is heeded; without one, times are taken as they stand.
    """
    import polars as pl

    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime):
        return (
            column.dt.replace_time_zone(None) if column.dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        )
    if column.dtype != pl.String:
        return None
    found = pl.Series(column.name, [None], pl.Datetime("us")).new_from_index(0, column.len())
    for day in DATES:
        for time in TIMES:
            left = found.is_null() & column.is_not_null()
            if not left.any():
                return found
            if time:
                some = column.str.to_datetime(day + time, strict=False, time_unit="us")
            else:  # which a format without a time asks for
                some = column.str.to_date(day, strict=False).cast(pl.Datetime("us"))
            found = found.zip_with(found.is_not_null(), some)
    return found


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
        truth = as_truth(text)
        if truth.null_count() == text.null_count():
            return truth.cast(pl.Float64)
    return values


def as_truth(text: pl.Series) -> pl.Series:
    """True for ``true``, False for ``false`` in any case, null for everything else."""
    import polars as pl

    return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
