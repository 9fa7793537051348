"""What stands around an update: the mean gradient of several batches, clipping, and the average of the parameters.

In the order of a step: accumulate, add the penalties, clip, update, average.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nncli.engine.averages import average
from nncli.engine.buffers import Array, Buffers, Step


class GradientMean:
    """The mean gradient of several batches, each counted by its rows: that of one batch of all their rows.

    Args:
        g: Where each batch writes its own mean gradient (size,), and where that of them all goes.
        buffers: Where the array for the sum comes from.

    Attributes:
        sum: Of the gradients taken in, each times its rows (size,).
        rows: How many rows these are.
        batches: How many batches.
    """

    def __init__(self, g: Array, buffers: Buffers) -> None:
        self._g, self.sum = g, buffers.keep(g.shape)
        self.rows = self.batches = 0

    def add(self, rows: int) -> None:
        """Take in what is in ``g``, the mean over ``rows``; ``g`` is overwritten."""
        np.multiply(self._g, rows, out=self._g)
        np.add(self.sum, self._g, out=self.sum)
        self.rows += rows
        self.batches += 1

    def take_out(self) -> None:
        """Write the mean over all rows to ``g``, and begin anew."""
        np.divide(self.sum, self.rows, out=self._g)
        self.sum[...] = 0
        self.rows = self.batches = 0


@dataclass(frozen=True)
class Clip:
    """Bounds for a gradient: first for each of its entries, then for its length.

    Exact, where PyTorch divides by ‖g‖ + 10⁻⁶. The length is that of the whole vector, over all tensors. A gradient
    that is not finite has no length and is left as it is, so that the training says that it diverged; for the bound on
    entries an infinite one is a large one.
    """

    value: float | None = None
    norm: float | None = None

    formula: ClassVar[str] = "g ← min(max(g, −value), value);  g ← g·min(1, norm/‖g‖)"
    source: ClassVar[str] = "Pascanu, Mikolov & Bengio 2013"

    def __bool__(self) -> bool:
        return self.value is not None or self.norm is not None

    def bind(self, g: Array, buffers: Buffers) -> Step:
        """Return what clips ``g`` (size,) in place."""
        value, norm = self.value, self.norm
        S = buffers.scratch(g.shape)
        numbers = np.finfo(g.dtype)
        # between these a sum of squares has lost nothing but the usual roundings
        least, most = float(numbers.tiny / numbers.eps), float(numbers.max)

        def clip() -> None:
            if value is not None:
                np.minimum(g, value, out=g)
                np.maximum(g, -value, out=g)
            if norm is None:
                return
            square = float(np.dot(g, g))
            if least < square < most:
                if square > norm * norm:
                    np.multiply(g, norm / math.sqrt(square), out=g)
                return
            largest = max(float(g.max()), -float(g.min()))
            if 0 < largest < math.inf:
                np.divide(g, largest, out=S)
                length = math.sqrt(float(np.dot(S, S)))
                if largest * length > norm:
                    np.multiply(S, norm / length, out=g)

        return clip

    def reference(self, g: Array) -> Array:
        """The clipped gradient, by the formula."""
        if self.value is not None:
            g = np.clip(g, -self.value, self.value)
        return g if self.norm is None else g * min(1, self.norm / math.sqrt(float(np.sum(g**2))))


@dataclass(frozen=True)
class Average:
    """An exponential moving average of the parameters, which starts as they do.

    At first it forgets faster than ``decay``, as TensorFlow's ``ExponentialMovingAverage`` with ``num_updates`` does: a
    plain average would be mostly the initial weights for the first 1/(1 − decay) updates.
    """

    decay: float = 0.999

    formula: ClassVar[str] = "θ̄ ← d·θ̄ + (1−d)·θ,  d = min(decay, (1 + t)/(10 + t))"
    source: ClassVar[str] = "Polyak & Juditsky 1992"

    def bind(self, theta: Array, mean: Array, buffers: Buffers) -> Callable[[int], None]:
        """Return what moves ``mean`` behind update number ``t`` of ``theta``."""
        decay, S = self.decay, buffers.scratch(theta.shape)

        def move(t: int) -> None:
            average(mean, theta, min(decay, (1 + t) / (10 + t)), S)

        return move
