"""``nncli init``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Task(StrEnum):
    """What a target can ask for."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A .csv, .tsv (also .gz) or .parquet file.")],
    target: Annotated[
        list[str], typer.Option("--target", help="The column to predict; again for several at once.", metavar="COLUMN")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The config to be written.")] = Path("config.yaml"),
    task: Annotated[Task, typer.Option(help="What the target asks for; auto: as it looks.")] = Task.AUTO,
    ensemble: Annotated[
        int, typer.Option(min=1, max=100, metavar="K", help="Train K networks and average what they say.")
    ] = 1,
    tune: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="MINUTES", help="Compare recipes by cross-validation for so long."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Look at a table and write a config for it, with comments: what its columns hold, what is odd, how to train."""
    from nncli.cli.plain import print_lines
    from nncli.errors import NncliError
    from nncli.run.files import replaced
    from nncli.starter import draft
    from nncli.starter.targets import Asked

    if output.exists() and not overwrite:
        raise NncliError("exists already", where=str(output), remedy="take another name with -o, or --overwrite")
    if not output.parent.is_dir():
        raise NncliError("there is no such folder", where=str(output.parent), remedy="make it first")
    path = os.path.relpath(data, output.parent)
    asked: Asked | None = (
        None if task == Task.AUTO else "classification" if task == Task.CLASSIFICATION else "regression"
    )
    found = draft(
        data,
        target,
        task=asked,
        members=ensemble,
        path=path,
        minutes=tune,
        tried=lambda name, loss, fold: print_lines(f"fold {fold}: {name} {loss:.4f}", errors=True),
    )
    with replaced(output) as temporary:
        temporary.write_text(found.text, encoding="utf-8")
    findings = found.findings
    print_lines(
        f"{output}: {findings.asks} ({findings.why_task}), {findings.rows:,} rows, {len(findings.kinds)} features",
        *(f"left out: {column.name} {column.why}" for column in findings.dropped),
        *(f"note: {note}" for note in findings.notes),
        f"train it with: nncli train {output}",
    )
