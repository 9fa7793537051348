"""What becomes of a gradient: the optimizer, its state, and the number of its updates."""

from __future__ import annotations

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers


class Descent:
    """The way of the parameters down.

    Args:
        experiment: Whose optimizer it is.
        theta: The parameters (size,), which every update moves.
        gradient: Where the gradient is found (size,).
        buffers: Where the arrays come from.

    Attributes:
        steps: Updates so far.
        state: The optimizer's vectors (size,) by name.
    """

    def __init__(self, experiment: Experiment, theta: Array, gradient: Array, buffers: Buffers) -> None:
        optimizer = experiment.optimizer
        self.steps = 0
        self.rate = optimizer.learning_rate
        """The learning rate of the next update."""
        self.state = optimizer.start(theta, buffers)
        self._update = optimizer.bind(theta, gradient, self.state, buffers)

    def step(self) -> None:
        """Move the parameters by the gradient of one batch."""
        self.steps += 1
        self._update(self.steps, self.rate)
