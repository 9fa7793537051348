"""An evaluation as tables: the figures, each class, label or target, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nncli.cli.console import plainly, stdout
from nncli.cli.plain import count
from nncli.evaluation import ClassReport, Evaluation
from nncli.run import Run
from nncli.text import figure, printable

MOST = 10
"""Confusions that are listed where the matrix is too wide."""


def print_evaluation(run: Run, evaluation: Evaluation) -> None:
    """The figures of an evaluation, and the tables that its task has."""
    console = stdout()
    of = f" of {len(evaluation.members)} members" if evaluation.members else ""
    rows = f"{evaluation.rows} rows of {plainly(evaluation.data)}"
    console.print(f"{plainly(str(run.path))}, {evaluation.weights} weights{of}, {rows}")
    if evaluation.out_of_fold:
        console.print("out of fold: each row by the one member that did not train on it")
    figures = {"loss": evaluation.loss, **evaluation.metrics}
    width = max([10, *map(len, figures)])
    for name, value in figures.items():
        remark = f"  ({plainly(evaluation.loss_weights)})" if name == "loss" and evaluation.loss_weights else ""
        console.print(f"{name:<{width}} {figure(name, value)}{remark}")
    for table in _tables(evaluation, console):
        console.print(table)


def _tables(evaluation: Evaluation, console: Console) -> Iterator[Table | str]:
    if evaluation.members:
        names = ("loss", *evaluation.members[0].metrics)
        table = _table("member", ("rows", *names), "each member alone")
        for member in evaluation.members:
            figures = {"loss": member.loss, **member.metrics}
            table.add_row(str(member.number), str(member.rows), *(figure(name, figures[name]) for name in names))
        yield table
    averages = evaluation.averages or ()
    if evaluation.classes is not None:
        yield _shares("class", "each class", evaluation.classes, averages)
        if evaluation.confusion is not None:
            yield from _confusion(evaluation.classes, evaluation.confusion, console)
        else:
            yield f"no confusion matrix: {len(evaluation.classes):,} classes are too many for one"
    if evaluation.labels is not None:
        yield _shares("label", "each label", evaluation.labels, averages)
    if evaluation.targets is not None and len(evaluation.targets) > 1:
        table = _table("target", ("RMSE", "MAE", "R²"), "each target")
        for target in evaluation.targets:
            own = (("rmse", target.rmse), ("mae", target.mae), ("r2", target.r2))
            table.add_row(plainly(target.name), *(figure(name, value) for name, value in own))
        table.add_section()
        table.add_row("mean", *(figure(name, evaluation.metrics[name]) for name in ("rmse", "mae", "r2")))
        yield table


def _shares(noun: str, title: str, reports: Iterable[ClassReport], averages: Iterable[ClassReport]) -> Table:
    table = _table(noun, ("precision", "recall", "F1", "rows"), title)

    def add(report: ClassReport, name: str) -> None:
        shares = (report.precision, report.recall, report.f1)
        table.add_row(name, *("–" if x is None else f"{x:.3f}" for x in shares), str(report.rows))

    for report in reports:
        add(report, plainly(report.name))
    table.add_section()
    for report in averages:
        add(report, f"{report.name} average")
    return table


def _confusion(
    classes: tuple[ClassReport, ...], counts: tuple[tuple[int, ...], ...], console: Console
) -> Iterator[Table | str]:
    """The matrix under the names of the classes; where the terminal is too narrow, under numbers, or as a list."""
    names, numbers = [printable(report.name) for report in classes], [str(i + 1) for i in range(len(classes))]
    title = "confusion matrix: the true class down, the predicted across"
    for heads, rows in ((names, names), (numbers, [f"{i} {name}" for i, name in zip(numbers, names, strict=True)])):
        matrix = _table("true", heads, title)
        for name, row in zip(rows, counts, strict=True):
            matrix.add_row(plainly(name), *map(str, row))
        if _fits(heads, rows, counts, console.width):
            yield matrix
            return
    wrong = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if n and i != j]
    most = sorted(wrong, key=lambda found: -found[0])[:MOST]
    lines = [f"  {count(n, 'row')} of {plainly(names[i])} taken for {plainly(names[j])}" for n, i, j in most]
    more = [f"  and {count(len(wrong) - MOST, 'more pair')}; --json has the matrix"] if len(wrong) > MOST else []
    yield from ["", "most often confused", *(lines or ["  none"]), *more]


def _fits(heads: list[str], rows: list[str], counts: tuple[tuple[int, ...], ...], width: int) -> bool:
    """Whether no cell of the matrix needs to be broken: two blanks stand between columns."""
    columns = zip(heads, *[map(str, row) for row in counts], strict=True)
    return max(map(len, [*rows, "true"])) + sum(2 + max(map(len, column)) for column in columns) <= width


def _table(first: str, others: Iterable[str], title: str) -> Table:
    table = Table(plainly(first), title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in others:
        table.add_column(plainly(name), justify="right")
    return table
