"""A training by a minimizer: all rows at once, an iteration in the place of an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping

import numpy as np

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers import Convergence, Minimizer
from nncli.engine.parameters import Weights
from nncli.training.events import SIGN_OF_LIFE, Event, Progress
from nncli.training.inside_out import Conversation, Evaluate, Iterate, Question, conversation


class Iterations:
    """The way of the parameters down, where the minimizer of the config looks for it.

    It is computed at float64, whatever the precision of the training: a line search compares values that differ in
    their last digits.

    Args:
        experiment: Whose optimizer is a minimizer.
        weights: The parameters, which every iteration moves, and the running statistics, which follow it.
        buffers: Where the arrays come from.

    Attributes:
        gradient: Where it looked last (size,), float64.
        steps: Iterations so far.
        convergence: How it ended, once it has.
    """

    rate = None
    """It has no learning rate."""

    def __init__(self, experiment: Experiment, weights: Weights, buffers: Buffers) -> None:
        assert isinstance(experiment.optimizer, Minimizer)
        self._minimizer, self._iterations = experiment.optimizer, experiment.config.training.epochs
        self._rows, self._weights = experiment.train, weights
        doubles = buffers.part("optimizer", np.float64)
        self._x, self.gradient = (doubles.keep(weights.theta.shape) for _ in range(2))
        self._statistics = doubles.keep(weights.statistics.shape)
        batch = buffers.part("batch", np.float64)
        n, weighted = len(self._rows.inputs), self._rows.weights is not None
        self._batch = experiment.network.of_last_batch().bind(
            self._x, self.gradient, n, statistics=self._statistics, weighted=weighted, buffers=batch
        )
        self._talk: Conversation | None = None
        self._seen = self._reached = (0.0, 0.0)  # (loss, penalty): where it looked last, and at the parameters
        self._question: Question | None = None
        self._looked = False
        self.steps = 0
        self.convergence: Convergence | None = None

    @property
    def finished(self) -> bool:
        """Whether the minimizer will move the parameters no more."""
        return self.convergence is not None

    @property
    def penalty(self) -> float:
        """The penalties on the parameters."""
        return self._reached[1]

    def end_epoch(self, figures: Mapping[str, float | None]) -> None:
        """Nothing of it heeds the figures."""

    def close(self) -> None:
        """End the minimizer, wherever it is."""
        if self._talk is not None:
            self._talk.close()

    def epoch(
        self, epoch: int, stop: Callable[[], bool], every: int = 0
    ) -> Generator[Event, None, tuple[float | None, str]]:
        """One iteration. Returns (loss where it ended, problem); no loss when it was told to stop.

        An iteration in which nothing lower is found ends where it began.
        """
        told = time.perf_counter()
        if self._talk is None:
            self._begin()
        while isinstance(self._question, Evaluate):
            value, problem = self._evaluate(self._question.x)
            if not self._looked:
                self._looked, self._reached = True, self._seen
                self._keep_statistics()
                if problem:
                    return math.nan, f"epoch {epoch}, at the initial weights: {problem} is not finite"
            if stop():
                return None, ""
            self._answer((value, self.gradient.copy()))
            if time.perf_counter() - told > SIGN_OF_LIFE:
                told = time.perf_counter()
                yield Progress(epoch, 0, 1, self.steps)
        if isinstance(self._question, Iterate):
            self._arrive(self._question.x)
            self._answer(None)  # so that it says by now if this was the last
        return self._reached[0], ""

    def _begin(self) -> None:
        np.copyto(self._batch.inputs, self._rows.inputs)
        np.copyto(self._batch.targets, self._rows.targets)
        if self._rows.weights is not None and self._batch.row_weights is not None:
            np.copyto(self._batch.row_weights, self._rows.weights)
        np.copyto(self._statistics, self._weights.statistics)
        self._talk = conversation(self._minimizer, self._weights.theta.astype(np.float64), self._iterations)
        self._answer(None)

    def _answer(self, answer: tuple[float, Array] | None) -> None:
        """Answer, and wait for the next question, or for the end."""
        assert self._talk is not None
        self._question = None
        try:
            self._question = self._talk.send(answer)
        except StopIteration as end:
            self.convergence = end.value

    def _evaluate(self, x: Array) -> tuple[float, str]:
        """Loss and penalties at ``x``, and what of it is not finite; their gradient goes to its vector."""
        np.copyto(self._x, x)
        batch = self._batch
        batch.forward()
        loss, penalty = float(batch.loss()), float(batch.penalty())
        batch.backward()
        self._seen = loss, penalty
        problem = ""
        if not math.isfinite(loss + penalty):
            problem = batch.first_not_finite() or "the penalty"
        elif not np.isfinite(self.gradient).all():
            problem = "the gradient"
        return loss + penalty, problem

    def _arrive(self, x: Array) -> None:
        if not np.array_equal(x, self._x):
            self._evaluate(x)
        self._reached = self._seen
        self._keep_statistics()
        np.copyto(self._weights.theta, x, casting="same_kind")
        self.steps += 1

    def _keep_statistics(self) -> None:
        """Those of all rows, at the parameters where it looked last."""
        self._batch.settle()
        np.copyto(self._weights.statistics, self._statistics, casting="same_kind")
