"""What a loss is, the registry of all, and which outputs each accepts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.random import Generator

from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, Step
from nncli.registry import Registry

Needs: TypeAlias = Literal["reals", "unbounded", "scores", "positive", "probabilities", "distribution"]

WISHES: dict[Needs, str] = {
    "reals": "of any size",
    "unbounded": "without bounds",
    "scores": "on both sides of 0",
    "positive": "above 0 that are free of each other",
    "probabilities": "between 0 and 1",
    "distribution": "that are not negative and sum to 1",
}
"""Which outputs a loss may need, in words."""


class Loss(ABC):
    """What the training makes small. Subclasses are final and frozen."""

    name: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str]
    source: ClassVar[str] = ""
    targets: ClassVar[Literal["codes", "values"]]
    needs: ClassVar[Needs] = "reals"
    """What a row of predictions has to be; see ``WISHES``."""
    classification: ClassVar[bool] = False
    """Whether it makes sense for classes only."""
    regression: ClassVar[bool] = False
    """Whether it makes sense for numbers only."""
    natural_units: ClassVar[bool] = False
    """Whether it takes numbers as they stand in the data, not scaled."""
    spreads: ClassVar[bool] = False
    """Whether its outputs tell a deviation, too, which belongs to the scale that it was trained on."""
    explodes: ClassVar[bool] = False
    """Whether a few large outputs make it many times larger, so that its first value says little of a network."""
    takes: ClassVar[str] = ""
    """What a row of targets has to be, in words, if it takes only some; see ``misfits``."""
    threshold: ClassVar[float] = 0.5
    """Of a single output for two classes: what is above it says the second."""

    @property
    def outputs_per_target(self) -> int:
        """How many outputs tell of one column of the target. The first k are the first of each of k columns."""
        return 1

    @abstractmethod
    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over these arrays."""

    @abstractmethod
    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        """L (n,) by the formula, in the functions of ``xp``."""

    def fuse(self, output: Activation) -> Loss | None:
        """The record that computes this loss of ``output`` from its argument, where that is more stable."""
        return None

    def switches(self, P: Array, Y: Array) -> tuple[Array, ...]:
        """What changes its sign where the loss goes over from one piece to another; see ``Activation.kinks``."""
        return ()

    def misfits(self, Y: Array) -> Array:
        """Which rows of targets (n, k) it does not take, (n,)."""
        return np.zeros(len(Y), bool)

    def sample(self, rng: Generator, n: int, k: int) -> Array:
        """Targets that it takes, drawn at random: codes (n,) of as many classes as k outputs tell, or values (n, k)."""
        if self.targets == "codes":
            return rng.integers(0, max(2, k), n)
        return rng.integers(0, 2, (n, k)).astype(float) if self.classification else rng.normal(size=(n, k))

    def readings(self, P: Array, scale: Array, shift: Array) -> dict[str, Array]:
        """What outputs P (n, outputs) say of k columns of the target, by name, each (n, k) in the target's own units.

        The first is what the column is predicted to be. A column was scaled as (y − shift) / scale, both (k,).
        """
        return {"prediction": P * scale + shift}


registry: Registry[Loss] = Registry("loss")


def objection(loss: type[Loss], activation: type[Activation]) -> str | None:
    """Why ``loss`` makes no sense behind ``activation``; None when it does."""
    low, high = activation().range
    fits = {
        "reals": True,
        "unbounded": low == -np.inf and high == np.inf,
        "scores": low < 0 < high,
        "positive": activation.positive and not activation.simplex,
        "probabilities": low >= 0 and high <= 1,
        "distribution": activation.simplex,
    }
    if fits[loss.needs]:
        return None
    return f"{loss.name} needs outputs {WISHES[loss.needs]}, which {activation.name} does not give"
