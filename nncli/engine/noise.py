"""What is random in a training, and nothing outside of it: dropout, and noise that is added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Layer, Wires


@dataclass(frozen=True)
class Dropout(Layer):
    """Y = X ⊙ M, in the training: each m_ij is 0 with probability ``rate``, and 1/(1 − rate) otherwise.

    So the mean of Y is X (inverted dropout), and outside of the training M is 1 (Srivastava et al. 2014).
    """

    rate: float

    kind = "dropout"
    in_place = True
    passes_gradient = True

    @property
    def label(self) -> str:
        """With its rate."""
        return f"dropout {self.rate:g}"

    def noise(self, d_in: int) -> tuple[int, ...]:
        """The mask M."""
        return (d_in,)

    def draw(self, noise: tuple[Array, ...], rng: Generator) -> None:
        """Uniform numbers, of which those below the rate become 0."""
        (M,) = noise
        rng.random(dtype=M.dtype.type, out=M.T)  # its rows are the slower axis in memory
        np.greater_equal(M, self.rate, out=M)
        np.multiply(M, 1 / (1 - self.rate), out=M)

    def quiet(self, noise: tuple[Array, ...]) -> None:
        """A mask of ones."""
        noise[0][...] = 1

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """A product with the mask each way; nothing where it is evaluating."""
        X, Y, dY = wires.X, wires.Y, wires.dY
        if wires.evaluating:
            return _pass_on(X, Y)
        (M,) = wires.noise

        def forward() -> None:
            np.multiply(X, M, out=Y)

        def backward() -> None:
            np.multiply(dY, M, out=dY)

        return forward, backward

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return X * given[0] if given else X

    def formulas(self) -> Mapping[str, str]:
        """It has no mask where nothing is trained."""
        return {"Y": "{X}, nothing is dropped outside of the training", "dX": "{dY}"}


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Y = X + N, in the training: each n_ij is drawn from N(0, std²); outside of the training N is 0.

    On the input of a linear model with squared error that is, in the mean, a penalty on its weights (Bishop 1995).
    """

    std: float

    kind = "noise"
    in_place = True
    passes_gradient = True

    @property
    def label(self) -> str:
        """With its deviation."""
        return f"noise {self.std:g}"

    def noise(self, d_in: int) -> tuple[int, ...]:
        """N."""
        return (d_in,)

    def draw(self, noise: tuple[Array, ...], rng: Generator) -> None:
        """Normal numbers."""
        (N,) = noise
        rng.standard_normal(dtype=N.dtype.type, out=N.T)  # its rows are the slower axis in memory
        np.multiply(N, self.std, out=N)

    def quiet(self, noise: tuple[Array, ...]) -> None:
        """Zeros."""
        noise[0][...] = 0

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """A sum forward, and back nothing at all."""
        X, Y = wires.X, wires.Y
        if wires.evaluating:
            return _pass_on(X, Y)
        (N,) = wires.noise

        def forward() -> None:
            np.add(X, N, out=Y)

        return forward, _nothing

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return X + given[0] if given else X

    def formulas(self) -> Mapping[str, str]:
        """It has no noise where nothing is trained."""
        return {"Y": "{X}, nothing is added outside of the training", "dX": "{dY}"}


def _pass_on(X: Array, Y: Array) -> tuple[Step, Step]:
    """Both steps of a layer that does nothing: a copy where it may not work in place."""

    def copy() -> None:
        np.copyto(Y, X)

    return _nothing if X is Y else copy, _nothing


def _nothing() -> None:
    """Nothing is left to do."""
