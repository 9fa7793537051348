"""What the figures of several trainings come to: mean, spread, interval, and the difference of two configs.

The trainings of a cross-validation share most of their training rows, so that the variance of their mean is larger
than S²/n. Nadeau & Bengio 2003 (Inference for the Generalization Error, Machine Learning 52, 239-281) put
(1/n + n₂/n₁)·S² in its place, with n₂ rows to validate and n₁ to train, for random splits; Bouckaert & Frank 2004
(Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms, PAKDD) take it for repeated
folds, too, with n - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """What the values of a figure come to; None is what so few, or such, do not tell.

    Attributes:
        n: How many trainings have it.
        mean: Their mean.
        sd: The standard deviation of a single one, with n - 1 in the denominator.
        low: Where the interval of the mean begins, and ``high`` where it ends.
        min: The lowest of them, and ``max`` the highest.
    """

    n: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    min: float | None = None
    max: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """By the names of its attributes."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """The corrected resampled t-test of two configs on the same folds; None is what the values do not tell.

    Attributes:
        n: In how many pairs both have the figure.
        mean: The mean of second minus first.
        sd: The standard deviation of the difference in one pair.
        low: Where the interval of the mean begins, and ``high`` where it ends.
        t: The statistic.
        df: Its degrees of freedom.
        p: Two-sided: approximate, as the variance is.
    """

    n: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    df: int | None = None
    p: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """By the names of its attributes."""
        return asdict(self)


def spread(values: Sequence[float], ratio: float | None) -> Spread:
    """What ``values`` come to.

    Args:
        values: Of one figure, one for each training.
        ratio: Rows to validate over rows to train, n₂/n₁; 0 where the trainings are independent of one another; None
            where no interval is to be had.
    """
    if not values:
        return Spread(0)
    mean, n = fmean(values), len(values)
    if n == 1:
        return Spread(n, mean, min=mean, max=mean)
    sd = stdev(values)
    half = None if ratio is None else _quantile(n - 1) * _error(sd, n, ratio)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Spread(n, mean, sd, low, high, min(values), max(values))


def difference(first: Sequence[float], second: Sequence[float], ratio: float | None) -> Difference:
    """Compare two configs by the values of one figure, in pairs: of the same fold of the same repeat.

    Args:
        first: Of the one.
        second: Of the other, in the same order.
        ratio: As ``spread`` takes it.
    """
    of = [b - a for a, b in zip(first, second, strict=True)]
    found = spread(of, ratio)
    if found.sd is None or found.mean is None or ratio is None:
        return Difference(found.n, found.mean, found.sd)
    df, error = found.n - 1, _error(found.sd, found.n, ratio)
    if not error:  # all differences are the same: how rare that is, a t does not say
        return Difference(found.n, found.mean, found.sd, found.low, found.high, df=df)
    from scipy.special import stdtr

    t = found.mean / error
    return Difference(found.n, found.mean, found.sd, found.low, found.high, t, df, float(2 * stdtr(df, -abs(t))))


def _error(sd: float, n: int, ratio: float) -> float:
    """The standard error of the mean of n values."""
    return sd * math.sqrt(1 / n + ratio)


def _quantile(df: int) -> float:
    """How many standard errors the interval reaches to either side."""
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + CONFIDENCE) / 2))
