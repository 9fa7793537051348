"""``nncli cv``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Config, Jobs, Json, Scheduler


def cv(
    config: Config,
    others: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONFIG2] [KEY=VALUE]...",
            help="A config to compare with on the same folds; and changes to both.",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="In how many the rows are cut; each validates once.")] = 5,
    repeats: Annotated[int, typer.Option(help="How many times they are cut, each time anew.")] = 1,
    run: Annotated[
        Path | None, typer.Option(help="The directory of all runs; one that has begun goes on.", show_default=False)
    ] = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Cross-validate CONFIG: train it once for each fold; print mean, deviation and interval of each metric.

    The test rows stay out, and are the same in every training; data.split.test=0 lets all rows take part.
    """
    from nncli.cli.series import print_series, watched
    from nncli.config.loader import load_config
    from nncli.errors import NncliError
    from nncli.many import cross_validate

    files = [word for word in others or [] if "=" not in word]
    overrides = [word for word in others or [] if "=" in word]
    if len(files) > 1:
        remedy = "compare them two by two"
        raise NncliError(f"is one config too many: {files[0]} is the second", where=files[1], remedy=remedy)
    loaded = [load_config(file, overrides) for file in [config, *map(Path, files)]]
    with watched(quiet=quiet) as told:
        found = cross_validate(
            *loaded, folds=folds, repeats=repeats, directory=run, jobs=jobs, scheduler=scheduler, told=told
        )
    print_series(found, json=json)
