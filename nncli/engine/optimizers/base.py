"""What an optimizer is, and the registry of all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

from nncli.engine.buffers import Array, Buffers, buffers_like
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
    def slots(self) -> Mapping[str, float]:
        """The names of the state vectors, and the number that each is filled with at the start."""

    @abstractmethod
    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        """Return the update over these vectors, all of one length and dtype."""

    @abstractmethod
    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Return (theta, state) after update number ``t``, by the formula of the source."""

    def start(self, theta: Array, buffers: Buffers | None = None) -> dict[str, Array]:
        """The state in front of the first update of ``theta``, from ``buffers``, if there are any for it."""
        buffers = buffers_like(theta) if buffers is None else buffers
        state = {name: buffers.keep(theta.shape) for name in self.slots}
        for name, value in self.slots.items():
            state[name][...] = value
        return state


registry: Registry[Optimizer] = Registry("optimizer")
