"""``nncli resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Jobs, Json, Overrides, Scheduler, alone, shared

REMEDY = "leave it out, or begin anew in another directory"
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory, or latest.", show_default=False)]


def resume(
    context: typer.Context,
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run's directory, that of several, or latest.", show_default=False),
    ],
    overrides: Overrides = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Go on with the training of RUN where it was stopped, to the same bits; also for longer: training.epochs=300."""
    from nncli.cli.training import print_result, shown
    from nncli.many import is_series
    from nncli.resumption import resume as go_on
    from nncli.sweep import is_sweep

    if is_sweep(run):
        alone(context, "nncli resume of a sweep")
        _resume_sweep(run, overrides or [], jobs, scheduler, quiet=quiet, json=json)
        return
    if is_series(run):
        alone(context, "nncli resume of several trainings")
        _resume_series(run, overrides or [], jobs, scheduler, quiet=quiet, json=json)
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
            ranks=shared(context),
        )
    print_result(trained, json=json)


def _resume_sweep(
    directory: Path, overrides: list[str], jobs: int, scheduler: str | None, *, quiet: bool, json: bool
) -> None:
    from nncli.cli.swept import print_swept, watched
    from nncli.sweep import go_on
    from nncli.sweep.running import begun

    more = next((override for override in overrides if override.startswith("trials=")), "")
    remedy = f"more trials go on by nncli sweep SWEEP {more} --run {directory}" if more else REMEDY
    _refuse_changes(directory, overrides, remedy)
    with watched(begun(directory), quiet=quiet, others=jobs > 1 or scheduler is not None) as told:
        found = go_on(directory, jobs=jobs, scheduler=scheduler, told=told)
    print_swept(found, json=json)


def _refuse_changes(directory: Path, overrides: list[str], remedy: str = REMEDY) -> None:
    from nncli.errors import NncliError

    if overrides:
        message = f"holds several trainings, which go on as they began, without {overrides[0]}"
        raise NncliError(message, where=str(directory), remedy=remedy)


def _resume_series(
    directory: Path, overrides: list[str], jobs: int, scheduler: str | None, *, quiet: bool, json: bool
) -> None:
    from nncli.cli.series import print_series, watched
    from nncli.many import go_on

    _refuse_changes(directory, overrides)
    with watched(quiet=quiet) as told:
        found = go_on(directory, told, jobs=jobs, scheduler=scheduler)
    print_series(found, json=json)
