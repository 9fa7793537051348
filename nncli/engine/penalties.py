"""Penalties on weights: added to the loss, once for the whole parameter vector, biases left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers, Step


@dataclass(frozen=True)
class Penalty:
    """R(W) = l1·Σ|w| + l2/2·Σw², so that its gradient is l1·sign(w) + l2·w (0 is taken for the slope of |w| at 0)."""

    l1: float = 0.0
    l2: float = 0.0

    formula: ClassVar[str] = "l1·Σ|w| + l2/2·Σw²"
    derivative: ClassVar[str] = "l1·sign(w) + l2·w"

    def __bool__(self) -> bool:
        return bool(self.l1 or self.l2)

    def bind(self, W: Array, G: Array, buffers: Buffers) -> tuple[Callable[[], Array], Step]:
        """Return (value, add): R of the weights ``W`` (..., rows, columns), and what adds its gradient to ``G``."""
        l1, l2 = self.l1, self.l2
        pull = kernels.pull.bind(buffers, W, G, numbers=1) if l2 else None
        # a weight lies row by row, and what is computed with it goes fastest where it lies alike
        S = buffers.scratch((W.size,)).reshape(W.shape)
        sign = buffers.scratch((W.size,), slot=1, dtype=W.real.dtype).reshape(W.shape) if l1 else S

        def value() -> Array:
            total = np.zeros(W.shape[:-2], W.dtype)
            if l1:
                np.sign(W.real, out=sign)  # |w| = w·sign(Re w) is what a complex step can differentiate
                total += l1 * np.multiply(W, sign, out=S).sum(axis=(-2, -1))
            if l2:
                total += l2 / 2 * np.multiply(W, W, out=S).sum(axis=(-2, -1))
            return total

        def add() -> None:
            if l1:
                np.sign(W.real, out=sign)
                np.multiply(sign, l1, out=sign)
                np.add(G, sign, out=G)
            if pull is not None:
                pull(l2)

        return value, add

    def switches(self, W: Array) -> tuple[Array, ...]:
        """What changes its sign where |w| has its kink; see ``Activation.kinks``."""
        return (W,) if self.l1 else ()

    def reference(self, W: Any, xp: Any) -> Any:
        """R(W) by the formula, in the functions of ``xp``."""
        return self.l1 * xp.sum(xp.abs(W)) + self.l2 / 2 * xp.sum(W**2)


NO_PENALTY = Penalty()
