"""What an optimizer is, and the registry of all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from nncli.engine.buffers import Array, Buffers, buffers_like
from nncli.registry import Registry

Update: TypeAlias = Callable[[int, float], None]
Function: TypeAlias = Callable[[Array], tuple[float, Array]]
"""Of a point (size,): the value and the gradient there."""


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


@dataclass(frozen=True)
class Convergence:
    """How a minimizer ended.

    Attributes:
        converged: Whether it was satisfied, by its own settings.
        reason: What ended it.
        evaluations: How often it asked for the value and the gradient.
    """

    converged: bool
    reason: str
    evaluations: int


class Minimizer(ABC):
    """A method that looks at the whole problem, as often and where it likes, and has no learning rate.

    A config names it as it names an ``Optimizer``. Subclasses are final, frozen and registered.
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def minimize(
        self, function: Function, start: Array, iterations: int, iterated: Callable[[Array], None]
    ) -> Convergence:
        """Make ``function`` small, from ``start`` (size,), in at most ``iterations``.

        Each of them ends in a call of ``iterated`` with the point reached, (size,), not to be kept without a copy.
        Where the function is not finite, it is too far to go; at the start it must be. What the two functions raise
        comes out.
        """

    @abstractmethod
    def workspace(self, size: int) -> int:
        """How many float64 numbers it holds at the most while it works on ``size`` parameters."""


registry: Registry[Optimizer | Minimizer] = Registry("optimizer")


def update_rules() -> list[type[Optimizer]]:
    """Those of the registry that go step by step."""
    return [record for record in registry if issubclass(record, Optimizer)]
