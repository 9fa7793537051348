"""Activations with parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from nncli.engine.activations.base import Activation, LearnedActivation, registry
from nncli.engine.activations.gates import Mish
from nncli.engine.activations.rectifiers import Selu
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


class Blended(LearnedActivation):
    """z + alpha·(f(z) − z): how much of f a unit has is learned, one alpha for each; f itself at the start."""

    f: ClassVar[Activation]
    source = "Holzmüller, Grinsztajn & Steinwart 2024"
    in_place = False
    slopes = MappingProxyType({"alpha": "Σ_rows {dY} ⊙ (f({X}) − {X})"})

    def parameters(self, units: int) -> tuple[Parameter, ...]:
        return (Parameter("alpha", (units,), "scale"),)

    def initialize(self, tensors: Mapping[str, Array]) -> None:
        tensors["alpha"][...] = 1

    def bind_learned(
        self,
        Z: Array,
        A: Array,
        D: Array,
        tensors: Mapping[str, Array],
        slopes: Mapping[str, Array],
        buffers: Buffers,
    ) -> tuple[Step, Step]:
        alpha, d_alpha = tensors["alpha"][..., np.newaxis, :], slopes["alpha"]
        F, D_F = buffers.keep(A.shape), buffers.keep(A.shape)
        S = buffers.scratch(A.shape)
        rest = buffers.scratch(alpha.shape, slot=1, dtype=alpha.dtype)
        value, slope = self.f.bind(Z, F, D_F, buffers)

        def forward() -> None:
            value()  # alpha·f + (1 − alpha)·z: far from 0, f − z would keep few digits of f
            np.subtract(1, alpha, out=rest)
            np.multiply(Z, rest, out=S)
            np.multiply(F, alpha, out=A)
            np.add(A, S, out=A)

        def backward() -> None:
            np.subtract(F, Z, out=S)
            np.multiply(S, D, out=S)
            np.add.reduce(S, axis=-2, out=d_alpha)
            np.multiply(D, alpha, out=D_F)
            slope()
            np.subtract(1, alpha, out=rest)
            np.multiply(D, rest, out=D)
            np.add(D, D_F, out=D)

        return forward, backward

    def reference_learned(self, Z: Any, tensors: Mapping[str, Any], xp: Any) -> Any:
        return tensors["alpha"] * self.f.reference(Z, xp) + (1 - tensors["alpha"]) * Z


@registry.register
@dataclass(frozen=True)
class ParametricSelu(Blended):
    """As much of selu, and as little of nothing, as each unit learns: RealMLP's for classes."""

    f = Selu()
    name = "parametric_selu"
    formula = "z + alpha·(selu(z) − z), alpha learned"
    derivative = "1 + alpha·(selu'(z) − 1)"
    onnx = "Selu, Sub, Mul, Add"
    kinks = (0.0,)
    initializer = "lecun_normal"


@registry.register
@dataclass(frozen=True)
class ParametricMish(Blended):
    """As much of mish, and as little of nothing, as each unit learns: RealMLP's for numbers."""

    f = Mish()
    name = "parametric_mish"
    formula = "z + alpha·(mish(z) − z), alpha learned"
    derivative = "1 + alpha·(mish'(z) − 1)"
    onnx = "Mish, Sub, Mul, Add"
    initializer = "he_normal"
