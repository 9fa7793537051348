"""Normalizations, each one record: the value, and beside it the vector-Jacobian product; see ``activations``.

A record normalizes its input to X̂ and hands on Y = scale·X̂ + shift, with a learned scale and shift for each unit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt

from nncli.engine.buffers import Array, Buffers, Step
from nncli.registry import Registry


@dataclass(frozen=True)
class NormArrays:
    """Between what a normalization is bound; leading axes are copies side by side.

    Attributes:
        X: The input, (..., n, d).
        Y: The output; it may be the array of ``X``.
        dX: Where dC/dX goes; None when nobody wants it.
        dY: Where dC/dY is found.
        scale: (..., 1, d), and ``shift`` likewise.
        d_scale: Where dC/dscale goes, (..., d), and ``d_shift`` likewise.
    """

    X: Array
    Y: Array
    dX: Array | None
    dY: Array
    scale: Array
    shift: Array
    d_scale: Array
    d_shift: Array


class Norm(ABC):
    """How a block's sums are brought to one scale. Subclasses are final, frozen and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str]
    onnx: ClassVar[str]

    @abstractmethod
    def bind(self, arrays: NormArrays, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays."""

    @abstractmethod
    def reference(self, X: Any, scale: Any, shift: Any, xp: Any) -> Any:
        """Y by the formula, in the functions of ``xp``; see ``activations``."""


registry: Registry[Norm] = Registry("norm")


@registry.register
@dataclass(frozen=True)
class LayerNorm(Norm):
    """To mean 0 and variance 1 over the units of each row: the same in training and afterwards, on any batch."""

    epsilon: Annotated[float, Gt(0)] = 1e-5

    name = "layer"
    formula = "x̂_j = (x_j − μ)/σ, μ = 1/d Σ_i x_i, σ² = 1/d Σ_i (x_i − μ)² + epsilon;  y_j = scale_j·x̂_j + shift_j"
    derivative = "dx_j = (dx̂_j − 1/d Σ_i dx̂_i − x̂_j·1/d Σ_i dx̂_i·x̂_i)/σ, dx̂ = scale·dy"
    source = "Ba, Kiros & Hinton 2016"
    onnx = "LayerNormalization"

    def bind(self, arrays: NormArrays, buffers: Buffers) -> tuple[Step, Step]:
        X, Y, dX, dY = arrays.X, arrays.Y, arrays.dX, arrays.dY
        d = X.shape[-1]
        X_hat = buffers.keep(X.shape)
        per_sigma = buffers.keep((*X.shape[:-1], 1))
        S = buffers.scratch(X.shape)
        row = buffers.scratch(per_sigma.shape, slot=1)
        epsilon = self.epsilon

        def forward() -> None:
            np.add.reduce(X, axis=-1, keepdims=True, out=row)
            np.multiply(row, 1 / d, out=row)
            np.subtract(X, row, out=X_hat)
            np.multiply(X_hat, X_hat, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=per_sigma)
            np.multiply(per_sigma, 1 / d, out=per_sigma)
            np.add(per_sigma, epsilon, out=per_sigma)
            np.sqrt(per_sigma, out=per_sigma)
            np.reciprocal(per_sigma, out=per_sigma)
            np.multiply(X_hat, per_sigma, out=X_hat)
            np.multiply(X_hat, arrays.scale, out=Y)
            np.add(Y, arrays.shift, out=Y)

        def backward() -> None:
            np.add.reduce(dY, axis=-2, out=arrays.d_shift)
            np.multiply(dY, X_hat, out=S)
            np.add.reduce(S, axis=-2, out=arrays.d_scale)
            if dX is None:
                return
            np.multiply(S, arrays.scale, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=row)
            np.multiply(row, 1 / d, out=row)
            np.multiply(X_hat, row, out=S)
            np.multiply(dY, arrays.scale, out=dX)
            np.add.reduce(dX, axis=-1, keepdims=True, out=row)
            np.multiply(row, 1 / d, out=row)
            np.subtract(dX, row, out=dX)
            np.subtract(dX, S, out=dX)
            np.multiply(dX, per_sigma, out=dX)

        return forward, backward

    def reference(self, X: Any, scale: Any, shift: Any, xp: Any) -> Any:
        centred = X - xp.mean(X, axis=-1, keepdims=True)
        variance = xp.mean(centred**2, axis=-1, keepdims=True)
        return scale * centred / xp.sqrt(variance + self.epsilon) + shift
