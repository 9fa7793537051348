"""Initial weights, each one record: how a weight matrix of ``fan_in`` inputs and ``fan_out`` outputs is drawn.

Draws are made at float64 and cast afterwards, so that float32 and float64 trainings start from the same point.
The normal ones are not truncated (as in PyTorch; Keras cuts them off at two standard deviations).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le
from numpy.random import Generator

from nncli.engine.buffers import Array
from nncli.registry import Registry


class Initializer(ABC):
    """A distribution of initial weights. Subclasses are final, frozen and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str] = ""

    @abstractmethod
    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        """Return a float64 matrix (fan_in, fan_out)."""


registry: Registry[Initializer] = Registry("initializer")


def _normal(fan_in: int, fan_out: int, variance: float, rng: Generator) -> Array:
    return rng.standard_normal((fan_in, fan_out)) * math.sqrt(variance)


def _uniform(fan_in: int, fan_out: int, variance: float, rng: Generator) -> Array:
    limit = math.sqrt(3 * variance)  # U(−a, a) has the variance a²/3
    return rng.uniform(-limit, limit, (fan_in, fan_out))


@registry.register
@dataclass(frozen=True)
class HeNormal(Initializer):
    """Keeps the variance of the signal through rectifiers."""

    name = "he_normal"
    formula = "N(0, 2/fan_in)"
    source = "He et al. 2015"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _normal(fan_in, fan_out, 2 / fan_in, rng)


@registry.register
@dataclass(frozen=True)
class HeUniform(Initializer):
    """Keeps the variance of the signal through rectifiers."""

    name = "he_uniform"
    formula = "U(−a, a), a = √(6/fan_in)"
    source = "He et al. 2015"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _uniform(fan_in, fan_out, 2 / fan_in, rng)


@registry.register
@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """A compromise between the variances of the signal and of the gradient; also called Xavier."""

    name = "glorot_normal"
    formula = "N(0, 2/(fan_in + fan_out))"
    source = "Glorot & Bengio 2010"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _normal(fan_in, fan_out, 2 / (fan_in + fan_out), rng)


@registry.register
@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """A compromise between the variances of the signal and of the gradient; also called Xavier."""

    name = "glorot_uniform"
    formula = "U(−a, a), a = √(6/(fan_in + fan_out))"
    source = "Glorot & Bengio 2010"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _uniform(fan_in, fan_out, 2 / (fan_in + fan_out), rng)


@registry.register
@dataclass(frozen=True)
class LecunNormal(Initializer):
    """Keeps the variance of the signal through linear and selu blocks."""

    name = "lecun_normal"
    formula = "N(0, 1/fan_in)"
    source = "LeCun et al. 1998, Efficient BackProp"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _normal(fan_in, fan_out, 1 / fan_in, rng)


@registry.register
@dataclass(frozen=True)
class LecunUniform(Initializer):
    """Keeps the variance of the signal through linear and selu blocks."""

    name = "lecun_uniform"
    formula = "U(−a, a), a = √(3/fan_in)"
    source = "LeCun et al. 1998, Efficient BackProp"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _uniform(fan_in, fan_out, 1 / fan_in, rng)


@registry.register
@dataclass(frozen=True)
class Normal(Initializer):
    """A normal distribution of a chosen width, whatever the shape."""

    std: Annotated[float, Gt(0), Le(1e154)] = 0.05

    name = "normal"
    formula = "N(0, std²)"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return _normal(fan_in, fan_out, self.std**2, rng)


@registry.register
@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: for linear models; in hidden blocks all units would stay alike."""

    name = "zeros"
    formula = "0"

    def draw(self, fan_in: int, fan_out: int, rng: Generator) -> Array:
        return np.zeros((fan_in, fan_out))
