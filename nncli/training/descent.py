"""What becomes of a gradient: accumulated, clipped, the update at its rate, what that must keep to, the average."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from nncli.builder import Experiment
from nncli.config.schema import higher_is_better
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers import Optimizer
from nncli.engine.optimizers.base import Update
from nncli.engine.parameters import Weights
from nncli.engine.updates import Average, Clip, GradientMean
from nncli.training.batch import Batch
from nncli.training.crew import Crew
from nncli.training.sums import cuts


class Descent:
    """The way of the parameters down.

    Args:
        experiment: Whose optimizer and schedule they are.
        weights: Every update moves the parameters (size,), every batch the running statistics.
        gradient: Where the gradient is found (size,).
        mean: The average of both, which follows them if the config asks for one.
        buffers: Where the arrays come from.
        crew: The threads for the update of a long vector.

    Attributes:
        steps: Updates so far.
        rate: The learning rate of the last of them.
        state: The optimizer's vectors (size,) by name.
        memory: The schedule's numbers by name.
        pieces: (name, function) of all that ``step`` does, in order.
    """

    def __init__(
        self,
        experiment: Experiment,
        weights: Weights,
        gradient: Array,
        mean: Weights,
        buffers: Buffers,
        crew: Crew,
    ) -> None:
        theta = weights.theta
        optimizer, schedule, config = experiment.optimizer, experiment.schedule, experiment.config.training
        assert isinstance(optimizer, Optimizer)
        self.steps = 0
        self.rate = math.nan
        self.memory = dict(schedule.memory)
        self._schedule, self._warmup = schedule, schedule.warmup(experiment.steps_per_epoch)
        self._rate = schedule.bind(optimizer.learning_rate, experiment.steps_per_epoch, config.epochs, self.memory)
        self.state = optimizer.start(theta, buffers)
        constrain = experiment.network.bind_constraints(theta, buffers)
        self._update = _in_pieces(optimizer, theta, gradient, self.state, buffers, crew)
        self._group = config.accumulate
        self._sum = GradientMean(gradient, buffers) if config.accumulate > 1 else None
        clip = Clip(config.clip_value, config.clip_norm)
        pairs = ((theta, mean.theta), (weights.statistics, mean.statistics))
        decay = config.average.decay if config.average else None
        self._averages = [Average(decay).bind(*pair, buffers) for pair in pairs if decay is not None and pair[0].size]
        pieces = (
            ("clip", clip.bind(gradient, buffers) if clip else None),
            ("optimizer", self._move),
            ("max norm", constrain),
            ("average", self._follow if self._averages else None),
        )
        self.pieces = tuple((name, piece) for name, piece in pieces if piece is not None)

    def take(self, batch: Batch, *, last: bool) -> None:
        """Go back through ``batch``, and move the parameters, unless more batches are to be gathered first.

        The running statistics take in every batch.

        Args:
            batch: After ``forward`` and ``loss``.
            last: Whether it is the last of its epoch, which ends a group of batches, however few they are.
        """
        if batch.settles:
            batch.settle()
        if self._sum is None:
            batch.backward()
        else:
            batch.backward_loss()
            if not self.gather(batch.n, last=last):
                return
            batch.add_penalties()
        self.step()

    def gather(self, rows: int, *, last: bool) -> bool:
        """Take in the gradient of a batch of ``rows``, where they accumulate.

        Returns:
            Whether the group is whole; then the mean of all of its batches is in their place.
        """
        assert self._sum is not None
        self._sum.add(rows)
        if self._sum.batches < self._group and not last:
            return False
        self._sum.take_out()
        return True

    def step(self) -> None:
        """Move the parameters by the gradient."""
        for _, piece in self.pieces:
            piece()

    def _move(self) -> None:
        self.steps += 1
        self.rate = self._rate(self.steps)
        self._update(self.steps, self.rate)

    def _follow(self) -> None:
        for average in self._averages:
            average(self.steps)

    @property
    def vectors(self) -> dict[str, Array]:
        """What it goes on from: the state of the optimizer, and the gradients that wait for an update."""
        return self.state if self._sum is None else {**self.state, "accumulated": self._sum.sum}

    @property
    def numbers(self) -> dict[str, Any]:
        """And the numbers of it, as ``restore`` takes them."""
        waiting = None if self._sum is None else {"rows": self._sum.rows, "batches": self._sum.batches}
        return {"steps": self.steps, "rate": self.rate, "memory": dict(self.memory), "accumulated": waiting}

    def restore(self, numbers: Mapping[str, Any]) -> None:
        """Go on from ``numbers``; ``vectors`` are put back by who has them.

        Raises:
            ValueError: More batches wait for an update than ever do.
        """
        self.steps, self.rate = numbers["steps"], numbers["rate"]
        self.memory.update(numbers["memory"])
        if self._sum is not None:
            rows, batches = numbers["accumulated"]["rows"], numbers["accumulated"]["batches"]
            if batches >= self._group or (rows > 0) != (batches > 0):
                raise ValueError(f"{batches} batches of {rows} rows wait for an update")
            self._sum.rows, self._sum.batches = rows, batches

    def end_epoch(self, figures: Mapping[str, float | None]) -> None:
        """Tell the schedule the figures of an epoch, if it wants to know one, and has begun."""
        watched = self._schedule.watches
        if watched is not None and self.steps > self._warmup:
            self._schedule.remember(self.memory, figures[watched], higher_is_better(watched))


def _in_pieces(
    optimizer: Optimizer, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers, crew: Crew
) -> Update:
    """The update, a stretch of the vectors for each thread where they are long: no entry heeds another."""
    places = cuts(theta.size, crew.threads)
    if len(places) == 1:
        return optimizer.bind(theta, g, state, buffers)

    def piece(i: int, cut: slice) -> Update:
        part = {name: vector[cut] for name, vector in state.items()}
        return optimizer.bind(theta[cut], g[cut], part, buffers.part(f"stretch {i}"))

    updates = [piece(i, cut) for i, cut in enumerate(places)]

    def update(t: int, rate: float) -> None:
        crew.run([partial(move, t, rate) for move in updates])

    return update
