"""``nncli runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json


def runs(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that they lie in.")] = Path("runs"),
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="A column, a metric or a key of the config; the best come first.")
    ] = "when",
    reverse: Annotated[bool, typer.Option("--reverse", help="In the other order.")] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Only runs of which it holds; several times: 'test_accuracy>0.9', optimizer.name=adam, run=iris*",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the runs in DIR: how each ended, its data, score, loss, epochs and time; the newest first."""
    from nncli.cli.plain import print_json, print_lines
    from nncli.seeing.listing import asked_for, list_runs

    found = list_runs(directory, sort=sort, reverse=reverse, where=where or [])
    if json:
        also = asked_for(sort, where or [])
        print_json({"runs": [{**run.to_json(), **{key: run.value(key) for key in also}} for run in found]})
    elif found:
        from nncli.cli.listing import print_runs

        print_runs(found, asked_for(sort, where or []))
    elif where:
        print_lines(f"no run in {directory} is such: {', '.join(where)}", errors=True)
    else:
        print_lines(f"no run in {directory} yet; nncli train CONFIG makes one", errors=True)
