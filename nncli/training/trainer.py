"""The training loop: a generator of typed events. It prints nothing, writes nothing, and knows no files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing

import numpy as np

from nncli.builder import Experiment, Rows
from nncli.engine.buffers import Buffers
from nncli.engine.inference import Inference
from nncli.engine.optimizers import Minimizer
from nncli.engine.randomness import Purpose, stream
from nncli.scoring import Scorer
from nncli.training.batches import Batches
from nncli.training.crew import Crew
from nncli.training.descent import Descent
from nncli.training.events import SIGN_OF_LIFE, Ended, EpochEnded, Event, Progress, Status
from nncli.training.iterations import Iterations
from nncli.training.monitor import Monitor


class Trainer:
    """One training of one experiment.

    Overflow in ``exp`` is part of some formulas, and a NaN ends the training: run it under
    ``numpy.errstate(all="ignore")``, which a generator cannot set without setting it for whoever it yields to.

    Attributes:
        weights: Parameters and running statistics, moving while ``run`` goes on.
        last: What is judged after every epoch, and kept: their average if the config asks for one, otherwise
            ``weights`` itself. After a divergence both are put back to the end of the last epoch that was finite.
        best: ``last`` of the best epoch so far by the monitored value.
        buffers: Where all arrays of the training come from. With ``StandIns`` handed in, nothing is allocated or
            drawn: they tell what the training would take, and it cannot be run.
    """

    def __init__(self, experiment: Experiment, buffers: Buffers | None = None) -> None:
        network = experiment.network
        self.experiment = experiment
        self.buffers = Buffers(experiment.precision, experiment.kernels) if buffers is None else buffers
        vectors = self.buffers.part("parameters")
        averages = experiment.config.training.average is not None
        self.weights, self.best = (network.weights(vectors) for _ in range(2))
        self.last = network.weights(vectors) if averages else self.weights
        self._moving = (self.weights, self.last) if averages else (self.weights,)
        self._good = [network.weights(vectors) for _ in self._moving]
        minimizes = isinstance(experiment.optimizer, Minimizer)
        self._course = Iterations(experiment, self.weights, self.buffers) if minimizes else _Passes(self)
        self._judge = self._bind_validation()
        if self.buffers.real:
            network.fill(self.weights.theta, stream(experiment.config.seed, Purpose.WEIGHTS))
            network.reset(self.weights.statistics)
            for copy in (self.best, self.last, *self._good):
                copy.assign(self.weights)

    @property
    def steps(self) -> int:
        """Updates so far."""
        return self._course.steps

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Train, and tell. ``stop`` is asked after every batch; when it says so, the training ends there."""
        with closing(self._course):
            yield from self._run(stop)

    def _run(self, stop: Callable[[], bool]) -> Iterator[Event]:
        experiment, epochs = self.experiment, self.experiment.config.training.epochs
        began = time.perf_counter()
        course, judge = self._course, self._judge
        monitor = Monitor(experiment)
        penalized = bool(experiment.network.penalties())
        status: Status = "completed"
        problem, epoch = "", 0
        for epoch in range(1, epochs + 1):
            train_loss, problem = yield from course.epoch(epoch, stop)
            stopped = train_loss is None
            validation = {} if problem or stopped else judge()
            problem = problem or self._not_finite(epoch, validation)
            if problem:
                status = "diverged"
                for moving, good in zip(self._moving, self._good, strict=True):
                    moving.assign(good)
                break
            if train_loss is None:
                status = "interrupted"
                break
            for moving, good in zip(self._moving, self._good, strict=True):
                good.assign(moving)
            figures = {"train_loss": train_loss, **validation}
            best = monitor.is_best(epoch, figures)
            if best:
                self.best.assign(self.last)
            penalty = course.penalty if penalized else None
            seconds = time.perf_counter() - began
            yield EpochEnded(epoch, course.steps, seconds, course.rate, train_loss, penalty, validation, best)
            course.end_epoch(figures)
            if course.finished:
                break
            if monitor.gives_up:
                status = "stopped_early"
                break
            if epoch < epochs and stop():
                status = "interrupted"
                break
        seconds = time.perf_counter() - began
        yield Ended(status, epoch, course.steps, seconds, monitor.best_epoch, problem, course.convergence)

    def _bind_validation(self) -> Callable[[], dict[str, float | None]]:
        rows, part = self.experiment.validation, self.experiment.dataset.validation
        if rows is None or part is None:
            return dict
        buffers, weighted = self.buffers.part("validation"), rows.weights is not None
        inference = Inference(self.experiment.network, self.last, len(rows.inputs), buffers, weighted=weighted)
        scorer = self.experiment.scorer(part)

        def judge() -> dict[str, float | None]:
            return measure(inference, rows, scorer, "validation")

        return judge

    def _not_finite(self, epoch: int, validation: dict[str, float | None]) -> str:
        """What is wrong at the end of an epoch; empty when all is well."""
        for weights in self._moving:
            if np.isfinite(weights.theta).all() and np.isfinite(weights.statistics).all():
                continue
            for name, tensor in self.experiment.network.tensors(weights).items():
                if not np.isfinite(tensor).all():
                    return f"epoch {epoch}, last batch: {name} is not finite"
        loss = validation.get("validation_loss", 0.0)
        return "" if loss is not None and math.isfinite(loss) else f"epoch {epoch}: the validation loss is not finite"


class _Passes:
    """A training in batches: an epoch is a pass over all rows. It has the shape of ``Iterations``."""

    finished, convergence = False, None

    def __init__(self, trainer: Trainer) -> None:
        experiment, buffers, weights = trainer.experiment, trainer.buffers, trainer.weights
        gradient = buffers.parts["parameters"].keep(weights.theta.shape)
        self._crew = Crew(min(experiment.threads, experiment.shards))
        self._batches = Batches(experiment, weights, gradient, buffers, self._crew)
        self._descent = Descent(experiment, weights, gradient, trainer.last, buffers.part("optimizer"), self._crew)

    @property
    def steps(self) -> int:
        return self._descent.steps

    @property
    def rate(self) -> float:
        return self._descent.rate

    @property
    def penalty(self) -> float:
        return float(self._batches.full.penalty())

    def close(self) -> None:
        self._crew.close()

    def end_epoch(self, figures: Mapping[str, float | None]) -> None:
        self._descent.end_epoch(figures)

    def epoch(self, epoch: int, stop: Callable[[], bool]) -> Generator[Event, None, tuple[float | None, str]]:
        return one_pass(epoch, self._batches, self._descent, stop)


def one_pass(
    epoch: int, batches: Batches, descent: Descent, stop: Callable[[], bool]
) -> Generator[Event, None, tuple[float | None, str]]:
    """One pass over the rows. Returns (mean loss, problem); no loss when it was told to stop."""
    total, rows = 0.0, 0
    clock, told = time.perf_counter, time.perf_counter()
    for number, batch in enumerate(batches.of(epoch), start=1):
        batch.forward()
        loss = batch.loss()
        if not math.isfinite(loss):
            tensor = batch.first_not_finite() or "loss"
            return math.nan, f"epoch {epoch}, batch {number}: {tensor} is not finite"
        descent.take(batch, last=number == batches.count)
        total += loss * batch.n
        rows += batch.n
        # after the last one the epoch is whole: it is asked once that is told
        if number < batches.count and stop():
            return None, ""
        if clock() - told > SIGN_OF_LIFE:
            told = clock()
            yield Progress(epoch, number, batches.count)
    return total / rows, ""


def measure(inference: Inference, rows: Rows, scorer: Scorer, split: str) -> dict[str, float | None]:
    """Loss and metrics of ``rows``, the names prefixed with ``split``; None for what is not defined."""
    loss = inference.run(rows.inputs, rows.targets, rows.weights)
    metrics = {"loss": loss, **scorer.measure(inference.predictions)}
    return {f"{split}_{name}": value for name, value in metrics.items()}
