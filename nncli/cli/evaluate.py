"""``nncli evaluate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nncli.cli.train import Json


class Split(StrEnum):
    """The parts of a dataset."""

    train = "train"
    validation = "validation"
    test = "test"


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's directory, or latest.", show_default=False)],
    split: Annotated[Split, typer.Option(help="The rows to evaluate on.")] = Split.test,
    data: Annotated[Path | None, typer.Option(help="A file to evaluate on instead.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Evaluate RUN: loss and metrics, each class and the confusion matrix, each label, or each target."""
    from nncli.cli.evaluation import print_evaluation
    from nncli.cli.plain import print_json
    from nncli.evaluation import evaluate as measure
    from nncli.run import Run

    opened = Run.open(run)
    evaluation = measure(opened, split=split.value, data=data)
    if json:
        print_json({"run": str(opened.path), **evaluation.to_json()})
    else:
        print_evaluation(opened, evaluation)
