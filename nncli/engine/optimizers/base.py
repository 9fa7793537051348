"""What an optimizer is, and the registry of all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

from nncli.engine.buffers import Array, Buffers
from nncli.registry import Registry

Update: TypeAlias = Callable[[int, float], None]


class Optimizer(ABC):
    """A rule of descent. Subclasses are final, frozen and registered."""

    learning_rate: float

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The names of the state vectors."""

    @abstractmethod
    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        """Return the update over these vectors, all of one length and dtype."""

    @abstractmethod
    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Return (theta, state) after update number ``t``, by the formula of the source."""


registry: Registry[Optimizer] = Registry("optimizer")
