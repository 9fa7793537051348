"""Constraints on weights: what is put right after every update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step


@dataclass(frozen=True)
class MaxNorm:
    """No unit's incoming weights, a column of W without its bias, are longer than ``limit``; shorter ones stay."""

    limit: float

    formula: ClassVar[str] = "w ← w·limit/max(limit, ‖w‖) for every column w of W"
    source: ClassVar[str] = "Srebro, Rennie & Jaakkola 2005; Srivastava et al. 2014"

    def bind(self, W: Array, buffers: Buffers) -> Step:
        """What puts the weights ``W`` (rows, columns) right, in place."""
        limit = self.limit
        S = buffers.scratch((W.size,)).reshape(W.shape)
        factor = buffers.scratch((W.shape[1],), slot=1)

        def constrain() -> None:
            np.multiply(W, W, out=S)
            np.add.reduce(S, axis=0, out=factor)
            np.sqrt(factor, out=factor)
            np.maximum(factor, limit, out=factor)
            np.divide(limit, factor, out=factor)
            np.multiply(W, factor, out=W)

        return constrain

    def reference(self, W: Any, xp: Any) -> Any:
        """The weights by the formula, in the functions of ``xp``."""
        return W * self.limit / xp.maximum(self.limit, xp.sqrt(xp.sum(W**2, axis=0)))
