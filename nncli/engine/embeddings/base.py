"""What an embedding of numbers is, and how its arrays are seen: feature by feature.

A number x_f of a row becomes a few units z_f of its own, by parameters of its own: each feature has a small network,
and all of them are computed side by side. So the arrays are looked at with the feature as their first axis and the rows
as their last one, (features, ..., units, rows), which is how they lie in memory.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from annotated_types import Ge, Le
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.parameters import Parameter
from nncli.registry import Registry

Units = Annotated[int, Ge(1), Le(10_000)]
Edges: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class NumberArrays:
    """Between what an embedding of numbers is bound. Leading axes are copies side by side.

    Attributes:
        x: The numbers, (d, ..., 1, n).
        Z: The units that they become, (d, ..., units, n).
        dx: Where dC/dx goes; None when nobody wants it.
        dZ: Where dC/dZ is found.
        tensors: The parameters by name, (..., *shape).
        slopes: Where dC/dθ goes, likewise.
    """

    x: Array
    Z: Array
    dx: Array | None
    dZ: Array
    tensors: Mapping[str, Array]
    slopes: Mapping[str, Array]


class NumberEmbedding(ABC):
    """How numbers go into the network. Subclasses are final, frozen and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str]
    slopes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Parameter -> the formula of its gradient."""
    takes_edges: ClassVar[bool] = False
    """Whether it needs to know where the range of each number is cut into bins."""

    bins: int = 0
    """Into how many the range of each number is cut, where edges are needed."""
    units: int = 0
    """What each number becomes."""
    relu: bool = False
    """Whether a rectifier follows."""
    direct: bool = False
    """Whether the number itself goes along, too."""

    @abstractmethod
    def parameters(self, bins: tuple[int, ...]) -> tuple[Parameter, ...]:
        """What it learns for features of so many bins; all matrices, in which the features come one after the other."""

    @abstractmethod
    def initialize(self, tensors: Mapping[str, Array], bins: tuple[int, ...], rng: Generator) -> None:
        """Fill them with their initial values."""

    @abstractmethod
    def bind(self, arrays: NumberArrays, edges: tuple[Edges, ...], buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays."""

    @abstractmethod
    def reference(self, x: Any, i: int, tensors: Mapping[str, Any], edges: tuple[Edges, ...], xp: Any) -> Any:
        """The units (n, units) of feature ``i``, whose numbers are ``x`` (n, 1), by the formula."""

    def switches(self, X: Array, edges: tuple[Edges, ...]) -> tuple[Array, ...]:
        """What changes its sign where Z goes over from one piece to another; X (..., n, d)."""
        return ()


registry: Registry[NumberEmbedding] = Registry("number embedding")


@registry.register
@dataclass(frozen=True)
class NoEmbedding(NumberEmbedding):
    """Numbers go in as they are."""

    name = "none"
    formula = "z = x"
    derivative = "1"
    source = ""
    direct = True

    def parameters(self, bins: tuple[int, ...]) -> tuple[Parameter, ...]:
        return ()

    def initialize(self, tensors: Mapping[str, Array], bins: tuple[int, ...], rng: Generator) -> None:
        return

    def bind(self, arrays: NumberArrays, edges: tuple[Edges, ...], buffers: Buffers) -> tuple[Step, Step]:
        raise NotImplementedError("has no units of its own")

    def reference(self, x: Any, i: int, tensors: Mapping[str, Any], edges: tuple[Edges, ...], xp: Any) -> Any:
        return x


def by_feature(signal: Array, d: int) -> Array:
    """A view (d, ..., k, n) of a signal (..., n, d·k), in which the units of each feature stand together."""
    units = signal.reshape(*signal.shape[:-1], d, -1)
    return np.moveaxis(units, (-2, -1), (0, -2))


def matrices(tensor: Array, d: int) -> Array:
    """A view (d, ..., rows, columns) of a tensor (..., d·rows, columns)."""
    *lead, _, columns = tensor.shape
    return np.moveaxis(tensor.reshape(*lead, d, -1, columns), -3, 0)


def columns(tensor: Array) -> Array:
    """A view (d, ..., units, 1) of a tensor (..., d, units): against the rows of a signal."""
    return np.moveaxis(tensor, -2, 0)[..., np.newaxis]


def ones_for(rows: int, buffers: Buffers) -> Array:
    """A column (rows, 1) of ones, by which a product sums over rows; see ``norms``."""
    ones = buffers.rows((rows, 1))
    ones[...] = 1
    return ones


def spread(shape: tuple[int, ...], fan_in: int, rng: Generator) -> Array:
    """Draws of U(−a, a), a = 1/√fan_in, as PyTorch's linear layers begin."""
    limit = 1 / math.sqrt(fan_in)
    return rng.uniform(-limit, limit, shape)
