"""Smooth rectifiers: z times a gate that opens with z, softplus, and what is positive everywhere: the exponential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.engine.activations.base import Activation, registry
from nncli.engine.activations.elementwise import backward_between, hard_sigmoid, sigmoid, softplus
from nncli.engine.buffers import Array, Buffers, Step


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
    range = (-0.17, math.inf)
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
    range = (-0.2785, math.inf)
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
class Mish(Activation):
    """A smooth rectifier that dips below 0."""

    name = "mish"
    formula = "z·tanh(softplus(z))"
    derivative = "t + z·σ(z)·(1 − t²), t = tanh(softplus(z))"
    source = "Misra 2019"
    onnx = "Mish"
    in_place = False
    range = (-0.3089, math.inf)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        T = buffers.keep(A.shape)
        S = buffers.scratch(A.shape)
        R = buffers.scratch(A.shape, slot=1)

        def forward() -> None:
            softplus(Z, out=T, S=S)
            np.tanh(T, out=T)
            np.multiply(Z, T, out=A)

        def backward() -> None:
            np.multiply(T, T, out=S)
            np.subtract(1, S, out=S)
            sigmoid(Z, out=R)
            np.multiply(S, R, out=S)
            np.multiply(S, Z, out=S)
            np.add(S, T, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z * xp.tanh(xp.logaddexp(0, Z))


@registry.register
@dataclass(frozen=True)
class HardSwish(Activation):
    """silu with the hard sigmoid in it."""

    name = "hard_swish"
    formula = "z·min(max((z + 3)/6, 0), 1)"
    derivative = "0 for z ≤ −3, (2z + 3)/6 between, 1 for z ≥ 3"
    source = "Howard et al. 2019"
    onnx = "HardSwish"
    in_place = False
    range = (-0.375, math.inf)
    kinks = (-3.0, 3.0)
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        H = buffers.keep(A.shape)
        S = buffers.scratch(A.shape)
        rising = backward_between(H, S, 0, 1, buffers, slope=1 / 6)

        def forward() -> None:
            hard_sigmoid(Z, out=H)
            np.multiply(Z, H, out=A)

        def backward() -> None:
            np.copyto(S, Z)
            rising()
            np.add(S, H, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z * xp.minimum(xp.maximum((Z + 3) / 6, 0), 1)


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
    positive = True
    initializer = "he_normal"

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        S = buffers.scratch(A.shape)

        def forward() -> None:
            softplus(Z, out=A, S=S)

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
class Exponential(Activation):
    """The exponential, for an output that is a rate: what log-linear models of counts have."""

    name = "exponential"
    formula = "exp(z)"
    derivative = "a"
    source = "McCullagh & Nelder 1989"
    onnx = "Exp"
    in_place = True
    range = (0.0, math.inf)
    positive = True
    finite_up_to = 88.0

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.exp(Z, out=A)

        def backward() -> None:
            np.multiply(D, A, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.exp(Z)
