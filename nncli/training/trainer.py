"""The training loop: a generator of typed events. It prints nothing, writes nothing, and knows no files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator

import numpy as np

from nncli.builder import Experiment, Rows
from nncli.engine.buffers import Array, Buffers
from nncli.engine.inference import Inference
from nncli.engine.network import Bound
from nncli.engine.randomness import Purpose, stream
from nncli.training.events import Ended, EpochEnded, Event, Progress, Status

SIGN_OF_LIFE = 0.1
"""Seconds between two ``Progress`` events."""
HIGHER_IS_BETTER = ("validation_accuracy", "validation_r2")


class Trainer:
    """One training of one experiment.

    Overflow in ``exp`` is part of some formulas, and a NaN ends the training: run it under
    ``numpy.errstate(all="ignore")``, which a generator cannot set without setting it for whoever it yields to.

    Attributes:
        theta: The parameters, moving while ``run`` goes on. After a divergence they are put back to the end of the
            last epoch that was finite.
        best_theta: The parameters of the best epoch so far by the monitored value.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.theta = experiment.network.initialize(
            stream(experiment.config.seed, Purpose.WEIGHTS), experiment.precision
        )
        self.best_theta = self.theta.copy()
        self._gradient = np.zeros_like(self.theta)
        self._good = self.theta.copy()
        self._step = 0
        self._best_epoch, self._best_value, self._stale_value = 0, math.inf, math.inf
        early = experiment.config.training.early_stopping
        validating = experiment.validation is not None
        self._monitor = early.monitor if early else "validation_loss"
        # Without validation rows, and without being asked to watch anything, no epoch is known to be better than the
        # last: a lower training loss says nothing of the kind.
        self._keeps_best = validating or early is not None

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Train, and tell. ``stop`` is asked after every batch; when it says so, the training ends there."""
        config = self.experiment.config.training
        began = time.perf_counter()
        status: Status = "completed"
        problem, epoch, waiting = "", 0, 0
        early = config.early_stopping
        batches = _Batches(self.experiment, self.theta, self._gradient)
        update = self._bind_optimizer()
        judge = self._bind_validation()
        for epoch in range(1, config.epochs + 1):
            losses = yield from self._epoch(epoch, batches, update, stop)
            if losses is None:
                status, problem = "interrupted", self._not_finite(epoch, {})
                if problem:
                    status = "diverged"
                    np.copyto(self.theta, self._good)
                break
            train_loss, problem = losses
            validation = {} if problem else judge()
            problem = problem or self._not_finite(epoch, validation)
            if problem:
                status = "diverged"
                np.copyto(self.theta, self._good)
                break
            np.copyto(self._good, self.theta)
            best = self._remember_best(epoch, {"train_loss": train_loss, **validation})
            penalty = float(batches.full.penalty()) if self.experiment.network.penalties() else None
            seconds = time.perf_counter() - began
            yield EpochEnded(epoch, self._step, seconds, self._rate, train_loss, penalty, validation, best)
            waiting = 0 if self._gained(early.min_delta if early else 0) else waiting + 1
            if early and waiting >= early.patience:
                status = "stopped_early"
                break
            if epoch < config.epochs and stop():
                status = "interrupted"
                break
        seconds = time.perf_counter() - began
        yield Ended(status, epoch, self._step, seconds, self._best_epoch, problem)

    @property
    def _rate(self) -> float:
        return self.experiment.optimizer.learning_rate

    def _epoch(
        self, epoch: int, batches: _Batches, update: Callable[[int, float], None], stop: Callable[[], bool]
    ) -> Generator[Event, None, tuple[float, str] | None]:
        """One pass over the rows. Returns (mean loss, problem), or None when it was told to stop."""
        train, seed = self.experiment.train, self.experiment.config.seed
        order = stream(seed, Purpose.ORDER, epoch).permutation(len(train.inputs))
        noise = stream(seed, Purpose.NOISE, epoch) if self.experiment.network.noisy else None
        rate, step, total = self._rate, self._step, 0.0
        clock, told = time.perf_counter, time.perf_counter()
        for number, (rows, batch) in enumerate(batches.of(order), start=1):
            train.inputs.take(rows, 0, batch.inputs, "clip")
            train.targets.take(rows, 0, batch.targets, "clip")
            if noise is not None:
                batch.draw(noise)
            batch.forward()
            loss = float(batch.loss())
            if not math.isfinite(loss):
                tensor = batch.first_not_finite() or "loss"
                return math.nan, f"epoch {epoch}, batch {number}: {tensor} is not finite"
            batch.backward()
            step += 1
            update(step, rate)
            total += loss * batch.n
            self._step = step
            if (
                number < batches.count and stop()
            ):  # after the last one the epoch is whole: it is asked once that is told
                return None
            if clock() - told > SIGN_OF_LIFE:
                told = clock()
                yield Progress(epoch, number, batches.count)
        return total / len(order), ""

    def _bind_optimizer(self) -> Callable[[int, float], None]:
        optimizer = self.experiment.optimizer
        self.optimizer_state = {name: np.zeros_like(self.theta) for name in optimizer.slots}
        return optimizer.bind(self.theta, self._gradient, self.optimizer_state, Buffers(self.theta.dtype))

    def _bind_validation(self) -> Callable[[], dict[str, float]]:
        rows = self.experiment.validation
        if rows is None:
            return dict
        inference = Inference(self.experiment.network, self.theta, len(rows.inputs))

        def judge() -> dict[str, float]:
            return measure(self.experiment, inference, rows, "validation")

        return judge

    def _not_finite(self, epoch: int, validation: dict[str, float]) -> str:
        """What is wrong at the end of an epoch; empty when all is well."""
        for name, tensor in self.experiment.network.layout.views(self.theta).items():
            if not np.isfinite(tensor).all():
                return f"epoch {epoch}, last batch: {name} is not finite"
        loss = validation.get("validation_loss", 0.0)
        return "" if math.isfinite(loss) else f"epoch {epoch}: the validation loss is not finite"

    def _remember_best(self, epoch: int, row: dict[str, float]) -> bool:
        """Keep the parameters if they are the best so far; without anything to judge them by, the newest are."""
        if self._keeps_best:
            value = -row[self._monitor] if self._monitor in HIGHER_IS_BETTER else row[self._monitor]
            if value >= self._best_value:
                return False
            self._best_value = value
        self._best_epoch = epoch
        np.copyto(self.best_theta, self.theta)
        return True

    def _gained(self, min_delta: float) -> bool:
        """Whether the best value has become better by more than ``min_delta`` since this last was so."""
        if self._best_value < self._stale_value - min_delta:
            self._stale_value = self._best_value
            return True
        return False


class _Batches:
    """The engine bound twice: for full batches, and for the shorter one that ends an epoch."""

    def __init__(self, experiment: Experiment, theta: Array, gradient: Array) -> None:
        n, size = len(experiment.train.inputs), experiment.batch_size
        self.count = math.ceil(n / size)
        self._whole = n // size * size
        self._size = size
        self.full: Bound = experiment.network.bind(theta, gradient, size)
        self._rest = experiment.network.bind(theta, gradient, n % size) if n % size else None

    def of(self, order: Array) -> Iterator[tuple[Array, Bound]]:
        """The row numbers of each batch, with the binding that takes them."""
        for start in range(0, self._whole, self._size):
            yield order[start : start + self._size], self.full
        if self._rest is not None:
            yield order[self._whole :], self._rest


def measure(experiment: Experiment, inference: Inference, rows: Rows, split: str) -> dict[str, float]:
    """Loss and quick metrics of ``rows``, the names prefixed with ``split``; what is not defined is left out."""
    loss = inference.run(rows.inputs, rows.targets)
    metrics = {"loss": loss, **experiment.quick_metrics(inference.predictions, rows)}
    return {f"{split}_{name}": value for name, value in metrics.items() if value is not None}
