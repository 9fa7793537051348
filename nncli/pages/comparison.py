"""The page of a comparison: its tables, and the curves over each other."""

from __future__ import annotations

from collections.abc import Iterator

from nncli.pages.drawn import drawn_as
from nncli.pages.page import render
from nncli.pages.tables import Table
from nncli.plots.canvas import written
from nncli.seeing.comparison import Comparison, draw_comparison
from nncli.seeing.sheets import NOTHING, Cell, Sheet, sheets
from nncli.text import count

MOST_COLUMNS = 8
"""Runs that stand side by side; of more, each is a row."""
CAPTIONS = {
    "config": "What differs. A dash: the run has no such key.",
    "environment": "What differs of that which may change the bits, or the time, of a training.",
    "figures": "At the weights that are the result; a star marks the better ones of those that compare.",
}


def comparison_page(comparison: Comparison) -> str:
    """The page, whole in itself."""
    picture = draw_comparison(comparison)
    names = [*comparison.runs]
    config, environment, figures = sheets(comparison)
    return render(
        "comparison.html",
        title=f"{count(len(names), 'run')} compared",
        runs=_runs(comparison),
        notes=comparison.notes,
        figures=_table(figures, names) if figures.rows else None,
        drawn=drawn_as(picture, written(picture.figure)) if picture else None,
        ensembles=any(run.members is not None for run in comparison.runs.values()),
        differing=[
            (sheet.title.capitalize(), _table(sheet, names) if sheet.rows else None) for sheet in (config, environment)
        ],
    )


def _runs(comparison: Comparison) -> Table:
    columns = ("path", "status", "data", "task", "when")
    rows = [[name, *(_told(getattr(run, column)) for column in columns)] for name, run in comparison.runs.items()]
    return Table("The runs", ["run", *columns], rows, figures=False)


def _told(value: object) -> str:
    return NOTHING if value is None else str(value)


def _table(sheet: Sheet, names: list[str]) -> Table:
    """With a column a run, or of many runs a row a run."""
    keys = [key for key, _ in sheet.rows]
    cells = [list(row) for _, row in sheet.rows]
    heads, labels = names, keys
    if len(names) > MOST_COLUMNS:
        cells = [list(column) for column in zip(*cells, strict=True)]
        heads, labels = keys, names
    best = frozenset(_best(cells))
    rows = [[label, *(cell.text for cell in row)] for label, row in zip(labels, cells, strict=True)]
    return Table(CAPTIONS[sheet.title], ["", *heads], rows, best=best)


def _best(cells: list[list[Cell]]) -> Iterator[tuple[int, int]]:
    for i, row in enumerate(cells):
        yield from ((i, j + 1) for j, cell in enumerate(row) if cell.better)
