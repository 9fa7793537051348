"""``nncli predict``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.resume import Run

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="A .csv, .tsv (also .gz) or .parquet file; - for CSV from stdin.", show_default=False
    ),
]


def predict(
    run: Run,
    data: Data,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv, .tsv or .parquet file; stdout if not given.")
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="A column of probabilities for every class or label.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column of DATA to write, too (repeat it); without it, all that the network does not use."),
    ] = None,
) -> None:
    """Predict every row of DATA, in constant memory; a row is written for each row that is read."""
    from nncli.cli.plain import count, print_lines
    from nncli.prediction import predict as predict_rows
    from nncli.run import Run as RunFiles

    file = None if data == "-" else Path(data)
    kept = None if keep is None else tuple(keep)
    try:
        rows = predict_rows(RunFiles.open(run), file, output, probabilities=proba, keep=kept)
    except BrokenPipeError:  # whoever read our output has enough (| head): typer would call that a failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if output is not None:
        print_lines(f"{output}: {count(rows, 'row', ',')}")
