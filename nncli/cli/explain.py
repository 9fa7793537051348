"""``nncli explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json, Overrides


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
    json: Json = False,
) -> None:
    """Show a training row forward and back: every signal and gradient, its shape, its formula, its numbers.

    A CONFIG is shown at its initial weights, a RUN at its trained ones. Long arrays are shortened, with --json they
    are whole.
    """
    from nncli.cli.explanation import print_explanation
    from nncli.cli.plain import print_json
    from nncli.config.loader import load_config
    from nncli.errors import RunError
    from nncli.explain import explain_network
    from nncli.run import Run

    if str(network) == "latest" or (network / "config.yaml").exists():
        if overrides:
            raise RunError("a run is shown as it is", where=str(network), remedy="overrides go with a config")
        explanation = explain_network(Run.open(network), row=row, rows=rows, member=member)
    else:
        explanation = explain_network(load_config(network, overrides or []), row=row, rows=rows, member=member)
    if json:
        print_json(explanation.to_json())
    else:
        print_explanation(explanation)
