"""What is odd about the columns of a table, and what its target asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nncli.data.cells import SHOWN, Array, Kind
from nncli.data.columns import listed
from nncli.data.frame import MISSING, as_numbers, kind_of_column, without
from nncli.data.table import place
from nncli.errors import DataError
from nncli.text import count

if TYPE_CHECKING:
    import polars as pl

    from nncli.data.files import Columns

Task = Literal["classification", "regression"]

FEW_CLASSES = 10
"""Whole numbers of at most so many values are taken for classes, unless something else is said."""
RARE = 3
"""In fewer rows, a value of a column, or a class, says nothing that could be learned."""
MANY_LEVELS = 50
"""From here on a category has an embedding, not a column for each value."""
SAME = 1 - 1e-9
"""The correlation from which two columns say the same."""


@dataclass(frozen=True)
class Dropped:
    """A column that is to be left out, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Findings:
    """What a table is like.

    Attributes:
        path: As it was given.
        target: The column to be predicted.
        task: What it asks for.
        why_task: How that is seen.
        rows: How many there are.
        dropped: Columns that are to be left out.
        kinds: What the other columns hold.
        embedded: Those that are categories of many values.
        gaps: How many cells are missing, by column.
        notes: What else a person should know, a sentence each.
        smallest: Of classes, the rows that the smallest has.
    """

    path: str
    target: str
    task: Task
    why_task: str
    rows: int
    dropped: tuple[Dropped, ...]
    kinds: dict[str, Kind]
    embedded: tuple[str, ...]
    gaps: dict[str, int]
    notes: tuple[str, ...]
    smallest: int = 0


def look(read: Columns, path: str, target: str, task: Task | None) -> Findings:
    """Look at every column.

    Args:
        read: The table.
        path: What it is called.
        target: The column to be predicted.
        task: What it asks for; None: as it looks.

    Raises:
        DataError: No such column, no other, no rows, or rows without a target.
    """
    frame = read.frame
    _refuse(read, path, target)
    y = frame[target]
    task, why = _task(y, read.text, task)
    dropped: list[Dropped] = []
    kinds: dict[str, Kind] = {}
    gaps: dict[str, int] = {}
    embedded: list[str] = []
    codes = _codes(y)
    for name in frame.columns:
        if name == target:
            continue
        column = without(frame[name], frozenset(MISSING))
        why_not = _useless(column, codes, task, y)
        if why_not:
            dropped.append(Dropped(name, why_not))
            continue
        kinds[name] = kind_of_column(column)
        if column.null_count():
            gaps[name] = column.null_count()
        if kinds[name] == "category" and _frequent(column) > MANY_LEVELS:
            embedded.append(name)
    if not kinds:
        reasons = "; ".join(f"{column.name} {column.why}" for column in dropped[:SHOWN])
        raise DataError(
            "no column is left to learn from",
            where=path,
            remedy=f"each was left out: {reasons}; write a config by hand if that is wrong",
        )
    smallest, notes = 0, []
    if task == "classification":
        counts = y.cast(_text()).value_counts(sort=True)
        smallest = int(counts["count"][-1])
        small = [str(v) for v, c in zip(counts[target], counts["count"], strict=True) if c < RARE]
        if small:
            notes.append(f"fewer than {count(RARE, 'row')} have the class {listed(small)}: nothing can be said of it")
        largest = counts["count"][0] / len(y)
        if largest > 0.9:
            notes.append(
                f"{largest:.0%} of the rows are of one class: whoever always says {counts[target][0]!r} is right as "
                "often; look at balanced_accuracy, and at class_weight"
            )
    else:
        notes += _of_numbers(y)
    twice = len(frame) - frame.unique().height
    if twice:
        notes.append(
            f"{count(twice, 'row')} {'is' if twice == 1 else 'are'} the same as another in every column: what is "
            "trained on may be tested on"
        )
    times = [name for name, kind in kinds.items() if kind == "date"]
    if times:
        notes.append(
            f"if the network is to tell the future, split by time: data.split.time: {times[0]} (the column is then no "
            "feature)"
        )
    return Findings(
        path,
        target,
        task,
        why,
        len(frame),
        tuple(dropped),
        kinds,
        tuple(embedded),
        gaps,
        tuple(notes),
        smallest,
    )


def _text() -> type[pl.String]:
    import polars as pl

    return pl.String


def _refuse(read: Columns, path: str, target: str) -> None:
    from nncli.data.columns import missing

    frame = read.frame
    if target not in frame.columns:
        remedy = "name the column to predict with --target"
        raise DataError(missing("column", target, frame.columns), where=path, remedy=remedy)
    if not len(frame):
        raise DataError("a header and no rows", where=path, remedy="a training needs some")
    empty = frame[target].is_null()
    if empty.any():
        rows = [place(path, read.first_line, int(row)) for row in empty.arg_true()[:SHOWN]]
        more = f" and {int(empty.sum()) - SHOWN} more" if empty.sum() > SHOWN else ""
        raise DataError(
            f"{count(int(empty.sum()), 'row')} without a target: {', '.join(rows)}{more}",
            where=f"{path}, column {target!r}",
            remedy="delete them: a row without a target cannot be learned from",
        )


def _task(y: pl.Series, text: bool, asked: Task | None) -> tuple[Task, str]:
    """What the target asks for, and how that is seen."""
    import polars as pl

    numbers = None if y.dtype == pl.Boolean else as_numbers(y) if text or y.dtype.is_numeric() else None
    is_number = numbers is not None and not numbers.has_nulls() and not _is_truth(y)
    if asked == "regression" and not is_number:
        raise DataError(
            "it holds text, and a regression needs numbers",
            where=f"column {y.name!r}",
            remedy="ask for --task classification, or turn it into numbers",
        )
    if not is_number:
        return "classification", f"{count(y.n_unique(), 'different value')}, not numbers"
    assert numbers is not None
    values = numbers.cast(pl.Float64)
    whole, different = bool((values == values.floor()).all()), values.n_unique()
    if asked == "classification" and not whole:
        raise DataError(
            "it holds numbers that are not whole, which are no classes",
            where=f"column {y.name!r}",
            remedy="ask for --task regression",
        )
    if asked:
        return asked, "as asked for"
    if whole and different <= min(FEW_CLASSES, len(y) // 2):
        return "classification", f"{different} whole numbers; if they are quantities: nncli init --task regression"
    return "regression", f"{different:,} different numbers"


def _is_truth(y: pl.Series) -> bool:
    import polars as pl

    return bool(y.dtype == pl.String and y.str.to_lowercase().is_in(["true", "false"]).all())


def _codes(column: pl.Series) -> Array:
    """Which of the different values each row has (n,), gaps as one of them."""
    return np.asarray(column.cast(_text()).fill_null("").rank("dense").to_numpy(), np.int64) - 1


def _useless(column: pl.Series, target: Array, task: Task, y: pl.Series) -> str:
    """Why a column cannot help, or helps too much; nothing if it may stay."""
    n, there = column.len(), column.drop_nulls()
    if not len(there):
        return "is empty"
    different = there.n_unique()
    if different == 1 and not column.null_count():
        return f"is {str(there[0])!r:.40} in every row"
    kind = kind_of_column(column)
    if kind == "category":
        if different == len(there):
            return "is another text in every row, as a name or an id"
        if not _frequent(column):
            return f"is text of which no value stands in {RARE} rows"
    codes = _codes(column)
    if _one_to_one(codes, target):
        return f"says the same as {y.name!r}: it would not be known beforehand"
    if kind == "number":
        values = as_numbers(column)
        if values is None:
            return f"holds {column.dtype}, which is neither number nor text"
        x = values.cast(_float()).to_numpy()
        if different == n and _counts_up(x):
            return "counts the rows, as an id"
        if task == "regression":
            numbers = as_numbers(y)
            assert numbers is not None
            if _correlation(x, numbers.cast(_float()).to_numpy()) > SAME:
                return f"is {y.name!r} in another unit: it would not be known beforehand"
    return ""


def _float() -> type[pl.Float64]:
    import polars as pl

    return pl.Float64


def _frequent(column: pl.Series) -> int:
    """How many values stand in `RARE` rows or more."""
    counts = column.drop_nulls().value_counts()["count"]
    return int((counts >= RARE).sum())


def _one_to_one(a: Array, b: Array) -> bool:
    """Whether each value of one goes with one value of the other, so that either tells the other."""
    pairs = len(np.unique(a * (b.max() + 1) + b))
    return pairs == a.max() + 1 == b.max() + 1 and 1 < pairs < len(a)


def _counts_up(x: Array) -> bool:
    """Whether x goes on by the same step from row to row."""
    steps = np.diff(x)
    return len(x) > 2 and bool(np.isfinite(steps).all()) and bool(steps[0] != 0) and bool((steps == steps[0]).all())


def _correlation(a: Array, b: Array) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(a, b)[0, 1]))


def _of_numbers(y: pl.Series) -> list[str]:
    numbers = as_numbers(y)
    assert numbers is not None
    x = numbers.cast(_float()).to_numpy()
    positive = bool((x > 0).all())
    if positive and x.max() > 100 * np.median(x):
        return [
            f"the largest {y.name} is {x.max() / np.median(x):,.0f} times the median: data.preprocess.target: log may "
            "serve better, if relative errors count"
        ]
    return []
