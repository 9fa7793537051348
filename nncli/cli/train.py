"""``nncli train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Changes to the config: training.epochs=20", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def train(
    config: Config,
    overrides: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="The run's directory, which must not exist yet.")] = None,
    gradcheck: Annotated[bool, typer.Option("--gradcheck", help="Check the gradients before the first epoch.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Train the network of CONFIG; print the run's directory and its test metrics."""
    from nncli.api import train as run_training
    from nncli.cli.training import print_result, shown
    from nncli.config.loader import load_config

    loaded = load_config(config, overrides or [])
    with shown(silent=quiet) as screen:
        trained = run_training(
            loaded,
            directory=run,
            gradcheck=gradcheck,
            checked=screen.checked,
            began=screen.began,
            warned=screen.warned,
            observe=screen.observe,
            turn=screen.turn,
        )
    print_result(trained, json=json)
