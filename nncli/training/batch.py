"""A batch as the training loop sees it, and one that goes through the network in one piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator

from nncli.builder import Rows
from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers
from nncli.engine.network import Bound
from nncli.engine.parameters import Weights

Bind = Callable[[int, Array, Array, Buffers], Bound]
"""Binds a piece of a batch: of so many rows, its gradient and its running statistics here, from these buffers."""


class Batch(Protocol):
    """A batch bound in one piece or in several, which gathers its rows itself.

    Attributes:
        n: Its rows.
        parts: Its pieces as they are bound.
        settles: Whether there are running statistics.
    """

    n: int
    parts: list[Bound]
    settles: bool

    def forward(self) -> None:
        """Gather the rows and run them through every layer."""

    def loss(self) -> float:
        """The mean over the batch, without penalties."""

    def settle(self) -> None:
        """Move the running statistics by the batch."""

    def backward_loss(self) -> None:
        """Write the gradient of ``loss()`` alone to the gradient."""

    def add_penalties(self) -> None:
        """Add that of the penalties."""

    def backward(self) -> None:
        """Write the gradient of both."""

    def penalty(self) -> Any:
        """The sum of all penalties on the parameters."""

    def first_not_finite(self) -> str | None:
        """The first tensor of any piece, in the order of computation, that holds a NaN or an infinity."""


class Whole:
    """A batch in one piece.

    Args:
        bind: Binds it.
        rows: Of which it takes some.
        n: How many.
        weights: What it is bound to.
        gradient: Where its gradient goes (size,).
        buffers: Where the arrays come from.
    """

    def __init__(self, bind: Bind, rows: Rows, n: int, weights: Weights, gradient: Array, buffers: Buffers) -> None:
        part = bind(n, gradient, weights.statistics, buffers)
        self.n, self.parts = n, [part]
        self._gather = gather(rows, part, buffers)
        self._chosen = np.zeros(0, np.intp)
        self._forward, self._loss = part.forward, part.loss
        self.settles, self.settle = part.settles, part.settle
        self.backward_loss, self.backward = part.backward_loss, part.backward
        self.penalty, self.add_penalties = part.penalty, part.add_penalties
        self.first_not_finite = part.first_not_finite

    def take(self, chosen: Array) -> None:
        """Have it go over these of the rows (n,)."""
        self._chosen = chosen

    def draw(self, rng: Generator) -> None:
        """Fill the random arrays of all layers."""
        self.parts[0].draw(rng)

    def gather(self) -> None:
        """Fill it with its rows."""
        self._gather(self._chosen)

    def forward(self) -> None:
        """Gather the rows and run them through every layer."""
        self._gather(self._chosen)
        self._forward()

    def loss(self) -> float:
        """The mean over the batch, without penalties."""
        return float(self._loss())


def gather(rows: Rows, part: Bound, buffers: Buffers) -> Callable[[Array], None]:
    """What fills ``part`` with chosen ``rows``."""
    weights, targets = rows.weights, part.row_weights
    gather_both = kernels.gather.bind(buffers, rows.inputs, rows.targets, part.inputs, part.targets, chosen=True)
    if weights is None:
        return gather_both

    def gather_all(chosen: Array) -> None:
        gather_both(chosen)
        weights.take(chosen, 0, targets, "clip")

    return gather_all
