"""What an activation is, and the registry of all."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from nncli.engine.buffers import Array, Buffers, Step
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

    @abstractmethod
    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays, all of shape (..., n, units)."""

    @abstractmethod
    def reference(self, Z: Any, xp: Any) -> Any:
        """f(Z) by the formula, in the functions of ``xp``, which is NumPy with ``erfc``, or something like it."""


registry: Registry[Activation] = Registry("activation")
