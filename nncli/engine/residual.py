"""Residual blocks: a fork remembers its input, a join adds it to what the block has made of it (He et al. 2016).

Both are layers of the chain. What the fork remembers, and the gradient that the join sends back to it, are two arrays
that the network hands to both when it binds them (``Wires.skip`` and ``d_skip``). Pairs may stand within each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.constraints import MaxNorm
from nncli.engine.initializers import GlorotUniform, Initializer
from nncli.engine.layers import Layer, Wires
from nncli.engine.parameters import Parameter
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.engine.products import product


@dataclass(frozen=True)
class Fork(Layer):
    """Y = X, which the next ``Join`` will add once more: where a residual block begins (He et al. 2016)."""

    kind = "fork"
    in_place = True
    keeps_output = True
    passes_gradient = True

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """Nothing forward (a copy where it may not work in place); back, the sum of what comes both ways."""
        X, Y, dX, d_skip = wires.X, wires.Y, wires.dX, wires.d_skip
        assert d_skip is not None

        def forward() -> None:
            if X is not Y:
                np.copyto(Y, X)

        def backward() -> None:
            if dX is not None:
                np.add(dX, d_skip, out=dX)

        return forward, backward

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return X

    def formulas(self) -> Mapping[str, str]:
        """Where the skipped signal gets its gradient from."""
        return {"Y": "{X} = S, which the join below adds", "dX": "{dY} + what comes back through the join"}


@dataclass(frozen=True)
class Join(Layer):
    """Y = X + S, or X + S P where the widths differ: where a residual block ends. S is what the fork remembers.

    Args:
        d_skip: The width of S.
        units: That of X and Y; where it is another, a projection P (d_skip, units) is learned.
    """

    d_skip: int
    units: int
    initializer: Initializer = field(default_factory=GlorotUniform)
    penalty: Penalty = NO_PENALTY
    constraint: MaxNorm | None = None

    kind = "join"
    in_place = True
    passes_gradient = True

    @property
    def projects(self) -> bool:
        """Whether the widths differ."""
        return self.d_skip != self.units

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """The projection, if there is one."""
        return (Parameter("projection", (self.d_skip, self.units), "weight"),) if self.projects else ()

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """Draw it like the weight of a dense layer."""
        if self.projects:
            tensors["projection"][...] = self.initializer.draw(self.d_skip, self.units, rng)

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """A sum forward, behind a matrix product if the widths differ; back, a copy or two matrix products."""
        X, Y, dY, S, dS = wires.X, wires.Y, wires.dY, wires.skip, wires.d_skip
        assert S is not None
        assert dS is not None
        if not self.projects:

            def add() -> None:
                np.add(X, S, out=Y)

            def copy() -> None:
                np.copyto(dS, dY)

            return add, copy
        P, dP = (flat.reshape(*flat.shape[:-1], self.d_skip, self.units) for flat in (wires.theta, wires.gradient))
        T = buffers.keep(Y.shape)
        # as their transposes: see Dense
        T_T, P_T, S_T, dS_T, dY_T = (array.swapaxes(-1, -2) for array in (T, P, S, dS, dY))

        project, to_projection, to_skip = product(P_T, S_T, T_T), product(S_T, dY, dP), product(P, dY_T, dS_T)

        def forward() -> None:
            project()
            np.add(X, T, out=Y)

        def backward() -> None:
            to_projection()
            to_skip()

        return forward, backward

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        (S,) = given
        return X + (xp.dot(S, tensors["projection"]) if self.projects else S)

    def formulas(self) -> Mapping[str, str]:
        """S is the signal of the fork."""
        if not self.projects:
            return {"Y": "{X} + S", "dX": "{dY}"}
        return {"Y": "{X} + S · {projection}", "dX": "{dY}", "projection": "Sᵀ · {dY}"}
