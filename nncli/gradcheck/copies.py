"""Many perturbed copies of a network run side by side: what the numerical methods stand on.

Nothing here calls ``backward``. What is moved is one entry of one stage's parameters, or of the input. Everything in
front of that stage is the same for all copies and runs once; the stage runs for each copy with its own parameters; and
what comes behind it takes all copies as so many rows more, by the same code that trains. So an entry costs a share of
a few large array calls instead of a pass of its own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array, Buffers, Kernels
from nncli.engine.layers import Layer, Wires
from nncli.engine.network import Bound, Network
from nncli.engine.residual import Fork, Join

CACHE = 1_000_000
"""Bytes that the copies may take at a time, about: what a core's own cache holds."""
EPSILON = float(np.finfo(float).eps)
FLOOR = 1e-6
"""A tensor's scale is the largest entry of its gradient, but at least this share of the largest entry of the whole
gradient: a tensor whose gradient cancels to rounding noise has no scale of its own."""
INPUT = -1
"""The number of the stage before the first: what it puts out is the input."""


@dataclass(frozen=True)
class Point:
    """Where a gradient is checked: parameters, and a batch.

    Attributes:
        network: The network.
        theta: (size,) at float64.
        inputs: (n, d + 1) at float64, ones in the last column.
        targets: (n,) codes or (n, k) values.
        noise: The random arrays of each stage, frozen; as outside of the training where none are given.
        skips: What the forks remember that lie in front of this network, for its joins in order.
        row_weights: (n,), what each row counts in the loss; None where all count the same.
        statistics: The running statistics at float64; those before the first batch where none are given.
        evaluating: Whether the network is checked as it predicts, not as it trains.
        kernels: How it does at real numbers what can be done by compiled loops; complex ones have none.
    """

    network: Network
    theta: Array
    inputs: Array
    targets: Array
    noise: tuple[tuple[Array, ...], ...] = ()
    skips: tuple[Array, ...] = ()
    row_weights: Array | None = None
    statistics: Array | None = None
    evaluating: bool = False
    kernels: Kernels = "numpy"

    def drawn(self, rng: Generator) -> Point:
        """The same, with random arrays drawn once."""
        batch = self.bind()
        batch.draw(rng)
        return replace(self, noise=tuple(bound.wires.noise for bound in batch.stages))

    def freeze(self, batch: Bound) -> None:
        """Give a binding of the network what belongs to this point: weights, noise, what joins add from before it."""
        if self.row_weights is not None:
            assert batch.row_weights is not None
            batch.row_weights[...] = self.row_weights
        for bound, noise in zip(batch.stages, self.noise, strict=False):
            for array, frozen in zip(bound.wires.noise, noise, strict=True):
                array[...] = frozen
        depth, skips = 0, iter(self.skips)
        for bound in batch.stages:
            if isinstance(bound.stage.layer, Fork):
                depth += 1
            elif isinstance(bound.stage.layer, Join) and depth:
                depth -= 1
            elif isinstance(bound.stage.layer, Join) and bound.wires.skip is not None:
                bound.wires.skip[...] = next(skips)

    def bind(self, *, dtype: DTypeLike = np.float64, input_gradient: bool = False, keep_signals: bool = False) -> Bound:
        """The network bound at this point, the batch filled in."""
        theta = self.theta.astype(dtype)
        n, gradient = len(self.inputs), np.zeros_like(theta)
        batch = self.network.bind(
            theta,
            gradient,
            n,
            statistics=None if self.statistics is None else self.statistics.astype(theta.real.dtype),
            evaluating=self.evaluating,
            input_gradient=input_gradient,
            keep_signals=keep_signals,
            weighted=self.row_weights is not None,
            buffers=Buffers(dtype, self.kernels),
        )
        batch.inputs[...] = self.inputs
        batch.targets[...] = self.targets
        self.freeze(batch)
        return batch

    @cached_property
    def resting(self) -> Bound:
        """The network after a forward pass and the loss, every signal kept."""
        batch = self.bind(keep_signals=True)
        batch.forward()
        batch.loss()
        return batch

    @cached_property
    def rounding(self) -> float:
        """To what the loss is known here, at best: to the last bit of itself, of the outputs, or of 1.

        It may be the small difference of large numbers (a network that is sure of its rows), and then its own size
        says nothing of its rounding.
        """
        outputs = float(np.abs(self.resting.outputs).max(initial=0))
        known = max(1.0, outputs if math.isfinite(outputs) else 0.0) * self.mean_weight
        return EPSILON * max(known, abs(float(self.resting.loss())))

    @property
    def mean_weight(self) -> float:
        """Of its rows."""
        return 1.0 if self.row_weights is None else float(self.row_weights.mean())

    def after(self, stage: int) -> Point:
        """The same place, seen from behind ``stage``: its output is the input of the network that is left."""
        if stage == INPUT:
            return self
        output = self.resting.stages[stage].wires.Y
        inputs = np.hstack([output, np.ones((len(output), 1))])
        theta = self.theta[self.network.places[stage].stop :]
        remembered: list[Array] = []
        for bound in self.resting.stages[: stage + 1]:
            if isinstance(bound.stage.layer, Fork):
                remembered.append(bound.wires.Y)
            elif isinstance(bound.stage.layer, Join):
                remembered.pop()
        rest, noise, skips = self.network.after(stage), self.noise[stage + 1 :], tuple(reversed(remembered))
        statistics = self.resting.statistics[self.network.statistics_places[stage].stop :]
        targets, row_weights = self.targets, self.row_weights
        return Point(rest, theta, inputs, targets, noise, skips, row_weights, statistics, self.evaluating)


Tick: TypeAlias = Callable[[int], None]
"""Is told how many entries were done, for a progress bar."""


@dataclass(frozen=True)
class Derivatives:
    """What a numerical method says of some entries.

    Attributes:
        entries: (m,), indices into a stage's slice of the parameters, or into the input flattened.
        loss: The derivatives of the loss, (m,).
        penalty: Those of the penalty, (m,).
        left_out: Of which entries it says nothing for the loss, because a step crosses a kink or does not settle, (m,).
        penalty_left_out: The same for the penalty.
        rounding: To what the derivatives of the loss are known, (m,); 0 for a method without differences.
        penalty_rounding: The same for the penalty.
    """

    entries: Array
    loss: Array
    penalty: Array
    left_out: Array
    penalty_left_out: Array
    rounding: Array
    penalty_rounding: Array


class Copies:
    """Copies of the network at ``point``, of which each may be moved in one entry.

    Args:
        point: Where.
        stage: Whose parameters are moved; ``INPUT`` for the input.
        entries: Which entries, (m,): indices into the stage's slice of the parameters, or into the input flattened.
        dtype: float64 or complex128.
    """

    def __init__(self, point: Point, stage: int, entries: Array, dtype: DTypeLike) -> None:
        rest = point.after(stage)
        network, (n, width) = rest.network, rest.inputs.shape
        signals = n * (sum(s.outputs for s in network.stages) + width) * np.dtype(dtype).itemsize
        self._entries, self._written, self.count = entries, entries[:0], count_of(len(entries), signals)
        self._signal = Buffers(dtype).keep((self.count, n, width))
        self._signal[...] = rest.inputs
        self._batch = network.bind(
            rest.theta,
            np.zeros_like(rest.theta),
            n,
            statistics=rest.statistics,
            evaluating=rest.evaluating,
            inputs=self._signal,
            keep_signals=True,
            weighted=rest.row_weights is not None,
        )
        self._batch.targets[...] = point.targets
        rest.freeze(self._batch)
        self._moved = stage_copies(point, stage, self.count, dtype)
        self.base, self.effect = self._moved.base, self._moved.effect
        self._batch.forward()
        self._resting = [sides(switch[:1]) for switch in switches(self._batch)]

    def chunks(self) -> Iterator[Array]:
        """The entries in pieces that the copies can take at once."""
        return chunks(self._entries, self.count)

    def losses(self, entries: Array, shift: complex | Array) -> Array:
        """The loss of each copy p (m,), its entry ``entries[p]`` moved by ``shift`` (or ``shift[p]``)."""
        self._moved.erase(self._written, self._signal)
        self._moved.move(entries, shift)
        self._moved.write(entries, self._signal)
        self._written = entries
        self._batch.forward()
        losses: Array = self._batch.loss()[: len(entries)]
        return losses

    def crossed(self, count: int) -> Array:
        """Which of ``count`` copies had, in the last evaluation, a unit on another side of a kink than at rest."""
        crossed = np.zeros(count, bool)
        for switch, side in zip(switches(self._batch), self._resting, strict=True):
            crossed |= (sides(switch[:count]) != side).reshape(count, -1).any(axis=1)
        return crossed

    @property
    def rests_on_a_kink(self) -> bool:
        """Whether a unit lies exactly on one while nothing is moved."""
        return any((side == 0).any() for side in self._resting)


def count_of(entries: int, bytes_each: int) -> int:
    """How many copies to run at a time: as many as fit into the cache, and evenly many each time."""
    most = max(16, CACHE // max(1, bytes_each))
    return max(1, math.ceil(entries / max(1, math.ceil(entries / most))))


def chunks(entries: Array, count: int) -> Iterator[Array]:
    """``entries`` in pieces of ``count``."""
    for start in range(0, len(entries), count):
        yield entries[start : start + count]


def switches(batch: Bound) -> Iterator[Array]:
    """What changes its sign where a bound network, or its loss, goes over from one piece to another.

    The network must have been bound so as to keep its signals.
    """
    for bound in batch.stages:
        yield from bound.stage.layer.switches(bound.wires.X)
    yield from batch.network.loss.switches(batch.outputs, batch.targets)


def sides(switch: Array) -> Array:
    """1 where ``switch`` is positive, −1 where it is negative, 0 at the kink; int8.

    Complex numbers are ordered by their real parts, and only where these are equal by their imaginary ones: what a
    complex step moves off a kink has a side.
    """
    positive: Array = (switch > 0).view(np.int8)
    return positive - (switch < 0).view(np.int8)


class StageCopies(ABC):
    """One stage for all copies, each moved in one entry."""

    base: Array
    """The entries that can be moved, flattened, as they are at rest."""
    effect: Array
    """How much an output moves with each of them, at the most, where that is known, and at least 1."""

    @abstractmethod
    def move(self, entries: Array, shift: complex | Array) -> None:
        """Compute the outputs of copies 0 to m, each moved in its entry."""

    @abstractmethod
    def write(self, entries: Array, output: Array) -> None:
        """Put them into ``output`` (copies, n, units + 1), which holds the outputs at rest."""

    @abstractmethod
    def erase(self, entries: Array, output: Array) -> None:
        """Take that back."""

    @abstractmethod
    def units(self, entries: Array) -> Array:
        """The units of the output that can move with ``entries``."""

    @abstractmethod
    def project(self, entries: Array, slopes: Array) -> Array:
        """Σ over the outputs of their imaginary parts times ``slopes`` (n, units), for each copy (m,)."""

    @abstractmethod
    def touches(self, entries: Array, outputs: Array) -> Array:
        """Whether each copy (m,) has moved any of the ``outputs`` (n, units) that are marked."""


def stage_copies(point: Point, stage: int, count: int, dtype: DTypeLike) -> StageCopies:
    """``count`` copies of ``stage`` with its input as it is at ``point``."""
    if stage == INPUT:
        return _Input(point.inputs[:, :-1])
    bound = point.resting.stages[stage]
    wide = bound.stage.layer.widened(count)
    if wide is None:
        return _OwnParameters(bound.stage.layer, bound.wires, count, dtype)
    return _Columns(wide, bound.wires, count, dtype)


class _Input(StageCopies):
    """The moved stage is the input itself."""

    def __init__(self, X: Array) -> None:
        self.base = X.reshape(-1)
        self.effect = np.ones(self.base.size)
        self._columns = X.shape[1]
        self._shift: complex | Array = 0

    def move(self, entries: Array, shift: complex | Array) -> None:
        self._shift = shift

    def write(self, entries: Array, output: Array) -> None:
        row, column = np.divmod(entries, self._columns)
        output[np.arange(len(entries)), row, column] += self._shift

    def erase(self, entries: Array, output: Array) -> None:
        row, column = np.divmod(entries, self._columns)
        output[np.arange(len(entries)), row, column] = self.base[entries]

    def units(self, entries: Array) -> Array:
        return np.unique(entries % self._columns)

    def project(self, entries: Array, slopes: Array) -> Array:
        moved: Array = np.imag(self._shift) * slopes.reshape(-1)[entries]
        return moved

    def touches(self, entries: Array, outputs: Array) -> Array:
        marked: Array = outputs.reshape(-1)[entries]
        return marked


class _Columns(StageCopies):
    """A layer whose units do not heed each other: the moved columns of all copies are the units of one wide layer."""

    def __init__(self, wide: Layer, at: Wires, count: int, dtype: DTypeLike) -> None:
        self.base = at.theta
        self._resting = at.Y
        self._matrix = at.theta.reshape(-1, at.Y.shape[1]).astype(dtype)
        self.effect = np.repeat(np.maximum(1, np.abs(at.X).max(axis=0, initial=0)), at.Y.shape[1])
        self._columns = np.zeros((len(self._matrix), count), dtype)
        self._Y = Buffers(dtype).keep((len(at.X), count))
        theta = self._columns.reshape(-1)
        wires = Wires(at.X.astype(dtype), self._Y, None, self._Y, theta, theta)
        self._forward, _ = wide.bind(wires, Buffers(dtype))

    def move(self, entries: Array, shift: complex | Array) -> None:
        copy = np.arange(len(entries))
        row, unit = np.divmod(entries, self._matrix.shape[1])
        self._matrix.take(unit, axis=1, out=self._columns[:, : len(entries)], mode="clip")
        self._columns[row, copy] += shift
        self._forward()

    def write(self, entries: Array, output: Array) -> None:
        copy, unit = np.arange(len(entries)), entries % self._matrix.shape[1]
        output[copy, :, unit] = self._Y.T[copy]

    def erase(self, entries: Array, output: Array) -> None:
        copy, unit = np.arange(len(entries)), entries % self._matrix.shape[1]
        output[copy, :, unit] = self._resting.T[unit]

    def units(self, entries: Array) -> Array:
        return np.unique(entries % self._matrix.shape[1])

    def project(self, entries: Array, slopes: Array) -> Array:
        unit = entries % self._matrix.shape[1]
        sums: Array = (self._Y[:, : len(entries)].imag * slopes[:, unit]).sum(axis=0)
        return sums

    def touches(self, entries: Array, outputs: Array) -> Array:
        unit = entries % self._matrix.shape[1]
        touched: Array = ((self._Y[:, : len(entries)].imag != 0) & outputs[:, unit]).any(axis=0)
        return touched


class _OwnParameters(StageCopies):
    """Any layer: each copy has the whole set of its parameters."""

    def __init__(self, layer: Layer, at: Wires, count: int, dtype: DTypeLike) -> None:
        self.base = at.theta
        self.effect = np.ones(self.base.size)
        self._resting = at.Y
        self._theta = np.tile(at.theta.astype(dtype), (count, 1))
        self._Y = Buffers(dtype).keep((count, *at.Y.shape))
        X = np.broadcast_to(at.X.astype(dtype), (count, *at.X.shape))
        measured = np.zeros((count, at.measured.size), dtype)
        own = replace(
            at, X=X, Y=self._Y, dX=None, dY=self._Y, theta=self._theta, gradient=self._theta, measured=measured
        )
        self._forward, _ = layer.bind(own, Buffers(dtype))

    def move(self, entries: Array, shift: complex | Array) -> None:
        copy = np.arange(len(entries))
        self._theta[copy, entries] += shift
        self._forward()
        self._theta[copy, entries] = self.base[entries]

    def write(self, entries: Array, output: Array) -> None:
        m = len(entries)
        output[:m, :, :-1] = self._Y[:m]

    def erase(self, entries: Array, output: Array) -> None:
        output[: len(entries), :, :-1] = self._resting

    def units(self, entries: Array) -> Array:
        return np.arange(self._resting.shape[1])

    def project(self, entries: Array, slopes: Array) -> Array:
        sums: Array = np.einsum("mnu,nu->m", self._Y[: len(entries)].imag, slopes)
        return sums

    def touches(self, entries: Array, outputs: Array) -> Array:
        touched: Array = ((self._Y[: len(entries)].imag != 0) & outputs).any(axis=(1, 2))
        return touched


Moved: TypeAlias = Callable[[Array, "complex | Array"], tuple[Array, Array]]
"""A function of (entries (m,), shift): its values (m,), and on which side of its own kinks each entry is (m,)."""


def penalty_of(point: Point, stage: int) -> Moved | None:
    """The penalty of a stage as a function of single entries of its parameters; None for a stage without one.

    R is a sum over the entries of a weight, so that one entry alone tells how the whole moves with it.
    """
    if stage == INPUT or not point.network.stages[stage].layer.penalty:
        return None
    layer, place = point.network.stages[stage].layer, point.network.places[stage]
    parameters = layer.parameters(point.network.stages[stage].inputs)
    penalized = np.concatenate([np.full(parameter.size, parameter.penalized) for parameter in parameters])
    base = point.theta[place]

    def moved(entries: Array, shift: complex | Array) -> tuple[Array, Array]:
        W = (base[entries] + shift).reshape(-1, 1, 1)
        value, _ = layer.penalty.bind(W, W, Buffers(W.dtype))
        here = penalized[entries]
        side = sum((sides(switch).reshape(-1) for switch in layer.penalty.switches(W)), np.zeros(len(entries), np.int8))
        return np.where(here, value(), 0), np.where(here, side, 0)

    return moved
