"""Many perturbed copies of a network run side by side: what the numerical methods stand on.

Nothing here calls ``backward``. The copies lie along a leading axis of the parameter vector, so that one forward pass
of the engine (the same code that trains) evaluates all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array
from nncli.engine.layers import Activate
from nncli.engine.network import Bound, Network

MEMORY = 64e6
"""Bytes that the copies' parameters and signals may take at a time, roughly."""


@dataclass(frozen=True)
class Point:
    """Where a gradient is checked: parameters, and a batch.

    Attributes:
        network: The network.
        theta: (size,) at float64.
        inputs: (n, d + 1) at float64, ones in the last column.
        targets: (n,) codes or (n, k) values.
    """

    network: Network
    theta: Array
    inputs: Array
    targets: Array


class Copies:
    """Up to ``count`` copies of the network at ``point``, of which each may be moved in one entry.

    Args:
        point: Where.
        of: What is moved: ``theta``, or ``inputs``.
        entries: How many copies would be of use.
        dtype: float64 or complex128.
    """

    def __init__(self, point: Point, of: str, entries: int, dtype: DTypeLike) -> None:
        self.point = point
        n = len(point.inputs)
        signals = sum(2 * stage.outputs + stage.inputs for stage in point.network.stages) * n
        per_copy = (point.theta.size + signals) * np.dtype(dtype).itemsize
        self.count = max(1, min(entries, int(MEMORY / per_copy)))

        def copies(array: Array, moved: bool) -> Array:
            shape = (self.count, *array.shape)
            flat = np.broadcast_to(array.astype(dtype), shape)
            return flat.copy() if moved else flat

        theta = copies(point.theta, of == "theta")
        inputs = copies(point.inputs, of == "inputs")
        self.base = point.theta if of == "theta" else point.inputs.reshape(-1)
        self._moved = theta if of == "theta" else inputs.reshape(self.count, -1)
        self._bound: Bound = point.network.bind(theta, np.broadcast_to(theta[:1], theta.shape), n, inputs=inputs)
        self._bound.targets[...] = point.targets

    def chunks(self, entries: Array) -> Iterator[Array]:
        """``entries`` in pieces that the copies can take at once."""
        for start in range(0, len(entries), self.count):
            yield entries[start : start + self.count]

    def objective(self, entries: Array, shift: complex | Array) -> Array:
        """Loss + penalty of each copy p with its entry ``entries[p]`` moved by ``shift`` (or ``shift[p]``)."""
        copy = np.arange(len(entries))
        self._moved[copy, entries] += shift
        self._bound.forward()
        value = self._bound.loss() + self._bound.penalty()
        self._moved[copy, entries] = self.base[entries]
        return np.asarray(value[: len(entries)])

    def active_sets(self, count: int) -> list[Array]:
        """Which units with a kink were on its right side in the last evaluation: boolean (count, n, units) each."""
        stages = self.point.network.stages
        return [
            signal[:count] > 0
            for stage, (_, signal) in zip(stages, self._bound.signals[1:], strict=True)
            if isinstance(stage.layer, Activate) and stage.layer.activation.kinks
        ]


def switched(before: list[Array], after: list[Array], count: int) -> Array:
    """Which of ``count`` copies have a unit that is active in one of the two evaluations and not in the other."""
    moved = np.zeros(count, bool)
    for one, other in zip(before, after, strict=True):
        moved |= (one != other).any(axis=(1, 2))
    return moved
