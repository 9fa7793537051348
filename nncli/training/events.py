"""What a training tells the outside world, as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["completed", "stopped_early", "interrupted", "diverged"]


@dataclass(frozen=True)
class Progress:
    """Some steps of an epoch are done; sent about ten times a second."""

    epoch: int
    done: int
    of: int


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is over.

    Attributes:
        epoch: Its number, from 1.
        step: Updates so far.
        seconds: Since the training began.
        learning_rate: Of its last update.
        train_loss: Mean over its rows, each at the parameters of its batch; without penalties.
        penalty: The penalties at its end; None when there are none.
        validation: Metric name (``validation_loss``, ...) -> value, None where it is not defined; empty without
            validation rows.
        best: Whether the monitored value is the best so far.
    """

    epoch: int
    step: int
    seconds: float
    learning_rate: float
    train_loss: float
    penalty: float | None
    validation: dict[str, float | None]
    best: bool

    def row(self) -> dict[str, float | int | None]:
        """The row of metrics.csv."""
        penalty = {} if self.penalty is None else {"penalty": self.penalty}
        head: dict[str, float | int] = {"epoch": self.epoch, "step": self.step, "seconds": round(self.seconds, 6)}
        return {
            **head,
            "learning_rate": self.learning_rate,
            "train_loss": self.train_loss,
            **penalty,
            **self.validation,
        }


@dataclass(frozen=True)
class Ended:
    """The training is over; ``problem`` says why, for one that diverged."""

    status: Status
    epoch: int
    step: int
    seconds: float
    best_epoch: int
    problem: str = ""


Event: TypeAlias = Progress | EpochEnded | Ended
