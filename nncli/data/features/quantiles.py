"""Columns brought to the shape of a normal distribution by their quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.jsonable import fields, malformed, numbers, sequence, texts

MOST_KNOTS = 200
"""Beyond them, a curve follows the noise of its rows more than their distribution."""

CLOSE = 1e-12
"""Knots nearer to each other, as a part of the range, are one: the slope between them would overflow."""


@dataclass(frozen=True, eq=False)
class Quantiles:
    """A value is read from a curve: straight lines between knots, quantiles of the training rows.

    At a knot the curve has the normal score of its quantile, and beyond the outer ones it stays where it is. Of m rows
    the outer knots are the quantiles 1/2m and 1 − 1/2m, so that scores are finite. Where values are so many that
    several quantiles are equal, their mean counts, as in scikit-learn's QuantileTransformer. The fit is NumPy's own,
    since importing scikit-learn takes longer than many a training.

    Attributes:
        names: The names of the d columns.
        knots: For each column the values (k,), rising.
        scores: For each column what the curve has there (k,).
    """

    names: tuple[str, ...]
    knots: tuple[Array, ...]
    scores: tuple[Array, ...]

    @classmethod
    def fit(
        cls,
        method: str,
        names: tuple[str, ...],
        values: Array,
        rows: Array,
        columns: list[int] | None = None,
        weights: Array | None = None,
    ) -> Quantiles:
        """Fit on ``values`` (n, all) at the indices ``rows``; see `Scaling.fit`. Rows of any weight count alike."""
        curves = [_curve(values[rows, j].astype(np.float64)) for j in columns or range(len(names))]
        return cls(names, tuple(x for x, _ in curves), tuple(y for _, y in curves))

    def column(self, i: int) -> Quantiles:
        """Those of column ``i`` alone."""
        one = slice(i, i + 1)
        return Quantiles(self.names[one], self.knots[one], self.scores[one])

    def formula(self, X: Any) -> Any:
        """The scores (n, d) of ``X`` (n, d); where it is an array, by bisection, otherwise as a sum over the pieces."""
        if isinstance(X, np.ndarray):
            columns = zip(X.T, self.knots, self.scores, strict=True)
            return np.stack([np.where(np.isnan(x), x, np.interp(x, at, y)) for x, at, y in columns], axis=1)
        parts = []
        for j, (x, y) in enumerate(zip(self.knots, self.scores, strict=True)):
            lengths = np.diff(x)
            inside = np.minimum(np.maximum(X[:, j : j + 1] - x[:-1], 0.0), lengths)
            parts.append(np.dot(inside, (np.diff(y) / lengths)[:, np.newaxis]) + y[:1])
        return np.concatenate(parts, axis=1)

    def agrees(self, other: Quantiles) -> bool:
        """Whether both were fitted on the same data; see `Scaling.agrees`."""
        return self.names == other.names and all(
            len(a) == len(b) and bool(np.allclose(a, b, rtol=1e-6, atol=1e-9 * np.ptp(a)))
            for a, b in zip((*self.knots, *self.scores), (*other.knots, *other.scores), strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; its floats come back bit for bit."""
        return {
            "method": "quantile",
            "names": list(self.names),
            "knots": [knots.tolist() for knots in self.knots],
            "scores": [scores.tolist() for scores in self.scores],
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Quantiles:
        """Read what `to_json` wrote; raise DataError for anything else."""
        found = fields(data, {"method", "names", "knots", "scores"}, where)
        names = texts(found["names"], f"{where}.names")
        knots, scores = (
            tuple(numbers(one, f"{where}.{key}") for one in sequence(found[key], f"{where}.{key}"))
            for key in ("knots", "scores")
        )
        if not len(names) == len(knots) == len(scores) > 0 or len(set(names)) < len(names):
            raise malformed("each column has a name of its own, knots and scores", where)
        for x, y in zip(knots, scores, strict=True):
            if len(x) != len(y) or len(x) < 2 or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any():
                raise malformed("two knots or more that rise are expected, with a score each", where)
        return cls(names, knots, scores)


def _curve(x: Array) -> tuple[Array, Array]:
    """The knots and scores of one column."""
    from scipy.special import ndtri

    x = x[~np.isnan(x)]
    m = len(x)
    if not m or x.min() == x.max():  # whatever the value, its score is 0
        only = float(x[0]) if m else 0.0
        return np.array([only, np.nextafter(only, np.inf)]), np.zeros(2)
    levels = np.linspace(0, 1, min(m, MOST_KNOTS))
    found = np.quantile(x, levels)
    knots, place = np.unique(found, return_inverse=True)
    levels = np.bincount(place, levels) / np.bincount(place)
    apart = np.append(True, np.diff(knots) > CLOSE * np.ptp(knots))
    return knots[apart], ndtri(np.clip(levels[apart], 0.5 / m, 1 - 0.5 / m))
