"""Which epoch is the best so far, and whether it is worth going on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nncli.builder import Experiment


class Monitor:
    """Watches one figure, epoch by epoch.

    Attributes:
        best_epoch: The best so far; 0 before the first.
        gives_up: Whether the figure has not become better for so long that the training should stop.
    """

    def __init__(self, experiment: Experiment) -> None:
        early = experiment.config.training.early_stopping
        self.best_epoch, self.gives_up = 0, False
        self._figure = early.monitor if early else "validation_loss"
        self._sign = -1 if early and early.higher_is_better else 1
        # Without validation rows, and without being asked to watch anything, no epoch is known to be better than the
        # last: a lower training loss says nothing of the kind.
        self._judges = experiment.validation is not None or early is not None
        self._patience = early.patience if early else math.inf
        self._min_delta = early.min_delta if early else 0.0
        self._best = self._stale = math.inf
        self._waiting = 0

    def is_best(self, epoch: int, figures: Mapping[str, float | None]) -> bool:
        """Take in the figures of an epoch; whether it is the best so far (the newest is, where none can be judged)."""
        if not self._judges:
            self.best_epoch = epoch
            return True
        figure = figures[self._figure]
        # None: not defined for what the network decides just now, as the precision of a class that it never predicts
        value = math.inf if figure is None else self._sign * figure
        # "better" counts for the patience once it is so by min_delta, however many epochs that takes
        if value < self._stale - self._min_delta:
            self._stale, self._waiting = value, 0
        else:
            self._waiting += 1
        self.gives_up = self._waiting >= self._patience
        if value >= self._best and self._best < math.inf:
            return False
        self._best, self.best_epoch = value, epoch
        return True

    @property
    def numbers(self) -> dict[str, Any]:
        """What it goes on from, as ``restore`` takes it."""
        return {
            "best_epoch": self.best_epoch,
            "best": self._best,
            "stale": self._stale,
            "waiting": self._waiting,
        }

    def restore(self, numbers: Mapping[str, Any]) -> None:
        """Go on from ``numbers``; by a patience that has been raised, it may not give up any more."""
        self.best_epoch, self._waiting = numbers["best_epoch"], numbers["waiting"]
        self._best, self._stale = numbers["best"], numbers["stale"]
        self.gives_up = self._waiting >= self._patience
