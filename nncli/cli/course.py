"""How a training stands: what its events have told so far, at a small cost for each of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nncli import scoring
from nncli.builder import Experiment
from nncli.cli.sparkline import Curve
from nncli.config.schema import higher_is_better, metric_of
from nncli.training.events import EpochEnded, Event, Progress
from nncli.training.monitor import Monitor

WINDOW = 30.0
"""Seconds over which the speed is measured."""
APART = 0.5
"""Seconds between two of its samples."""


@dataclass
class Figure:
    """One figure, its best so far, and for a loss its curve."""

    higher_is_better: bool
    curve: Curve | None
    value: float | None = None
    best: float | None = None
    best_epoch: int = 0
    newest_is_best: bool = False

    def take(self, epoch: int, value: float | None) -> None:
        """Its value after ``epoch``."""
        self.value, self.newest_is_best = value, False
        if self.curve is not None:
            self.curve.add(value)
        if value is None or not math.isfinite(value):
            return
        if self.best is None or (value > self.best if self.higher_is_better else value < self.best):
            self.best, self.best_epoch, self.newest_is_best = value, epoch, True


@dataclass(frozen=True)
class Member:
    """Which one of an ensemble, or of other trainings that belong together, from 1, of how many, and what it is."""

    number: int
    of: int
    word: str = "member"


@dataclass(frozen=True)
class Speed:
    """Updates a second, and how many seconds are left if all epochs are needed; None where it cannot be told yet."""

    steps: float | None
    left: float | None


class Course:
    """What there is to show of a training.

    Attributes:
        figures: By name, as in metrics.csv: losses first, then what is monitored, then the others.
        epochs: That it may have.
        epoch: The last that is over.
        done: Epochs, with the share that is done of the one that goes on.
        rate: The learning rate of the last epoch's last update; None where there is none.
        patience: Epochs without a better figure after which it stops; None if it does not.
        member: Which one of several it is.
    """

    def __init__(self, experiment: Experiment, member: Member | None = None) -> None:
        early = experiment.config.training.early_stopping
        self.epochs = experiment.config.training.epochs
        self.patience = early.patience if early else None
        self.member = member
        self.figures: dict[str, Figure] = {}
        self.epoch, self.done, self.step = 0, 0.0, 0
        self.rate: float | None = None
        self._watched = early.monitor if early else None
        self._monitor = Monitor(experiment)
        self._samples: deque[tuple[float, float, int]] = deque()

    @property
    def waiting(self) -> int:
        """Epochs since the monitored figure was better."""
        return int(self._monitor.numbers["waiting"])

    @property
    def share(self) -> float:
        """What is done of all: of every member, where there are several."""
        own = min(1.0, self.done / self.epochs)
        return own if self.member is None else (self.member.number - 1 + own) / self.member.of

    def remember(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take in the rows of a metrics.csv: the epochs before those that are told."""
        for epoch, row in enumerate(rows, start=1):
            figures = {name: _number(cell) for name, cell in row.items() if _is_figure(name)}
            self._end(epoch, figures)
            self.rate, self.step = _number(row.get("learning_rate")), int(_number(row.get("step")) or 0)

    def take(self, event: Event) -> None:
        """Take in what an event tells."""
        if isinstance(event, EpochEnded):
            self._end(event.epoch, {"train_loss": event.train_loss, **event.validation})
            self.rate, self.step = event.learning_rate, event.step
        elif isinstance(event, Progress):
            self.done, self.step = event.epoch - 1 + event.done / event.of, event.step

    def speed(self, now: float) -> Speed:
        """How fast it is at the time ``now``, by the samples of the last seconds, of which this makes one."""
        samples = self._samples
        while len(samples) > 1 and samples[1][0] < now - WINDOW:
            samples.popleft()
        if not samples or now - samples[-1][0] >= APART:
            samples.append((now, self.done, self.step))
        since, done, step = samples[0]
        if now <= since or self.done <= done:
            return Speed(None, None)
        members = 0 if self.member is None else self.member.of - self.member.number
        left = (members * self.epochs + self.epochs - self.done) * (now - since) / (self.done - done)
        return Speed((self.step - step) / (now - since), left)

    def _end(self, epoch: int, figures: Mapping[str, float | None]) -> None:
        if not self.figures:
            metrics = {name for name in figures if metric_of(name) is not None}
            for name in sorted(figures, key=lambda name: (name in metrics, name in metrics and name != self._watched)):
                curve = None if name in metrics else Curve()
                self.figures[name] = Figure(higher_is_better(name), curve)
        for name, figure in self.figures.items():
            figure.take(epoch, figures.get(name))
        if self._watched in figures:
            self._monitor.is_best(epoch, figures)
        self.epoch, self.done = epoch, float(epoch)


def _is_figure(name: str) -> bool:
    """Whether a column of metrics.csv is one: a run may come from a stranger."""
    return name in ("train_loss", "validation_loss") or metric_of(name) in scoring.registry


def _number(cell: str | None) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return None
