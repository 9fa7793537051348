"""The table of runs: as many columns as a terminal has room for, or all of them, a line a run, in a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Literal

from nncli.cli.plain import print_lines
from nncli.config.values import as_written
from nncli.seeing.listing import COLUMNS, Listed
from nncli.text import count, figure, printable

NUMBERS = ("score", "loss", "epochs", "best", "parameters", "seconds")
"""Columns whose cells end at one place."""
FIRST_TO_GO = ("problem", "parameters", "task", "best", "loss", "seconds", "when", "epochs", "data", "metric", "status")
"""What a narrow terminal leaves out, in this order; the run and its score stay."""
GAP = "  "
NOTHING = "–"
SHORTEST = 12
"""Characters that are left of the name of a run."""
COLOURS = {
    "running": "cyan",
    **dict.fromkeys(("interrupted", "killed"), "yellow"),
    **dict.fromkeys(("diverged", "failed", "damaged"), "red"),
}


def print_runs(runs: Sequence[Listed], also: Sequence[str]) -> None:
    """The table, on stdout.

    Args:
        runs: In their order.
        also: Metrics and keys of the config that have a column, too.
    """
    at = COLUMNS.index("score") + 1
    columns = [*COLUMNS[:at], *also, *COLUMNS[at:]]
    if sys.stdout.isatty():
        _draw(runs, columns)
    else:
        print_lines(*_plain(runs, columns))


def _plain(runs: Sequence[Listed], columns: Sequence[str]) -> Iterator[str]:
    """A line for the names of the columns, and one for each run."""
    rows = [[*map(printable, columns)], *([_cell(run, column) for column in columns] for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (_aligned(cell, column, width) for cell, column, width in zip(row, columns, widths, strict=True))
        yield GAP.join(cells).rstrip()


def _aligned(cell: str, column: str, width: int) -> str:
    return cell.rjust(width) if column in NUMBERS else cell.ljust(width)


def _draw(runs: Sequence[Listed], columns: Sequence[str]) -> None:
    """The table in a terminal: what is the same in all rows, and what there is no room for, is left out."""
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table

    from nncli.cli.console import plainly, stdout

    console = stdout()
    metrics = {run.metric for run in runs}
    heads = {column: column for column in columns if column not in ("latest", "problem")}
    if len(metrics) == 1:
        del heads["metric"]
        heads["score"] = metrics.pop() or "score"
    cells = {column: [_cell(run, column) for run in runs] for column in heads}
    for i, run in enumerate(runs):
        cells["run"][i] += " (latest)" if run.latest else ""

    def widest(column: str) -> int:
        return max(map(cell_len, [heads[column], *cells[column]]))

    widths = {column: widest(column) for column in heads}
    for column in FIRST_TO_GO:
        if sum(widths.values()) + len(GAP) * (len(widths) - 1) <= console.width:
            break
        widths.pop(column, None)
    others = sum(width + len(GAP) for column, width in widths.items() if column != "run")
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in widths:
        narrow = max(SHORTEST, console.width - others) if column == "run" else None
        justify: Literal["right", "left"] = "right" if column in NUMBERS else "left"
        table.add_column(plainly(heads[column]), justify=justify, no_wrap=True, overflow="ellipsis", max_width=narrow)
    for i, run in enumerate(runs):
        row = {column: plainly(cells[column][i]) for column in widths}
        if "status" in row and run.status in COLOURS:
            row["status"] = f"[{COLOURS[run.status]}]{row['status']}[/]"
        table.add_row(*row.values())
    console.print(table)
    for run in runs:
        if run.problem is not None:
            console.print(f"{plainly(run.run)}: {plainly(run.problem)}", soft_wrap=False)
    left_out = [heads[column] for column in heads if column not in widths]
    if left_out:
        console.print(
            f"{count(len(runs), 'run')}; no room for {', '.join(map(plainly, left_out))}", style="dim", soft_wrap=False
        )


def _cell(run: Listed, column: str) -> str:
    """What is shown of a run in a column."""
    value = run.value(column)
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else NOTHING
        case float():
            return (
                f"{value:.2f}"
                if column == "seconds"
                else figure(run.metric or "" if column == "score" else column, value)
            )
        case _:
            return as_written(value)
