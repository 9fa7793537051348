"""Draws what a config comes to: the config with every default, and all else as comments, so that it stays YAML."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import yaml

from nncli.cli.console import stdout
from nncli.cli.plain import count
from nncli.engine.network import INPUT
from nncli.engine.summary import BlockSummary
from nncli.summary import Summary
from nncli.text import bytes_text

COLUMNS = ("block", "made of", "output", "parameters", "multiply-adds", "memory")
WORTH_LEAST = ("multiply-adds", "memory", "output")
"""What is left out first where a line is too short for all columns."""
NARROWEST = 14
"""Characters that "made of" needs at least."""


def print_summary(name: str, summary: Summary, *, first: bool = True) -> None:
    """The resolved config, the blocks, the steps, the memory; behind the first, as a further YAML document."""
    console = stdout()
    if not first:
        console.print("---")
    width = console.width - len("# ")
    console.print(f"# {name} is right; every default written out:", style="dim", markup=False)
    for line in _yaml(summary.resolved):
        console.print(line, markup=False)
    for line in page(summary, width):
        console.print(f"# {line}".rstrip(), markup=False)


def _yaml(resolved: dict[str, Any]) -> list[str]:
    """Its lines; where a screen could not show some letter as it is, all but ASCII is escaped as YAML does it."""
    lines = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True).split("\n")
    if not all(map(str.isprintable, lines)):
        lines = yaml.safe_dump(resolved, sort_keys=False).split("\n")
    return lines[:-1]


def page(summary: Summary, width: int) -> Iterator[str]:
    """The lines below the config, of at most ``width`` characters where that can be."""
    yield ""
    yield from wrap(f"{summary.task}: {_widths(summary)}, {count(summary.parameters, 'parameter', ',')}", width)
    if summary.members is not None:
        text = f"an ensemble of {summary.members} such networks; what follows is that of the first"
        yield from wrap(text, width)
    yield ""
    yield from _table(summary, width)
    yield ""
    rows = summary.rows
    text = f"rows: {rows['train']:,} to train on, {rows['validation']:,} to validate, {rows['test']:,} to test"
    yield from wrap(text, width, subsequent_indent="  ")
    batch = f"batches of {count(summary.batch_size, 'row', ',')}"
    if summary.accumulate > 1:
        batch += f", {summary.accumulate} to a step"
    text = (
        f"steps: {summary.steps_per_epoch:,} an epoch ({batch}), {summary.steps:,} in {count(summary.epochs, 'epoch')}"
    )
    yield from wrap(text, width, subsequent_indent="  ")
    text = f"memory: {bytes_text(summary.memory.total)}, Python and its libraries not counted"
    yield from wrap(text, width, subsequent_indent="  ")
    parts = {"data": summary.memory.data, **summary.memory.parts}
    shown = {name: bytes_text(n) for name, n in parts.items()}
    for name, text in shown.items():
        yield f"  {name:<{max(map(len, shown))}}  {text:>{max(map(len, shown.values()))}}"
    if summary.memory.disk:
        yield from wrap(f"disk: {bytes_text(summary.memory.disk)} of prepared rows", width, subsequent_indent="  ")


def _widths(summary: Summary) -> str:
    learned = [block.shape[-1] for block in summary.blocks if block.parameters and block.name != INPUT]
    return "-".join(map(str, [summary.inputs, *learned]))


def _table(summary: Summary, width: int) -> Iterator[str]:
    rows = [COLUMNS, *map(_row, summary.blocks)]
    memory = sum(block.memory for block in summary.blocks)
    totals = (f"{summary.parameters:,}", f"{summary.multiply_adds:,}", bytes_text(memory))
    rows.append(("in all", "", "", *totals))
    columns = {row[0]: list(row[1:]) for row in zip(*rows, strict=True)}
    made_of = "made of"
    for dropped in ("", *WORTH_LEAST):
        columns.pop(dropped, None)
        taken = sum(_width(name, columns[name]) + 2 for name in columns if name != made_of)
        if width - taken >= NARROWEST:
            break
    widths = {name: _width(name, cells) for name, cells in columns.items()}
    widths[made_of] = max(NARROWEST, min(widths[made_of], width - taken))
    yield _line({name: name for name in columns}, widths)
    for i in range(len(rows) - 1):
        cells = {name: column[i] for name, column in columns.items()}
        first, *rest = wrap(cells[made_of], widths[made_of]) or [""]
        if i == len(rows) - 2:
            yield "─" * (sum(widths.values()) + 2 * (len(widths) - 1))
        yield _line({**cells, made_of: first}, widths)
        for more in rest:
            yield _line({name: more if name == made_of else "" for name in cells}, widths)


def _row(block: BlockSummary) -> tuple[str, ...]:
    """A line of the table; what is 0 is left out."""
    learned = (f"{n:,}" if n else "" for n in (block.parameters, block.multiply_adds))
    shape = " × ".join(map(str, block.shape))
    memory = bytes_text(block.memory) if block.memory else ""
    return (block.name, ", ".join(block.made_of), shape, *learned, memory)


def _line(cells: dict[str, str], widths: dict[str, int]) -> str:
    numbers = COLUMNS[3:]
    return "  ".join(f"{text:{'>' if name in numbers else '<'}{widths[name]}}" for name, text in cells.items()).rstrip()


def _width(name: str, cells: list[str]) -> int:
    return max(len(name), *map(len, cells))
