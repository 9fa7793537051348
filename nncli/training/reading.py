"""Which rows each batch of an epoch takes: in memory any of them, on disk those of a few stretches at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from nncli.builder import Rows
from nncli.data.maps import give_back
from nncli.data.stored import windows as order
from nncli.data.stored.windows import in_batches, row_bytes, windows
from nncli.engine.buffers import Array


def chosen_rows(rows: Rows, size: int, rng: Generator) -> Iterator[Array]:
    """The rows of each batch, ``size`` of them, of the last one those that are left; together every row once.

    Args:
        rows: All of them.
        size: Of a batch.
        rng: Where the order comes from. Of rows on disk, it is drawn from while the batches are taken.
    """
    n = len(rows.inputs)
    if not rows.mapped:
        all_rows = rng.permutation(n)
        for start in range(0, n, size):
            yield all_rows[start : start + size]
        return

    def pieces() -> Iterator[Array]:
        for window in windows(rows.inputs, rng):
            give_back(rows.inputs, rows.targets, rows.weights)
            yield window

    yield from in_batches(pieces(), size)


def window_bytes(rows: Rows) -> int:
    """What rows on disk take in memory while an epoch goes over them: a window of them, and its order twice."""
    n, one = len(rows.inputs), row_bytes(rows.inputs)
    return min(n, order.WINDOW // one) * (one + 2 * np.dtype(np.intp).itemsize)
