"""What becomes of a gradient: the optimizer, its state, the number of its updates, and what its updates must keep."""

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
        self.state = {name: buffers.keep(theta.shape) for name in optimizer.slots}
        self._constrain = experiment.network.bind_constraints(theta, buffers)
        self._update = optimizer.bind(theta, gradient, self.state, buffers)

    def step(self) -> None:
        """Move the parameters by the gradient of one batch."""
        self.steps += 1
        self._update(self.steps, self.rate)
        if self._constrain is not None:
            self._constrain()
