"""Many rows through a network, in batches of one size: predictions, and the mean loss."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array, Buffers, StandIns, buffers_like
from nncli.engine.network import Network
from nncli.engine.parameters import Weights

_Data: TypeAlias = tuple[Array, Array, Array | None, Array | None]
"""What a run reads and writes: inputs, predictions, targets, weights. It is made for every run, however short."""

SIGNALS = 1024 * 1024
"""Bytes of the signals of a batch, of which one layer reads and writes a part: that stays in the L2 cache of a core."""
LEAST, MOST = 512, 8192
"""About the rows of a batch. With fewer, the calls and the packing of the weights for each product cost more than a
slower cache does; with more, nothing is gained."""
WORTH_A_THREAD = 10_000_000
"""Parameters times rows that occupy a core for 0.3 to 1.5 ms; starting a thread and waiting for it takes 0.1 ms."""


def batch_rows(network: Network, dtype: DTypeLike) -> int:
    """Rows that go through ``network`` at a time: an odd multiple of 16, by which their signals take about ``SIGNALS``.

    It follows from the network and the precision alone. The last bits of a matrix product depend on the number of its
    rows: with a size that followed the machine's caches, or a clock, the same network would predict other bits
    elsewhere, or the next time.

    It is odd since the units of a signal lie so many numbers apart: at a power of 2 they all compete for the same few
    lines of the L1 cache, and the products of a network of 64 units take 1.3 times as long (1,024 rows against 1,040).
    """
    written = [stage.outputs for i, stage in enumerate(network.stages) if not network.overwrites_input(i)]
    fitting = SIGNALS // ((network.inputs + sum(written)) * np.dtype(dtype).itemsize)
    return max(LEAST, min(MOST, fitting)) // 32 * 32 + 16


class Inference:
    """A network bound for a fixed number of rows, to be run again and again (the validation rows of every epoch).

    Rows are read where they lie, and there is no room for gradients: beside the predictions, what it takes does not
    grow with the rows. On several threads, each has a binding of its own and takes the next batch that is left. A batch
    has its rows and its place whoever takes it, so that the bits are the same for any number of threads, if BLAS keeps
    to one: whoever runs several sees to that.

    Args:
        network: The network.
        weights: What it has learned, read at every run.
        rows: The number of rows, at least 1.
        buffers: Where the arrays come from, new ones when not given.
        weighted: Whether the rows have weights in the loss.
        evaluating: Whether the network is run as it predicts, and not as it trains (though without its noise).
        threads: On how many at most; never on more than there is work for.

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
        self._size, self._whole, self._rest = size, whole, slice(whole * size, rows)
        self.predictions = buffers.rows((rows, network.outputs))
        self.threads = max(1, min(threads, whole, rows * network.layout.size // WORTH_A_THREAD))

        def bind(n: int, name: str) -> _Batch:
            return _Batch(network, weights, n, buffers.part(name), weighted=weighted, evaluating=evaluating)

        self._batches = [bind(size, f"{size} rows, thread {i}") for i in range(self.threads if whole else 0)]
        self._last = bind(rest, f"{rest} rows") if rest else None

    def run(self, inputs: Array, targets: Array | None = None, weights: Array | None = None) -> float | None:
        """Fill ``predictions`` from ``inputs`` (rows, d + 1); return their mean loss, if there are targets.

        Args:
            inputs: (rows, d + 1), ones in the last column, of the precision of the network's weights.
            targets: (rows,) codes or (rows, k) values.
            weights: (rows,), if it is weighted; 1 each if not given.
        """
        rows, data = len(self.predictions), (inputs, self.predictions, targets, weights)
        total = sum(self._run_whole(data)) if self._whole else 0.0
        if self._last is not None:
            total += self._last.run(self._rest, data)
        return None if targets is None else total / rows

    def _run_whole(self, data: _Data) -> list[float]:
        """Run all batches but a shorter last one; return their losses."""
        losses = [0.0] * self._whole
        left, lock = iter(range(self._whole)), Lock()

        def work(batch: _Batch) -> None:
            while True:
                with lock:
                    i = next(left, None)
                if i is None:
                    return
                losses[i] = batch.run(slice(i * self._size, (i + 1) * self._size), data)

        first, *others = self._batches
        if not others:
            work(first)
            return losses
        with ThreadPoolExecutor(len(others)) as pool:
            # a context holds the caller's np.errstate, which a new thread would not know of
            working = [pool.submit(copy_context().run, work, batch) for batch in others]
            try:
                work(first)
            finally:
                with lock:
                    for _ in left:  # after an exception, such as Ctrl-C, the others need not go on
                        pass
            for other in working:
                other.result()
        return losses


class _Batch:
    """A network bound for ``n`` rows, wherever they lie."""

    def __init__(
        self, network: Network, weights: Weights, n: int, buffers: Buffers, *, weighted: bool, evaluating: bool
    ) -> None:
        theta = weights.theta
        nowhere = StandIns(theta.dtype)
        anywhere = network.stages[0].layer.reads_rows_anywhere
        bound = network.bind(
            theta,
            None,
            n,
            statistics=weights.statistics,
            evaluating=evaluating,
            inputs=(nowhere if anywhere else buffers).rows((n, network.inputs + 1)),
            weighted=weighted,
            buffers=buffers,
        )
        self._bound, self._first = bound, bound.stages[0]
        self._steps = [stage.forward for stage in bound.stages]
        self._read: tuple[Array, slice] | None = None
        self._predictions, self._link = bound.outputs, None
        if network.link is not None:
            Z = bound.outputs
            self._predictions = Z if network.link.in_place else buffers.keep(Z.shape)
            self._link, _ = network.link.bind(Z, self._predictions, nowhere.keep(Z.shape), buffers)

    def run(self, where: slice, data: _Data) -> float:
        """Write the predictions of the rows ``where``; return the sum of their losses, 0 without targets."""
        bound, total = self._bound, 0.0
        inputs, P, targets, weights = data
        if not self._first.stage.layer.reads_rows_anywhere:
            np.copyto(bound.inputs, inputs[where])
        elif self._read is None or self._read[0] is not inputs or self._read[1] != where:
            self._read_from(inputs, where)
        for step in self._steps:
            step()
        if targets is not None:
            np.copyto(bound.targets, targets[where])
            if bound.row_weights is not None:
                np.copyto(bound.row_weights, 1 if weights is None else weights[where])
            total = float(bound.loss()) * bound.n
        if self._link is not None:
            self._link()  # it may write over what the loss has read
        np.copyto(P[where], self._predictions)
        return total

    def _read_from(self, inputs: Array, where: slice) -> None:
        """Bind the first layer to rows of ``inputs``: in 5 µs, where a copy of them costs a pass over memory."""
        wires = self._first.wires
        wires = replace(wires, X=inputs[where, : wires.X.shape[-1]])
        # a first layer that keeps arrays of its own gets others here, not more and more of them
        self._steps[0], _ = self._first.stage.layer.bind(wires, Buffers(wires.Y.dtype))
        self._read = inputs, where
