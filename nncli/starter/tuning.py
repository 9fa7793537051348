"""Which of a few recipes trains best on a table, by cross-validation on all rows but the test's."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from nncli.builder import Experiment, Tables, build, read_tables
from nncli.config.loader import config_of
from nncli.errors import NncliError
from nncli.starter.findings import Findings
from nncli.starter.recipe import RECIPES, Recipe
from nncli.starter.written import TEST, write
from nncli.text import count
from nncli.training.events import Ended, EpochEnded
from nncli.training.trainer import Trainer

FOLDS = 5


@dataclass(frozen=True)
class Tried:
    """A recipe, and its loss on each of the folds that there was time for."""

    recipe: Recipe
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the folds."""
        return statistics.fmean(self.losses)


@dataclass(frozen=True)
class Tuned:
    """The outcome: ``tried``, the best first."""

    tried: tuple[Tried, ...]

    @property
    def best(self) -> Recipe:
        """That of the lowest mean."""
        return self.tried[0].recipe

    @property
    def text(self) -> str:
        """All means in words."""
        folds = len(self.tried[0].losses)
        means = ", ".join(f"{one.recipe.name} {one.mean:.4f}" for one in self.tried)
        return f"mean loss of {count(folds, 'fold')} of {FOLDS} by cross-validation: {means}"


def tune(
    findings: Findings,
    data: Path,
    minutes: float,
    *,
    seed: int = 0,
    test: float = TEST,
    told: Callable[[str, float, int], None] = lambda name, loss, fold: None,
) -> Tuned:
    """Try every recipe on one fold after another, as long as there is time for all of them on the next one.

    Each fold validates what was trained on the others, at the last epoch, as no row chooses one; by the loss, which
    tells more of few rows than a figure that counts them. All recipes see the same folds, as many of them. The first
    fold is tried whatever it takes.

    Args:
        findings: What the table is like.
        data: The table.
        minutes: For how long.
        seed: Of splits and weights.
        test: The share of the rows that are not looked at.
        told: Called with the name of a recipe, its loss, and the fold, from 1.

    Raises:
        NncliError: The table cannot be trained on; no recipe comes to an end.
    """
    recipes = RECIPES[findings.task]
    until = time.monotonic() + 60 * minutes
    losses: dict[str, list[float]] = {recipe.name: [] for recipe in recipes}
    tables: Tables | None = None
    longest = 0.0
    for fold in range(FOLDS):
        began = time.monotonic()
        if fold and began + longest > until:
            break
        for recipe in recipes:
            content = yaml.safe_load(write(findings, recipe, 1, str(data.resolve()), test))
            content["seed"] = seed
            content["data"]["split"]["fold"] = {"of": FOLDS, "number": fold}
            content["metrics"] = []
            config = config_of(content)
            tables = tables or read_tables(config)
            loss = _loss(build(config, tables))
            losses[recipe.name].append(loss)
            told(recipe.name, loss, fold + 1)
        longest = max(longest, time.monotonic() - began)
    tried = [Tried(recipe, tuple(losses[recipe.name])) for recipe in recipes]
    tried.sort(key=lambda one: one.mean)  # of equals, the one that is the default comes first
    if not math.isfinite(tried[0].mean):
        raise NncliError("no recipe came to an end", where=findings.path, remedy="look at the columns for huge numbers")
    return Tuned(tuple(tried))


def _loss(experiment: Experiment) -> float:
    """The loss on the validation rows after the last epoch; ∞ where the training left the finite numbers."""
    from threadpoolctl import threadpool_limits

    loss = math.inf
    with threadpool_limits(experiment.blas_threads, user_api="blas"), np.errstate(all="ignore"):
        for event in Trainer(experiment).run():
            if isinstance(event, EpochEnded):
                found = event.validation["validation_loss"]
                loss = math.inf if found is None else found
            if isinstance(event, Ended) and event.problem:
                return math.inf
    return loss
