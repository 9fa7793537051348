"""Many rows through a network, in batches of one size: predictions, and the mean loss."""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array, Buffers, StandIns, Step, buffers_like
from nncli.engine.network import Bound, Network
from nncli.engine.parameters import Weights

BATCH = 512
"""Rows at a time: the signals of a middle network then stay in a core's cache."""


class Inference:
    """A network bound for a fixed number of rows, to be run again and again (the validation rows of every epoch).

    Args:
        network: The network.
        weights: What it has learned, read at every run.
        rows: The number of rows, at least 1.
        buffers: Where the arrays come from, new ones when not given.
        weighted: Whether the rows have weights in the loss.
        evaluating: Whether the network is run as it predicts, and not as it trains (though without its noise).

    Attributes:
        predictions: (rows, k), after ``run``.
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
    ) -> None:
        theta = weights.theta
        buffers = buffers_like(theta) if buffers is None else buffers
        self.predictions = buffers.rows((rows, network.outputs))
        nothing = StandIns(theta.dtype).keep(theta.shape)  # nobody runs backward
        sizes = [BATCH] * (rows // BATCH) + [rows % BATCH] * (rows % BATCH > 0)
        bound = {
            size: network.bind(
                theta,
                nothing,
                size,
                statistics=weights.statistics,
                evaluating=evaluating,
                weighted=weighted,
                buffers=buffers.part(f"{size} rows"),
            )
            for size in set(sizes)
        }
        self._batches: list[tuple[slice, Bound, Step]] = []
        for i, size in enumerate(sizes):
            where = slice(i * BATCH, i * BATCH + size)
            link = _link(network, bound[size].outputs, self.predictions[where], buffers)
            self._batches.append((where, bound[size], link))

    def run(self, inputs: Array, targets: Array | None = None, weights: Array | None = None) -> float | None:
        """Fill ``predictions`` from ``inputs`` (rows, d + 1); return their mean loss, if there are targets.

        Args:
            inputs: (rows, d + 1), ones in the last column.
            targets: (rows,) codes or (rows, k) values.
            weights: (rows,), if it is weighted; 1 each if not given.
        """
        total = 0.0
        for where, batch, link in self._batches:
            np.copyto(batch.inputs, inputs[where])
            batch.forward()
            link()
            if targets is not None:
                np.copyto(batch.targets, targets[where])
                if batch.row_weights is not None:
                    np.copyto(batch.row_weights, 1 if weights is None else weights[where])
                total += float(batch.loss()) * batch.n
        return None if targets is None else total / len(self.predictions)


def _link(network: Network, outputs: Array, P: Array, buffers: Buffers) -> Step:
    """What turns the last layer's output into predictions, written to ``P``."""
    if network.link is None:

        def copy() -> None:
            np.copyto(P, outputs)

        return copy
    forward, _ = network.link.bind(outputs, P, P, buffers)
    return forward
