"""``nncli validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json


def validate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG... [KEY=VALUE]...",
            help="YAML files, and changes to each of them: training.epochs=20",
            show_default=False,
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a config, for editors, and exit.")
    ] = False,
    json: Json = False,
) -> None:
    """Check each CONFIG and its data, all errors at once; nothing is trained.

    For a right one: the config with every default, its blocks with their shapes, parameters, multiply-adds and memory,
    and the steps and the memory of the training. What needs more memory than there is, is refused. Exit code 2 when
    anything is wrong.
    """
    from nncli.cli.plain import print_json
    from nncli.errors import NncliError

    named = arguments or []
    if schema:
        if named:
            raise NncliError("goes alone", where="--schema", remedy="leave out CONFIG")
        from nncli.config.json_schema import json_schema

        print_json(json_schema())
        return
    overrides = [argument for argument in named if "=" in argument and not Path(argument).exists()]
    files = [argument for argument in named if argument not in overrides]
    if not files:
        raise NncliError("needs a CONFIG", where="validate", remedy="name a YAML file, or use --schema")
    from nncli.cli.summary import print_summary
    from nncli.summary import validate as check

    try:
        summaries = check(*files, overrides=overrides)
    except NncliError as error:
        if json:
            print_json({"problems": [vars(problem) for problem in error.problems]})
        raise
    if json:
        print_json({"configs": [{"file": f, **s.to_json()} for f, s in zip(files, summaries, strict=True)]})
        return
    for i, (file, summary) in enumerate(zip(files, summaries, strict=True)):
        print_summary(file, summary, first=i == 0)
