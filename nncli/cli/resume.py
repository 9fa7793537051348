"""``nncli resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json, Overrides

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory, or latest.", show_default=False)]


def resume(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run's directory, that of several, or latest.", show_default=False),
    ],
    overrides: Overrides = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Go on with the training of RUN where it was stopped, to the same bits; also for longer: training.epochs=300."""
    from nncli.cli.training import print_result, shown
    from nncli.many import is_series
    from nncli.resumption import resume as go_on

    if is_series(run):
        _resume_series(run, overrides or [], quiet=quiet, json=json)
        return
    with shown(silent=quiet) as screen:
        trained = go_on(
            run,
            overrides or [],
            began=screen.began,
            warned=screen.warned,
            observe=screen.observe,
            preparing=screen.say,
            turn=screen.turn,
        )
    print_result(trained, json=json)


def _resume_series(directory: Path, overrides: list[str], *, quiet: bool, json: bool) -> None:
    from nncli.cli.series import print_series, watched
    from nncli.errors import NncliError
    from nncli.many import go_on

    if overrides:
        message = f"holds several trainings, which go on as they began, without {overrides[0]}"
        raise NncliError(message, where=str(directory), remedy="leave it out, or begin anew in another directory")
    with watched(quiet=quiet) as told:
        found = go_on(directory, told)
    print_series(found, json=json)
