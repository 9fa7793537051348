"""Rectifiers: a straight line on the right, and something else, or nothing, on the left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt

from nncli.engine import kernels
from nncli.engine.activations.base import Activation, registry
from nncli.engine.activations.elementwise import backward_between
from nncli.engine.buffers import Array, Buffers, Step


@registry.register
@dataclass(frozen=True)
class Relu(Activation):
    """The rectifier. Its slope at 0 is taken as 0."""

    name = "relu"
    formula = "max(z, 0)"
    derivative = "1 for z > 0, else 0"
    source = "Nair & Hinton 2010"
    onnx = "Relu"
    in_place = True
    kinks = (0.0,)
    range = (0.0, math.inf)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        return kernels.rectify.bind(buffers, Z, A), kernels.rectify_back.bind(buffers, A, D)

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.maximum(Z, 0)


@registry.register
@dataclass(frozen=True)
class LeakyRelu(Activation):
    """A rectifier with a small slope on the left. Its slope at 0 is that of the left."""

    negative_slope: Annotated[float, Gt(0), Lt(1)] = 0.01

    name = "leaky_relu"
    formula = "max(z, negative_slope·z)"
    derivative = "1 for z > 0, else negative_slope"
    source = "Maas, Hannun & Ng 2013"
    onnx = "LeakyRelu"
    in_place = True
    kinks = (0.0,)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        slope = self.negative_slope
        S = buffers.scratch(A.shape)
        positive = buffers.scratch(A.shape, dtype=bool)

        def forward() -> None:
            np.multiply(Z, slope, out=S)
            np.maximum(Z, S, out=A)

        def backward() -> None:
            np.greater(A, 0, out=positive)
            np.multiply(positive, 1 - slope, out=S, dtype=S.dtype)
            np.add(S, slope, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.where(Z > 0, Z, self.negative_slope * Z)


@registry.register
@dataclass(frozen=True)
class Relu6(Activation):
    """A rectifier that stops at 6. Its slope at 0 and at 6 is taken as 0."""

    name = "relu6"
    formula = "min(max(z, 0), 6)"
    derivative = "1 for 0 < z < 6, else 0"
    source = "Krizhevsky 2010"
    onnx = "Clip"
    in_place = True
    kinks = (0.0, 6.0)
    range = (0.0, 6.0)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.maximum(Z, 0, out=A)
            np.minimum(A, 6, out=A)

        return forward, backward_between(A, D, 0, 6, buffers)

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.minimum(xp.maximum(Z, 0), 6)


@registry.register
@dataclass(frozen=True)
class Elu(Activation):
    """The exponential linear unit."""

    alpha: Annotated[float, Gt(0)] = 1.0

    name = "elu"
    formula = "z for z > 0, else alpha·(exp(z) − 1)"
    derivative = "1 for z > 0, else alpha·exp(z) = a + alpha"
    source = "Clevert, Unterthiner & Hochreiter 2016"
    onnx = "Elu"
    in_place = True
    kinks = (0.0,)
    initializer = "he_normal"

    @property
    def range(self) -> tuple[float, float]:  # type: ignore[override]
        """From −alpha."""
        return -self.alpha, math.inf

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        alpha = self.alpha
        S = buffers.scratch(A.shape)
        T = buffers.scratch(A.shape, slot=1)
        positive = buffers.scratch(A.shape, dtype=bool)

        def forward() -> None:
            np.minimum(Z, 0, out=S)
            np.expm1(S, out=S)
            np.multiply(S, alpha, out=S)
            np.maximum(Z, 0, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.minimum(A, 0, out=S)
            np.add(S, alpha, out=S)
            if alpha != 1:  # right of 0 the line above gave alpha, where the slope is 1
                np.greater(A, 0, out=positive)
                np.multiply(positive, 1 - alpha, out=T, dtype=T.dtype)
                np.add(S, T, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.where(Z > 0, Z, self.alpha * xp.expm1(xp.minimum(Z, 0)))


SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@registry.register
@dataclass(frozen=True)
class Selu(Activation):
    """The scaled exponential linear unit, which keeps mean 0 and variance 1 behind LeCun-normal weights."""

    name = "selu"
    formula = "s·z for z > 0, else s·α·(exp(z) − 1), α = 1.67326, s = 1.05070"
    derivative = "s for z > 0, else s·α·exp(z) = a + s·α"
    source = "Klambauer, Unterthiner, Mayr & Hochreiter 2017"
    onnx = "Selu"
    in_place = True
    kinks = (0.0,)
    range = (-SELU_SCALE * SELU_ALPHA, math.inf)
    initializer = "lecun_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)
        T = buffers.scratch(A.shape, slot=1)
        positive = buffers.scratch(A.shape, dtype=bool)
        deep = SELU_SCALE * SELU_ALPHA

        def forward() -> None:
            np.minimum(Z, 0, out=S)
            np.expm1(S, out=S)
            np.multiply(S, deep, out=S)
            np.maximum(Z, 0, out=A)
            np.multiply(A, SELU_SCALE, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.minimum(A, 0, out=S)
            np.add(S, deep, out=S)
            np.greater(A, 0, out=positive)  # right of 0 the line above gave s·α, where the slope is s
            np.multiply(positive, SELU_SCALE - deep, out=T, dtype=T.dtype)
            np.add(S, T, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return SELU_SCALE * xp.where(Z > 0, Z, SELU_ALPHA * xp.expm1(xp.minimum(Z, 0)))


@registry.register
@dataclass(frozen=True)
class Celu(Activation):
    """The continuously differentiable exponential linear unit: its slope has no jump, whatever alpha."""

    alpha: Annotated[float, Gt(0)] = 1.0

    name = "celu"
    formula = "z for z > 0, else alpha·(exp(z/alpha) − 1)"
    derivative = "1 for z > 0, else exp(z/alpha) = a/alpha + 1"
    source = "Barron 2017"
    onnx = "Celu"
    in_place = True
    kinks = (0.0,)
    initializer = "he_normal"

    @property
    def range(self) -> tuple[float, float]:  # type: ignore[override]
        """From −alpha."""
        return -self.alpha, math.inf

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        alpha = self.alpha
        S = buffers.scratch(A.shape)

        def forward() -> None:
            np.minimum(Z, 0, out=S)
            np.multiply(S, 1 / alpha, out=S)
            np.expm1(S, out=S)
            np.multiply(S, alpha, out=S)
            np.maximum(Z, 0, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.minimum(A, 0, out=S)
            np.multiply(S, 1 / alpha, out=S)
            np.add(S, 1, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.where(Z > 0, Z, self.alpha * xp.expm1(xp.minimum(Z, 0) / self.alpha))
