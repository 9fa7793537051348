"""What is random in a training, and nothing outside of it: dropout."""

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
        """A product with the mask each way."""
        X, Y, dY, (M,) = wires.X, wires.Y, wires.dY, wires.noise

        def forward() -> None:
            np.multiply(X, M, out=Y)

        def backward() -> None:
            np.multiply(dY, M, out=dY)

        return forward, backward

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return X * given[0]

    def formulas(self) -> Mapping[str, str]:
        """Its mask is 1 where nothing is trained."""
        return {"Y": "{X} ⊙ M, M = 1 outside of the training", "dX": "{dY} ⊙ M"}
