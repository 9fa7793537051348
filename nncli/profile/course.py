"""A training to be timed: as it is, with a clock between its pieces, and its bare matrix products alone."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Generator
from functools import cache, partial

import numpy as np

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Dense, Wires
from nncli.engine.network import Bound
from nncli.engine.randomness import Purpose, stream
from nncli.engine.residual import Join
from nncli.engine.stages import BoundStage
from nncli.errors import DivergedError
from nncli.training.batch import Whole
from nncli.training.batches import batches_of
from nncli.training.crew import Crew
from nncli.training.descent import Descent
from nncli.training.events import Event
from nncli.training.trainer import SoFar, one_pass

TICKS = 1000
clock = time.perf_counter


class Course:
    """The steps of one experiment: those that ``train`` would take, in its order, on its batches.

    What is looked at piece by piece (``clocked``, ``bare``) has batches that are not in shards.

    Whenever they would go beyond the end of the training they begin anew, from the initial weights: a network that has
    long converged has numbers so small that the processor is slow with them.

    Args:
        experiment: What is trained; its optimizer goes in batches.

    Attributes:
        buffers: Where all of its arrays come from.
        weights: Parameters and running statistics, moving with every step.
        pieces: The name of every piece of a step, in order; those of stage i are ``forward i`` and ``backward i``.
        rows: Rows of a step, in the mean of those that were clocked last.
    """

    def __init__(self, experiment: Experiment) -> None:
        network = experiment.network
        self.experiment = experiment
        self.buffers = Buffers(experiment.precision, experiment.kernels)
        self._start = network.initial_weights(stream(experiment.config.seed, Purpose.WEIGHTS), experiment.precision)
        self.weights, self._mean = self._start.copy(), self._start.copy()
        gradient = self.buffers.keep(self.weights.theta.shape)
        crew = Crew(min(experiment.threads, experiment.shards))
        self.close = crew.close
        self._batches = batches_of(
            network, experiment.train, experiment.order, self.weights, gradient, self.buffers, crew
        )
        self._descent = Descent(experiment, self.weights, gradient, self._mean, self.buffers.part("optimizer"), crew)
        self._state = {name: vector.copy() for name, vector in self._descent.state.items()}
        self._memory = dict(self._descent.memory)
        self._group = min(experiment.config.training.accumulate, self._batches.count)
        self._steps, self._epoch = experiment.steps_per_epoch, 0
        self._total = self._steps * experiment.config.training.epochs
        self._plans: dict[tuple[Bound, bool], list[Step]] = {}
        self._seen: list[Bound] = []
        self.pieces = [name for name, _ in self._pieces(self._batches.full.parts[0], last=True)]
        self.rows = 0.0

    def length(self, steps: int) -> int:
        """How many steps are timed at once when ``steps`` are asked for: the whole epoch, if that is not longer."""
        return self._steps if self._is_whole(steps) else steps

    def as_trained(self, steps: int) -> float:
        """Seconds a step of the training loop as it is, over ``steps`` of them or a whole epoch.

        Of an epoch that is cut short, the first step stands for what is done once an epoch: it is counted for as much
        of it as belongs to a step.

        Raises:
            DivergedError: The training leaves the finite numbers.
        """
        marks: list[float] = []

        def stop() -> bool:
            marks.append(clock())
            return len(marks) == (steps + 1) * self._group

        whole = self._is_whole(steps)
        self._advance(steps)
        began = clock()
        passing = one_pass(self._epoch, self._batches, self._descent, _never if whole else stop, SoFar())
        problem = _run_out(passing)
        ended = clock()
        if problem:
            self._refuse(problem)
        if whole:
            return (ended - began) / self._steps
        ends = marks[self._group - 1 :: self._group]
        step = (ends[-1] - ends[0]) / steps
        return step + max(0.0, ends[0] - began - step) / self._steps

    def clocked(self, steps: int) -> Array:
        """The same steps with a clock behind every piece.

        Returns:
            Seconds a step for each of ``pieces``; the clock's own time is taken out.

        Raises:
            DivergedError: The training leaves the finite numbers.
        """
        whole = self._is_whole(steps)
        self._advance(steps)
        spent, batches = self._clock(self._batches.count if whole else (steps + 1) * self._group)
        if not np.isfinite(batches[-1].losses).all():
            self._refuse(f"{batches[-1].first_not_finite() or 'loss'} is not finite")
        skipped, taken = (0, self._steps) if whole else (self._group, steps)
        self._seen = batches[skipped:]
        self.rows = sum(batch.n for batch in self._seen) / taken
        found: Array = spent[skipped:].sum(axis=0) / taken
        if not whole:  # the order of the rows is drawn once an epoch, before its first batch
            found[0] += max(0.0, spent[0, 0] - spent[skipped:, 0].mean()) / self._steps
        found[0] -= found[1]
        found[found < 0] = 0  # a call as short as the clock's own noise
        return found

    def _clock(self, count: int) -> tuple[Array, list[Bound]]:
        """Run ``count`` batches of the epoch. Returns the seconds (count, pieces) of each, "rows" with the noise."""
        rng = stream(self.experiment.config.seed, Purpose.NOISE, 0) if self.experiment.network.noisy else None
        batches, seen, calls = self._batches.of(self._epoch), [], []
        fetched, drawn, marks = array("d"), array("d"), array("d")  # a list of floats would fill the caches
        mark = marks.append
        for number in range(1, count + 1):
            began = clock()
            whole = next(batches)
            assert isinstance(whole, Whole)
            whole.gather()
            fetched.append(clock() - began)
            (batch,) = whole.parts
            plan = self._plan(batch, number % self._group == 0 or number == self._batches.count)
            mark(clock())
            for step in plan:
                step()
                mark(clock())
            began = clock()
            if rng is not None:  # once more, to know its share of what ``next`` took
                batch.draw(rng)
            drawn.append(clock() - began)
            seen.append(batch)
            calls.append(len(plan))
        spent = np.zeros((count, len(self.pieces)))
        spent[:, 0], spent[:, 1] = fetched, drawn if rng is not None else 0.0
        begin, times = 0, np.array(marks)
        for i, n in enumerate(calls):
            spent[i, 2 : 2 + n] = np.diff(times[begin : begin + n + 1])
            begin += n + 1
        return spent - cost_of_clock() * (spent > 0), seen

    def bare(self) -> float:
        """Seconds a step of the matrix products alone: those of the batches that were clocked last, one by one."""
        products = {batch: bare_products(batch) for batch in dict.fromkeys(self._seen)}
        began = clock()
        for batch in self._seen:
            for product in products[batch]:
                product()
        spent = clock() - began
        return spent / sum(batch.n for batch in self._seen) * self.rows

    def _is_whole(self, steps: int) -> bool:
        return (steps + 1) * self._group >= self._batches.count

    def _advance(self, steps: int) -> None:
        """To the next epoch, or back to the first, if the steps to come are not within the training."""
        steps = self._steps if self._is_whole(steps) else steps + 1
        if self._descent.steps + steps > self._total:
            self.weights.assign(self._start)
            self._mean.assign(self._start)
            for name, vector in self._state.items():
                np.copyto(self._descent.state[name], vector)
            self._descent.memory.update(self._memory)
            self._descent.steps = self._epoch = 0
        self._epoch += 1

    def _plan(self, batch: Bound, last: bool) -> list[Step]:
        """What is done with ``batch``; ``last`` of its group, it ends with the update."""
        if (batch, last) not in self._plans:
            steps = [step for name, step in self._pieces(batch, last=last) if name not in ("rows", "noise")]
            self._plans[batch, last] = steps
        return self._plans[batch, last]

    def _pieces(self, batch: Bound, *, last: bool) -> list[tuple[str, Step]]:
        """Names and functions, in the order of ``Descent.take``; the two of the data are done by the batches."""
        descent, stages = self._descent, batch.stages
        found: list[tuple[str, Callable[[], object]]] = [("rows", _never), ("noise", _never)]
        found += [(f"forward {i}", stage.forward) for i, stage in enumerate(stages)]
        found += [("loss", batch.loss)]
        if batch.settles:
            found += [("statistics", batch.settle)]
        found += [("loss backward", batch.backward_outputs)]
        for i, stage in enumerate(batch.backward_stages):
            found += [(f"backward {len(stages) - 1 - i}", stage.backward)]
        if self.experiment.config.training.accumulate > 1:
            found += [("accumulate", partial(descent.gather, batch.n, last=last))]
        if last and self.experiment.network.penalties():
            found += [("penalty", batch.add_penalties)]
        if last:
            found += descent.pieces
        return found  # type: ignore[return-value]  # what some of them return is of no interest

    def _refuse(self, problem: str) -> None:
        remedy = "a smaller optimizer.learning_rate helps most often"
        raise DivergedError(
            f"the training diverges: {problem}", where=self.experiment.config.name_or_stem, remedy=remedy
        )


def bare_products(batch: Bound) -> list[Step]:
    """The matrix products of a step and nothing else, on the arrays of ``batch`` itself: forward, then back."""
    found = [ways for ways in map(_products, batch.stages) if ways is not None]
    return [forward for forward, _ in found] + [backward for _, backward in reversed(found)]


def _products(bound: BoundStage) -> tuple[Step, Step] | None:
    layer, wires = bound.stage.layer, bound.wires
    if isinstance(layer, Dense):
        return bound.forward, bound.backward
    if isinstance(layer, Join) and layer.projects and wires.skip is not None:
        skip = Wires(wires.skip, np.empty_like(wires.Y), wires.d_skip, wires.dY, wires.theta, wires.gradient)
        return Dense(layer.units, bias=False).bind(skip, Buffers(wires.theta.dtype))
    return None


@cache
def cost_of_clock() -> float:
    """Seconds that it takes to look at the clock behind a call, as ``Course.clocked`` does."""
    costs = []
    plan = [_never] * TICKS
    for _ in range(20):
        mark = array("d").append
        began = clock()
        for step in plan:
            step()
            mark(clock())
        clocked = clock()
        for step in plan:
            step()
        costs.append((clocked - began - (clock() - clocked)) / TICKS)
    return float(np.median(costs))


def _never() -> bool:
    return False


def _run_out(going: Generator[Event, None, tuple[float | None, str]]) -> str:
    """Run a pass over the rows to its end. Returns what is wrong, if anything is."""
    while True:
        try:
            next(going)
        except StopIteration as end:
            _, problem = end.value
            return str(problem)
