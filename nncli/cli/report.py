"""``nncli report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.resume import Run

if TYPE_CHECKING:
    from nncli.run import Run as RunFiles

NAME = "report.html"


def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"The page; {NAME} in the run if not given.")
    ] = None,
    gradcheck: Annotated[
        bool, typer.Option("--gradcheck", help="Check the gradients first: the certificate is part of the page.")
    ] = False,
) -> None:
    """Make a page of RUN that holds all of it: figures, pictures, mistakes, gradients, config, environment.

    The page is one file that opens anywhere and loads nothing. The pictures also go to plots/ in the run.
    """
    from nncli.cli.plain import print_lines
    from nncli.pages.page import refuse_foreign, save
    from nncli.pages.report import report as page
    from nncli.run import Run as RunFiles

    opened = RunFiles.open(run)
    path = opened.path / NAME if output is None else output
    refuse_foreign(path)
    if gradcheck:
        _check(opened)
    save(path, page(opened))
    print_lines(str(path))


def _check(run: RunFiles) -> None:
    """Write the certificate of its trained weights into the run."""
    from nncli.certify import check_gradients
    from nncli.cli.progress import progress

    with progress("gradcheck") as observe:
        proof = check_gradients(run, observe=observe)
    with run.locked():
        run.write_json("gradcheck.json", proof.to_json())
