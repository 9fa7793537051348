"""The learning rate range test: a training whose rate rises at every step, to see where its loss falls and bursts.

Smith 2017 (Cyclical learning rates for training neural networks), in the form that fastai gave it: the rate rises by
the same factor from step to step, the loss is smoothed, and the test ends when that is far above its lowest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, astuple, dataclass, replace
from itertools import count
from typing import Any, Literal, TypeAlias

import numpy as np

from nncli.builder import Experiment, build
from nncli.config.schema import Config
from nncli.engine.buffers import Buffers
from nncli.engine.optimizers import Optimizer
from nncli.engine.randomness import Purpose, stream
from nncli.engine.schedules import Schedule, Span
from nncli.errors import ConfigError, DivergedError, NncliError
from nncli.training.batch import Batch
from nncli.training.batches import Batches, ShardedBatches, batches_of
from nncli.training.crew import Crew
from nncli.training.descent import Descent
from nncli.training.memory import refuse_too_large

LOW, HIGH, STEPS = 1e-7, 10.0, 200
LEAST, MOST = 1e-30, 1e30
"""Bounds of the bounds: beyond them there is nothing to find, and overflow."""
FEWEST_STEPS = 20
SMOOTHING = 0.9
"""Of the moving average. fastai's 0.98 looks 50 steps back: of 200 over eight decades, these are two decades."""
BURST = 4.0
"""The test ends when the smoothed loss is beyond so many times its lowest."""
EARLY = 0.1
"""The share of the points at whose small rates hardly anything has happened yet."""
LEAST_FALL = 0.01
"""What the loss has to fall by, as a share of what it was, to count as falling, however little the batches differ."""
STRAIGHT = 0.25
"""The share of all steps that a line is laid through for the slope: in fewer, what is steepest is the noise."""

Ended: TypeAlias = Literal["done", "burst", "not finite"]


@dataclass(frozen=True)
class Point:
    """A step: its learning rate, the loss of the batch behind it and how many rows that has, the average of the last.

    The average is an exponential one, corrected for its start, in which every batch weighs as many as its rows.
    """

    rate: float
    loss: float
    rows: int
    smoothed: float


@dataclass(frozen=True)
class RangeTest:
    """What a range test found.

    Attributes:
        source: The name of the config.
        optimizer: Its optimizer's name.
        configured: The learning rate that the config has.
        steps: How many were asked for.
        points: A point for every step, in the order of their rates.
        ended: Why there are no more.
        lowest: The rate at which the smoothed loss is lowest; None if it never falls.
        steepest: The rate at which the loss falls fastest; None if it never falls.
    """

    source: str
    optimizer: str
    configured: float
    steps: int
    points: tuple[Point, ...]
    ended: Ended
    lowest: float | None
    steepest: float | None

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the loss is lowest, in two digits; None if it never falls.

        Where it is lowest it is about to burst. The other rule in use, where it falls fastest, follows the noise of
        the batches: docs/schedules.md has both on the shipped configs.
        """
        return None if self.lowest is None else float(f"{self.lowest / 10:.2g}")

    @property
    def why_none(self) -> str:
        """Why nothing is suggested, and what to do; empty if something is."""
        if self.lowest is not None:
            return ""
        if len(self.points) < FEWEST_STEPS:
            return f"the loss bursts within {len(self.points)} steps; a smaller --from helps"
        return (
            "the loss does not fall by more than it differs from batch to batch; "
            "a larger --to, more --steps or a larger training.batch_size may help, or the features tell nothing"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data of strict JSON."""
        return {
            "source": self.source,
            "optimizer": self.optimizer,
            "configured": self.configured,
            "suggestion": self.suggestion,
            "rule": "a tenth of lowest",
            "why_none": self.why_none or None,
            "lowest": self.lowest,
            "steepest": self.steepest,
            "steps": self.steps,
            "ended": self.ended,
            "points": [asdict(point) for point in self.points],
        }


@dataclass(frozen=True)
class _Rise(Schedule):
    """From ``first`` to ``factor`` times as much in ``steps``, by the same factor from step to step."""

    first: float
    factor: float
    steps: int

    name = "rise"
    formula = "rate = base·first·factor^(k/(steps − 1))"
    source = "Smith 2017"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return float(self.first * self.factor ** (k / (self.steps - 1)))


def find_learning_rate(
    config: Config,
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    observe: Callable[[float], None] = lambda share: None,
) -> RangeTest:
    """Train the network of ``config`` for some steps with a rising learning rate, and look at its loss.

    Nothing is written, and nothing is kept of that training. Its rows, batches, initial weights and optimizer are those
    that ``train`` would have.

    Args:
        config: From ``load_config``.
        low: The first learning rate.
        high: The last.
        steps: How many there are; at least 20.
        observe: Is told, again and again, which share of the work is done.

    Raises:
        NncliError: The range makes no sense, or the config or its data cannot be used.
        DivergedError: The loss is not finite from the start.
    """
    from threadpoolctl import threadpool_limits

    _check(low, high, steps)
    experiment = build(config)
    optimizer = experiment.optimizer
    if not isinstance(optimizer, Optimizer):
        raise ConfigError([config.problem("optimizer", f"{optimizer.name} has no learning rate to find")])
    refuse_too_large(experiment)
    with threadpool_limits(experiment.blas_threads, user_api="blas"), np.errstate(all="ignore"):
        points, ended = _sweep(experiment, low, high, steps, observe)
    if len(points) < 2:
        remedy = "a smaller --from helps"
        raise DivergedError(
            f"the loss is not finite at a learning rate of {low:g}", where=config.name_or_stem, remedy=remedy
        )
    lowest, steepest = _look(points, steps)
    configured = optimizer.learning_rate
    return RangeTest(config.name_or_stem, optimizer.name, configured, steps, points, ended, lowest, steepest)


def _check(low: float, high: float, steps: int) -> None:
    if not (LEAST <= low < high <= MOST):
        remedy = f"--from has to be below --to, and both from {LEAST:g} to {MOST:g}"
        raise NncliError(f"from {low:g} to {high:g} is no range of learning rates", remedy=remedy)
    if steps < FEWEST_STEPS:
        raise NncliError(f"{steps} steps are too few to see anything", remedy=f"take --steps {STEPS}")


def _sweep(
    experiment: Experiment, low: float, high: float, steps: int, observe: Callable[[float], None]
) -> tuple[tuple[Point, ...], Ended]:
    """Train with a rising rate, for as long as it goes well."""
    assert isinstance(experiment.optimizer, Optimizer)  # find_learning_rate: it has a learning rate
    rise = _Rise(low / experiment.optimizer.learning_rate, high / low, steps)
    experiment = replace(experiment, schedule=rise)
    network, buffers = experiment.network, Buffers(experiment.precision, experiment.kernels)
    weights = network.initial_weights(stream(experiment.config.seed, Purpose.WEIGHTS), experiment.precision)
    gradient = buffers.keep(weights.theta.shape)
    crew = Crew(min(experiment.threads, experiment.shards))
    batches = batches_of(network, experiment.train, experiment.order, weights, gradient, buffers, crew)
    descent = Descent(experiment, weights, gradient, weights.copy(), buffers, crew)
    with closing(crew):
        return _climb(batches, descent, steps, observe)


def _climb(
    batches: Batches | ShardedBatches, descent: Descent, steps: int, observe: Callable[[float], None]
) -> tuple[tuple[Point, ...], Ended]:
    points: list[Point] = []
    average, weight, best, judged = 0.0, 0.0, math.inf, 0
    for batch, last in _endless(batches):
        batch.forward()
        loss = batch.loss()
        if descent.steps > judged:  # a step is judged by the batch behind it: its own has not felt it yet
            judged = descent.steps
            if not math.isfinite(loss):
                return tuple(points), "not finite"
            average = SMOOTHING * average + (1 - SMOOTHING) * batch.n * loss
            weight = SMOOTHING * weight + (1 - SMOOTHING) * batch.n
            smoothed = average / weight
            points.append(Point(descent.rate, loss, batch.n, smoothed))
            observe(descent.steps / steps)
            if smoothed > best + (BURST - 1) * abs(best):
                return tuple(points), "burst"
            best = min(best, smoothed)
        if descent.steps == steps:
            break
        descent.take(batch, last=last)
    return tuple(points), "done"


def _endless(batches: Batches | ShardedBatches) -> Iterator[tuple[Batch, bool]]:
    """Batch after batch, and whether it is the last of its epoch."""
    for epoch in count(1):
        for number, batch in enumerate(batches.of(epoch), start=1):
            yield batch, number == batches.count


def _look(points: tuple[Point, ...], steps: int) -> tuple[float | None, float | None]:
    """The rates at which the smoothed loss is lowest, and at which the loss falls fastest; None if it does not."""
    if len(points) < FEWEST_STEPS:
        return None, None
    rates, losses, rows, smoothed = np.array([astuple(point) for point in points]).T
    begun = int(EARLY * len(points))  # the average of few is no average yet
    early, lowest = slice(begun), begun + int(smoothed[begun:].argmin())
    before = np.average(losses[early], weights=rows[early])
    deviation = math.sqrt(np.average((losses[early] - before) ** 2, weights=rows[early]))
    # three deviations of an average whose terms deviate as those do: its lowest of 200 is seldom as far away by chance
    noise = 3 * deviation * math.sqrt((1 - SMOOTHING) / (1 + SMOOTHING))
    if before - smoothed[lowest] <= max(noise, LEAST_FALL * abs(before)):
        return None, None
    half, slopes = int(STRAIGHT * steps / 2), {}
    for i in range(half, min(lowest + 1, len(points) - half)):
        around = slice(i - half, i + half + 1)
        line = np.polyfit(np.log(rates[around]), losses[around], 1, w=np.sqrt(rows[around]))
        slopes[i] = float(line[0])
    steepest = min(slopes, key=slopes.__getitem__, default=None)
    return float(rates[lowest]), None if steepest is None else float(rates[steepest])
