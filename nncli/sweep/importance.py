"""How much each key of a sweep matters: by a model of the trials, and how much worse it is without the key.

Permutation importance (Breiman 2001, Random Forests): the values of one key are shuffled among the trials that a tree
was not made from, and R² falls. A key that is not there in a trial has a value of its own there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncli.engine.buffers import Array

FEWEST = 12
"""Trials from which something can be told."""
TREES, REPEATS, PARTS = 120, 5, 4


@dataclass(frozen=True, eq=False)
class Importance:
    """How much each key matters.

    Attributes:
        falls: (keys, r) of R² when the key is shuffled, r times.
        explained: R² of trials that the model was not made from.
    """

    falls: Array
    explained: float


def importance(columns: Sequence[Array], costs: Array, seed: int) -> Importance | None:
    """How much ``costs`` (n,) depend on each of the ``columns`` (n,), NaN where a key is not there.

    They are ranked first: a trial that failed by far counts as the worst, and not as all that there is to explain.
    None of too few trials, or of trials that all came to the same.
    """
    if len(costs) < FEWEST or not columns or np.ptp(costs) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score

    X = np.stack([np.where(np.isnan(column), np.nanmin(column) - 1, column) for column in columns], axis=1)
    y = np.argsort(np.argsort(costs, kind="stable"), kind="stable") / (len(costs) - 1)
    rng = np.random.default_rng(seed)
    parts = np.array_split(rng.permutation(len(y)), PARTS)
    said = np.empty_like(y)
    falls = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(y)), part)
        forest = RandomForestRegressor(TREES // PARTS, random_state=seed % 2**32, n_jobs=1).fit(X[rest], y[rest])
        said[part] = forest.predict(X[part])
        found = permutation_importance(forest, X[part], y[part], n_repeats=REPEATS, random_state=seed % 2**32)
        falls.append(found.importances)
    return Importance(np.mean(falls, axis=0), float(r2_score(y, said)))
