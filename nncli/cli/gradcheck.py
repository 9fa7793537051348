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
    from nncli.certify import check_gradients
    from nncli.cli.console import print_json
    from nncli.cli.proof import print_proof, progress
    from nncli.config.loader import load_config
    from nncli.errors import RunError
    from nncli.run import Run

    with progress("gradcheck") as observe:
        if str(network) == "latest" or (network / "config.yaml").exists():
            if overrides:
                raise RunError("a run is checked as it is", where=str(network), remedy="overrides go with a config")
            proof = check_gradients(Run.open(network), observe=observe)
        else:
            proof = check_gradients(load_config(network, overrides or []), observe=observe)
    if json:
        print_json(proof.to_json())
    else:
        print_proof(proof)
    if not proof.passed:
        raise typer.Exit(1)
