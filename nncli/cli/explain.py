"""``nncli explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json, Overrides

OPTION = "--html"


def explain(
    network: Annotated[
        Path, typer.Argument(metavar="CONFIG|RUN", help="A YAML file, a run, or latest.", show_default=False)
    ],
    overrides: Overrides = None,
    row: Annotated[int, typer.Option(help="Which training row, counted from 1 in the order of the training.")] = 1,
    rows: Annotated[int, typer.Option(help="How many rows from there on, as one batch; at most 100.")] = 1,
    member: Annotated[
        int | None, typer.Option(help="Which network of the run of an ensemble, from 0; the first if not said.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page to step through, at most 8 rows; a file ending in .html."),
    ] = None,
    json: Json = False,
) -> None:
    """Show a training row forward and back: every signal and gradient, its shape, its formula, its numbers.

    A CONFIG is shown at its initial weights, a RUN at its trained ones. Long arrays are shortened, with --json they
    are whole. With --html they are a page: the network drawn, layer by layer, its formulas typeset.
    """
    from nncli.cli.explanation import print_explanation, print_page
    from nncli.cli.plain import print_json
    from nncli.config.loader import load_config
    from nncli.errors import RunError
    from nncli.explain import explain_network
    from nncli.run import Run

    if html is not None:
        _check_page(html, rows)
    if str(network) == "latest" or (network / "config.yaml").exists():
        if overrides:
            raise RunError("a run is shown as it is", where=str(network), remedy="overrides go with a config")
        explanation = explain_network(Run.open(network), row=row, rows=rows, member=member)
    else:
        explanation = explain_network(load_config(network, overrides or []), row=row, rows=rows, member=member)
    if html is not None:
        from nncli.pages.explanation import explanation_page
        from nncli.pages.page import save

        save(html, explanation_page(explanation), OPTION)
    if json:
        print_json({**explanation.to_json(), **({} if html is None else {"page": str(html)})})
    elif html is not None:
        print_page(html)
    else:
        print_explanation(explanation)


def _check_page(html: Path, rows: int) -> None:
    """Refuse what cannot become a page before anything is computed."""
    from nncli.errors import NncliError
    from nncli.pages.explanation import MOST_ROWS
    from nncli.pages.page import refuse_foreign

    if html.suffix.lower() != ".html":
        name = html.with_suffix(".html") if html.name else "explain.html"
        raise NncliError("a page is an HTML file", where=str(html), remedy=f"write {name}")
    if rows > MOST_ROWS:
        remedy = f"take --rows from 1 to {MOST_ROWS}, or leave --html out"
        raise NncliError(f"{rows} rows are too many for a page", remedy=remedy)
    refuse_foreign(html, OPTION)
