"""``nncli sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Jobs, Json, Scheduler


def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="SWEEP", help="A YAML file: a config, and what of it to vary.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to SWEEP: trials=100, method=tpe", show_default=False),
    ] = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    run: Annotated[
        Path | None, typer.Option(help="The directory of all runs; one that has begun goes on.", show_default=False)
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a sweep, for editors, and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    json: Json = False,
) -> None:
    """Look for the best config: train the config of SWEEP with other values, on a grid, at random or by a model.

    Each training is a run of its own, the best of them is in best/. Only validation figures decide.
    """
    from nncli.errors import NncliError

    if schema:
        from nncli.cli.plain import print_json
        from nncli.sweep.json_schema import sweep_schema

        if file is not None:
            raise NncliError("goes alone", where="--schema", remedy="leave out SWEEP")
        print_json(sweep_schema())
        return
    if file is None:
        raise NncliError("needs a SWEEP", where="sweep", remedy="name a YAML file, or use --schema")
    from nncli.cli.swept import print_swept, watched
    from nncli.sweep import load_sweep, run_sweep

    loaded = load_sweep(file, overrides or [])
    with watched(loaded, quiet=quiet, others=jobs > 1 or scheduler is not None) as told:
        found = run_sweep(loaded, jobs=jobs, scheduler=scheduler, directory=run, told=told)
    print_swept(found, json=json)
