"""``nncli resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json, Overrides

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory, or latest.", show_default=False)]


def resume(
    run: Run,
    overrides: Overrides = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Go on with the training of RUN where it was stopped, to the same bits; also for longer: training.epochs=300."""
    from nncli.cli.training import print_result, shown
    from nncli.resumption import resume as go_on

    with shown(silent=quiet) as screen:
        trained = go_on(
            run,
            overrides or [],
            began=screen.began,
            warned=screen.warned,
            observe=screen.observe,
            turn=screen.turn,
        )
    print_result(trained, json=json)
