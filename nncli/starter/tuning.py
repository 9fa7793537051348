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
from nncli.starter.draft import TEST, write
from nncli.starter.findings import Findings
from nncli.starter.recipe import RECIPES, Recipe
from nncli.text import count
from nncli.training.events import Ended, EpochEnded
from nncli.training.trainer import Trainer

FOLDS = 5
FIGURES = {"classification": "accuracy", "multilabel": "f1_micro", "regression": "r2"}
"""What recipes are compared by: higher is better."""


@dataclass(frozen=True)
class Tried:
    """A recipe, and how it did on each of the folds that there was time for."""

    recipe: Recipe
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the folds."""
        return statistics.fmean(self.scores)


@dataclass(frozen=True)
class Tuned:
    """The outcome: ``tried``, the best first, by this ``figure``."""

    figure: str
    tried: tuple[Tried, ...]

    @property
    def best(self) -> Recipe:
        """That of the highest mean."""
        return self.tried[0].recipe

    @property
    def text(self) -> str:
        """All means in words."""
        folds = len(self.tried[0].scores)
        means = ", ".join(f"{one.recipe.name} {one.mean:.4f}" for one in self.tried)
        return f"mean {self.figure} of {count(folds, 'fold')} of {FOLDS} by cross-validation: {means}"


def tune(
    findings: Findings,
    data: Path,
    minutes: float,
    *,
    seed: int = 0,
    test: float = TEST,
    told: Callable[[str, float, int], None] = lambda name, score, fold: None,
) -> Tuned:
    """Try every recipe on one fold after another, as long as there is time for all of them on the next one.

    Each fold validates what was trained on the others: at its last epoch, as no row chooses one. All recipes see the
    same folds, and the same number of them. The first fold is tried whatever it takes.

    Args:
        findings: What the table is like.
        data: The table.
        minutes: For how long.
        seed: Of splits and weights.
        test: The share of the rows that are not looked at.
        told: Called with the name of a recipe, its score, and the fold, from 1.

    Raises:
        NncliError: The table cannot be trained on; no recipe has a score.
    """
    recipes = RECIPES[findings.task]
    figure, until = FIGURES[findings.task], time.monotonic() + 60 * minutes
    scores: dict[str, list[float]] = {recipe.name: [] for recipe in recipes}
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
            content["metrics"] = [figure]
            config = config_of(content)
            tables = tables or read_tables(config)
            score = _score(build(config, tables), figure)
            scores[recipe.name].append(score)
            told(recipe.name, score, fold + 1)
        longest = max(longest, time.monotonic() - began)
    tried = [Tried(recipe, tuple(scores[recipe.name])) for recipe in recipes]
    tried.sort(key=lambda one: -one.mean)  # of equals, the one that is the default comes first
    if not math.isfinite(tried[0].mean):
        raise NncliError("no recipe came to an end", where=findings.path, remedy="look at the columns for huge numbers")
    return Tuned(figure, tuple(tried))


def _score(experiment: Experiment, figure: str) -> float:
    """The figure on the validation rows after the last epoch; −∞ where the training left the finite numbers."""
    from threadpoolctl import threadpool_limits

    score = -math.inf
    with threadpool_limits(experiment.blas_threads, user_api="blas"), np.errstate(all="ignore"):
        for event in Trainer(experiment).run():
            if isinstance(event, EpochEnded):
                found = event.validation[f"validation_{figure}"]
                score = -math.inf if found is None else float(found)
            if isinstance(event, Ended) and event.problem:
                return -math.inf
    return score
