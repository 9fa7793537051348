"""Which columns are to be predicted, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nncli.data.cells import SHOWN
from nncli.data.columns import missing
from nncli.data.kinds import as_numbers
from nncli.data.table import place
from nncli.errors import DataError
from nncli.text import count

if TYPE_CHECKING:
    import polars as pl

    from nncli.data.files import Columns

Task = Literal["classification", "multilabel", "regression"]
Asked = Literal["classification", "regression"]
"""What a person may ask for: whether classes are labels follows from how many targets there are."""

FEW_CLASSES = 10
"""Whole numbers of at most so many values are taken for classes, unless something else is said."""


def refuse(read: Columns, path: str, targets: tuple[str, ...]) -> None:
    """Refuse a table from which these targets cannot be learned.

    Raises:
        DataError: No target, one that is not there or named twice, no rows, or rows without a target.
    """
    frame = read.frame
    name = "name the column to predict with --target"
    if not targets:
        raise DataError("no target", where=path, remedy=name)
    for target in targets:
        if target not in frame.columns:
            raise DataError(missing("column", target, frame.columns), where=path, remedy=name)
        if targets.count(target) > 1:
            raise DataError(f"the target {target!r} is named twice", where=path, remedy="name it once")
    if not len(frame):
        raise DataError("a header and no rows", where=path, remedy="a training needs some")
    for target in targets:
        empty = frame[target].is_null()
        if empty.any():
            rows = [place(path, read.first_line, int(row)) for row in empty.arg_true()[:SHOWN]]
            more = f" and {int(empty.sum()) - SHOWN} more" if empty.sum() > SHOWN else ""
            raise DataError(
                f"{count(int(empty.sum()), 'row')} without a target: {', '.join(rows)}{more}",
                where=f"{path}, column {target!r}",
                remedy="delete them: a row without a target cannot be learned from",
            )


def seen(ys: list[pl.Series], read: Columns, path: str, asked: Asked | None) -> tuple[Task, str]:
    """What the targets ask for, and how that is seen.

    Args:
        ys: They, without gaps.
        read: The table that they are from.
        path: What it is called.
        asked: What a person asked for; None: as it looks.

    Raises:
        DataError: They are not what was asked for, or do not go together.
    """
    return _one(ys[0], read, path, asked) if len(ys) == 1 else _several(ys, read, path, asked)


def _one(y: pl.Series, read: Columns, path: str, asked: Asked | None) -> tuple[Task, str]:
    numbers = _numbers(y, read.text)
    if numbers is None and read.text and asked != "classification":
        _refuse_some_text(y, read, path)
    if asked == "regression" and numbers is None:
        raise DataError(
            "it holds text, and a regression needs numbers",
            where=f"column {y.name!r}",
            remedy="ask for --task classification, or turn it into numbers",
        )
    if numbers is None:
        return "classification", f"{count(y.n_unique(), 'different value')}, not numbers"
    whole, different = bool((numbers == numbers.floor()).all()), numbers.n_unique()
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


def _refuse_some_text(y: pl.Series, read: Columns, path: str) -> None:
    """A few cells of text among numbers are mistakes, and no classes."""
    values = as_numbers(y)
    if values is None or 2 * values.null_count() >= len(y) or not values.null_count():
        return
    rows = [int(row) for row in values.is_null().arg_true()]
    cells = ", ".join(f"{str(y[row])!r:.40} in {place(path, read.first_line, row)}" for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    raise DataError(
        f"{count(len(rows), 'cell')} among its numbers {'is' if len(rows) == 1 else 'are'} text: {cells}{more}",
        where=f"{path}, column {y.name!r}",
        remedy="correct them, or delete the rows; if they are classes: --task classification",
    )


def _several(ys: list[pl.Series], read: Columns, path: str, asked: Asked | None) -> tuple[Task, str]:
    """Labels, if each holds two answers, or a regression, if each holds numbers."""
    numbers = [_numbers(y, read.text) for y in ys]
    answers = [_is_truth(y) or (x is not None and _is_bits(x)) for y, x in zip(ys, numbers, strict=True)]
    for y, x, answer in zip(ys, numbers, answers, strict=True):
        if x is None and not answer:
            raise _text(y, read, path)
    if asked != "regression" and all(answers):
        return "multilabel", "as asked for" if asked else "each is 0 or 1, or true or false"
    for y, x, answer in zip(ys, numbers, answers, strict=True):
        if asked == "classification" and not answer:
            raise DataError(
                "it holds other numbers than 0 and 1, and of several targets each is a label that applies or not",
                where=f"{path}, column {y.name!r}",
                remedy="write a config for each target, or ask for --task regression",
            )
        if asked == "regression" and x is None:
            raise DataError(
                "it holds true and false, and a regression needs numbers",
                where=f"{path}, column {y.name!r}",
                remedy="write 1 and 0, or a config for each target",
            )
    if asked:
        return "regression", "as asked for"
    if any(answers):
        labels = ", ".join(y.name for y, answer in zip(ys, answers, strict=True) if answer)
        others = ", ".join(y.name for y, answer in zip(ys, answers, strict=True) if not answer)
        or_else = "" if any(x is None for x in numbers) else ", or take 0 and 1 for quantities with --task regression"
        raise DataError(
            f"{labels}: 0 or 1, or true or false; {others}: other numbers; one network has one loss for all its "
            "targets",
            where=path,
            remedy=f"write a config for each kind{or_else}",
        )
    return "regression", "each holds numbers"


def _text(y: pl.Series, read: Columns, path: str) -> DataError:
    """What is said of a target of text beside others, with the first cell that is no number."""
    x = as_numbers(y) if read.text else None
    row = 0 if x is None else int(x.is_null().arg_true()[0])
    return DataError(
        f"it holds text ({str(y[row])!r:.40} in {place(path, read.first_line, row)}), and several targets are all "
        "numbers, or all 0 or 1, or true or false",
        where=f"{path}, column {y.name!r}",
        remedy="turn it into such, or write a config for it alone",
    )


def _numbers(y: pl.Series, text: bool) -> pl.Series | None:
    """The target as float64; None if it holds anything else."""
    import polars as pl

    if y.dtype == pl.Boolean or _is_truth(y) or not (text or y.dtype.is_numeric()):
        return None
    numbers = as_numbers(y)
    return None if numbers is None or numbers.has_nulls() else numbers.cast(pl.Float64)


def _is_truth(y: pl.Series) -> bool:
    import polars as pl

    return y.dtype == pl.Boolean or bool(y.dtype == pl.String and y.str.to_lowercase().is_in(["true", "false"]).all())


def _is_bits(x: pl.Series) -> bool:
    return bool(x.is_in([0.0, 1.0]).all())


def holds(y: pl.Series) -> pl.Series:
    """Of a label, whether it applies to each row."""
    import polars as pl

    return y.cast(pl.String).str.to_lowercase().is_in(["true", "1", "1.0"])
