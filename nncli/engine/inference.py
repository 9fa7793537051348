"""Many rows through a network, in batches of one size: predictions, and the mean loss."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array, Buffers, StandIns, Step, buffers_like
from nncli.engine.network import Network
from nncli.engine.parameters import Weights

SIGNALS = 512 * 1024
"""Bytes of the signals of a batch: with the weights of a middle network they stay in the L2 cache of a core."""
LEAST, MOST = 256, 8192
"""Rows in a batch. With fewer, packing the weights for each product and calling NumPy cost more than a larger batch
does in a slower cache; with more, nothing is gained."""
WORTH_A_THREAD = 10_000_000
"""Parameters times rows that occupy a core for 0.3 to 1.5 ms; to start a thread and to wait for it takes 0.1 ms."""


def batch_rows(network: Network, dtype: DTypeLike) -> int:
    """Rows that go through ``network`` at a time: a power of 2, so that its signals take at most ``SIGNALS`` bytes.

    It follows from the network and the precision alone. The last bits of a matrix product depend on the number of its
    rows: a size that followed the machine's caches or its clock would make predictions differ from machine to machine,
    and from run to run.
    """
    widths = network.inputs + sum(stage.outputs for i, stage in enumerate(network.stages) if not _in_place(network, i))
    rows = SIGNALS // (max(1, widths) * np.dtype(dtype).itemsize)
    return min(MOST, max(LEAST, 1 << max(0, rows.bit_length() - 1)))


def _in_place(network: Network, i: int) -> bool:
    return network.overwrites_input(i)


class Inference:
    """A network bound for a fixed number of rows, to be run again and again (the validation rows of every epoch).

    It reads the rows where they lie, and has no room for gradients. With several threads each has a binding of its own,
    takes the next batch that is left, and writes to that batch's place: so predictions and loss are the same bits for
    any number of threads. Whoever runs it on several holds BLAS to one thread.

    Args:
        network: The network.
        weights: What it has learned, read at every run.
        rows: The number of rows, at least 1.
        buffers: Where the arrays come from, new ones when not given.
        weighted: Whether the rows have weights in the loss.
        evaluating: Whether the network is run as it predicts, and not as it trains (though without its noise).
        threads: As many at most, and no more than there is work for.

    Attributes:
        predictions: (rows, k), after ``run``.
        threads: On how many it runs.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        rows: int,
        buffers: Buffers | None = None,
        *,
        weighted: bool = False,
        evaluating: bool = True,
        threads: int = 1,
    ) -> None:
        buffers = buffers_like(weights.theta) if buffers is None else buffers
        size = batch_rows(network, weights.theta.dtype)
        whole, rest = divmod(rows, size)
        self.predictions = buffers.rows((rows, network.outputs))
        self.threads = max(1, min(threads, whole, rows * network.layout.size // WORTH_A_THREAD))
        self._losses = np.zeros(whole + (rest > 0))

        def bind(n: int, name: str) -> _Batch:
            return _Batch(network, weights, n, weighted, evaluating, buffers.part(name))

        self._whole = [slice(i * size, (i + 1) * size) for i in range(whole)]
        self._rest = slice(whole * size, rows) if rest else None
        self._batches = [bind(size, f"{size} rows, thread {i}") for i in range(self.threads if whole else 0)]
        self._last = bind(rest, f"{rest} rows") if rest else None
