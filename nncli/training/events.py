"""What a training tells the outside world, as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from nncli.engine.optimizers import Convergence

Status: TypeAlias = Literal["completed", "stopped_early", "interrupted", "diverged"]

SIGN_OF_LIFE = 0.1
"""Seconds between two ``Progress`` events."""


@dataclass(frozen=True)
class Progress:
    """Some batches of an epoch are done; sent about ten times a second, and when a checkpoint may be due."""

    epoch: int
    done: int
    of: int
    step: int


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is over.

    Attributes:
        epoch: Its number, from 1.
        step: Updates so far.
        seconds: Since the training began.
        learning_rate: Of its last update; None where a minimizer does without.
        train_loss: Mean over its rows, each at the parameters of its batch (of a minimizer: all at those that it
            reached); without penalties.
        penalty: The penalties at its end; None when there are none.
        validation: Metric name (``validation_loss``, ...) -> value, None where it is not defined; empty without
            validation rows.
        best: Whether the monitored value is the best so far.
    """

    epoch: int
    step: int
    seconds: float
    learning_rate: float | None
    train_loss: float
    penalty: float | None
    validation: dict[str, float | None]
    best: bool

    def row(self) -> dict[str, float | int | None]:
        """The row of metrics.csv."""
        penalty = {} if self.penalty is None else {"penalty": self.penalty}
        head: dict[str, float | int] = {"epoch": self.epoch, "step": self.step, "seconds": round(self.seconds, 6)}
        rate = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        return {
            **head,
            **rate,
            "train_loss": self.train_loss,
            **penalty,
            **self.validation,
        }


@dataclass(frozen=True)
class Ended:
    """The training is over; ``problem`` says why, for one that diverged, and ``convergence``, for a minimizer."""

    status: Status
    epoch: int
    step: int
    seconds: float
    best_epoch: int
    problem: str = ""
    convergence: Convergence | None = None


Event: TypeAlias = Progress | EpochEnded | Ended
