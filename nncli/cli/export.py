"""``nncli export``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.resume import Run
from nncli.cli.train import Json


class Form(StrEnum):
    """What a file is."""

    ONNX = "onnx"
    NUMPY = "numpy"


def export(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; model.onnx or model.py if not given.")
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="onnx, or numpy: one Python file that needs NumPy alone.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write RUN as a model of its own: raw features in, labels and probabilities or values out; checked before."""
    from nncli.cli.plain import print_json, print_lines
    from nncli.export.write import export as write
    from nncli.run import Run as RunFiles

    found = write(RunFiles.open(run), output, form=None if form is None else form.value, overwrite=overwrite)
    agreement = found.agreement
    if json:
        files = [str(file) for file in found.files]
        figures = {"rows": agreement.rows, "largest_difference": agreement.largest, "other_labels": agreement.labels}
        print_json({"files": files, "checked_with": found.checked_with, **figures})
        return
    other = f", {agreement.labels} labels otherwise decided, on the edge" if agreement.labels else ""
    print_lines(
        *map(str, found.files),
        f"checked with {found.checked_with} on {agreement.rows}: largest difference {agreement.largest:.2g}{other}",
    )
