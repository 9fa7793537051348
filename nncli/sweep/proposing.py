"""Which values are tried next."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from nncli.config.values import as_written
from nncli.engine.randomness import Purpose, stream
from nncli.errors import NncliError
from nncli.sweep.space import Dimension, Values
from nncli.sweep.sweep import Sweep
from nncli.sweep.trial import Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial as Asked

TRIES = 1000
"""So many draws that come to values that were tried already are thrown away, one after the other."""
STARTUP = 10
"""Trials at random before the model of them begins."""


def fixed(sweep: Sweep) -> list[Values]:
    """All trials of a grid, or at random: they follow from the sweep alone.

    Raises:
        NncliError: There are not so many different values.
    """
    if sweep.method == "grid":
        return list(islice(sweep.space.grid(), sweep.trials))
    found: list[Values] = []
    seen: set[str] = set()
    for values in _drawn(sweep):
        if (written := as_written(values)) not in seen:
            seen.add(written)
            found.append(values)
            if len(found) == sweep.trials:
                return found
    message = f"{TRIES} draws in a row came to values that were tried already, after {len(found)} trials"
    raise NncliError(message, where="space", remedy="take fewer trials, or method: grid")


def _drawn(sweep: Sweep) -> Iterator[Values]:
    """Values at random, a function of the seed and the number of the draw, until nothing new seems to come."""
    seen: set[str] = set()
    number, idle = 0, 0
    while idle < TRIES:
        values = sweep.space.draw(stream(sweep.seed, Purpose.SWEEP, number))
        number += 1
        written = as_written(values)
        idle = idle + 1 if written in seen else 0
        seen.add(written)
        yield values


class Model:
    """Tree-structured Parzen estimators (Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization).

    Optuna's, over all keys together, those that depend on others apart. What it proposes is a function of the sweep,
    the number of the trial and what has come of those before; one that still trains counts as a bad one, so that no
    other goes to the same place.

    Raises:
        NncliError: Optuna is not installed.
    """

    def __init__(self, sweep: Sweep) -> None:
        try:
            import optuna
        except ImportError:
            remedy = "pip install 'nncli[sweep]', or take method: random"
            raise NncliError("needs Optuna, which is not installed", where="method: tpe", remedy=remedy) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._sweep = sweep

    def propose(self, trials: Sequence[Trial]) -> Values:
        """Values for the trial behind ``trials``."""
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some of its arguments are called experimental
            sampler = optuna.samplers.TPESampler(
                seed=int(stream(self._sweep.seed, Purpose.SWEEP, len(trials)).integers(2**31)),
                n_startup_trials=STARTUP,
                multivariate=True,
                group=True,
                constant_liar=True,
            )
            study = optuna.create_study(sampler=sampler)
            study.add_trials([self._told(trial) for trial in trials])
            return self._suggested(study)

    def _suggested(self, study: Study) -> Values:
        asked = study.ask()
        chosen: Values = {}
        for dimension in self._sweep.space.dimensions:
            if dimension.applies(chosen):
                chosen[dimension.key] = _suggest(asked, dimension)
        return chosen

    def _told(self, trial: Trial) -> Any:
        """``trial``, as Optuna has it."""
        from optuna.trial import TrialState, create_trial

        dimensions = [d for d in self._sweep.space.dimensions if d.key in trial.values]
        cost = self._sweep.cost(trial.value)
        state = TrialState.RUNNING
        if trial.over:  # one that failed would teach nothing; one that was pruned before it had a figure is the worst
            finished = trial.state == "completed" and math.isfinite(cost)
            state = TrialState.COMPLETE if finished else TrialState.PRUNED
        return create_trial(
            state=state,
            value=cost if state == TrialState.COMPLETE else None,
            params={d.key: _param(d, trial.values[d.key]) for d in dimensions},
            distributions={d.key: _distribution(d) for d in dimensions},
            intermediate_values={trial.epochs: cost} if trial.state == "pruned" else {},
        )


def _suggest(asked: Asked, dimension: Dimension) -> Any:
    low, high = (dimension.values[0], dimension.values[-1])
    log = dimension.kind.startswith("log")
    if dimension.kind == "choice":
        return dimension.values[asked.suggest_categorical(dimension.key, range(len(dimension.values)))]
    if dimension.kind.endswith("integer"):
        return asked.suggest_int(dimension.key, low, high, log=log)
    return asked.suggest_float(dimension.key, low, high, log=log)


def _param(dimension: Dimension, value: Any) -> Any:
    """A choice is told by its number: it may be a list or a mapping."""
    return dimension.position(value) if dimension.kind == "choice" else value


def _distribution(dimension: Dimension) -> Any:
    from optuna import distributions

    low, high = (dimension.values[0], dimension.values[-1])
    log = dimension.kind.startswith("log")
    if dimension.kind == "choice":
        return distributions.CategoricalDistribution(tuple(range(len(dimension.values))))
    if dimension.kind.endswith("integer"):
        return distributions.IntDistribution(low, high, log=log)
    return distributions.FloatDistribution(low, high, log=log)
