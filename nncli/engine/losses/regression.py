"""Losses of numbers: how far each is off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt, MinLen

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry


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


@registry.register
@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """The absolute error, mean over outputs and rows; its least is at the median. Its slope at 0 is taken as 0."""

    name = "mae"
    formula = "L_i = 1/k · Σ_j |p_ij − y_ij|"
    derivative = "dL_i/dp_ij = 1/k · sign(p_ij − y_ij)"
    targets = "values"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        E = buffers.keep(P.shape)
        S = buffers.scratch(P.shape)

        def forward() -> None:
            np.subtract(P, Y, out=E)
            np.negative(E, out=S)
            np.maximum(E, S, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.sign(E, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean(xp.abs(P - Y), axis=-1)

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        return (P - Y,)


@registry.register
@dataclass(frozen=True)
class Huber(Loss):
    """Half the squared error where it is small, and a straight line beyond delta: outliers pull no harder than that."""

    delta: Annotated[float, Gt(0)] = 1.0

    name = "huber"
    formula = "L_i = 1/k · Σ_j c_ij·(e_ij − c_ij/2), e = p − y, c = min(max(e, −delta), delta)"
    derivative = "dL_i/dp_ij = 1/k · c_ij"
    source = "Huber 1964"
    targets = "values"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k, delta = P.shape[-1], self.delta
        C = buffers.keep(P.shape)
        E = buffers.scratch(P.shape)
        S = buffers.scratch(P.shape, slot=1)

        def forward() -> None:
            np.subtract(P, Y, out=E)
            np.maximum(E, -delta, out=C)
            np.minimum(C, delta, out=C)
            np.multiply(C, 0.5, out=S)
            np.subtract(E, S, out=E)
            np.multiply(E, C, out=E)
            np.add.reduce(E, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.multiply(C, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        error, delta = xp.abs(P - Y), self.delta
        return xp.mean(xp.where(error > delta, delta * (error - delta / 2), error**2 / 2), axis=-1)

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        return (P - Y - self.delta, P - Y + self.delta)


@registry.register
@dataclass(frozen=True)
class LogCosh(Loss):
    """Half the squared error near 0, the absolute error less log 2 far from it, and smooth between."""

    name = "log_cosh"
    formula = "L_i = 1/k · Σ_j log cosh(p_ij − y_ij)"
    derivative = "dL_i/dp_ij = 1/k · tanh(p_ij − y_ij)"
    source = "Green 1990"
    targets = "values"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        E = buffers.keep(P.shape)
        S = buffers.scratch(P.shape)
        T = buffers.scratch(P.shape, slot=1)

        # |e| + log((1 + exp(−2|e|))/2): nothing overflows, and near 0 nothing but the last digits cancels
        def forward() -> None:
            np.subtract(P, Y, out=E)
            np.negative(E, out=S)
            np.maximum(E, S, out=S)
            np.multiply(S, -2, out=T)
            np.expm1(T, out=T)
            np.multiply(T, 0.5, out=T)
            np.log1p(T, out=T)
            np.add(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.tanh(E, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean(xp.logaddexp(P - Y, Y - P) - math.log(2), axis=-1)


Level = Annotated[float, Gt(0), Lt(1)]


@registry.register
@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss: its least is at the quantile q; a list gives every target an output for each of its quantiles.

    The outputs of one quantile stand together. What a row is predicted to be is the quantile nearest to the median.
    The slope at 0 is taken as 0.
    """

    q: Level | Annotated[list[Level], MinLen(1)] = 0.5

    name = "quantile"
    formula = "L_i = 1/k · Σ_j max(q_j·e_ij, (q_j − 1)·e_ij), e = y − p"
    derivative = "dL_i/dp_ij = 1/k · ([p_ij > y_ij]·(1 − q_j) − [p_ij < y_ij]·q_j)"
    source = "Koenker & Bassett 1978"
    targets = "values"
    regression = True

    @property
    def levels(self) -> list[float]:
        """The quantiles."""
        return self.q if isinstance(self.q, list) else [self.q]

    @property
    def outputs_per_target(self) -> int:
        return len(self.levels)

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k, per_level = P.shape[-1], [slice(i * Y.shape[-1], (i + 1) * Y.shape[-1]) for i in range(len(self.levels))]
        q = np.repeat(np.array(self.levels, np.zeros(0, P.dtype).real.dtype), Y.shape[-1])
        too_high, too_low = (1 - q) * (scale / k), q * (scale / k)
        E = buffers.keep(P.shape)
        S = buffers.scratch(P.shape)
        T = buffers.scratch(P.shape, slot=1)
        side = buffers.scratch(P.shape, dtype=bool)

        def forward() -> None:
            for here in per_level:
                np.subtract(Y, P[..., here], out=E[..., here])
            np.multiply(E, q, out=S)
            np.subtract(S, E, out=T)
            np.maximum(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.less(E, 0, out=side)
            np.multiply(side, too_high, out=D)
            np.greater(E, 0, out=side)
            np.multiply(side, too_low, out=S)
            np.subtract(D, S, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        E = xp.hstack([Y] * len(self.levels)) - P
        q = np.repeat(self.levels, Y.shape[-1])
        return xp.mean(xp.maximum(q * E, (q - 1) * E), axis=-1)

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        return (P - np.tile(Y, len(self.levels)),)

    def readings(self, P: Array, scale: Array, shift: Array) -> dict[str, Array]:
        k = P.shape[-1] // len(self.levels)
        told = {f"quantile {q:g}": P[:, i * k : (i + 1) * k] * scale + shift for i, q in enumerate(self.levels)}
        central = min(self.levels, key=lambda q: abs(q - 0.5))
        return {"prediction": told[f"quantile {central:g}"], **(told if len(told) > 1 else {})}

    def outputs(self, told: Mapping[str, Array], scale: Array, shift: Array) -> Array:
        one = len(self.levels) == 1
        columns = [told["prediction"]] if one else [told[f"quantile {q:g}"] for q in self.levels]
        return np.hstack([(column - shift) / scale for column in columns])
