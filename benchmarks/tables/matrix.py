"""A table as the matrix that a network sees; all that is fitted is fitted on the training rows.

Numbers: standardized, or scaled robustly and clipped smoothly (Holzmüller et al. 2024), or by quantiles. A gap is the
median, and a flag beside it. In pieces: beside the robust column, its piecewise-linear encoding (Gorishniy, Rubachev &
Babenko 2022), a column a piece between quantiles, which the first dense block makes an embedding of. Text: a flag a
level; a level that the training rows do not have is no flag at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.tables.catalogue import Record
from benchmarks.tables.columns import kinds

Numeric = Literal["standardize", "robust", "robust unclipped", "quantile", "pieces 8", "pieces 16", "pieces 32"]
BEND = 3.0
"""Where the clipping begins to tell."""


@dataclass(frozen=True)
class Encoding:
    """Fitted on training rows; ``apply`` gives float64 matrices (n, columns)."""

    numbers: list[str]
    levels: dict[str, list[str]]
    medians: Any
    gaps: Any
    scaler: Any

    @classmethod
    def fit(cls, record: Record, train: Any, numeric: Numeric) -> Encoding:
        """Fit on ``train``."""
        columns = kinds(record, train)
        levels = {}
        for column in columns.text:
            found = sorted(train[column].dropna().astype(str).unique())
            flagged = [*found, ""] if train[column].isna().any() else found
            levels[column] = flagged[:1] if len(flagged) == 2 else flagged  # the second of two says nothing new
        X = train[columns.numbers].to_numpy(np.float64)
        told = ~np.isnan(X)
        numbers = [column for column, any_told in zip(columns.numbers, told.any(axis=0), strict=True) if any_told]
        X = train[numbers].to_numpy(np.float64)
        medians = np.nanmedian(X, axis=0)
        gaps = np.isnan(X).any(axis=0)
        scaler = _SCALERS[numeric]().fit(np.where(np.isnan(X), medians, X))
        return cls(numbers, levels, medians, gaps, scaler)

    def apply(self, rows: Any) -> Any:
        """The matrix of ``rows``."""
        X = rows[self.numbers].to_numpy(np.float64)
        parts = [self.scaler.transform(np.where(np.isnan(X), self.medians, X)), np.isnan(X)[:, self.gaps]]
        for column, levels in self.levels.items():
            text = rows[column].astype(object).where(rows[column].notna(), "").astype(str).to_numpy()
            parts.append(text[:, np.newaxis] == np.array(levels)[np.newaxis, :])
        return np.hstack([part.astype(np.float64) for part in parts])


class _Standardize:
    clip = False

    def fit(self, X: Any) -> Any:
        self.center = X.mean(axis=0)
        deviation = X.std(axis=0)
        self.factor = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
        return self

    def transform(self, X: Any) -> Any:
        Z = (X - self.center) * self.factor
        return Z / np.sqrt(1 + (Z / BEND) ** 2) if self.clip else Z


class _RobustUnclipped(_Standardize):
    """Median and interquartile range; where that is 0, half the range; where that is 0, nothing is left."""

    def fit(self, X: Any) -> Any:
        low, self.center, high = np.quantile(X, [0.25, 0.5, 0.75], axis=0)
        width = np.where(high > low, high - low, (X.max(axis=0) - X.min(axis=0)) / 2)
        self.factor = np.where(width > 0, 1 / np.where(width > 0, width, 1), 0)
        return self


class _Robust(_RobustUnclipped):
    clip = True


class _Quantile:
    def fit(self, X: Any) -> Any:
        from sklearn.preprocessing import QuantileTransformer

        self.inner = QuantileTransformer(
            n_quantiles=min(1000, len(X)), output_distribution="normal", subsample=100_000, random_state=0
        ).fit(X)
        return self

    def transform(self, X: Any) -> Any:
        return self.inner.transform(X)


class _Pieces:
    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def fit(self, X: Any) -> Any:
        self.robust = _Robust().fit(X)
        cuts = np.quantile(X, np.linspace(0, 1, self.pieces + 1), axis=0)
        self.cuts = [np.unique(cuts[:, column]) for column in range(X.shape[1])]
        self.center = self._shares(X).mean(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        return np.hstack([self.robust.transform(X), self._shares(X) - self.center])

    def _shares(self, X: Any) -> Any:
        """Of each piece, how much of it lies below the number; of a column of one piece, nothing new is said."""
        parts = [
            np.clip((X[:, [column]] - cuts[:-1]) / np.diff(cuts), 0, 1)
            for column, cuts in enumerate(self.cuts)
            if len(cuts) > 2
        ]
        return np.hstack([np.zeros((len(X), 0)), *parts])


_SCALERS: dict[Numeric, Any] = {
    "standardize": _Standardize,
    "robust": _Robust,
    "robust unclipped": _RobustUnclipped,
    "quantile": _Quantile,
    "pieces 8": lambda: _Pieces(8),
    "pieces 16": lambda: _Pieces(16),
    "pieces 32": lambda: _Pieces(32),
}
