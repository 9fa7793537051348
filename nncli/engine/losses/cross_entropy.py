"""The negative log-likelihoods of classes, and what they become together with softmax and sigmoid."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from nncli.engine.activations import sigmoid
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry


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
