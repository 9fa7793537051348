"""The negative log-likelihoods of classes, and what they become together with softmax and sigmoid.

Label smoothing (Szegedy et al. 2016) takes the share ``label_smoothing`` from the right class and spreads it evenly
over all classes, so that no logit has to grow without end. It is part of the loss, for validation and test rows, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Lt

from nncli.engine import kernels
from nncli.engine.activations import Activation, Sigmoid, Softmax, sigmoid
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry

Share = Annotated[float, Ge(0), Lt(1)]
SMOOTHING = "Szegedy et al. 2016"


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
        total = buffers.keep(Z.shape[:-1])
        S = buffers.scratch(Z.shape)
        row = buffers.scratch(total.shape, slot=1)
        shift = kernels.shift.bind(buffers, Z, S, row)
        pick = kernels.pick.bind(buffers, E, S, Y, total, L)
        differ = kernels.differ.bind(buffers, E, Y, total, D, numbers=1)

        def forward() -> None:
            shift()
            np.exp(S, out=E)
            pick()
            np.log(total, out=row)
            np.subtract(row, L, out=L)

        def backward() -> None:
            differ(scale)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        top = xp.max(P, axis=-1)
        return top + xp.log(xp.sum(xp.exp(P - top[:, None]), axis=-1)) - P[np.arange(len(Y)), Y]


@dataclass(frozen=True)
class SmoothedCrossEntropyOfSoftmax(Loss):
    """The same for smoothed labels, with the gradient p − q."""

    label_smoothing: Share = 0.1

    name = "smoothed cross_entropy of softmax"
    formula = "L_i = log Σ_j exp(z_ij) − Σ_j q_ij·z_ij, q_ij = (1 − label_smoothing)·[j = y_i] + label_smoothing/k"
    derivative = "dL_i/dz_ij = p_ij − q_ij, p_i = softmax(z_i)"
    source = SMOOTHING
    targets = "codes"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z = P
        E = buffers.keep(Z.shape)
        total = buffers.keep((*Z.shape[:-1], 1))
        smooth, Q = _smoothed(Z, Y, self.label_smoothing, buffers)
        S = buffers.scratch(Z.shape)
        row = buffers.scratch(total.shape, slot=1)
        log_total, row_of = row[..., 0], total[..., 0]

        def forward() -> None:
            smooth()
            np.maximum.reduce(Z, axis=-1, keepdims=True, out=row)
            np.subtract(Z, row, out=S)
            np.exp(S, out=E)
            np.add.reduce(E, axis=-1, keepdims=True, out=total)
            np.multiply(S, Q, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.log(row_of, out=log_total)
            np.subtract(log_total, L, out=L)

        def backward() -> None:
            np.divide(E, total, out=D)
            np.subtract(D, Q, out=D)
            np.multiply(D, scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        top = xp.max(P, axis=-1, keepdims=True)
        log_p = P - top - xp.log(xp.sum(xp.exp(P - top), axis=-1, keepdims=True))
        share = self.label_smoothing
        return -(1 - share) * log_p[np.arange(len(Y)), Y] - share * xp.mean(log_p, axis=-1)


def _smoothed(P: Array, Y: Array, share: float, buffers: Buffers) -> tuple[Step, Array]:
    """What fills the smoothed one-hot targets (n, k), and these."""
    k = P.shape[-1]
    Q = buffers.keep(P.shape[-2:], np.zeros(0, P.dtype).real.dtype)
    right = buffers.scratch(Q.shape, dtype=bool)
    classes, label = np.arange(k), Y[:, np.newaxis]

    def smooth() -> None:
        np.equal(label, classes, out=right)
        np.multiply(right, 1 - share, out=Q)
        np.add(Q, share / k, out=Q)

    return smooth, Q


@registry.register
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The negative log-likelihood of the right class."""

    label_smoothing: Share = 0.0

    name = "cross_entropy"
    formula = "L_i = −Σ_j q_ij·log p_ij, q_ij = (1 − label_smoothing)·[j = y_i] + label_smoothing/k"
    derivative = "dL_i/dp_ij = −q_ij/p_ij"
    source = "label smoothing: " + SMOOTHING
    targets = "codes"
    needs = "distribution"
    classification = True

    def fuse(self, output: Activation) -> Loss | None:
        if not isinstance(output, Softmax):
            return None
        return SmoothedCrossEntropyOfSoftmax(self.label_smoothing) if self.label_smoothing else CrossEntropyOfSoftmax()

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        smooth, Q = _smoothed(P, Y, self.label_smoothing, buffers)
        counted = buffers.keep(Q.shape, bool)
        S = buffers.scratch(P.shape)

        # where q is 0 nothing is computed: at p = 0 the product would be 0·∞
        def forward() -> None:
            smooth()
            np.greater(Q, 0, out=counted)
            S[...] = 0
            np.log(P, out=S, where=counted)
            np.multiply(S, Q, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.negative(L, out=L)

        def backward() -> None:
            D[...] = 0
            np.divide(Q, P, out=D, where=counted)
            np.multiply(D, -scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        share, log_right = self.label_smoothing, xp.log(P[np.arange(len(Y)), Y])
        return -log_right if not share else -(1 - share) * log_right - share * xp.mean(xp.log(P), axis=-1)


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


@dataclass(frozen=True)
class SmoothedBinaryCrossEntropyOfSigmoid(Loss):
    """The same for smoothed labels."""

    label_smoothing: Share = 0.1

    name = "smoothed binary_cross_entropy of sigmoid"
    formula = "L_i = 1/k · Σ_j [log(1 + exp(z_ij)) − q_ij·z_ij], q = (1 − label_smoothing)·y + label_smoothing/2"
    derivative = "dL_i/dz_ij = 1/k · (σ(z_ij) − q_ij)"
    source = SMOOTHING
    targets = "values"
    classification = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Q = buffers.keep(Y.shape, Y.dtype)
        value, backward = BinaryCrossEntropyOfSigmoid().bind(P, Q, L, D, scale, buffers)

        def forward() -> None:
            np.multiply(Y, 1 - self.label_smoothing, out=Q)
            np.add(Q, self.label_smoothing / 2, out=Q)
            value()

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        Q = (1 - self.label_smoothing) * Y + self.label_smoothing / 2
        return xp.mean(xp.logaddexp(0, P) - P * Q, axis=-1)


@registry.register
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """The negative log-likelihood of independent yes-or-no outputs, mean over outputs and rows."""

    label_smoothing: Share = 0.0

    name = "binary_cross_entropy"
    formula = (
        "L_i = −1/k · Σ_j [q_ij·log p_ij + (1 − q_ij)·log(1 − p_ij)], q = (1 − label_smoothing)·y + label_smoothing/2"
    )
    derivative = "dL_i/dp_ij = 1/k · [(1 − q_ij)/(1 − p_ij) − q_ij/p_ij]"
    source = "label smoothing: " + SMOOTHING
    targets = "values"
    needs = "probabilities"
    classification = True

    def fuse(self, output: Activation) -> Loss | None:
        if not isinstance(output, Sigmoid):
            return None
        share = self.label_smoothing
        return SmoothedBinaryCrossEntropyOfSigmoid(share) if share else BinaryCrossEntropyOfSigmoid()

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k, share = P.shape[-1], self.label_smoothing
        S = buffers.scratch(P.shape)
        T = buffers.scratch(P.shape, slot=1)
        Rest = buffers.keep(P.shape)  # 1 − p
        Q = buffers.keep(Y.shape, Y.dtype)
        R = buffers.keep(Y.shape, Y.dtype)  # 1 − q
        yes = buffers.keep(Y.shape, bool)
        no = buffers.keep(Y.shape, bool)

        # q·log p is 0 where q = 0, also at p = 0, where the product would be 0·∞: those entries are not computed.
        def forward() -> None:
            np.subtract(1, P, out=Rest)
            np.multiply(Y, 1 - share, out=Q)
            np.add(Q, share / 2, out=Q)
            np.subtract(1, Q, out=R)
            np.greater(Q, 0, out=yes)
            np.greater(R, 0, out=no)
            S[...] = 0
            np.log(P, out=S, where=yes)
            np.multiply(S, Q, out=S)
            T[...] = 0
            np.negative(P, out=T, where=no)
            np.log1p(T, out=T)
            np.multiply(T, R, out=T)
            np.add(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, -1 / k, out=L)

        def backward() -> None:
            S[...] = 0
            np.divide(Q, P, out=S, where=yes)
            D[...] = 0
            np.divide(R, Rest, out=D, where=no)
            np.subtract(D, S, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        Q = (1 - self.label_smoothing) * Y + self.label_smoothing / 2
        return -xp.mean(Q * xp.log(P) + (1 - Q) * xp.log(1 - P), axis=-1)
