"""Negative log-likelihoods of numbers: counts, values with an own variance, and whole distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from nncli.engine.activations import Activation, Exponential, Softmax, Softplus, sigmoid
from nncli.engine.activations.elementwise import log1p_of_share
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses.base import Loss, registry


class OfCounts(Loss):
    """A loss of counts, or of other amounts that are not negative."""

    targets = "values"
    regression = True
    natural_units = True
    takes = "counts: numbers that are not negative"

    def misfits(self, Y: Array) -> Array:
        negative: Array = np.any(Y < 0, axis=1)
        return negative

    def sample(self, rng: Generator, n: int, k: int) -> Array:
        return rng.poisson(1.5, (n, k)).astype(float)


@dataclass(frozen=True)
class PoissonOfExponential(OfCounts):
    """The Poisson loss of exp(Z), from Z: a log-linear model of counts."""

    name = "poisson of exponential"
    formula = "L_i = 1/k · Σ_j [exp(z_ij) − y_ij·z_ij]"
    derivative = "dL_i/dz_ij = 1/k · (exp(z_ij) − y_ij)"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z, k = P, P.shape[-1]
        Rate = buffers.keep(Z.shape)
        S = buffers.scratch(Z.shape)

        def forward() -> None:
            np.exp(Z, out=Rate)
            np.multiply(Z, Y, out=S)
            np.subtract(Rate, S, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            np.subtract(Rate, Y, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean(xp.exp(P) - Y * P, axis=-1)


STRAIGHT = -40.0
"""Left of that, softplus(z) is exp(z) to the last digit of float64, and its logarithm z."""


@dataclass(frozen=True)
class PoissonOfSoftplus(OfCounts):
    """The Poisson loss of softplus(Z), from Z: finite wherever Z is."""

    name = "poisson of softplus"
    formula = "L_i = 1/k · Σ_j [s_ij − y_ij·log s_ij], s = log(1 + exp(z))"
    derivative = "dL_i/dz_ij = 1/k · σ(z_ij)·(1 − y_ij/s_ij)"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z, k = P, P.shape[-1]
        Right = buffers.keep(Z.shape)  # max(z, STRAIGHT)
        Rate = buffers.keep(Z.shape)  # its softplus, which is not 0
        S = buffers.scratch(Z.shape)
        T = buffers.scratch(Z.shape, slot=1)

        def forward() -> None:
            np.maximum(Z, STRAIGHT, out=Right)
            np.negative(Right, out=T)
            np.minimum(Right, T, out=T)
            np.exp(T, out=T)
            log1p_of_share(T, out=T, S=S)
            np.maximum(Right, 0, out=Rate)
            np.add(Rate, T, out=Rate)
            np.log(Rate, out=T)
            np.subtract(Z, Right, out=S)
            np.add(T, S, out=T)  # log s
            np.multiply(T, Y, out=T)
            np.exp(S, out=S)
            np.multiply(S, Rate, out=S)  # s
            np.subtract(S, T, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            sigmoid(Right, out=S)
            np.divide(S, Rate, out=S)
            np.multiply(S, Y, out=S)
            sigmoid(Z, out=D)
            np.subtract(D, S, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        rate = xp.logaddexp(0, P)
        return xp.mean(rate - Y * xp.log(rate), axis=-1)


@registry.register
@dataclass(frozen=True)
class Poisson(OfCounts):
    """The negative log-likelihood of counts of mean p, without the constant log(y!); mean over outputs."""

    name = "poisson"
    formula = "L_i = 1/k · Σ_j [p_ij − y_ij·log p_ij]"
    derivative = "dL_i/dp_ij = 1/k · (1 − y_ij/p_ij)"
    source = "McCullagh & Nelder 1989"
    needs = "positive"

    def fuse(self, output: Activation) -> Loss | None:
        if isinstance(output, Exponential):
            return PoissonOfExponential()
        return PoissonOfSoftplus() if isinstance(output, Softplus) else None

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        k = P.shape[-1]
        S = buffers.scratch(P.shape)
        some = buffers.keep(Y.shape, bool)

        # y·log p is 0 where y = 0, also at p = 0, where the product would be 0·∞: those entries are not computed
        def forward() -> None:
            np.greater(Y, 0, out=some)
            S[...] = 0
            np.log(P, out=S, where=some)
            np.multiply(S, Y, out=S)
            np.subtract(P, S, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 1 / k, out=L)

        def backward() -> None:
            D[...] = 0
            np.divide(Y, P, out=D, where=some)
            np.subtract(1, D, out=D)
            np.multiply(D, scale / k, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.mean(P - Y * xp.log(P), axis=-1)


@registry.register
@dataclass(frozen=True)
class GaussianNll(Loss):
    """The negative log-likelihood of normal targets, of which the network tells mean and variance; mean over targets.

    Every column of the target has two outputs, a mean m and s = log σ², the natural logarithm of its variance; first
    come all means, then all s.
    """

    name = "gaussian_nll"
    formula = "L_i = 1/d · Σ_j ½·[log 2π + s_ij + (y_ij − m_ij)²·exp(−s_ij)], p_i = (m_i1 ... m_id, s_i1 ... s_id)"
    derivative = "dL_i/dp_i = 1/d · ((m_ij − y_ij)·exp(−s_ij) ..., ½·[1 − (y_ij − m_ij)²·exp(−s_ij)] ...)"
    source = "Nix & Weigend 1994"
    targets = "values"
    needs = "unbounded"
    regression = True
    spreads = True
    explodes = True

    @property
    def outputs_per_target(self) -> int:
        return 2

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        d = P.shape[-1] // 2
        M, log_variance, of_mean, of_log_variance = P[..., :d], P[..., d:], D[..., :d], D[..., d:]
        E = buffers.keep(M.shape)
        Precision = buffers.keep(M.shape)  # 1/σ²
        S = buffers.scratch(M.shape)

        def forward() -> None:
            np.subtract(M, Y, out=E)
            np.negative(log_variance, out=Precision)
            np.exp(Precision, out=Precision)
            np.multiply(E, E, out=S)
            np.multiply(S, Precision, out=S)
            np.add(S, log_variance, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.multiply(L, 0.5 / d, out=L)
            np.add(L, 0.5 * math.log(2 * math.pi), out=L)

        def backward() -> None:
            np.multiply(E, Precision, out=S)
            np.multiply(S, scale / d, out=of_mean)
            np.multiply(S, E, out=S)
            np.subtract(1, S, out=S)
            np.multiply(S, 0.5 * scale / d, out=of_log_variance)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        d = Y.shape[-1]
        mean, variance = P[:, :d], xp.exp(P[:, d:])
        density = xp.exp(-((Y - mean) ** 2) / (2 * variance)) / xp.sqrt(2 * math.pi * variance)
        return -xp.mean(xp.log(density), axis=-1)

    def readings(self, P: Array, scale: Array, shift: Array) -> dict[str, Array]:
        d = P.shape[-1] // 2
        return {"prediction": P[:, :d] * scale + shift, "deviation": np.exp(P[:, d:] / 2) * scale}


ROUNDED = 0.01
"""How far shares may be from a sum of 1: they come rounded to hundredths."""


class OfShares(Loss):
    """A loss of distributions: every row of the target holds the shares of its columns."""

    targets = "values"
    natural_units = True
    takes = f"shares: numbers that are not negative, and sum to 1 (within {ROUNDED:g})"

    def misfits(self, Y: Array) -> Array:
        unfit: Array = np.any(Y < 0, axis=1) | (np.abs(Y.sum(axis=1) - 1) > ROUNDED + 1e-6)
        return unfit

    def sample(self, rng: Generator, n: int, k: int) -> Array:
        Y = rng.dirichlet(np.ones(k), n)
        Y[::2, 0] = 0  # a share of 0 is one of the cases
        shares: Array = Y / Y.sum(axis=1, keepdims=True) if k > 1 else np.ones((n, 1))
        return shares


@dataclass(frozen=True)
class KlDivergenceOfSoftmax(OfShares):
    """The Kullback-Leibler divergence from softmax(Z), from Z: finite wherever Z is."""

    name = "kl_divergence of softmax"
    formula = "L_i = Σ_j y_ij·[log y_ij − z_ij + log Σ_l exp(z_il)], 0·log 0 = 0"
    derivative = "dL_i/dz_ij = p_ij·Σ_l y_il − y_ij, p_i = softmax(z_i)"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        Z = P
        E = buffers.keep(Z.shape)
        total = buffers.keep((*Z.shape[:-1], 1))
        whole = buffers.keep((*Y.shape[:-1], 1), Y.dtype)  # Σ y, which is 1 but for rounding
        some = buffers.keep(Y.shape, bool)
        own = buffers.keep(Y.shape, Y.dtype)  # y·log y
        S = buffers.scratch(Z.shape)
        row = buffers.scratch(total.shape, slot=1)

        def forward() -> None:
            np.maximum.reduce(Z, axis=-1, keepdims=True, out=row)
            np.subtract(Z, row, out=S)
            np.exp(S, out=E)
            np.add.reduce(E, axis=-1, keepdims=True, out=total)
            np.log(total, out=row)
            np.subtract(S, row, out=S)  # log p
            np.greater(Y, 0, out=some)
            own[...] = 0
            np.log(Y, out=own, where=some)
            np.subtract(own, S, out=S)
            np.multiply(S, Y, out=S)
            np.add.reduce(S, axis=-1, out=L)
            np.add.reduce(Y, axis=-1, keepdims=True, out=whole)

        def backward() -> None:
            np.divide(whole, total, out=row)
            np.multiply(E, row, out=D)
            np.subtract(D, Y, out=D)
            np.multiply(D, scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        top = xp.max(P, axis=-1, keepdims=True)
        log_p = P - top - xp.log(xp.sum(xp.exp(P - top), axis=-1, keepdims=True))
        return xp.sum(Y * (np.log(np.where(Y > 0, Y, 1)) - log_p), axis=-1)


@registry.register
@dataclass(frozen=True)
class KlDivergence(OfShares):
    """The Kullback-Leibler divergence of the predicted shares from those of the target, sum over the columns."""

    name = "kl_divergence"
    formula = "L_i = Σ_j y_ij·log(y_ij/p_ij), 0·log 0 = 0"
    derivative = "dL_i/dp_ij = −y_ij/p_ij"
    source = "Kullback & Leibler 1951"
    needs = "distribution"

    def fuse(self, output: Activation) -> Loss | None:
        return KlDivergenceOfSoftmax() if isinstance(output, Softmax) else None

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        some = buffers.keep(Y.shape, bool)
        own = buffers.keep(Y.shape, Y.dtype)
        S = buffers.scratch(P.shape)

        # where y = 0 nothing is computed: at p = 0, too, the term is 0
        def forward() -> None:
            np.greater(Y, 0, out=some)
            own[...] = 0
            np.log(Y, out=own, where=some)
            S[...] = 0
            np.log(P, out=S, where=some)
            np.subtract(own, S, out=S)
            np.multiply(S, Y, out=S)
            np.add.reduce(S, axis=-1, out=L)

        def backward() -> None:
            D[...] = 0
            np.divide(Y, P, out=D, where=some)
            np.multiply(D, -scale, out=D)

        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return xp.sum(Y * (np.log(np.where(Y > 0, Y, 1)) - xp.log(P)), axis=-1)
