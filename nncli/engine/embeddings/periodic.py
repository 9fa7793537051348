"""A number as waves of learned frequencies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.embeddings.base import (
    Edges,
    NumberArrays,
    NumberEmbedding,
    Units,
    columns,
    matrices,
    ones_for,
    registry,
    spread,
)
from nncli.engine.parameters import Parameter

TURN = 2 * math.pi


@registry.register
@dataclass(frozen=True)
class Periodic(NumberEmbedding):
    """Each number becomes waves of learned frequencies, mixed by weights of its own; small frequencies are smooth.

    As it stands it is the PBLD of RealMLP, with its settings there (Holzmüller, Grinsztajn & Steinwart 2024): cosines
    with learned phases, 3 units, and the number itself beside them. ``phases: false, direct: false, relu: true`` is
    the PLR of Gorishniy et al. 2022: cosine and sine of each frequency, then a rectifier.
    """

    frequencies: Units = 16
    units: Units = 3
    sigma: Annotated[float, Gt(0)] = 0.1
    phases: bool = True
    relu: bool = False
    direct: bool = True

    name = "periodic"
    formula = "z_f = c·weight_f + bias_f, c = cos(2π·x_f·frequencies_f + phases_f), or cos and sin without phases"
    derivative = "dx_f = 2π Σ_j frequencies_fj·da_fj, da = dc·∂c/∂a, dc = weight_f·dz_f"
    source = "Gorishniy, Rubachev & Babenko 2022; Holzmüller et al. 2024"
    slopes = MappingProxyType(
        {"frequencies": "2π Σ_rows da ⊙ x", "phases": "Σ_rows da", "weight": "cᵀ · dz", "bias": "Σ_rows dz"}
    )

    @property
    def waves(self) -> int:
        """Of each number."""
        return self.frequencies if self.phases else 2 * self.frequencies

    def parameters(self, bins: tuple[int, ...]) -> tuple[Parameter, ...]:
        d, k = len(bins), self.frequencies
        return (
            Parameter("frequencies", (d, k), "scale"),
            *([Parameter("phases", (d, k), "bias")] if self.phases else []),
            Parameter("weight", (d * self.waves, self.units), "weight"),
            Parameter("bias", (d, self.units), "bias"),
        )

    def initialize(self, tensors: Mapping[str, Array], bins: tuple[int, ...], rng: Generator) -> None:
        shape = tensors["frequencies"].shape
        tensors["frequencies"][...] = self.sigma * rng.standard_normal(shape)
        if self.phases:
            tensors["phases"][...] = rng.uniform(-math.pi, math.pi, shape)
        for name in ("weight", "bias"):
            tensors[name][...] = spread(tensors[name].shape, self.waves, rng)

    def bind(self, arrays: NumberArrays, edges: tuple[Edges, ...], buffers: Buffers) -> tuple[Step, Step]:
        x, Z, dx, dZ, tensors, slopes = arrays.x, arrays.Z, arrays.dx, arrays.dZ, arrays.tensors, arrays.slopes
        (d, *lead, _, n), k, phases = x.shape, self.frequencies, self.phases
        f, df = columns(tensors["frequencies"]), columns(slopes["frequencies"])
        shift, d_shift = (columns(views["phases"]) if phases else None for views in (tensors, slopes))
        b, db = columns(tensors["bias"]), columns(slopes["bias"])
        W, dW = matrices(tensors["weight"], d), matrices(slopes["weight"], d)
        turns = buffers.rows(f.shape, f.dtype)
        A, C = buffers.rows((d, *lead, k, n)), buffers.rows((d, *lead, self.waves, n))
        S = buffers.scratch((A.size,)).reshape(A.shape)
        G = buffers.scratch((C.size,), slot=1).reshape(C.shape)
        cos, sin, G_cos, G_sin = C[..., :k, :], C[..., k:, :], G[..., :k, :], G[..., k:, :]
        x_T, W_T, dZ_T, turns_T = (array.swapaxes(-1, -2) for array in (x, W, dZ, turns))
        ones, minus = ones_for(n, buffers), ones_for(n, buffers)
        minus[...] = -1

        def forward() -> None:
            np.multiply(f, TURN, out=turns)
            np.multiply(x, turns, out=A)
            if shift is not None:
                np.add(A, shift, out=A)
            np.cos(A, out=cos)
            if shift is None:
                np.sin(A, out=sin)
            np.matmul(W_T, C, out=Z)
            np.add(Z, b, out=Z)

        def backward() -> None:
            np.matmul(C, dZ_T, out=dW)
            np.matmul(dZ, ones, out=db)
            np.matmul(W, dZ, out=G)
            # S = −da
            if shift is None:
                np.multiply(G_cos, sin, out=S)
                np.multiply(G_sin, cos, out=G_sin)
                np.subtract(S, G_sin, out=S)
            else:
                np.sin(A, out=S)
                np.multiply(S, G, out=S)
                np.matmul(S, minus, out=d_shift)
            np.matmul(S, x_T, out=df)
            np.multiply(df, -TURN, out=df)
            if dx is not None:
                np.matmul(turns_T, S, out=dx)
                np.negative(dx, out=dx)

        return forward, backward

    def reference(self, x: Any, i: int, tensors: Mapping[str, Any], edges: tuple[Edges, ...], xp: Any) -> Any:
        angles = TURN * xp.dot(x, tensors["frequencies"][i : i + 1])
        if self.phases:
            waves = xp.cos(angles + tensors["phases"][i])
        else:
            waves = xp.concatenate([xp.cos(angles), xp.sin(angles)], axis=1)
        mine = slice(i * self.waves, (i + 1) * self.waves)
        return xp.dot(waves, tensors["weight"][mine]) + tensors["bias"][i]
