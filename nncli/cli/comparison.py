"""Runs side by side as tables, and their curves. Where they are too many, or too wide, a run is a row."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from nncli.cli.chart import chart, is_wide
from nncli.cli.console import plainly, stdout
from nncli.cli.glyphs import BLOCKS, glyphs
from nncli.seeing.comparison import Comparison
from nncli.seeing.sheets import Cell, Sheet, sheets
from nncli.text import shortened

MOST_COLUMNS = 8
"""Runs that stand side by side; of more, each is a row."""
CHART = 100
"""Columns that a chart has at most."""
SHORT = 20
"""Characters of a value where there is little room."""
GAP = 2

Rows = Sequence[tuple[str, tuple[Cell, ...]]]
"""Names, and beside each its cells; the first row is the head."""


def print_comparison(comparison: Comparison) -> None:
    """All of it, on stdout."""
    console = stdout()
    names = [*comparison.runs]
    for number, run in enumerate(comparison.runs.values(), 1):
        console.print(f"{number:>{len(str(len(names)))}}  {plainly(str(run.path))}  {plainly(run.status)}")
    for note in comparison.notes:
        console.print(f"note: {plainly(note)}", style="yellow", soft_wrap=not sys.stdout.isatty())
    for sheet in sheets(comparison):
        console.print()
        if not sheet.rows:
            console.print(f"{sheet.title}: no difference")
        for table in _tables(sheet, names, console.width) if sheet.rows else ():
            console.print(table)
    if any(one.better for one in comparison.figures):
        console.print("* the better one")
    _print_curves(comparison, console)


def _tables(sheet: Sheet, names: Sequence[str], width: int) -> Iterator[Table]:
    """The sheet: under the names of the runs or their numbers, long values cut or not, in as few tables as it takes."""
    numbers = [str(i + 1) for i in range(len(names))]
    for content in (sheet.rows, _cut(sheet.rows)):
        for heads in (names, numbers):
            rows: Rows = [(sheet.title, tuple(map(Cell, heads))), *content]
            if len(names) <= MOST_COLUMNS and _width(rows) <= width:
                yield _table(rows)
                return
    if len(names) > MOST_COLUMNS:
        named = [shortened(f"{number} {name}", SHORT) for number, name in zip(numbers, names, strict=True)]
        rows = _turned([(sheet.title, tuple(map(Cell, named))), *content])
    yield from map(_table, _pieces(rows, width))


def _cut(rows: Rows) -> Rows:
    return [(key, tuple(Cell(shortened(cell.text, SHORT), cell.better) for cell in cells)) for key, cells in rows]


def _turned(rows: Rows) -> Rows:
    """A row for each column."""
    (corner, heads), *body = rows
    keys = tuple(Cell(key) for key, _ in body)
    columns = [tuple(cells[i] for _, cells in body) for i in range(len(heads))]
    return [(corner, keys), *((head.text, column) for head, column in zip(heads, columns, strict=True))]


def _pieces(rows: Rows, width: int) -> Iterator[Rows]:
    """As many columns at a time as there is room for, and one at least: then names are cut, too."""
    columns = len(rows[0][1])
    start = 0
    while start < columns:
        fitting = (n for n in range(columns - start, 0, -1) if _width(_some(rows, start, n)) <= width)
        n = next(fitting, 1)
        piece = _some(rows, start, n)
        over = _width(piece) - width
        if over > 0:
            longest = max(cell_len(key) for key, _ in piece) - over
            piece = [(shortened(key, max(longest, SHORT // 2)), cells) for key, cells in piece]
        yield piece
        start += n


def _some(rows: Rows, start: int, n: int) -> Rows:
    return [(key, cells[start : start + n]) for key, cells in rows]


def _width(rows: Rows) -> int:
    columns = zip(*([key, *map(_shown, cells)] for key, cells in rows), strict=True)
    return sum(max(map(cell_len, column)) + GAP for column in columns) - GAP


def _shown(cell: Cell) -> str:
    """With room for a mark."""
    return f"{cell.text}*" if cell.better else f"{cell.text} "


def _table(rows: Rows) -> Table:
    (corner, heads), *body = rows
    table = Table(plainly(corner), box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(plainly(_shown(head)), justify="right", no_wrap=True, overflow="ellipsis")
    for key, cells in body:
        shown = [f"[bold]{plainly(_shown(cell))}[/]" if cell.better else plainly(_shown(cell)) for cell in cells]
        table.add_row(plainly(key), *shown)
    return table


def _print_curves(comparison: Comparison, console: Console) -> None:
    curves = comparison.curves
    if not curves:
        return
    of = f", the first {len(curves)} runs of {len(comparison.runs)}" if len(curves) < len(comparison.runs) else ""
    console.print()
    scale = ", on a logarithmic scale" if is_wide(curves) else ""
    console.print(f"{comparison.charted.replace('_', ' ')}{scale}{of}")
    width = min(CHART, console.width if sys.stdout.isatty() else 80)
    for line in chart(curves, width, ascii_only=not _has_braille()):
        console.print(line)


def _has_braille() -> bool:
    encoding = sys.stdout.encoding
    try:
        "⠿└".encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return glyphs(encoding, os.environ) is BLOCKS
