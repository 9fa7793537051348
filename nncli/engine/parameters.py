"""One flat vector for all parameters, one for all running statistics, and the names of their pieces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array


@dataclass(frozen=True)
class Parameter:
    """A tensor of a layer: its name within the layer, its shape, and what it is to the layer.

    A weight, a table (whose rows are looked up), a bias and a scale are learned; a statistic is what the layer has
    seen of its batches.
    """

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "table", "bias", "scale", "statistic"]

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def penalized(self) -> bool:
        """Whether penalties on weights are on it."""
        return self.role in ("weight", "table")


class Layout(Mapping[str, Parameter]):
    """Where each named tensor (``layers.0.weight``) lies in the flat vector: one after the other, in order."""

    def __init__(self, parameters: Iterable[tuple[str, Parameter]]) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._slices: dict[str, slice] = {}
        self.size = 0
        for name, parameter in parameters:
            if name in self._parameters:
                raise ValueError(f"two tensors are called {name!r}")
            self._parameters[name] = parameter
            self._slices[name] = slice(self.size, self.size + parameter.size)
            self.size += parameter.size

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def where(self, name: str) -> slice:
        """The place of tensor ``name`` in the flat vector."""
        return self._slices[name]

    def views(self, flat: Array) -> dict[str, Array]:
        """Every tensor as a view of ``flat`` (..., size): name -> (..., *shape)."""
        return {
            name: flat[..., self._slices[name]].reshape(*flat.shape[:-1], *parameter.shape)
            for name, parameter in self._parameters.items()
        }


@dataclass(frozen=True, eq=False)
class Weights:
    """All that a training has made of a network: what it predicts by, and what a file of weights holds.

    Attributes:
        theta: The parameters, one flat vector.
        statistics: The running statistics, another; empty where no layer has any.
    """

    theta: Array
    statistics: Array

    def copy(self) -> Weights:
        """The same numbers in arrays of their own."""
        return Weights(self.theta.copy(), self.statistics.copy())

    def assign(self, other: Weights) -> None:
        """Take over the numbers of ``other``, in place."""
        np.copyto(self.theta, other.theta)
        np.copyto(self.statistics, other.statistics)

    def astype(self, dtype: DTypeLike) -> Weights:
        """A copy at another precision."""
        return Weights(self.theta.astype(dtype), self.statistics.astype(dtype))
