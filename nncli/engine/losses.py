"""Losses: the mean over rows of a loss L_i, each one record with its gradient beside its value.

A record is bound to its arrays once, and hands back two functions that only work in place:

* forward reads the predictions ``P`` (..., n, k) and the targets ``Y``, and writes each row's loss to ``L`` (..., n);
* backward writes ``scale`` · dL_i/dP to ``D`` (..., n, k); with scale = 1/n that is the gradient of the mean.

``Y`` holds class codes (n,) where the record says ``codes``, or real values (n, k).

Beside that stands ``reference``, the same function as a paper writes it; see ``activations``.

Where a loss and the activation in front of it are computed better together, ``fused`` names that activation and the
record that takes its argument Z in place of its value. Nothing is clipped and no epsilon is added: the value that is
reported is the function whose gradient is taken.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np

from nncli.engine.activations import Activation, sigmoid
from nncli.engine.buffers import Array, Buffers, Step
from nncli.registry import Registry


class Loss(ABC):
    """What the training makes small. Subclasses are final and frozen."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str] = ""
    targets: ClassVar[Literal["codes", "values"]]
    needs: ClassVar[Literal["reals", "probabilities", "distribution"]] = "reals"
    """What a row of predictions has to be: any numbers, numbers in [0, 1], or such that sum to 1."""
    classification: ClassVar[bool] = False
    """Whether it makes sense for classes only."""
    fused: ClassVar[Mapping[str, type[Loss]]] = MappingProxyType({})
    """Activation name -> the record that computes this loss from that activation's argument."""

    @abstractmethod
    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays."""

    @abstractmethod
    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        """L (n,) by the formula, in the functions of ``xp``."""

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        """What changes its sign where the loss goes over from one piece to another; see ``Activation.kinks``."""
        return ()


registry: Registry[Loss] = Registry("loss")


def objection(loss: type[Loss], activation: type[Activation]) -> str | None:
    """Why ``loss`` makes no sense behind ``activation``; None when it does."""
    if loss.needs == "distribution" and not activation.simplex:
        return f"{loss.name} needs outputs that are not negative and sum to 1, which {activation.name} does not give"
    low, high = activation.range
    if loss.needs == "probabilities" and not (low >= 0 and high <= 1):
        return f"{loss.name} needs outputs between 0 and 1, which {activation.name} does not give"
    return None


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


@dataclass(frozen=True)
class CrossEntropyOfSoftmax(Loss):
    """Cross-entropy of softmax(Z), from Z: finite wherever Z is, with the gradient p − onehot(y)."""

    name = "cross_entropy of softmax"
    formula = "L_i = log Σ_j exp(z_ij) − z_i,y_i"
    derivative = "dL_i/dz_ij = p_ij − [j = y_i], p_i = softmax(z_i)"
    targets = "codes"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z = P
        E = buffers.keep(Z.shape)
        total = buffers.keep((*Z.shape[:-1], 1))
        onehot = buffers.keep(Z.shape[-2:], bool)
        S = buffers.scratch(Z.shape)
        row = buffers.scratch(total.shape, slot=1)
        classes, label = np.arange(Z.shape[-1]), Y[:, np.newaxis]
        log_total, row_of = row[..., 0], total[..., 0]

        def forward() -> None:
            np.maximum.reduce(Z, axis=-1, keepdims=True, out=row)
            np.subtract(Z, row, out=S)
            np.exp(S, out=E)
            np.add.reduce(E, axis=-1, keepdims=True, out=total)
            np.equal(label, classes, out=onehot)
            np.multiply(S, onehot, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.log(row_of, out=log_total)
            np.subtract(log_total, L, out=L)

        def backward() -> None:
            np.divide(E, total, out=D)
            np.subtract(D, onehot, out=D)
            np.multiply(D, scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        top = xp.max(P, axis=-1)
        return top + xp.log(xp.sum(xp.exp(P - top[:, None]), axis=-1)) - P[np.arange(len(Y)), Y]


@registry.register
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The negative log-likelihood of the right class."""

    name = "cross_entropy"
    formula = "L_i = −log p_i,y_i"
    derivative = "dL_i/dp_ij = −[j = y_i] / p_ij"
    targets = "codes"
    needs = "distribution"
    classification = True
    fused = MappingProxyType({"softmax": CrossEntropyOfSoftmax})

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        onehot = buffers.keep(P.shape[-2:], bool)
        right = buffers.keep((*P.shape[:-1], 1))
        S = buffers.scratch(P.shape)
        classes, label, right_of = np.arange(P.shape[-1]), Y[:, np.newaxis], right[..., 0]

        def forward() -> None:
            np.equal(label, classes, out=onehot)
            np.multiply(P, onehot, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=right)
            np.log(right_of, out=L)
            np.negative(L, out=L)

        def backward() -> None:
            np.divide(onehot, right, out=D)
            np.multiply(D, -scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return -xp.log(P[np.arange(len(Y)), Y])


@dataclass(frozen=True)
class BinaryCrossEntropyOfSigmoid(Loss):
    """Binary cross-entropy of σ(Z), from Z: finite wherever Z is, with the gradient (σ(z) − y)/k."""

    name = "binary_cross_entropy of sigmoid"
    formula = "L_i = 1/k · Σ_j [max(z_ij, 0) − z_ij·y_ij + log(1 + exp(−|z_ij|))]"
    derivative = "dL_i/dz_ij = 1/k · (σ(z_ij) − y_ij)"
    targets = "values"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z, k = P, P.shape[-1]
        S = buffers.scratch(Z.shape)
        T = buffers.scratch(Z.shape, slot=1)

        def forward() -> None:
            np.negative(Z, out=S)
            np.minimum(Z, S, out=S)
            np.exp(S, out=S)
            np.log1p(S, out=S)
            np.maximum(Z, 0, out=T)
            np.add(S, T, out=S)
            np.multiply(Z, Y, out=T)
            np.subtract(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            sigmoid(Z, out=D)
            np.subtract(D, Y, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean(xp.logaddexp(0, P) - P * Y, axis=-1)


@registry.register
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """The negative log-likelihood of independent yes-or-no outputs, mean over outputs and rows."""

    name = "binary_cross_entropy"
    formula = "L_i = −1/k · Σ_j [y_ij·log p_ij + (1 − y_ij)·log(1 − p_ij)]"
    derivative = "dL_i/dp_ij = 1/k · [(1 − y_ij)/(1 − p_ij) − y_ij/p_ij]"
    targets = "values"
    needs = "probabilities"
    classification = True
    fused = MappingProxyType({"sigmoid": BinaryCrossEntropyOfSigmoid})

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        S = buffers.scratch(P.shape)
        T = buffers.scratch(P.shape, slot=1)
        Q = buffers.keep(P.shape)  # 1 − p
        R = buffers.keep(Y.shape, Y.dtype)  # 1 − y
        yes = buffers.keep(Y.shape, bool)
        no = buffers.keep(Y.shape, bool)

        # y·log p is 0 where y = 0, also at p = 0, where the product would be 0·∞: those entries are not computed.
        def forward() -> None:
            np.subtract(1, P, out=Q)
            np.subtract(1, Y, out=R)
            np.greater(Y, 0, out=yes)
            np.greater(R, 0, out=no)
            S[...] = 0
            np.log(P, out=S, where=yes)
            np.multiply(S, Y, out=S)
            T[...] = 0
            np.negative(P, out=T, where=no)
            np.log1p(T, out=T)
            np.multiply(T, R, out=T)
            np.add(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, -1 / k, out=L)

        def backward() -> None:
            S[...] = 0
            np.divide(Y, P, out=S, where=yes)
            D[...] = 0
            np.divide(R, Q, out=D, where=no)
            np.subtract(D, S, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return -xp.mean(Y * xp.log(P) + (1 - Y) * xp.log(1 - P), axis=-1)
