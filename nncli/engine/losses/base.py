"""What a loss is, the registry of all, and which outputs each accepts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, Step
from nncli.registry import Registry


class Loss(ABC):
    """What the training makes small. Subclasses are final and frozen."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str] = ""
    targets: ClassVar[Literal["codes", "values"]]
    needs: ClassVar[Literal["reals", "probabilities", "distribution"]] = "reals"
    """What a row of predictions has to be: any numbers, numbers in [0, 1], or such that sum to 1."""
    classification: ClassVar[bool] = False
    """Whether it makes sense for classes only."""
    fused: ClassVar[Mapping[str, type[Loss]]] = MappingProxyType({})
    """Activation name -> the record that computes this loss from that activation's argument."""

    @abstractmethod
    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays."""

    @abstractmethod
    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        """L (n,) by the formula, in the functions of ``xp``."""

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        """What changes its sign where the loss goes over from one piece to another; see ``Activation.kinks``."""
        return ()


registry: Registry[Loss] = Registry("loss")


def objection(loss: type[Loss], activation: type[Activation]) -> str | None:
    """Why ``loss`` makes no sense behind ``activation``; None when it does."""
    if loss.needs == "distribution" and not activation.simplex:
        return f"{loss.name} needs outputs that are not negative and sum to 1, which {activation.name} does not give"
    low, high = activation.range
    if loss.needs == "probabilities" and not (low >= 0 and high <= 1):
        return f"{loss.name} needs outputs between 0 and 1, which {activation.name} does not give"
    return None
