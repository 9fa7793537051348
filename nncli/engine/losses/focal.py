"""Focal losses: cross-entropies in which a row counts the less, the surer the network is of its class.

With gamma = 0 they are the cross-entropies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine.activations import Activation, Sigmoid, Softmax, sigmoid
from nncli.engine.activations.elementwise import log1p_of_share, softplus
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry

LOG2 = math.log(2)
SOURCE = "Lin et al. 2017"
Focus = Annotated[float, Ge(0)]
Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True)
class FocalOfSoftmax(Loss):
    """The focal loss of softmax(Z), from Z: finite wherever Z is, right to the last digits for a row that is sure."""

    gamma: Focus = 2.0

    name = "focal of softmax"
    formula = "L_i = −q_i^gamma·log(1 − q_i), q_i = 1 − p_i,y_i, p_i = softmax(z_i)"
    derivative = "dL_i/dz_ij = (p_ij − [j = y_i])·q_i^gamma·[1 − gamma·(1 − q_i)·log(1 − q_i)/q_i], q_i = 1 − p_i,y_i"
    source = SOURCE
    targets = "codes"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z, gamma = P, self.gamma
        one_a_row = (*Z.shape[:-1], 1)
        Others = buffers.keep(Z.shape)  # exp(z − max), 0 for the right class
        total, rest, cost = (buffers.keep(one_a_row) for _ in range(3))
        right = buffers.keep(Z.shape[-2:], bool)
        S = buffers.scratch(Z.shape)
        row, ratio = (buffers.scratch(one_a_row, slot=slot) for slot in (1, 2))
        unsure = buffers.scratch(one_a_row, dtype=bool)
        classes, label = np.arange(Z.shape[-1]), Y[:, np.newaxis]

        # The sum over the others is q without a difference. From it comes −log(1 − q) = 2·artanh(q/(2 − q)) up to
        # q = 1/2, where that is log 2; beyond that, what log(total) − (z_y − max) is above log 2 comes on top.
        def forward() -> None:
            np.maximum.reduce(Z, axis=-1, keepdims=True, out=row)
            np.subtract(Z, row, out=S)
            np.exp(S, out=Others)
            np.add.reduce(Others, axis=-1, keepdims=True, out=total)
            np.equal(label, classes, out=right)
            np.multiply(S, right, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=row)
            np.logical_not(right, out=right)
            np.multiply(Others, right, out=Others)
            np.add.reduce(Others, axis=-1, keepdims=True, out=rest)
            np.log(total, out=cost)
            np.subtract(cost, row, out=cost)
            np.subtract(cost, LOG2, out=cost)
            np.maximum(cost, 0, out=cost)
            np.divide(rest, total, out=rest)  # q
            np.minimum(rest, 0.5, out=row)
            np.subtract(2, row, out=ratio)
            np.divide(row, ratio, out=row)
            np.arctanh(row, out=row)
            np.multiply(row, 2, out=row)
            np.add(cost, row, out=cost)
            np.power(rest, gamma, out=ratio)
            np.multiply(ratio, cost, out=ratio)
            np.copyto(L, ratio[..., 0])

        def backward() -> None:
            ratio[...] = 1
            np.greater(rest, 0, out=unsure)
            np.divide(cost, rest, out=ratio, where=unsure)
            np.subtract(1, rest, out=row)
            np.multiply(row, ratio, out=ratio)
            np.multiply(ratio, gamma, out=ratio)
            np.add(ratio, 1, out=ratio)
            np.power(rest, gamma, out=row)
            np.multiply(row, scale, out=row)
            np.multiply(ratio, row, out=ratio)
            np.divide(Others, total, out=D)
            np.equal(label, classes, out=right)
            np.multiply(right, rest, out=S)
            np.subtract(D, S, out=D)  # p − onehot(y)
            np.multiply(D, ratio, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        top = xp.max(P, axis=-1)
        log_p = P[np.arange(len(Y)), Y] - top - xp.log(xp.sum(xp.exp(P - top[:, None]), axis=-1))
        return -((1 - xp.exp(log_p)) ** self.gamma) * log_p


@registry.register
@dataclass(frozen=True)
class Focal(Loss):
    """Cross-entropy that counts a row the less, the surer it is; class weights take the place of its paper's alpha."""

    gamma: Focus = 2.0

    name = "focal"
    formula = "L_i = −(1 − p_i,y_i)^gamma·log p_i,y_i"
    derivative = "dL_i/dp_ij = [j = y_i]·(1 − p_ij)^gamma·[gamma·log p_ij/(1 − p_ij) − 1/p_ij]"
    source = SOURCE
    targets = "codes"
    needs = "distribution"
    classification = True

    def fuse(self, output: Activation) -> Loss | None:
        return FocalOfSoftmax(self.gamma) if isinstance(output, Softmax) else None

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        one_a_row = (*P.shape[:-1], 1)
        right = buffers.keep(P.shape[-2:], bool)
        p, q, log_p = (buffers.keep(one_a_row) for _ in range(3))
        S = buffers.scratch(P.shape)
        T = buffers.scratch(one_a_row, slot=1)
        classes, label = np.arange(P.shape[-1]), Y[:, np.newaxis]
        value, slope = _focus(p, q, log_p, self.gamma, buffers)

        def forward() -> None:
            np.equal(label, classes, out=right)
            np.multiply(P, right, out=S)
            np.add.reduce(S, axis=-1, keepdims=True, out=p)
            np.subtract(1, p, out=q)
            np.log(p, out=log_p)
            value(T)
            np.negative(T[..., 0], out=L)

        def backward() -> None:
            slope(T)
            np.multiply(T, scale, out=T)
            np.multiply(right, T, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        p = P[np.arange(len(Y)), Y]
        return -((1 - p) ** self.gamma) * xp.log(p)


@dataclass(frozen=True)
class BinaryFocalOfSigmoid(Loss):
    """The focal loss of σ(Z), from Z: finite wherever Z is."""

    gamma: Focus = 2.0
    alpha: Share | None = None

    name = "binary_focal of sigmoid"
    formula = (
        "L_i = 1/k · Σ_j a_ij·σ(−x_ij)^gamma·log(1 + exp(−x_ij)), x = (2y − 1)·z, a = y·alpha + (1 − y)·(1 − alpha)"
    )
    derivative = "dL_i/dz_ij = −1/k · (2y_ij − 1)·a_ij·σ(−x)^gamma·[gamma·σ(x)·log(1 + exp(−x)) + σ(−x)], x = x_ij"
    source = SOURCE
    targets = "values"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z, k, gamma = P, P.shape[-1], self.gamma
        X = buffers.keep(Z.shape)
        Cost = buffers.keep(Z.shape)  # −log p
        Focused = buffers.keep(Z.shape)  # (1 − p)^gamma
        signs = buffers.keep(Y.shape, Y.dtype)
        S = buffers.scratch(Z.shape)
        T = buffers.scratch(Z.shape, slot=1)
        balance = _balance(Y, self.alpha, buffers)

        def forward() -> None:
            np.multiply(Y, 2, out=signs)
            np.subtract(signs, 1, out=signs)
            np.multiply(Z, signs, out=X)
            softplus(X, out=Focused, S=S)
            np.negative(X, out=T)
            np.maximum(T, 0, out=Cost)
            np.minimum(X, T, out=T)
            np.exp(T, out=T)
            log1p_of_share(T, out=T, S=S)
            np.add(Cost, T, out=Cost)
            np.multiply(Focused, -gamma, out=Focused)
            np.exp(Focused, out=Focused)
            balance(Focused)
            np.multiply(Focused, Cost, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            sigmoid(X, out=S)
            np.multiply(S, Cost, out=S)
            np.multiply(S, gamma, out=S)
            np.negative(X, out=T)
            sigmoid(T, out=D)
            np.add(D, S, out=D)
            np.multiply(D, Focused, out=D)
            np.multiply(D, signs, out=D)
            np.multiply(D, -scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        X = (2 * Y - 1) * P
        cost = xp.logaddexp(0, -X) * xp.exp(-self.gamma * xp.logaddexp(0, X))
        return xp.mean(_weights(Y, self.alpha) * cost, axis=-1)


@registry.register
@dataclass(frozen=True)
class BinaryFocal(Loss):
    """The focal loss of independent yes-or-no outputs, mean over outputs; alpha, if given, weighs yes against no."""

    gamma: Focus = 2.0
    alpha: Share | None = None

    name = "binary_focal"
    formula = (
        "L_i = −1/k · Σ_j a_ij·(1 − t_ij)^gamma·log t_ij, t = y·p + (1 − y)·(1 − p), a = y·alpha + (1 − y)·(1 − alpha)"
    )
    derivative = "dL_i/dp_ij = 1/k · (2y − 1)·a·(1 − t)^gamma·[gamma·log t/(1 − t) − 1/t], y = y_ij, a = a_ij, t = t_ij"
    source = SOURCE
    targets = "values"
    needs = "probabilities"
    classification = True

    def fuse(self, output: Activation) -> Loss | None:
        return BinaryFocalOfSigmoid(self.gamma, self.alpha) if isinstance(output, Sigmoid) else None

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        right, wrong, log_right = (buffers.keep(P.shape) for _ in range(3))  # t, 1 − t, log t
        signs = buffers.keep(Y.shape, Y.dtype)
        rest = buffers.keep(Y.shape, Y.dtype)
        yes = buffers.keep(Y.shape, bool)
        T = buffers.scratch(P.shape, slot=1)
        value, slope = _focus(right, wrong, log_right, self.gamma, buffers)
        balance = _balance(Y, self.alpha, buffers)

        # of the two logarithms, log p and log1p(−p), each is exact where the other is not
        def forward() -> None:
            np.multiply(Y, 2, out=signs)
            np.subtract(signs, 1, out=signs)
            np.subtract(1, Y, out=rest)
            np.multiply(P, signs, out=T)
            np.add(T, rest, out=right)
            np.subtract(Y, T, out=wrong)
            np.negative(P, out=log_right)
            np.log1p(log_right, out=log_right)
            np.greater(Y, 0, out=yes)
            np.log(P, out=log_right, where=yes)
            value(T)
            balance(T)
            np.add.reduce(T, axis=-1, out=L)
            np.multiply(L, -1 / k, out=L)

        def backward() -> None:
            slope(T)
            balance(T)
            np.multiply(T, signs, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        t = Y * P + (1 - Y) * (1 - P)
        return -xp.mean(_weights(Y, self.alpha) * (1 - t) ** self.gamma * xp.log(t), axis=-1)


def _focus(
    p: Array, q: Array, log_p: Array, gamma: float, buffers: Buffers
) -> tuple[Callable[[Array], None], Callable[[Array], None]]:
    """Return what writes q^gamma·log p, and what writes the derivative of minus that by p; q = 1 − p."""
    S = buffers.scratch(p.shape, slot=2)
    unsure = buffers.scratch(p.shape, slot=1, dtype=bool)

    def value(out: Array) -> None:
        np.power(q, gamma, out=out)
        np.multiply(out, log_p, out=out)

    # q^gamma·[gamma·log p/q − 1/p], in which log p/q goes to −1 with q, and does not ask for gamma − 1
    def slope(out: Array) -> None:
        S[...] = -1
        np.greater(q, 0, out=unsure)
        np.divide(log_p, q, out=S, where=unsure)
        np.multiply(S, gamma, out=S)
        np.reciprocal(p, out=out)
        np.subtract(S, out, out=S)
        np.power(q, gamma, out=out)
        np.multiply(out, S, out=out)

    return value, slope


def _balance(Y: Array, alpha: float | None, buffers: Buffers) -> Callable[[Array], None]:
    """What multiplies an array by alpha where the target is 1, and by 1 − alpha where it is 0."""
    if alpha is None:
        return lambda array: None
    weights = buffers.keep(Y.shape, Y.dtype)

    def balance(array: Array) -> None:
        np.multiply(Y, 2 * alpha - 1, out=weights)
        np.add(weights, 1 - alpha, out=weights)
        np.multiply(array, weights, out=array)

    return balance


def _weights(Y: Any, alpha: float | None) -> Any:
    return 1.0 if alpha is None else Y * alpha + (1 - Y) * (1 - alpha)
