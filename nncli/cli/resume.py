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
    from nncli.cli.plain import print_json
    from nncli.cli.training import Training, print_summary
    from nncli.recording import Interrupted
    from nncli.resumption import resume as go_on

    with Training(silent=quiet) as screen:
        try:
            trained = go_on(
                run,
                overrides or [],
                began=screen.began,
                warned=screen.warned,
                observe=screen.observe,
            )
        except Interrupted as interrupted:
            screen.say(str(interrupted))
            raise typer.Exit(interrupted.exit_code) from None
    if json:
        print_json({"run": str(trained.path), **trained.read_json("summary.json")})
    else:
        print_summary(trained)
