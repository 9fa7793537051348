"""How a training ended, for a person at a terminal: its figures in a table, where its files are, what comes next."""

from __future__ import annotations

import shlex
from typing import Any

from rich.console import Console
from rich.table import Table

from nncli.cli.console import WIDE, plainly, stdout
from nncli.cli.ending import doubts, how, of_members
from nncli.run import Run
from nncli.text import figure

SPLITS = {"out_of_fold": "out of fold", "validation": "validation", "test": "test"}
NARROW = 40
"""Columns under which words are shortened."""


def draw_summary(run: Run, console: Console | None = None) -> None:
    """Draw how it ended to stdout, or to another console."""
    console = stdout() if console is None else console
    summary = run.read_json("summary.json")
    first, *others = how(summary)
    done, _, rest = first.partition(" ")
    speed = _speed(summary)
    console.print(f"[bold]{plainly(done)}[/] {plainly(rest)}{plainly(f'; {speed}') if speed else ''}", soft_wrap=False)
    for line in (*others, *doubts(summary)):
        console.print(plainly(line), soft_wrap=False)
    table = _table(summary, narrow=console.width < NARROW)
    if console.measure(table, options=console.options.update(max_width=WIDE)).maximum <= console.width:
        console.print(table)
    else:
        for name, x in summary["metrics"].items():
            console.print(f"[dim]{plainly(name.replace('_', ' '))}[/] [bold]{plainly(figure(name, x))}[/]")
    console.print(f"[dim]run:[/]  {plainly(str(run.path))}")
    for i, command in enumerate(_next(run, summary)):
        console.print(f"[dim]{'      ' if i else 'next: '}[/]{plainly(command)}")


def _speed(summary: dict[str, Any]) -> str:
    """Nothing of an ensemble, whose members had each their own."""
    seconds = summary["training_seconds"]
    return f"{summary['steps'] / seconds:,.0f} steps a second" if "steps" in summary and seconds > 0 else ""


def _table(summary: dict[str, Any], *, narrow: bool) -> Table:
    """A row for each metric, a column for each split; under an ensemble's figure how its members fare alone."""
    figures = summary["metrics"]
    splits = [split for split in SPLITS if any(name.startswith(f"{split}_") for name in figures)]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for split in splits:
        table.add_column("val" if narrow and split == "validation" else SPLITS[split], no_wrap=True)
    metrics = dict.fromkeys(name.removeprefix(f"{s}_") for name in figures for s in splits if name.startswith(f"{s}_"))
    for metric in metrics:
        names = [f"{split}_{metric}" for split in splits]
        cells = [f"[bold]{plainly(figure(name, figures[name]))}[/]" if name in figures else "" for name in names]
        table.add_row(f"[dim]{plainly(metric.replace('_', ' '))}[/]", *cells)
        alone = [_range(name, of_members(summary, name)) if "members" in summary else "" for name in names]
        if any(alone):
            table.add_row("[dim]  alone[/]", *(f"[dim]{plainly(text)}[/]" for text in alone))
    return table


def _range(name: str, values: list[float]) -> str:
    return f"{figure(name, min(values))} to {figure(name, max(values))}" if values else ""


def _next(run: Run, summary: dict[str, Any]) -> list[str]:
    """Commands that go on from here."""
    path, rows = shlex.quote(str(run.path)), summary["rows"]
    split = "" if rows["test"] else " --split validation"
    evaluate = [f"nncli evaluate {path}{split}"] if rows["test"] or rows["validation"] else []
    return [*evaluate, f"nncli report {path}", f"nncli predict {path} new.csv -o predictions.csv"]
