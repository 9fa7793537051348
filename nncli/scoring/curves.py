"""What pictures show of predictions: curves over every threshold, and how often what was said came true.

The curves are those of ``sklearn.metrics``, which the tests hold them to: to import it takes longer than many a
training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.engine.buffers import Array

Z = 1.959963984540054
"""Standard deviations on both sides of the mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Points (m,) over falling thresholds, and the figure that sums them up."""

    x: Array
    y: Array
    area: float


def _counts(truth: Array, scores: Array) -> tuple[Array, Array]:
    """True and false positives (m,) where the threshold is each of the different ``scores`` (n,), from the highest."""
    order = np.argsort(-scores)  # in whatever order where they are the same
    falling = scores[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # rows of one score come in together
    true = np.cumsum(truth[order], dtype=np.int64)[ends]
    return true, ends + 1 - true


def roc(truth: Array, scores: Array) -> Curve | None:
    """False against true positive rate, and the area under it (Fawcett 2006).

    Args:
        truth: (n,) of 0 and 1.
        scores: (n,) the higher, the surer of 1.

    Returns:
        The curve from (0, 0) to (1, 1); None where no row is 1, or none 0.
    """
    true, false = (np.concatenate([[0], counted]) for counted in _counts(truth, scores))
    if not true[-1] or not false[-1]:
        return None
    x, y = false / false[-1], true / true[-1]
    return Curve(x, y, float(np.trapezoid(y, x)))


def precision_recall(truth: Array, scores: Array) -> Curve | None:
    """Recall against precision, and the average precision: the area under its steps, not under its chords.

    Arguments as of ``roc``. It begins at recall 0, where precision is said to be 1.

    Returns:
        The curve; None where no row is 1.
    """
    true, false = _counts(truth, scores)
    if not true[-1]:
        return None
    precision, recall = true / (true + false), true / true[-1]
    area = float(np.sum(np.diff(recall, prepend=0) * precision))
    return Curve(np.append(0, recall), np.append(1, precision), area)


def wilson(hits: Array, rows: Array) -> tuple[Array, Array]:
    """The 95 % interval of a share of which ``hits`` of ``rows`` were seen (Wilson 1927); it stays within 0 and 1."""
    share = hits / rows
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * np.sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2)
    # at a share of 0 or 1 the interval ends there, but for the rounding
    return np.minimum(np.maximum(middle - half, 0), share), np.maximum(np.minimum(middle + half, 1), share)


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said beside what came true, bin by bin (b,), from the lowest probability to the highest.

    Attributes:
        rows: How many are in the bin.
        said: The mean of their probabilities.
        share: How many of them it came true for, divided by their number.
        error: The expected calibration error: the mean of |share − said| over all rows.
    """

    rows: Array
    said: Array
    share: Array
    error: float

    @property
    def interval(self) -> tuple[Array, Array]:
        """Where the share of more such rows may lie."""
        return wilson(self.share * self.rows, self.rows)


BINS = 15
"""Of one width, as in Guo et al. 2017, before those with few rows are put together."""


def reliability(said: Array, happened: Array) -> Reliability:
    """Rows by their probability in bins of one width; those with few rows are joined to their smaller neighbours.

    A bin has 5 rows at least, from 500 rows on a hundredth of them, and 50 from 5000 rows on, if all together have.

    Args:
        said: (n,) probabilities, n ≥ 1.
        happened: (n,) of 0 and 1.
    """
    n = len(said)
    least = min(50, max(5, n // 100))
    bins = np.minimum((said * BINS).astype(np.intp), BINS - 1)
    sums = np.stack([np.bincount(bins, values, BINS) for values in (np.ones(n), said, happened)], axis=1)
    while len(sums) > 1 and sums[:, 0].min() < least:
        i = int(sums[:, 0].argmin())
        beside = min((j for j in (i - 1, i + 1) if 0 <= j < len(sums)), key=lambda j: sums[j, 0])
        sums[beside] += sums[i]
        sums = np.delete(sums, i, axis=0)
    rows, means, shares = sums[:, 0], sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0]
    return Reliability(rows, means, shares, float(np.sum(rows * np.abs(shares - means)) / n))
