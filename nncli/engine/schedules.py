"""Schedules: how the learning rate moves while a training goes on. Each is one record.

A record states one formula, ``share``: which share of the optimizer's own learning rate an update takes, after ``k``
updates (0, 1, 2, ...) since the schedule began. So the rate is a function of the number of the update alone, and a
training that goes on after a stop has nothing to replay. One that looks at the training's figures has a small
``memory`` besides, a few numbers by name, which is handed in and which a checkpoint keeps.

Warm-up is common to all: the rate rises on a straight line, update by update, and the schedule begins when that is
over, with what is left of the training. All minima are shares of the learning rate, too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Lt, MinLen

from nncli.registry import Registry

Rate: TypeAlias = Callable[[int], float]
Share = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True)
class Span:
    """The updates that a schedule has.

    Attributes:
        steps: Updates in an epoch.
        before: Updates before it begins: the warm-up, to the end of an epoch if the schedule moves by epochs.
        updates: How many it has from there to the end of the training.
    """

    steps: int
    before: int
    updates: int


@dataclass(frozen=True)
class Objection:
    """What cannot work about ``setting`` (``""``: about the whole schedule)."""

    setting: str
    message: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A course of the learning rate. Subclasses are final, frozen and registered.

    With warmup_epochs or warmup_steps the first w updates take
    base·[warmup_start + (1 − warmup_start)·(t − 1)/w] (Goyal et al. 2017), and the schedule begins with the next.
    """

    warmup_epochs: Annotated[float, Ge(0)] = 0.0
    warmup_steps: Annotated[int, Ge(0)] = 0
    warmup_start: Annotated[float, Ge(0), Le(1)] = 0.01

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    moves: ClassVar[Literal["never", "by steps", "by epochs"]]
    """When the rate changes, warm-up left aside."""
    memory: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """What it remembers besides the number of the update: name -> number at the start."""

    @abstractmethod
    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        """Return the share of the learning rate that an update takes when ``k`` updates of ``span`` are done."""

    @property
    def watches(self) -> str | None:
        """The figure that it wants to be told after every epoch (``validation_loss``); None if it needs none."""
        return None

    def remember(self, memory: dict[str, float], value: float | None, higher_is_better: bool) -> None:
        """Take in the watched figure of an epoch that is over, None where it is not defined; changes ``memory``."""
        raise NotImplementedError(f"{self.name} watches nothing")

    def warmup(self, steps: int) -> int:
        """How many updates the warm-up takes, with ``steps`` in an epoch."""
        return self.warmup_steps or round(self.warmup_epochs * steps)

    def bind(self, base: float, steps: int, epochs: int, memory: Mapping[str, float]) -> Rate:
        """Return ``rate(t)``, the learning rate of update t (1, 2, ...), counted as the optimizers count.

        Args:
            base: The optimizer's own learning rate.
            steps: Updates in an epoch.
            epochs: How many the training has.
            memory: Is read at every call.
        """
        share, start, warmup = self.share, self.warmup_start, self.warmup(steps)
        # what moves by epochs moves between them: it begins with the first whole epoch behind the warm-up
        before = -(-warmup // steps) * steps if self.moves == "by epochs" else warmup
        span = Span(steps, before, steps * epochs - before)

        def rate(t: int) -> float:
            if t <= warmup:
                return base * (start + (1 - start) * (t - 1) / warmup)
            return base if t <= before else base * share(t - 1 - before, span, memory)

        return rate

    def objections(self, epochs: int) -> Iterator[Objection]:
        """What cannot work in a training of ``epochs`` (at least 1)."""
        if self.warmup_start != type(self).warmup_start and not (self.warmup_epochs or self.warmup_steps):
            yield Objection(
                "warmup_start", "goes with warmup_epochs or warmup_steps", "give one of them, or leave it out"
            )
        if self.warmup_epochs and self.warmup_steps:
            yield Objection("warmup_steps", "goes without warmup_epochs", "give one of the two")
        elif self.warmup_epochs > epochs:
            message = f"a warm-up of {self.warmup_epochs:g} epochs is longer than the training, which has {epochs}"
            yield Objection("warmup_epochs", message, "shorten it, or raise training.epochs")


registry: Registry[Schedule] = Registry("schedule")


@registry.register
@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate stays as it is."""

    name = "constant"
    formula = "rate = base"
    source = ""
    moves = "never"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return 1.0


@registry.register
@dataclass(frozen=True)
class Step(Schedule):
    """Falls by a factor every so many epochs, or when one of the milestones, which are epochs of the training, is over.

    PyTorch's StepLR and MultiStepLR.
    """

    every: Annotated[int, Ge(1)] | None = None
    milestones: Annotated[list[Annotated[int, Ge(1)]], MinLen(1)] | None = None
    factor: Annotated[float, Gt(0), Le(1)] = 0.1

    name = "step"
    formula = (
        "rate = base·factor^⌊e/every⌋, or base·factor^(number of milestones that are over); e: epochs since it began"
    )
    source = "Goyal et al. 2017"
    moves = "by epochs"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        if self.every is not None:
            return self.factor ** (k // span.steps // self.every)
        return self.factor ** bisect_right(self.milestones or (), (span.before + k) // span.steps)

    def objections(self, epochs: int) -> Iterator[Objection]:
        yield from super().objections(epochs)
        if (self.every is None) == (self.milestones is None):
            said = "neither is given" if self.every is None else "both are given"
            yield Objection("", f"step needs either every or milestones, {said}", "every: 30, or milestones: [30, 60]")
        milestones = self.milestones or []
        if sorted(set(milestones)) != milestones:
            yield Objection("milestones", f"must increase (is {milestones})", f"write {sorted(set(milestones))}")
        elif milestones and milestones[0] < self.warmup_epochs:
            message = f"epoch {milestones[0]} lies within the warm-up of {self.warmup_epochs:g} epochs"
            yield Objection("milestones", message, "milestones count from the training's first epoch")


@registry.register
@dataclass(frozen=True)
class Exponential(Schedule):
    """Falls by the same factor after every epoch. PyTorch's ExponentialLR."""

    gamma: Annotated[float, Gt(0), Le(1)] = 0.95

    name = "exponential"
    formula = "rate = base·gamma^e; e: epochs since it began"
    source = "Senior, Heigold, Ranzato & Yang 2013"
    moves = "by epochs"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return float(self.gamma ** (k // span.steps))


@registry.register
@dataclass(frozen=True)
class Polynomial(Schedule):
    """Falls to a share of itself at the end of the training: on a straight line, or bent. PyTorch's PolynomialLR."""

    power: Annotated[float, Gt(0)] = 1.0
    end: Share = 0.0

    name = "polynomial"
    formula = "rate = base·[end + (1 − end)·(1 − k/K)^power]; k of K updates done"
    source = "Liu, Rabinovich & Berg 2016"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return float(self.end + (1 - self.end) * (1 - k / span.updates) ** self.power)


def _half_cosine(x: float) -> float:
    """From 1 at x = 0 to 0 at x = 1."""
    return (1 + math.cos(math.pi * x)) / 2


@registry.register
@dataclass(frozen=True)
class Cosine(Schedule):
    """Falls along half a cosine to a share of itself. PyTorch's CosineAnnealingLR, moved by steps as in the paper."""

    minimum: Share = 0.0

    name = "cosine"
    formula = "rate = base·[minimum + (1 − minimum)·(1 + cos(π·k/K))/2]; k of K updates done"
    source = "Loshchilov & Hutter 2017"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return self.minimum + (1 - self.minimum) * _half_cosine(k / span.updates)


@registry.register
@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Falls along half a cosine, jumps back, and falls again, each period some times as long as the one before.

    ``period``, in epochs, is the paper's T₀, ``factor`` its T_mult. PyTorch's CosineAnnealingWarmRestarts.
    """

    period: Annotated[int, Ge(1)] = 10
    factor: Annotated[float, Ge(1)] = 2.0
    minimum: Share = 0.0

    name = "cosine_restarts"
    formula = "rate = base·[minimum + (1 − minimum)·(1 + cos(π·k/K))/2]; k of K updates of the period done"
    source = "Loshchilov & Hutter 2017"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        done, period = float(k), float(self.period * span.steps)
        if self.factor == 1:
            done %= period
        while done >= period:
            done -= period
            period *= self.factor
        return self.minimum + (1 - self.minimum) * _half_cosine(done / period)


@registry.register
@dataclass(frozen=True)
class Coslog(Schedule):
    """Rises from nothing and falls back to it in waves, each twice as long as the one before.

    So wave i of ``cycles`` has 2^i of the 2^cycles − 1 parts of the training; with 4 it is RealMLP's coslog4.
    """

    cycles: Annotated[int, Ge(1), Le(30)] = 4

    name = "coslog"
    formula = "rate = base·(1 − cos(2π·log₂(1 + (2^cycles − 1)·k/K)))/2; k of K updates done"
    source = "Holzmüller, Grinsztajn & Steinwart 2024"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return 1 - _half_cosine(2 * math.log2(1 + (2**self.cycles - 1) * k / span.updates))


@registry.register
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Rises to the learning rate from a share of it, and falls to nearly nothing, both along half a cosine.

    PyTorch's OneCycleLR with its names: pct_start is the share of the training that it rises in. The paper moves the
    momentum against the rate, too, which is not done here.
    """

    pct_start: Annotated[float, Gt(0), Lt(1)] = 0.3
    div_factor: Annotated[float, Ge(1)] = 25.0
    final_div_factor: Annotated[float, Ge(1)] = 10_000.0

    name = "one_cycle"
    formula = (
        "rate from base/div_factor to base at update pct_start·K, to base/(div_factor·final_div_factor) at update K"
    )
    source = "Smith & Topin 2018"
    moves = "by steps"

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        low, last = 1 / self.div_factor, 1 / (self.div_factor * self.final_div_factor)
        top = self.pct_start * span.updates - 1
        if k < top:
            return 1 + (low - 1) * _half_cosine(k / top)
        return last + (1 - last) * _half_cosine((k - top) / (span.updates - 1 - top))

    def objections(self, epochs: int) -> Iterator[Objection]:
        for setting in ("warmup_epochs", "warmup_steps", "warmup_start"):
            if getattr(self, setting) != getattr(type(self), setting):
                yield Objection(setting, "one_cycle is its own warm-up", "leave it out: pct_start says how long it is")


@registry.register
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Falls by a factor when a figure has not become better for more than ``patience`` epochs.

    PyTorch's ReduceLROnPlateau. Better means by more than ``threshold``, as a share of the best value or as it
    stands; for ``cooldown`` epochs after a fall none counts as bad. Epochs of the warm-up are not looked at.
    """

    monitor: str = "validation_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    factor: Annotated[float, Gt(0), Lt(1)] = 0.1
    patience: Annotated[int, Ge(0)] = 10
    threshold: Annotated[float, Ge(0)] = 1e-4
    threshold_mode: Literal["relative", "absolute"] = "relative"
    cooldown: Annotated[int, Ge(0)] = 0
    minimum: Share = 0.0

    name = "reduce_on_plateau"
    formula = "rate = base·share;  share ← max(factor·share, minimum) after more than patience epochs without a gain"
    source = "Simonyan & Zisserman 2015"
    moves = "by epochs"
    memory = MappingProxyType({"share": 1.0, "best": math.inf, "waiting": 0, "cooldown": 0})

    @property
    def watches(self) -> str | None:
        return self.monitor

    def share(self, k: int, span: Span, memory: Mapping[str, float]) -> float:
        return memory["share"]

    def remember(self, memory: dict[str, float], value: float | None, higher_is_better: bool) -> None:
        higher = higher_is_better if self.mode == "auto" else self.mode == "max"
        value = math.inf if value is None else -value if higher else value
        best = memory["best"]
        # |best|: PyTorch's best·(1 − threshold) would call a figure below 0 better when it stands still
        margin = self.threshold * abs(best) if self.threshold_mode == "relative" else self.threshold
        if value < best if best == math.inf else value < best - margin:
            memory["best"], memory["waiting"] = value, 0
        else:
            memory["waiting"] += 1
        if memory["cooldown"] > 0:
            memory["cooldown"] -= 1
            memory["waiting"] = 0
        if memory["waiting"] > self.patience:
            memory["share"] = max(self.factor * memory["share"], self.minimum)
            memory["cooldown"], memory["waiting"] = self.cooldown, 0
