"""What brings its argument into bounds, and the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from nncli.engine.activations.base import Activation, registry
from nncli.engine.activations.elementwise import backward_between, hard_sigmoid, sigmoid
from nncli.engine.buffers import Array, Buffers, Step


@registry.register
@dataclass(frozen=True)
class Identity(Activation):
    """No activation: a linear block."""

    name = "identity"
    formula = "z"
    derivative = "1"
    onnx = "Identity"
    in_place = True

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            if A is not Z:
                np.copyto(A, Z)

        def backward() -> None:
            pass

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z


@registry.register
@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent."""

    name = "tanh"
    formula = "tanh(z)"
    derivative = "1 − a²"
    onnx = "Tanh"
    in_place = True
    range = (-1.0, 1.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)

        def forward() -> None:
            np.tanh(Z, out=A)

        def backward() -> None:
            np.multiply(A, A, out=S)
            np.subtract(1, S, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.tanh(Z)


@registry.register
@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function."""

    name = "sigmoid"
    formula = "σ(z) = 1/(1 + exp(−z))"
    derivative = "a·(1 − a)"
    onnx = "Sigmoid"
    in_place = True
    range = (0.0, 1.0)
    positive = True

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)

        def forward() -> None:
            sigmoid(Z, out=A)

        def backward() -> None:
            np.subtract(1, A, out=S)
            np.multiply(S, A, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return 1 / (1 + xp.exp(-Z))


@registry.register
@dataclass(frozen=True)
class HardSigmoid(Activation):
    """The sigmoid in three straight pieces, as in PyTorch and Keras."""

    name = "hard_sigmoid"
    formula = "min(max((z + 3)/6, 0), 1)"
    derivative = "1/6 for −3 < z < 3, else 0"
    source = "Courbariaux, Bengio & David 2015; Howard et al. 2019"
    onnx = "HardSigmoid"
    in_place = True
    kinks = (-3.0, 3.0)
    range = (0.0, 1.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            hard_sigmoid(Z, out=A)

        return forward, backward_between(A, D, 0, 1, buffers, slope=1 / 6)

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.minimum(xp.maximum((Z + 3) / 6, 0), 1)


@registry.register
@dataclass(frozen=True)
class Softsign(Activation):
    """Like tanh, with tails that flatten slowly."""

    name = "softsign"
    formula = "z/(1 + |z|)"
    derivative = "1/(1 + |z|)²"
    source = "Turian, Bergstra & Bengio 2009"
    onnx = "Softsign"
    in_place = False
    kinks = (0.0,)
    range = (-1.0, 1.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        R = buffers.keep(A.shape)  # 1/(1 + |z|)

        def forward() -> None:
            np.negative(Z, out=R)
            np.maximum(Z, R, out=R)
            np.add(R, 1, out=R)
            np.reciprocal(R, out=R)
            np.multiply(Z, R, out=A)

        def backward() -> None:
            np.multiply(D, R, out=D)
            np.multiply(D, R, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z / (1 + xp.abs(Z))


@registry.register
@dataclass(frozen=True)
class LogSigmoid(Activation):
    """The logarithm of the sigmoid, right to the last digits in both tails."""

    name = "log_sigmoid"
    formula = "log σ(z) = −softplus(−z)"
    derivative = "1 − σ(z) = 1 − exp(a)"
    onnx = "Log(Sigmoid(x))"
    in_place = True
    range = (-math.inf, 0.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)

        def forward() -> None:
            # min(z, 0) − log(1 + exp(−|z|))
            np.negative(Z, out=S)
            np.minimum(Z, S, out=S)
            np.exp(S, out=S)
            np.log1p(S, out=S)
            np.minimum(Z, 0, out=A)
            np.subtract(A, S, out=A)

        def backward() -> None:
            np.expm1(A, out=S)
            np.negative(S, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return -xp.logaddexp(0, -Z)


@registry.register
@dataclass(frozen=True)
class Sine(Activation):
    """A periodic unit; the frequency of its paper is 30, for the first layer of networks that represent signals."""

    frequency: Annotated[float, Gt(0)] = 1.0

    name = "sine"
    formula = "sin(frequency·z)"
    derivative = "frequency·cos(frequency·z)"
    source = "Sitzmann et al. 2020"
    onnx = "Sin"
    in_place = False
    range = (-1.0, 1.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        frequency = self.frequency
        S = buffers.scratch(A.shape)

        def forward() -> None:
            np.multiply(Z, frequency, out=S)
            np.sin(S, out=A)

        def backward() -> None:
            np.multiply(Z, frequency, out=S)
            np.cos(S, out=S)
            np.multiply(S, frequency, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.sin(self.frequency * Z)


@registry.register
@dataclass(frozen=True)
class Softmax(Activation):
    """A distribution over the units of a row."""

    name = "softmax"
    formula = "exp(z_j) / Σ_i exp(z_i)"
    derivative = "dC/dz_j = a_j·(dC/da_j − Σ_i dC/da_i·a_i)"
    source = "Bridle 1990"
    onnx = "Softmax"
    in_place = True
    range = (0.0, 1.0)
    positive = True
    simplex = True

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)
        row = buffers.scratch((*A.shape[:-1], 1), slot=1)

        def forward() -> None:
            # Softmax does not change when a row is shifted, and a shift by the maximum keeps exp from overflowing.
            np.maximum.reduce(Z, axis=-1, keepdims=True, out=row)
            np.subtract(Z, row, out=A)
            np.exp(A, out=A)
            np.add.reduce(A, axis=-1, keepdims=True, out=row)
            np.divide(A, row, out=A)

        def backward() -> None:
            np.multiply(D, A, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=row)
            np.subtract(D, row, out=D)
            np.multiply(D, A, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        E = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
        return E / xp.sum(E, axis=-1, keepdims=True)
