"""``nncli compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.train import Json

if TYPE_CHECKING:
    from nncli.seeing.comparison import Comparison

SUFFIXES = (".png", ".html")


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Directories of runs, or latest.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A picture (.png) of the curves, or a page (.html).", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Set runs side by side: what differs in their configs, which figures are better (*), their curves."""
    from nncli.cli.plain import print_json, print_lines
    from nncli.seeing.comparison import compare as set_side_by_side

    if output is not None:
        _refuse(output)
    comparison = set_side_by_side(runs)
    if output is not None:
        _write(comparison, output)
    if json:
        print_json(comparison.to_json())
        return
    from nncli.cli.comparison import print_comparison

    print_comparison(comparison)
    if output is not None:
        print_lines("", f"{'page' if output.suffix == '.html' else 'picture'}: {output}")


def _write(comparison: Comparison, output: Path) -> None:
    if output.suffix == ".html":
        from nncli.pages.comparison import comparison_page
        from nncli.pages.page import save

        save(output, comparison_page(comparison))
    else:
        from nncli.seeing.comparison import save_picture

        save_picture(comparison, output)


def _refuse(output: Path) -> None:
    """What cannot be written is said before anything is read."""
    from nncli.errors import NncliError
    from nncli.pages.page import refuse_foreign as no_page
    from nncli.plots.canvas import refuse_foreign as no_picture

    if output.suffix not in SUFFIXES:
        remedy = "name a picture, curves.png, or a page, comparison.html"
        raise NncliError("is neither .png nor .html", where=f"-o {output}", remedy=remedy)
    (no_page if output.suffix == ".html" else no_picture)(output)
