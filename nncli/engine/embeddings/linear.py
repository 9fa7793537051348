"""A number times a learned vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.embeddings.base import (
    Edges,
    NumberArrays,
    NumberEmbedding,
    Units,
    columns,
    ones_for,
    registry,
    spread,
)
from nncli.engine.parameters import Parameter


@registry.register
@dataclass(frozen=True)
class Linear(NumberEmbedding):
    """Each number becomes units that are linear in it, and then rectified: LR in the paper."""

    units: Units = 32
    relu: bool = True

    name = "linear"
    formula = "z_fu = x_f·weight_fu + bias_fu, then max(z, 0)"
    derivative = "dx_f = Σ_u dz_fu·weight_fu"
    source = "Gorishniy, Rubachev & Babenko 2022"
    slopes = MappingProxyType({"weight": "Σ_rows dz ⊙ x", "bias": "Σ_rows dz"})

    def parameters(self, bins: tuple[int, ...]) -> tuple[Parameter, ...]:
        shape = len(bins), self.units
        return Parameter("weight", shape, "weight"), Parameter("bias", shape, "bias")

    def initialize(self, tensors: Mapping[str, Array], bins: tuple[int, ...], rng: Generator) -> None:
        for tensor in tensors.values():
            tensor[...] = spread(tensor.shape, self.units, rng)

    def bind(self, arrays: NumberArrays, edges: tuple[Edges, ...], buffers: Buffers) -> tuple[Step, Step]:
        x, Z, dx, dZ = arrays.x, arrays.Z, arrays.dx, arrays.dZ
        W, b = (columns(arrays.tensors[name]) for name in ("weight", "bias"))
        dW, db = (columns(arrays.slopes[name]) for name in ("weight", "bias"))
        x_T, W_T, ones = x.swapaxes(-1, -2), W.swapaxes(-1, -2), ones_for(x.shape[-1], buffers)

        def forward() -> None:
            np.multiply(x, W, out=Z)
            np.add(Z, b, out=Z)

        def backward() -> None:
            np.matmul(dZ, x_T, out=dW)
            np.matmul(dZ, ones, out=db)
            if dx is not None:
                np.matmul(W_T, dZ, out=dx)

        return forward, backward

    def reference(self, x: Any, i: int, tensors: Mapping[str, Any], edges: tuple[Edges, ...], xp: Any) -> Any:
        return xp.dot(x, tensors["weight"][i : i + 1]) + tensors["bias"][i]
