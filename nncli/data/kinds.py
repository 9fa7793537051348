"""What a column of a frame holds, and its cells as numbers or dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

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
        truths: The columns of text that hold true and false and nothing else; None: it is seen from the cells that are
            there, which are then all of them.
    """

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    missing: frozenset[str] = frozenset(MISSING)
    truths: frozenset[str] | None = None


def without(column: pl.Series, missing: frozenset[str]) -> pl.Series:
    """The column with gaps in place of the texts that mean one."""
    import polars as pl

    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return column
    text = column.cast(pl.String)
    gap = text.is_in(list(missing))
    return text.set(gap, None) if gap.any() else text


Form: TypeAlias = Literal["truth", "label", "whole", "number"]
"""What a target's column is read as."""


@dataclass
class Seen:
    """How many cells of a column are what, gathered from one block of its rows after the other.

    What a column holds follows from all of its cells, however they came.

    Attributes:
        type: Of the column, as polars knows it.
        rows: All cells.
        present: Those that are there.
        numbers: Of a column of text, those that read as numbers; ``truths``, as true or false, and ``dates`` likewise.
            They are counted as far as they tell anything: where all are numbers, nothing else is looked for.
        whole: Those that read as whole numbers, if that was asked for.
        longest: Characters of the longest text.
        unread: The row and the text of the first cell that is no number, if there is one.
    """

    type: pl.DataType
    rows: int = 0
    present: int = 0
    numbers: int = 0
    truths: int = 0
    dates: int = 0
    whole: int = 0
    longest: int = 0
    unread: tuple[int, str] | None = None

    def add(self, column: pl.Series, *, target: bool = False) -> None:
        """Take in the next cells; of a ``target``, what tells its form, and else what tells its kind."""
        import polars as pl

        before = self.rows
        self.rows += column.len()
        self.present += column.len() - column.null_count()
        if column.dtype != pl.String:
            if target and column.dtype.is_integer():
                self.whole += column.len() - column.cast(pl.Int64, strict=False).null_count()
            return
        values = column.cast(pl.Float64, strict=False)
        self.numbers += column.len() - values.null_count()
        if target:
            self.longest = max(self.longest, int(column.str.len_chars().max() or 0))  # type: ignore[arg-type]
            self.whole += column.len() - column.cast(pl.Int64, strict=False).null_count()
        wrong = values.is_null() & column.is_not_null()
        unread = column.filter(wrong)
        if unread.len():
            if self.unread is None:
                self.unread = before + int(wrong.arg_max() or 0), str(unread[0])
            self.truths += unread.len() - as_truth(unread).null_count()
            if not target:
                dates = as_dates(unread)
                self.dates += 0 if dates is None else unread.len() - dates.null_count()

    @property
    def truth(self) -> bool:
        """Whether it is text, and all of it true or false."""
        return self.truths == self.present > 0

    @property
    def text(self) -> bool:
        """Whether it is text, more than half of which is no number."""
        import polars as pl

        return bool(self.type == pl.String and not self.truth and 2 * (self.present - self.numbers) > self.present)

    @property
    def kind(self) -> Kind:
        """What the column holds, as far as it tells: no type tells that text stands for a category."""
        import polars as pl

        if self.type in (pl.Date, pl.Datetime):
            return "date"
        if not self.text:
            return "number"
        return "category" if 2 * (self.present - self.dates) > self.present else "date"

    def form(self, *, inferred: bool) -> Form:
        """What a target is; ``inferred``: text that reads as numbers is numbers."""
        import polars as pl

        if self.type == pl.String:
            if not inferred or self.numbers < self.present:
                return "truth" if inferred and self.truth else "label"
            return "whole" if self.whole == self.present else "number"
        if self.type == pl.Boolean:
            return "truth"
        return "whole" if self.type.is_integer() and self.whole == self.present else "number"


def kind_of_column(column: pl.Series) -> Kind:
    """What the column holds, whose cells are all there are."""
    seen = Seen(column.dtype)
    seen.add(column)
    return seen.kind


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


def as_numbers(column: pl.Series, truths: frozenset[str] | None = None) -> pl.Series | None:
    """The column as numbers, null where a cell is missing or no number; None if its type knows no numbers.

    Text is read as numbers; ``true`` and ``false``, if a text column holds nothing else, are 1 and 0. Of a part of a
    column, ``truths`` says so if it has its name.
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
        if truth.null_count() == text.null_count() if truths is None else column.name in truths:
            return truth.cast(pl.Float64)
    return values


def as_truth(text: pl.Series) -> pl.Series:
    """True for ``true``, False for ``false`` in any case, null for everything else."""
    import polars as pl

    return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
