"""In what order an epoch goes over rows on disk: a permutation of them all that reads a few stretches at a time.

The rows lie in a random order already. They are cut into blocks, the blocks are put into a random order, and the rows
of several blocks in a row, a window, into another. What is remembered are the blocks and the rows of one window.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from nncli.data.cells import Array

BLOCK, WINDOW = 1 << 21, 1 << 25
"""About the bytes of a block, which are read in one go, and of a window, which are in memory together."""


def windows(inputs: Array, rng: Generator, *, block: int | None = None, window: int | None = None) -> Iterator[Array]:
    """All rows of ``inputs`` (n, d), each once, those of one window after those of another.

    Args:
        inputs: Told apart by what a row takes, and not looked at.
        rng: Where the order comes from; it is drawn from until the last window.
        block: About the bytes of a block, ``BLOCK`` if not said.
        window: About those of a window, ``WINDOW`` if not said.
    """
    n = len(inputs)
    rows = max(1, (block or BLOCK) // row_bytes(inputs))
    order = rng.permutation(-(-n // rows))
    several = max(1, (window or WINDOW) // (rows * row_bytes(inputs)))
    for first in range(0, len(order), several):
        starts = order[first : first + several] * rows
        there = (starts[:, np.newaxis] + np.arange(rows)).reshape(-1)
        yield rng.permutation(there[there < n])


def row_bytes(inputs: Array) -> int:
    """What a row of ``inputs`` (n, d) takes."""
    return int(inputs.shape[1]) * inputs.itemsize


def in_batches(pieces: Iterator[Array], size: int) -> Iterator[Array]:
    """The same rows, ``size`` at a time; the last are what is left."""
    waiting = np.empty(0, np.intp)
    for piece in pieces:
        rows = np.concatenate([waiting, piece]) if len(waiting) else piece
        whole = len(rows) // size * size
        for start in range(0, whole, size):
            yield rows[start : start + size]
        waiting = rows[whole:]
    if len(waiting):
        yield waiting
