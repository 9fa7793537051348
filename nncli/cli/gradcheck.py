"""``nncli gradcheck``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nncli.cli.train import Json, Overrides

if TYPE_CHECKING:
    from collections.abc import Callable

    from nncli.gradcheck.verdict import Proof


def gradcheck(
    network: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG|RUN]",
            help="A YAML file, a run, or latest; without it, every registered piece of the engine is checked.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    inject: Annotated[
        str | None,
        typer.Option(metavar="FAULT", help="Plant a mistake into the backward pass first: it must be found."),
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Plant every mistake of the catalogue: which method finds which?")
    ] = False,
    json: Json = False,
) -> None:
    """Prove gradients by complex step, differences, Taylor remainder and autograd.

    Those of a CONFIG are checked on rows of its own data, at its initial weights and after a few steps, those of a RUN
    at its trained weights, too. Exit code 1 when one is wrong.
    """
    from nncli.errors import NncliError

    if self_test:
        if network is not None or inject is not None:
            raise NncliError("goes alone", where="--self-test", remedy="leave out CONFIG and --inject")
        passed = _self_test(json)
    elif network is None and inject is None:
        passed = _pieces(json)
    elif network is None:
        raise NncliError("needs a network", where="--inject", remedy="name a CONFIG or RUN, or use --self-test")
    else:
        passed = _network(network, overrides or [], inject, json)
    if not passed:
        raise typer.Exit(1)


def _network(network: Path, overrides: list[str], inject: str | None, json: bool) -> bool:
    from nncli.cli.plain import print_json
    from nncli.cli.progress import progress
    from nncli.cli.proof import print_proof

    with progress("gradcheck") as observe:
        proof = _prove(network, overrides, inject, observe)
    if json:
        print_json(proof.to_json())
    else:
        print_proof(proof)
    return proof.passed


def _prove(network: Path, overrides: list[str], inject: str | None, observe: Callable[[float], None]) -> Proof:
    from nncli.certify import check_gradients
    from nncli.config.loader import load_config
    from nncli.errors import RunError
    from nncli.run import Run

    if str(network) == "latest" or (network / "config.yaml").exists():
        if overrides:
            raise RunError("a run is checked as it is", where=str(network), remedy="overrides go with a config")
        return check_gradients(Run.open(network), fault=inject, observe=observe)
    return check_gradients(load_config(network, overrides), fault=inject, observe=observe)


def _pieces(json: bool) -> bool:
    from nncli.cli.plain import print_json
    from nncli.cli.progress import progress
    from nncli.cli.proof import print_pieces
    from nncli.gradcheck.pieces import check_pieces, count_pieces

    checks, total = [], count_pieces()
    with progress("gradcheck") as observe:
        for check in check_pieces():
            checks.append(check)
            observe(len(checks) / total)
    passed = all(check.verdict == "right" for check in checks)
    if json:
        print_json({"passed": passed, "pieces": [check.to_json() for check in checks]})
    else:
        print_pieces(checks)
    return passed


def _self_test(json: bool) -> bool:
    from dataclasses import asdict

    from nncli.cli.plain import print_json
    from nncli.cli.progress import progress
    from nncli.cli.proof import print_self_test
    from nncli.gradcheck.self_test import count_faults, self_test

    checks, total = [], count_faults()
    with progress("self-test") as observe:
        for check in self_test():
            checks.append(check)
            observe(len(checks) / total)
    passed = all(check.passed for check in checks)
    if json:
        print_json({"passed": passed, "faults": [asdict(check) | {"passed": check.passed} for check in checks]})
    else:
        print_self_test(checks)
    return passed
