"""A commented config for a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nncli.data.files import read_columns
from nncli.starter.findings import Findings, look
from nncli.starter.recipe import RECIPES, Recipe
from nncli.starter.targets import Asked
from nncli.starter.written import TEST, write


@dataclass(frozen=True)
class Draft:
    """A config, and what it follows from."""

    text: str
    findings: Findings
    recipe: Recipe


def draft(
    data: Path,
    target: str | Sequence[str],
    *,
    task: Asked | None = None,
    members: int = 1,
    path: str | None = None,
    test: float = TEST,
    minutes: float | None = None,
    tried: Callable[[str, float, int], None] = lambda name, loss, fold: None,
) -> Draft:
    """Look at the table ``data`` and write a config for it.

    Args:
        data: A ``.csv``, ``.tsv`` or ``.parquet`` file.
        target: The column to predict, or several.
        task: What it asks for; None: as it looks.
        members: How many networks are trained and averaged.
        path: How the config is to name the file; None: as ``data``.
        test: The share of the rows that measure the result.
        minutes: How long recipes are compared by cross-validation; None: the first of the task is taken.
        tried: Called with each recipe's name, its loss on a fold, and that fold's number.

    Raises:
        DataError: The table cannot be read, or nothing can be learned from it.
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    findings = look(read_columns(data), str(data), targets, task)
    recipe = RECIPES[findings.task][0]
    if minutes is not None:
        from nncli.starter.tuning import tune

        tuned = tune(findings, data, minutes, test=test, told=tried)
        recipe, findings = tuned.best, replace(findings, notes=(*findings.notes, tuned.text))
    return Draft(write(findings, recipe, members, path or str(data), test), findings, recipe)
