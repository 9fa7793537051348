"""What becomes of a gradient: accumulated, clipped, the optimizer's update, and the average of the parameters."""

from __future__ import annotations

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers
from nncli.engine.network import Bound
from nncli.engine.optimizers import Optimizer
from nncli.engine.updates import Average, Clip, GradientMean


class Descent:
    """The way of the parameters down.

    Args:
        experiment: Whose optimizer it is.
        theta: The parameters (size,), which every update moves.
        gradient: Where the gradient is found (size,).
        mean: Their average (size,), which follows them if the config asks for one.
        buffers: Where the arrays come from.

    Attributes:
        steps: Updates so far.
        state: The optimizer's vectors (size,) by name.
    """

    def __init__(self, experiment: Experiment, theta: Array, gradient: Array, mean: Array, buffers: Buffers) -> None:
        optimizer, config = experiment.optimizer, experiment.config.training
        assert isinstance(optimizer, Optimizer)
        self.steps = 0
        self.rate = optimizer.learning_rate
        """The learning rate of the next update."""
        self.state = optimizer.start(theta, buffers)
        self._update = optimizer.bind(theta, gradient, self.state, buffers)
        self._group = config.accumulate
        self._sum = GradientMean(gradient, buffers) if config.accumulate > 1 else None
        clip = Clip(config.clip_value, config.clip_norm)
        self._clip = clip.bind(gradient, buffers) if clip else None
        self._average = Average(config.average.decay).bind(theta, mean, buffers) if config.average else None

    def take(self, batch: Bound, *, last: bool) -> None:
        """Go back through ``batch``, and move the parameters, unless more batches are to be gathered first.

        Args:
            batch: After ``forward`` and ``loss``.
            last: Whether it is the last of its epoch, which ends a group of batches, however few they are.
        """
        if self._sum is None:
            batch.backward()
        else:
            batch.backward_loss()
            self._sum.add(batch.n)
            if self._sum.batches < self._group and not last:
                return
            self._sum.take_out()
            batch.add_penalties()
        self.step()

    def step(self) -> None:
        """Move the parameters by the gradient."""
        self.steps += 1
        if self._clip is not None:
            self._clip()
        self._update(self.steps, self.rate)
        if self._average is not None:
            self._average(self.steps)
