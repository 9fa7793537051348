"""What becomes of a gradient: the optimizer and its state, the number of its updates, and their learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nncli.builder import Experiment
from nncli.config.schema import higher_is_better
from nncli.engine.buffers import Array, Buffers


class Descent:
    """The way of the parameters down.

    Args:
        experiment: Whose optimizer and schedule they are.
        theta: The parameters (size,), which every update moves.
        gradient: Where the gradient is found (size,).
        buffers: Where the arrays come from.

    Attributes:
        steps: Updates so far.
        rate: The learning rate of the last of them.
        state: The optimizer's vectors (size,) by name.
        memory: The schedule's numbers by name.
    """

    def __init__(self, experiment: Experiment, theta: Array, gradient: Array, buffers: Buffers) -> None:
        optimizer, schedule = experiment.optimizer, experiment.schedule
        steps, epochs = experiment.updates_per_epoch, experiment.config.training.epochs
        self.steps = 0
        self.rate = math.nan
        self.memory = dict(schedule.memory)
        self._schedule, self._warmup = schedule, schedule.warmup(steps)
        self._rate = schedule.bind(optimizer.learning_rate, steps, epochs, self.memory)
        self.state = {name: buffers.keep(theta.shape) for name in optimizer.slots}
        self._update = optimizer.bind(theta, gradient, self.state, buffers)

    def step(self) -> None:
        """Move the parameters by the gradient of one batch."""
        self.steps += 1
        self.rate = self._rate(self.steps)
        self._update(self.steps, self.rate)

    def end_epoch(self, figures: Mapping[str, float | None]) -> None:
        """Tell the schedule the figures of an epoch, if it wants to know one, and has begun."""
        watched = self._schedule.watches
        if watched is not None and self.steps > self._warmup:
            self._schedule.remember(self.memory, figures[watched], higher_is_better(watched))
