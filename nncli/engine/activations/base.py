"""What an activation is, one that learns, and the registry of all."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.parameters import Parameter
from nncli.registry import Registry


class Activation(ABC):
    """What a block does to its weighted sums. Subclasses are final, frozen and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str] = ""
    onnx: ClassVar[str]
    in_place: ClassVar[bool]
    """Backward reads A and not Z, so that A may be written over Z."""
    kinks: ClassVar[tuple[float, ...]] = ()
    """Where it is put together from pieces, and a derivative of some order jumps: a difference quotient across one of
    these says nothing about either side."""
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Bounds of the values."""
    positive: ClassVar[bool] = False
    """Whether all values are above 0, and 0 itself is only what underflow makes of them."""
    finite_up_to: ClassVar[float] = math.inf
    """Arguments above that may overflow at float32."""
    simplex: ClassVar[bool] = False
    """Whether a row of values is a distribution: not negative, and its sum is 1."""
    initializer: ClassVar[str] = "glorot_uniform"
    """What suits the weights in front of it."""
    slopes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The formulas of the gradients of its parameters, by their names, if it learns; see ``Layer.formulas``."""

    def parameters(self, units: int) -> tuple[Parameter, ...]:
        """What it learns; nothing for most, see ``LearnedActivation``."""
        return ()

    def initialize(self, tensors: Mapping[str, Array]) -> None:
        """Fill its parameters, by their names, with their initial values."""
        return

    @abstractmethod
    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays, all of shape (..., n, units)."""

    @abstractmethod
    def reference(self, Z: Any, xp: Any) -> Any:
        """f(Z) by the formula, in the functions of ``xp``, which is NumPy with ``erfc``, or something like it."""

    def bind_learned(
        self,
        Z: Array,
        A: Array,
        D: Array,
        tensors: Mapping[str, Array],
        slopes: Mapping[str, Array],
        buffers: Buffers,
    ) -> tuple[Step, Step]:
        """The same at the parameters ``tensors`` (..., *shape), whose gradient backward writes to ``slopes``."""
        return self.bind(Z, A, D, buffers)

    def reference_learned(self, Z: Any, tensors: Mapping[str, Any], xp: Any) -> Any:
        """The formula at these parameters."""
        return self.reference(Z, xp)


class LearnedActivation(Activation):
    """An activation with parameters of its own: ``bind_learned`` and ``reference_learned`` are what it is.

    Without being told any, it takes its initial ones: so ``bind`` and ``reference`` are those of a fixed function. No
    penalty and no constraint applies to its parameters.
    """

    @abstractmethod
    def parameters(self, units: int) -> tuple[Parameter, ...]:
        """What it learns."""

    @abstractmethod
    def initialize(self, tensors: Mapping[str, Array]) -> None:
        """Fill its parameters, by their names, with their initial values."""

    @abstractmethod
    def bind_learned(
        self,
        Z: Array,
        A: Array,
        D: Array,
        tensors: Mapping[str, Array],
        slopes: Mapping[str, Array],
        buffers: Buffers,
    ) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays; backward writes to ``slopes``, too."""

    @abstractmethod
    def reference_learned(self, Z: Any, tensors: Mapping[str, Any], xp: Any) -> Any:
        """The formula at these parameters."""

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        """At its initial parameters."""
        tensors = self._initial(Z.shape[-1], Z.dtype)
        return self.bind_learned(Z, A, D, tensors, self._initial(Z.shape[-1], Z.dtype), buffers)

    def reference(self, Z: Any, xp: Any) -> Any:
        """At its initial parameters."""
        return self.reference_learned(Z, self._initial(Z.shape[-1], np.float64), xp)

    def _initial(self, units: int, dtype: DTypeLike) -> dict[str, Array]:
        tensors = {parameter.name: np.zeros(parameter.shape, dtype) for parameter in self.parameters(units)}
        self.initialize(tensors)
        return tensors


registry: Registry[Activation] = Registry("activation")
