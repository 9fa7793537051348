"""``nncli gradcheck``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json, Overrides


def gradcheck(
    network: Annotated[
        Path, typer.Argument(metavar="CONFIG|RUN", help="A YAML file, a run, or latest.", show_default=False)
    ],
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Prove a network's gradients on rows of its own data: at a CONFIG's initial weights, or a RUN's trained ones.

    Exit code 1 when one is wrong.
    """
    from nncli.api import check_gradients
    from nncli.cli.console import print_gradcheck, print_json
    from nncli.config.loader import load_config
    from nncli.errors import RunError
    from nncli.run import Run

    if str(network) == "latest" or (network / "config.yaml").exists():
        if overrides:
            raise RunError("a run is checked as it is", where=str(network), remedy="overrides go with a config")
        check = check_gradients(Run.open(network))
    else:
        check = check_gradients(load_config(network, overrides or []))
    if json:
        print_json(check.to_json())
    else:
        print_gradcheck(check)
    if not check.passed:
        raise typer.Exit(1)
