"""How the numbers of a network are spread while it is trained: a histogram of each tensor, now and then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nncli.engine.buffers import Array
from nncli.training.trainer import Trainer

BINS = 32
LOOKED_AT = 10_000
"""Entries of a tensor that a histogram counts, evenly taken from it: more of them would not change how it looks."""
IN_AN_OCTAVE = 8
"""Epochs of which histograms are kept, between one and the double of it."""


def is_kept(epoch: int) -> bool:
    """Whether the histograms of this epoch are kept: the first ones all, then ever fewer.

    It does not heed how many epochs there will be, which may change while a training goes on.

    >>> [epoch for epoch in range(1, 50) if is_kept(epoch)][12:]
    [13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48]
    """
    return epoch % (1 << max(0, epoch.bit_length() - IN_AN_OCTAVE.bit_length())) == 0


def distributions(trainer: Trainer, epoch: int) -> Iterator[dict[str, float | int | str]]:
    """A row for every tensor, of its entries and of those of its last gradient, which there is none of at epoch 0.

    Columns: epoch, of (``weights``, ``gradients``), tensor, low, high, and the counts of ``BINS`` equal bins between
    these.
    """
    layout, weights = trainer.experiment.network.layout, trainer.weights.theta
    vectors = {"weights": weights} if epoch == 0 else {"weights": weights, "gradients": trainer.gradient}
    for of, vector in vectors.items():
        for tensor in layout:
            entries = vector[layout.where(tensor)].astype(np.float64)
            low, high, counts = _histogram(entries[:: -(-entries.size // LOOKED_AT)])
            yield {"epoch": epoch, "of": of, "tensor": tensor, "low": low, "high": high, **counts}


def _histogram(entries: Array) -> tuple[float, float, dict[str, int]]:
    """The same counts as ``numpy.histogram``, but for an entry on the edge of a bin, in a third of its time."""
    low, high = float(entries.min()), float(entries.max())
    if low < high < np.inf:
        places = np.minimum((entries - low) / (high - low) * BINS, BINS - 1).astype(np.intp)
    else:  # all the same, or a gradient that is not finite
        places = np.zeros(entries.size, np.intp)
    counts = np.bincount(places, minlength=BINS).tolist()
    return low, high, {f"bin_{i}": count for i, count in enumerate(counts)}
