"""``nncli train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nncli.ranks import Ranks

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Changes to the config: training.epochs=20", show_default=False),
]
Jobs = Annotated[int, typer.Option(help="How many trainings at a time, in processes of this machine.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Train on the workers of a Dask cluster instead: tcp://host:8786. They need this folder at this path.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def train(
    context: typer.Context,
    config: Config,
    overrides: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="The run's directory, which must not exist yet.")] = None,
    gradcheck: Annotated[bool, typer.Option("--gradcheck", help="Check the gradients before the first epoch.")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Train it by so many seeds on the same rows, and print how the figures spread.", show_default=False
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="With --seeds: how many trainings at a time, in processes.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="With --seeds: on the workers of a Dask cluster.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Train the network of CONFIG; print the run's directory and its test metrics."""
    from nncli.errors import NncliError

    if seeds is not None:
        alone(context, "nncli train --seeds")
        by = {"jobs": jobs, "scheduler": scheduler}
        _train_seeds(config, overrides or [], seeds, run, by, gradcheck=gradcheck, quiet=quiet, json=json)
        return
    if jobs != 1 or scheduler is not None:
        option = "--jobs" if jobs != 1 else "--scheduler"
        remedy = "add --seeds N, or see `nncli cv` and `nncli sweep`; one training takes training.threads"
        raise NncliError("is for several trainings", where=option, remedy=remedy)
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
            preparing=screen.say,
            began=screen.began,
            warned=screen.warned,
            observe=screen.observe,
            turn=screen.turn,
            ranks=shared(context),
        )
    print_result(trained, json=json)


def shared(context: typer.Context) -> Ranks:
    """The processes that share the command; this one, where nobody says that there are others."""
    from nncli.ranks import ALONE

    found: Ranks = context.obj or ALONE
    return found


def alone(context: typer.Context, command: str) -> None:
    """Refuse what one process does in several."""
    from nncli.errors import NncliError

    size = shared(context).size
    if size > 1:
        message = f"runs in one process, and {size} were started together"
        raise NncliError(
            message, where=command, remedy="leave mpiexec out: nncli train and nncli resume share the work"
        )


def _train_seeds(
    config: Path,
    overrides: list[str],
    seeds: int,
    run: Path | None,
    by: dict[str, Any],
    *,
    gradcheck: bool,
    quiet: bool,
    json: bool,
) -> None:
    from nncli.cli.series import print_series, watched
    from nncli.config.loader import load_config
    from nncli.errors import NncliError
    from nncli.many import train_seeds

    if gradcheck:
        message, remedy = "is of one training, and not of several seeds", f"nncli gradcheck {config} checks it"
        raise NncliError(message, where="--gradcheck", remedy=remedy)
    loaded = load_config(config, overrides)
    with watched(quiet=quiet) as told:
        found = train_seeds(loaded, seeds, directory=run, told=told, **by)
    print_series(found, json=json)
