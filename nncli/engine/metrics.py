"""From the outputs of a network to decisions. The metrics that judge them are the records of ``nncli.scoring``."""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array


def decide(P: Array, threshold: float = 0.5) -> Array:
    """Class codes (n,) from outputs (n, k): the largest of k, or, where k = 1, whether it is above ``threshold``."""
    codes: Array = np.argmax(P, axis=1) if P.shape[1] > 1 else decide_labels(P, threshold)[:, 0].astype(np.intp)
    return codes


def decide_labels(P: Array, threshold: float = 0.5) -> Array:
    """Labels (n, k) of 0 and 1 from outputs (n, k), each on its own: whether it is above ``threshold``."""
    labels: Array = np.greater(P, threshold).astype(P.dtype)
    return labels
