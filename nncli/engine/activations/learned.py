"""Activations with parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from nncli.engine.activations.base import LearnedActivation, registry
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.parameters import Parameter


@registry.register
@dataclass(frozen=True)
class Prelu(LearnedActivation):
    """A rectifier that learns its slope on the left, one for each unit. Its slope at 0 is that of the left."""

    initial_slope: float = 0.25

    name = "prelu"
    formula = "max(z, 0) + slope·min(z, 0), slope learned"
    derivative = "1 for z > 0, else slope"
    source = "He et al. 2015"
    onnx = "PRelu"
    in_place = False  # where the slope is negative, A does not tell on which side Z was
    kinks = (0.0,)
    initializer = "he_normal"
    slopes = MappingProxyType({"slope": "Σ_rows {dY} ⊙ min({X}, 0)"})

    def parameters(self, units: int) -> tuple[Parameter, ...]:
        return (Parameter("slope", (units,), "scale"),)

    def initialize(self, tensors: Mapping[str, Array]) -> None:
        tensors["slope"][...] = self.initial_slope

    def bind_learned(
        self,
        Z: Array,
        A: Array,
        D: Array,
        tensors: Mapping[str, Array],
        slopes: Mapping[str, Array],
        buffers: Buffers,
    ) -> tuple[Step, Step]:
        slope, d_slope = tensors["slope"][..., np.newaxis, :], slopes["slope"]
        S = buffers.scratch(A.shape)
        rest = buffers.scratch(slope.shape, slot=1, dtype=slope.dtype)
        positive = buffers.scratch(A.shape, dtype=bool)

        def forward() -> None:
            np.minimum(Z, 0, out=S)
            np.multiply(S, slope, out=S)
            np.maximum(Z, 0, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.minimum(Z, 0, out=S)
            np.multiply(S, D, out=S)
            np.add.reduce(S, axis=-2, out=d_slope)
            np.greater(Z, 0, out=positive)
            np.subtract(1, slope, out=rest)
            np.multiply(positive, rest, out=S, dtype=S.dtype)
            np.add(S, slope, out=S)
            np.multiply(D, S, out=D)

        return forward, backward

    def reference_learned(self, Z: Any, tensors: Mapping[str, Any], xp: Any) -> Any:
        return xp.where(Z > 0, Z, tensors["slope"] * Z)
