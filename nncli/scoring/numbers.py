"""Metrics of numbers, in the target's own units; of several targets the mean over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from nncli.engine.buffers import Array
from nncli.scoring.base import Additive, ByScikitLearn, Kind, Metric, Scored, by_scikit_learn, registry


class OfNumbers(Metric):
    """A metric of a regression."""

    tasks = ("regression",)
    needs = "values"


@registry.register
@dataclass(frozen=True)
class Mse(Additive, OfNumbers):
    """The mean squared error."""

    name = "mse"
    function = "mean_squared_error"
    higher_is_better = False

    def numbers(self, rows: Scored) -> Array:
        return _summed(np.square(rows.outputs - rows.truth))

    def value(self, numbers: Array) -> float:
        return float(np.mean(numbers[0] / numbers[1]))


@registry.register
@dataclass(frozen=True)
class Rmse(Additive, OfNumbers):
    """The root of the mean squared error."""

    name = "rmse"
    function = "root_mean_squared_error"
    higher_is_better = False
    shown = "every epoch"

    def numbers(self, rows: Scored) -> Array:
        return _summed(np.square(rows.outputs - rows.truth))

    def value(self, numbers: Array) -> float:
        return float(np.mean(np.sqrt(numbers[0] / numbers[1])))


@registry.register
@dataclass(frozen=True)
class Mae(Additive, OfNumbers):
    """The mean absolute error."""

    name = "mae"
    function = "mean_absolute_error"
    higher_is_better = False
    shown = "in reports"

    def numbers(self, rows: Scored) -> Array:
        return _summed(np.abs(rows.outputs - rows.truth))

    def value(self, numbers: Array) -> float:
        return float(np.mean(numbers[0] / numbers[1]))


@registry.register
@dataclass(frozen=True)
class R2(Additive, OfNumbers):
    """1 − Σ(p − y)²/Σ(y − ȳ)²: how much better than the mean of the target."""

    name = "r2"
    function = "r2_score"
    higher_is_better = True
    shown = "every epoch"

    def lacking(self, kind: Kind, truth: Array) -> str:
        return _unvaried(truth)

    def numbers(self, rows: Scored) -> Array:
        residual = np.square(rows.outputs - rows.truth).sum(axis=0)
        mean = rows.truth.mean(axis=0)
        return np.stack([residual, np.full(len(mean), len(rows.truth)), mean, np.square(rows.truth - mean).sum(axis=0)])

    def joined(self, some: Array, others: Array) -> Array:
        """The spread of two sets of rows around their common mean (Chan, Golub & LeVeque 1983)."""
        residual, n, mean, spread = some
        residuals, m, means, spreads = others
        apart, both = means - mean, n + m
        between = apart * apart * (n * m / both)
        return np.stack([residual + residuals, both, mean + apart * (m / both), spread + spreads + between])

    def value(self, numbers: Array) -> float:
        residual, _, _, total = numbers
        return float(np.mean(1 - residual / total))


@registry.register
@dataclass(frozen=True)
class ExplainedVariance(ByScikitLearn, OfNumbers):
    """1 − Var(y − p)/Var(y): as r2, but an error that is always the same does not count."""

    name = "explained_variance"
    function = "explained_variance_score"
    higher_is_better = True

    def lacking(self, kind: Kind, truth: Array) -> str:
        return _unvaried(truth)


@registry.register
@dataclass(frozen=True)
class MedianAbsoluteError(ByScikitLearn, OfNumbers):
    """The median of the absolute errors, which a few outliers do not move."""

    name = "median_absolute_error"
    function = "median_absolute_error"
    higher_is_better = False


@registry.register
@dataclass(frozen=True)
class MaxError(OfNumbers):
    """The largest absolute error."""

    name = "max_error"
    function = "max_error"
    higher_is_better = False

    def compute(self, rows: Scored) -> float:
        return float(np.abs(rows.outputs - rows.truth).max(axis=0).mean())


@registry.register
@dataclass(frozen=True)
class Mape(ByScikitLearn, OfNumbers):
    """The mean of |p − y|/|y|, as a share and not in percent; not defined where a target is 0."""

    name = "mape"
    function = "mean_absolute_percentage_error"
    higher_is_better = False

    def lacking(self, kind: Kind, truth: Array) -> str:
        return "" if truth.all() else "targets that are not 0"


@registry.register
@dataclass(frozen=True)
class MeanPinballLoss(ByScikitLearn, OfNumbers):
    """The error where a share ``alpha`` of the targets should lie below: alpha·(y − p), or (1 − alpha)·(p − y)."""

    alpha: Annotated[float, Interval(ge=0, le=1)] = 0.5

    name = "mean_pinball_loss"
    function = "mean_pinball_loss"
    higher_is_better = False

    def settings(self, rows: Scored) -> dict[str, Any]:
        return {"alpha": self.alpha}


@registry.register
@dataclass(frozen=True)
class MeanPoissonDeviance(OfNumbers):
    """The mean of 2·(y log(y/p) − y + p), for counts; not defined below 0."""

    name = "mean_poisson_deviance"
    function = "mean_poisson_deviance"
    higher_is_better = False

    def lacking(self, kind: Kind, truth: Array) -> str:
        return "" if (truth >= 0).all() else "targets that are not below 0"

    def compute(self, rows: Scored) -> float:
        if (rows.outputs <= 0).any():
            return np.nan
        columns = zip(rows.truth.T, rows.outputs.T, strict=True)
        return float(np.mean([by_scikit_learn(self.function, y, p) for y, p in columns]))


def _summed(errors: Array) -> Array:
    """Of ``errors`` (n, k) the sum over the rows (k,), and below it their number."""
    return np.stack([errors.sum(axis=0), np.full(errors.shape[1], len(errors))])


def _unvaried(truth: Array) -> str:
    return "" if len(truth) > 1 and np.ptp(truth, axis=0).all() else "two rows at least, and targets that vary"
