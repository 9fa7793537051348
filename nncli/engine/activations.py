"""Activations A = f(Z), each one record: the value, and beside it the vector-Jacobian product of backpropagation.

A record is bound to its arrays once, and hands back two functions that only work in place:

* forward reads ``Z`` and writes ``A``;
* backward finds dC/dA in ``D`` and leaves dC/dZ there.

Shapes are ``(..., n, units)``; the leading axes, if any, are independent copies. A record whose derivative can be
written in terms of ``A`` says ``in_place``: then ``Z`` and ``A`` may be the same array.

Beside that stands ``reference``: the same function as a paper writes it, in plain NumPy, without a derivative. The
engine never calls it; the tests and the oracle of gradcheck hold the code above to it.

Everything is analytic in the sense of a complex step: ``maximum`` and ``>`` order complex numbers by their real part.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from nncli.engine.buffers import Array, Buffers, Step
from nncli.registry import Registry


class Activation(ABC):
    """What a block does to its weighted sums. Subclasses are final, frozen and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str] = ""
    onnx: ClassVar[str]
    in_place: ClassVar[bool]
    """Backward reads A and not Z, so that A may be written over Z."""
    kinks: ClassVar[tuple[float, ...]] = ()
    """Where it is put together from pieces, and a derivative of some order jumps: a difference quotient across one of
    these says nothing about either side."""
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Bounds of the values."""
    simplex: ClassVar[bool] = False
    """Whether a row of values is a distribution: not negative, and its sum is 1."""
    initializer: ClassVar[str] = "glorot_uniform"
    """What suits the weights in front of it."""

    @abstractmethod
    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays, all of shape (..., n, units)."""

    @abstractmethod
    def reference(self, Z: Any, xp: Any) -> Any:
        """f(Z) by the formula, in the functions of ``xp``, which is NumPy with ``erfc``, or something like it."""


registry: Registry[Activation] = Registry("activation")


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
        positive = buffers.scratch(A.shape, dtype=bool)

        def forward() -> None:
            np.maximum(Z, 0, out=A)

        def backward() -> None:
            np.greater(A, 0, out=positive)
            np.multiply(D, positive, out=D)

        return forward, backward

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


@registry.register
@dataclass(frozen=True)
class Gelu(Activation):
    """The Gaussian error linear unit, exact (not its tanh approximation), as in PyTorch and Keras by default."""

    name = "gelu"
    formula = "z·Φ(z), Φ(z) = erfc(−z/√2)/2"
    derivative = "Φ(z) + z·exp(−z²/2)/√(2π)"
    source = "Hendrycks & Gimpel 2016"
    onnx = "Gelu"
    in_place = False
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        # NumPy has no erfc. SciPy's takes complex arguments too; its import costs 0.2 s, paid by those who use gelu.
        # (1 + erf(z/√2))/2 is the same in letters, and loses the left tail to cancellation.
        from scipy.special import erfc

        Phi = buffers.keep(A.shape)
        S = buffers.scratch(A.shape)

        def forward() -> None:
            np.multiply(Z, -math.sqrt(0.5), out=S)
            erfc(S, out=Phi)
            np.multiply(Phi, 0.5, out=Phi)
            np.multiply(Z, Phi, out=A)

        def backward() -> None:
            np.multiply(Z, Z, out=S)
            np.multiply(S, -0.5, out=S)
            np.exp(S, out=S)
            np.multiply(S, 1 / math.sqrt(2 * math.pi), out=S)
            np.multiply(S, Z, out=S)
            np.add(S, Phi, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z * xp.erfc(-Z / math.sqrt(2)) / 2


def sigmoid(Z: Array, out: Array) -> None:
    """1 / (1 + exp(−z)), written to ``out``: right to the last digits in both tails.

    Left of −700 it stays where it is, at 1e-304: a complex exp that overflows would be no number. At float32 exp
    overflows to infinity before that, whose reciprocal is the 0 that it should be.
    """
    np.maximum(Z, -700, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


@registry.register
@dataclass(frozen=True)
class Silu(Activation):
    """The sigmoid linear unit, also called swish."""

    name = "silu"
    formula = "z·σ(z)"
    derivative = "σ(z) + a·(1 − σ(z))"
    source = "Elfwing, Uchibe & Doya 2018"
    onnx = "Mul(x, Sigmoid(x))"
    in_place = False
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        Sigma = buffers.keep(A.shape)
        S = buffers.scratch(A.shape)

        def forward() -> None:
            sigmoid(Z, out=Sigma)
            np.multiply(Z, Sigma, out=A)

        def backward() -> None:
            np.subtract(1, Sigma, out=S)
            np.multiply(S, A, out=S)
            np.add(S, Sigma, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z / (1 + xp.exp(-Z))


@registry.register
@dataclass(frozen=True)
class Softplus(Activation):
    """A smooth rectifier."""

    name = "softplus"
    formula = "log(1 + exp(z))"
    derivative = "σ(z) = 1 − exp(−a)"
    source = "Dugas et al. 2001"
    onnx = "Softplus"
    in_place = True
    range = (0.0, math.inf)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)

        def forward() -> None:
            # max(z, 0) + log(1 + exp(−|z|)): neither half overflows, and −|z| = min(z, −z) is analytic on each side
            np.negative(Z, out=S)
            np.minimum(Z, S, out=S)
            np.exp(S, out=S)
            np.log1p(S, out=S)
            np.maximum(Z, 0, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.negative(A, out=S)
            np.expm1(S, out=S)
            np.negative(S, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.logaddexp(0, Z)


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
class Softmax(Activation):
    """A distribution over the units of a row."""

    name = "softmax"
    formula = "exp(z_j) / Σ_i exp(z_i)"
    derivative = "dC/dz_j = a_j·(dC/da_j − Σ_i dC/da_i·a_i)"
    source = "Bridle 1990"
    onnx = "Softmax"
    in_place = True
    range = (0.0, 1.0)
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
