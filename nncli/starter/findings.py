"""What is odd about the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncli.data.cells import SHOWN, Array, Kind
from nncli.data.columns import listed
from nncli.data.kinds import MISSING, as_numbers, kind_of_column, without
from nncli.errors import DataError
from nncli.starter.targets import Asked, Task, holds, refuse, seen
from nncli.text import count

if TYPE_CHECKING:
    import polars as pl

    from nncli.data.files import Columns

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
        targets: The columns to be predicted.
        task: What they ask for.
        why_task: How that is seen.
        rows: How many there are.
        dropped: Columns that are to be left out.
        kinds: What the other columns hold.
        embedded: Those that are categories of many values.
        gaps: How many cells are missing, by column.
        notes: What else a person should know, a sentence each.
        smallest: Of classes, the rows that the smallest has; of labels, those of the rarest answer.
    """

    path: str
    targets: tuple[str, ...]
    task: Task
    why_task: str
    rows: int
    dropped: tuple[Dropped, ...]
    kinds: dict[str, Kind]
    embedded: tuple[str, ...]
    gaps: dict[str, int]
    notes: tuple[str, ...]
    smallest: int = 0

    @property
    def asks(self) -> str:
        """The task and its targets, in words."""
        task = "multilabel classification" if self.task == "multilabel" else self.task
        return f"{task} of {', '.join(map(repr, self.targets))}"


def look(read: Columns, path: str, targets: tuple[str, ...], asked: Asked | None) -> Findings:
    """Look at every column.

    Args:
        read: The table.
        path: What it is called.
        targets: The columns to be predicted.
        asked: What they ask for; None: as it looks.

    Raises:
        DataError: No such column, no other, no rows, rows without a target, or targets that do not go together.
    """
    frame = read.frame
    refuse(read, path, targets)
    ys = [frame[target] for target in targets]
    task, why = seen(ys, read, path, asked)
    against = [_Target(y, task) for y in ys]
    dropped: list[Dropped] = []
    kinds: dict[str, Kind] = {}
    gaps: dict[str, int] = {}
    embedded: list[str] = []
    for name in frame.columns:
        if name in targets:
            continue
        column = without(frame[name], frozenset(MISSING))
        why_not = _useless(column, against)
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
            remedy=f"each was left out: {reasons}; write a config by hand if that is wrong"
            if reasons
            else "a table needs more columns than those to predict",
        )
    smallest, notes = 0, list[str]()
    match task:
        case "classification":
            smallest, notes = _of_classes(ys[0])
        case "multilabel":
            smallest, notes = _of_labels(ys)
        case "regression":
            notes = [note for y in ys for note in _of_numbers(y)]
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
        targets,
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


class _Target:
    """A target, as columns are held against it.

    Attributes:
        name: What it is called.
        codes: Which of its values each row has (n,).
        numbers: Its numbers (n,), where it is one of a regression.
    """

    def __init__(self, y: pl.Series, task: Task) -> None:
        self.name, self.codes = y.name, _codes(y)
        self.numbers = _values(y) if task == "regression" else None


def _text() -> type[pl.String]:
    import polars as pl

    return pl.String


def _codes(column: pl.Series) -> Array:
    """Which of the different values each row has (n,), gaps as one of them."""
    return np.asarray(column.cast(_text()).fill_null("").rank("dense").to_numpy(), np.int64) - 1


def _useless(column: pl.Series, targets: list[_Target]) -> str:
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
    for target in targets:
        if _one_to_one(codes, target.codes):
            return f"says the same as {target.name!r}: it would not be known beforehand"
    if kind == "number":
        values = as_numbers(column)
        if values is None:
            return f"holds {column.dtype}, which is neither number nor text"
        x = values.cast(_float()).to_numpy()
        if different == n and _counts_up(x):
            return "counts the rows, as an id"
        for target in targets:
            if target.numbers is not None and _correlation(x, target.numbers) > SAME:
                return f"is {target.name!r} in another unit: it would not be known beforehand"
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


def _of_classes(y: pl.Series) -> tuple[int, list[str]]:
    """The rows of the smallest class, and what is odd about them."""
    counts = y.cast(_text()).value_counts(sort=True)
    notes = []
    small = [str(v) for v, c in zip(counts[y.name], counts["count"], strict=True) if c < RARE]
    if small:
        notes.append(f"fewer than {count(RARE, 'row')} have the class {listed(small)}: nothing can be said of it")
    largest = counts["count"][0] / len(y)
    if largest > 0.9:
        notes.append(
            f"{largest:.0%} of the rows are of one class: whoever always says {counts[y.name][0]!r} is right as "
            "often; look at balanced_accuracy, and at class_weight"
        )
    return int(counts["count"][-1]), notes


def _of_labels(ys: list[pl.Series]) -> tuple[int, list[str]]:
    """The rows of the rarest answer, and what is odd about them: each label is a question of its own."""
    there = {y.name: int(holds(y).sum()) for y in ys}
    rarest = {name: min(n, len(ys[0]) - n) for name, n in there.items()}
    notes = []
    small = [name for name, n in rarest.items() if n < RARE]
    if small:
        notes.append(
            f"fewer than {count(RARE, 'row')} differ from all others in the label {listed(small)}: nothing can be said "
            "of it"
        )
    uneven = [name for name, n in rarest.items() if RARE <= n < 0.1 * len(ys[0])]
    if uneven:
        notes.append(
            f"more than 90% of the rows have the same answer for the label {listed(uneven)}: accuracy says little of "
            "it, look at f1_macro"
        )
    return min(rarest.values()), notes


def _values(y: pl.Series) -> Array:
    """The numbers of a target (n,) that is known to hold nothing else."""
    numbers = as_numbers(y)
    assert numbers is not None
    return numbers.cast(_float()).to_numpy()


def _of_numbers(y: pl.Series) -> list[str]:
    x = _values(y)
    positive = bool((x > 0).all())
    if positive and x.max() > 100 * np.median(x):
        return [
            f"the largest {y.name} is {x.max() / np.median(x):,.0f} times the median: data.preprocess.target: log may "
            "serve better, if relative errors count"
        ]
    return []
