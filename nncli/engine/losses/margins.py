"""Hinge losses: a row costs nothing as soon as its class leads by a margin of 1.

With one output z for two classes, t = −1 for the first and 1 for the second, the lead is t·z, and z is 0 where they
change over. With an output for each class, it is the lead over the best of the others (Crammer & Singer 2001).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry


def _bind_lack(P: Array, Y: Array, buffers: Buffers) -> tuple[Array, Step, Callable[[Array, Array], None]]:
    """What lacks to the margin.

    Returns:
        lack, (..., n, 1): 1 less the lead, or 0 where that is negative.
        forward: computes it.
        backward: writes ``factor`` (..., n, 1) times the gradient of 1 less the lead to an array (..., n, k).
    """
    lack = buffers.keep((*P.shape[:-1], 1))
    label = Y[:, np.newaxis]
    if P.shape[-1] == 1:
        signs = buffers.keep((len(Y), 1), np.zeros(0, P.dtype).real.dtype)

        def forward_one() -> None:
            np.multiply(label, 2, out=signs)
            np.subtract(signs, 1, out=signs)
            np.multiply(P, signs, out=lack)
            np.subtract(1, lack, out=lack)
            np.maximum(lack, 0, out=lack)

        def backward_one(factor: Array, D: Array) -> None:
            np.multiply(factor, signs, out=D)
            np.negative(D, out=D)

        return lack, forward_one, backward_one

    classes = np.arange(P.shape[-1])
    right = buffers.keep(P.shape[-2:], bool)
    others = buffers.keep(P.shape[-2:], bool)
    best = buffers.keep(lack.shape)
    S = buffers.scratch(P.shape)
    row = buffers.scratch(lack.shape, slot=1)
    leads = buffers.scratch(P.shape, dtype=bool)

    def forward() -> None:
        np.equal(label, classes, out=right)
        np.logical_not(right, out=others)
        np.maximum.reduce(P, axis=-1, keepdims=True, where=others, initial=-np.inf, out=best)
        np.multiply(P, right, out=S)
        np.add.reduce(S, axis=-1, keepdims=True, out=row)
        np.subtract(best, row, out=lack)
        np.add(lack, 1, out=lack)
        np.maximum(lack, 0, out=lack)

    def backward(factor: Array, D: Array) -> None:
        np.equal(P, best, out=leads)
        np.logical_and(leads, others, out=leads)
        np.add.reduce(leads, axis=-1, keepdims=True, out=row)
        np.divide(leads, row, out=D)  # others that tie share the slope
        np.subtract(D, right, out=D)
        np.multiply(D, factor, out=D)

    return lack, forward, backward


class Margin(Loss):
    """A function of what lacks to the margin."""

    targets = "codes"
    needs = "scores"
    classification = True
    threshold = 0.0

    def _lack(self, P: Any, Y: Any, xp: Any) -> Any:
        if P.shape[-1] == 1:
            return xp.maximum(0, 1 - (2 * Y - 1) * P[:, 0])
        others = np.arange(P.shape[-1]) != Y[:, None]
        return xp.maximum(0, 1 + xp.max(xp.where(others, P, -np.inf), axis=-1) - P[np.arange(len(Y)), Y])

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        if P.shape[-1] == 1:
            return (1 - (2 * Y - 1)[:, np.newaxis] * P,)
        others = np.arange(P.shape[-1]) != Y[:, np.newaxis]
        ranked = np.sort(np.where(others, P, -np.inf), axis=-1)
        best, second = ranked[..., -1:], ranked[..., -2:-1]
        right = np.add.reduce(P, axis=-1, keepdims=True, where=~others)
        # of the others, the one that leads is ahead of the second, and all are behind the first
        places = np.where(best == P, P - np.where(np.isinf(second.real), best - 1, second), P - best)
        return (1 + best - right, np.where(others, places, 1))


@registry.register
@dataclass(frozen=True)
class Hinge(Margin):
    """What lacks to a lead of 1, as in support vector machines. Its slope at the margin is taken as 0."""

    name = "hinge"
    formula = "L_i = max(0, 1 + max_{j≠y_i} p_ij − p_i,y_i); of one output, max(0, 1 − t_i·p_i), t_i = 2·y_i − 1"
    derivative = "dL_i/dp_ij = [L_i > 0]·([j leads the others] − [j = y_i]); of one output, dL_i/dp_i = −[L_i > 0]·t_i"
    source = "Crammer & Singer 2001"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        lack, find, slopes = _bind_lack(P, Y, buffers)
        lacks = buffers.scratch(lack.shape, slot=1, dtype=bool)
        factor = buffers.scratch(lack.shape, slot=2)

        def forward() -> None:
            find()
            np.copyto(L, lack[..., 0])

        def backward() -> None:
            np.greater(lack, 0, out=lacks)
            np.multiply(lacks, scale, out=factor)
            slopes(factor, D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return self._lack(P, Y, xp)


@registry.register
@dataclass(frozen=True)
class SquaredHinge(Margin):
    """The square of hinge: smooth at the margin, and harder on rows that are far on the wrong side."""

    name = "squared_hinge"
    formula = "L_i = m_i², m_i = max(0, 1 + max_{j≠y_i} p_ij − p_i,y_i); of one output, m_i = max(0, 1 − t_i·p_i)"
    derivative = "dL_i/dp_ij = 2·m_i·([j leads the others] − [j = y_i]); of one output, dL_i/dp_i = −2·m_i·t_i"
    source = "Lee & Lin 2013"
    explodes = True

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        lack, find, slopes = _bind_lack(P, Y, buffers)
        lack_of_row = lack[..., 0]
        factor = buffers.scratch(lack.shape, slot=2)

        def forward() -> None:
            find()
            np.multiply(lack_of_row, lack_of_row, out=L)

        def backward() -> None:
            np.multiply(lack, 2 * scale, out=factor)
            slopes(factor, D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return self._lack(P, Y, xp) ** 2
