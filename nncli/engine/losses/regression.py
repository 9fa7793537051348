"""Losses of numbers: how far each is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry


@registry.register
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The squared error, mean over outputs and rows."""

    name = "mse"
    formula = "L_i = 1/k · Σ_j (p_ij − y_ij)²"
    derivative = "dL_i/dp_ij = 2/k · (p_ij − y_ij)"
    targets = "values"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        E = buffers.keep(P.shape)
        S = buffers.scratch(P.shape)

        def forward() -> None:
            np.subtract(P, Y, out=E)
            np.multiply(E, E, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.multiply(E, 2 * scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean((P - Y) ** 2, axis=-1)
