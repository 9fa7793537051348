"""The training loop: a generator of typed events. It prints nothing, writes nothing, and knows no files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers import Minimizer
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, stream
from nncli.ranks import ALONE, RankLostError, Ranks
from nncli.run import State
from nncli.training.batches import Batches, ShardedBatches, batches_of
from nncli.training.crew import Crew
from nncli.training.descent import Descent
from nncli.training.events import SIGN_OF_LIFE, Ended, EpochEnded, Event, Progress, Status
from nncli.training.iterations import Iterations
from nncli.training.judging import Judge
from nncli.training.monitor import Monitor
from nncli.training.serial import from_json, to_json
from nncli.training.team import Team, own_part


class Trainer:
    """One training of one experiment.

    Overflow in ``exp`` is part of some formulas, and a NaN ends the training: run it under
    ``numpy.errstate(all="ignore")``, which a generator cannot set without setting it for whoever it yields to.

    Attributes:
        weights: Parameters and running statistics, moving while ``run`` goes on.
        last: What is judged after every epoch, and kept: their average if the config asks for one, otherwise
            ``weights`` itself. After a divergence both are put back to the end of the last epoch that was finite.
        best: ``last`` of the best epoch so far by the monitored value.
        epoch: The last that is over.
        ranks: The processes that share it; this one is rank 0. Where there are several, the experiment has no training
            rows any more once the first batch begins.
        buffers: Where all arrays of the training come from. With ``StandIns`` handed in, nothing is allocated or
            drawn: they tell what the training would take, and it cannot be run.
    """

    def __init__(self, experiment: Experiment, buffers: Buffers | None = None, ranks: Ranks = ALONE) -> None:
        network = experiment.network
        self.experiment, self.ranks = experiment, ranks
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
        self._monitor = Monitor(experiment)
        self.epoch = 0
        self._before = 0.0
        self._began: float | None = None
        if self.buffers.real:
            network.fill(self.weights.theta, stream(experiment.config.seed, Purpose.WEIGHTS))
            network.reset(self.weights.statistics)
            self.start_at(self.weights)

    def start_at(self, weights: Weights) -> None:
        """Begin at these weights in place of the initial ones, in a trainer that has not run."""
        for own in (self.weights, self.best, self.last, *self._good):
            own.assign(weights)

    @property
    def steps(self) -> int:
        """Updates so far."""
        return self._course.steps

    @property
    def gradient(self) -> Array:
        """That of its last update, or where a minimizer looked last: (size,), overwritten by the next."""
        return self._course.gradient

    @property
    def batches(self) -> Batches | ShardedBatches:
        """What it goes in, where it goes in batches."""
        assert isinstance(self._course, _Passes)
        return self._course.batches

    @property
    def begun(self) -> int:
        """The last epoch that has begun: the next one, where a state in the midst of it was restored."""
        return self.epoch + (isinstance(self._course, _Passes) and self._course.within)

    @property
    def resumable(self) -> bool:
        """Whether it has a ``state``: a minimizer's memory is its own, and it can only begin anew, to the same bits."""
        return isinstance(self._course, _Passes)

    @property
    def vectors(self) -> dict[str, Array]:
        """Every array that it goes on from, by name."""
        sets = {"weights": self.weights, "best": self.best, "good": self._good[0]}
        if self.last is not self.weights:
            sets |= {"average": self.last, "good average": self._good[1]}
        found = {f"{name}.theta": both.theta for name, both in sets.items()}
        found |= {f"{name}.statistics": both.statistics for name, both in sets.items() if both.statistics.size}
        course = self._course.vectors if isinstance(self._course, _Passes) else {}
        return found | {f"optimizer.{name}": vector for name, vector in course.items()}

    def state(self) -> State:
        """What it goes on from, between two events. The arrays are its own, and move on with it."""
        return State(self.vectors, to_json(self._numbers))

    @property
    def _numbers(self) -> dict[str, Any]:
        assert isinstance(self._course, _Passes)
        return {
            "epoch": self.epoch,
            "seconds": self._seconds(),
            "monitor": self._monitor.numbers,
            **self._course.numbers,
        }

    def restore(self, state: State) -> None:
        """Go on from ``state``, in a trainer that has not run.

        Raises:
            ValueError: It is of another training, or of none.
        """
        assert isinstance(self._course, _Passes)
        mine = self.vectors
        shapes, found = ({name: (v.shape, v.dtype) for name, v in some.items()} for some in (mine, state.vectors))
        if shapes != found:
            raise ValueError("it is of another network, optimizer or precision")
        numbers = from_json(state.numbers, self._numbers)
        self.epoch, self._before = numbers["epoch"], numbers["seconds"]
        self._monitor.restore(numbers["monitor"])
        self._course.restore(numbers)
        for name, vector in mine.items():
            np.copyto(vector, state.vectors[name])

    def run(self, stop: Callable[[], bool] = lambda: False, every: int = 0) -> Generator[Event, None, None]:
        """Train, and tell.

        Args:
            stop: Asked after every batch; when it says so, the training ends there.
            every: After so many updates ``Progress`` is told, too, whenever it was last; 0: only by the clock.
        """
        with closing(self._course):
            yield from self._run(stop, every)

    def _run(self, stop: Callable[[], bool], every: int) -> Iterator[Event]:
        experiment, epochs = self.experiment, self.experiment.config.training.epochs
        self._began = time.perf_counter()
        course, judge, monitor = self._course, self._judge, self._monitor
        penalized = bool(experiment.network.penalties())
        status: Status = "completed"
        problem, epoch, begun = "", self.epoch, self.epoch
        while not (course.finished or monitor.gives_up or self.epoch >= epochs):
            if self.epoch > begun and stop():
                status = "interrupted"
                break
            epoch = self.epoch + 1
            try:
                train_loss, problem = yield from course.epoch(epoch, stop, every)
            except RankLostError as error:  # what is here is as it was before the batch
                status, problem = "interrupted", str(error)
                break
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
            self.epoch = epoch
            rate = course.rate
            course.end_epoch(figures)
            yield EpochEnded(epoch, course.steps, self._seconds(), rate, train_loss, penalty, validation, best)
        if status == "completed" and monitor.gives_up and not course.finished:
            status = "stopped_early"
        yield Ended(status, epoch, course.steps, self._seconds(), monitor.best_epoch, problem, course.convergence)

    def _seconds(self) -> float:
        """Of training so far, those before a resumption included."""
        return self._before + (time.perf_counter() - self._began if self._began is not None else 0.0)

    def _bind_validation(self) -> Callable[[], dict[str, float | None]]:
        rows, part = self.experiment.validation, self.experiment.dataset.validation
        if rows is None or part is None:
            return dict
        judge = Judge(self.experiment, self.last, rows, part, self.buffers.part("validation"))
        return lambda: judge.figures("validation")

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
        self.gradient = gradient = buffers.parts["parameters"].keep(weights.theta.shape)
        ranks, network, order = trainer.ranks, experiment.network, experiment.order
        threads = min(max(1, experiment.threads // ranks.here), len(ranks.share(order.shards)))
        self._crew = crew = Crew(threads)
        self._team: Team | None = None
        self.batches: Batches | ShardedBatches
        if ranks.size == 1:
            self.batches = batches_of(network, experiment.train, order, weights, gradient, buffers, crew)
        else:
            team = self._team = Team(experiment, weights, ranks)
            rows = own_part(experiment, ranks) if buffers.real else experiment.train
            self.batches = ShardedBatches(
                network, rows, order, weights, gradient, buffers, crew, ranks, team.call, team.not_finite
            )
        self._descent = Descent(experiment, weights, gradient, trainer.last, buffers.part("optimizer"), self._crew)
        self._so_far = SoFar()

    @property
    def steps(self) -> int:
        return self._descent.steps

    @property
    def rate(self) -> float:
        return self._descent.rate

    @property
    def penalty(self) -> float:
        return float(self.batches.full.penalty())

    def close(self) -> None:
        self._crew.close()
        if self._team is not None:
            self._team.end()

    @property
    def within(self) -> bool:
        """Whether some batches of an epoch are done, and not all that there is to do in it."""
        return self._so_far.batches > 0

    @property
    def vectors(self) -> dict[str, Array]:
        """What it goes on from."""
        return self._descent.vectors

    @property
    def numbers(self) -> dict[str, Any]:
        """And the numbers of it."""
        within = {"batches": self._so_far.batches, "total": self._so_far.total, "rows": self._so_far.rows}
        return {"pass": within, "noise": self.batches.noise_place, "descent": self._descent.numbers}

    def restore(self, numbers: Mapping[str, Any]) -> None:
        """Go on from ``numbers``.

        Raises:
            ValueError: There is no such place in a pass over the rows.
        """
        within = numbers["pass"]
        self.batches.refuse_elsewhere(within["batches"], within["rows"], numbers["noise"])
        self._so_far = SoFar(within["batches"], within["total"], within["rows"], numbers["noise"])
        self._descent.restore(numbers["descent"])

    def end_epoch(self, figures: Mapping[str, float | None]) -> None:
        self._so_far = SoFar()
        self._descent.end_epoch(figures)

    def epoch(
        self, epoch: int, stop: Callable[[], bool], every: int
    ) -> Generator[Event, None, tuple[float | None, str]]:
        if self._team is not None:
            self._team.begin()
        return one_pass(epoch, self.batches, self._descent, stop, self._so_far, every)


@dataclass
class SoFar:
    """How far a pass over the rows has come, whenever it tells something.

    Attributes:
        batches: That are done.
        total: Of the losses of their rows.
        rows: In them.
        noise: Where the random numbers of the next one begin, if it is not this process that has come so far.
    """

    batches: int = 0
    total: float = 0.0
    rows: int = 0
    noise: Mapping[str, Any] | None = None


def one_pass(
    epoch: int,
    batches: Batches | ShardedBatches,
    descent: Descent,
    stop: Callable[[], bool],
    so_far: SoFar,
    every: int = 0,
) -> Generator[Event, None, tuple[float | None, str]]:
    """A pass over the rows, from where it has come ``so_far``. Returns (mean loss, problem).

    There is no loss when it was told to stop.
    """
    done, total, rows = so_far.batches, so_far.total, so_far.rows
    clock, told = time.perf_counter, time.perf_counter()
    todo = batches.of(epoch, done, so_far.noise if done else None)
    try:
        for number, batch in enumerate(todo, start=done + 1):
            batch.forward()
            loss = batch.loss()
            if not math.isfinite(loss):
                tensor = batch.first_not_finite() or "loss"
                return math.nan, f"epoch {epoch}, batch {number}: {tensor} is not finite"
            descent.take(batch, last=number == batches.count)
            done = number
            total += loss * batch.n
            rows += batch.n
            # after the last one the epoch is whole: it is asked once that is told
            if number < batches.count and stop():
                so_far.batches, so_far.total, so_far.rows = number, total, rows
                return None, ""
            if clock() - told > SIGN_OF_LIFE or (every and descent.steps % every == 0):
                told = clock()
                so_far.batches, so_far.total, so_far.rows = number, total, rows
                yield Progress(epoch, number, batches.count, descent.steps)
    except RankLostError:
        so_far.batches, so_far.total, so_far.rows = done, total, rows
        raise
    return total / rows, ""
