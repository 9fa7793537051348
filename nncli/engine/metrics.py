"""The few figures that a training shows every epoch, in plain NumPy.

The full reports of ``nncli evaluate`` come from scikit-learn, whose import costs more than a small training.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array


def decide(P: Array) -> Array:
    """Class codes (n,) from outputs (n, k): the largest of k, or, where k = 1, whether it is above one half."""
    codes: Array = np.argmax(P, axis=1) if P.shape[1] > 1 else (P[:, 0] > 0.5).astype(np.intp)
    return codes


def accuracy(P: Array, codes: Array) -> float:
    """The share of rows whose class is right."""
    return float(np.mean(decide(P) == codes))


def rmse(P: Array, Y: Array) -> float:
    """The root of the mean squared error over the rows, mean over outputs."""
    return float(np.sqrt(np.square(P - Y).mean(axis=0)).mean())


def r2(P: Array, Y: Array) -> float | None:
    """1 − Σ(p − y)²/Σ(y − ȳ)², mean over outputs; None for fewer than two rows or a target that never changes."""
    if len(Y) < 2 or not np.ptp(Y, axis=0).all():
        return None
    residual = np.square(P - Y).sum(axis=0)
    total = np.square(Y - Y.mean(axis=0)).sum(axis=0)
    return float(np.mean(1 - residual / total))
