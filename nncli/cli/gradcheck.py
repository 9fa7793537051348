"""``nncli gradcheck``."""

from __future__ import annotations

import typer

from nncli.cli.train import Config, Json, Overrides


def gradcheck(config: Config, overrides: Overrides = None, json: Json = False) -> None:
    """Prove the gradients of the network of CONFIG, on rows of its own data. Exit code 1 when one is wrong."""
    from nncli.api import check_gradients
    from nncli.cli.console import print_gradcheck, print_json
    from nncli.config.loader import load_config

    check = check_gradients(load_config(config, overrides or []))
    if json:
        print_json(check.to_json())
    else:
        print_gradcheck(check)
    if not check.passed:
        raise typer.Exit(1)
