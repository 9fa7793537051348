"""What a contestant is asked to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from benchmarks.speed.material import Array, Material, Weights

Told = Callable[[], bool]
"""Called at the end of every epoch; says whether another is wanted."""


class Contestant(ABC):
    """Something that does the work of a training.

    It is made of the material: its data and weights are in its own tensors before the first epoch.
    """

    threads: int | None = None
    """How many it works on, if it says so."""

    def __init__(self, material: Material) -> None:
        self.material, self.case = material, material.case

    @abstractmethod
    def train(self, epoch_ended: Told) -> None:
        """Train epoch after epoch, the rows of each in a new order, until ``epoch_ended`` says that it is enough.

        It is called when all work of the epoch is done and its mean loss is known to Python. That is the same for all:
        everybody who trains wants to see the loss of an epoch when it is over.
        """


class Learner(Contestant):
    """A contestant that can show that it trains the same network as the others."""

    @abstractmethod
    def train_in_order(self, orders: Array) -> None:
        """Train an epoch in each of the ``orders`` (epochs, n), by the same code that ``train`` runs."""

    @abstractmethod
    def weights(self) -> Weights:
        """The weights reached."""
