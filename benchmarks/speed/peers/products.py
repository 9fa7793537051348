"""The matrix products of a step and nothing else: what no engine on the same BLAS can do without."""

from __future__ import annotations

import os

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.speed.material import Array, Material
from benchmarks.speed.peers.base import Contestant, Told


class Products(Contestant):
    """``np.matmul`` with ``out=``, in the layouts in which ``nncli.engine.layers.Dense`` binds them.

    Forward and back through every layer, the bias as one more row of the weights; no gradient for the data.
    """

    def __init__(self, material: Material, threads: int | None = None) -> None:
        super().__init__(material)
        self.threads = os.cpu_count() or 1 if threads is None else threads
        self._steps = len(material.rows[0]) // self.case.batch
        rng = np.random.default_rng(0)
        n = self.case.batch

        def unit_by_unit(d: int) -> Array:
            """(n, d), whose columns are contiguous, as the engine keeps its signals."""
            return rng.standard_normal((d, n), np.float32).T

        X = rng.standard_normal((n, self.case.widths[0] + 1), np.float32)  # gathered row by row
        dX: Array | None = None
        forward, back = [], []
        for d_in, units in self.case.layers:
            W = rng.standard_normal((d_in + 1, units), np.float32)
            dW = np.empty_like(W)
            Y, dZ = unit_by_unit(units + 1), unit_by_unit(units)
            forward.append((W.T, X.T, Y[:, :units].T))
            back.append([(X.T, dZ, dW)])
            if dX is not None:
                back[-1].append((W[:-1], dZ.T, dX.T))
            X, dX = Y, dZ
        self._products = forward + [call for calls in reversed(back) for call in calls]

    def train(self, epoch_ended: Told) -> None:
        """As many steps as an epoch has."""
        products, matmul = self._products, np.matmul
        with threadpool_limits(self.threads, user_api="blas"):
            while True:
                for _ in range(self._steps):
                    for A, B, out in products:
                        matmul(A, B, out=out)
                if not epoch_ended():
                    return
