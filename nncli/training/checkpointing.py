"""When a checkpoint is due."""

from __future__ import annotations

import time

from nncli.config.schema import Checkpoint
from nncli.training.events import EpochEnded, Event, Progress


class Due:
    """Says, of every event of a training, whether a checkpoint is to be taken there.

    Args:
        config: After how many epochs, steps or minutes; None for never.

    Attributes:
        steps: How many steps lie between two of them; 0 if it is not steps that are counted.
    """

    def __init__(self, config: Checkpoint | None) -> None:
        self._number, self._unit = (0, "never") if config is None else config.period
        self.steps = self._number if self._unit == "step" else 0
        # A clock that nobody sets: neither the user nor a time server.
        self._last = time.monotonic()
        self._last_step = 0

    def at(self, event: Event) -> bool:
        """Whether one is due at ``event``; then the next one is counted from here."""
        if not isinstance(event, Progress | EpochEnded):
            return False
        due = False
        if self._unit == "epoch":
            due = isinstance(event, EpochEnded) and event.epoch % self._number == 0
        elif self._unit == "step":
            due = event.step % self._number == 0 and event.step != self._last_step
        elif self._unit == "minute":
            due = time.monotonic() - self._last >= 60 * self._number
        if due:
            self._last, self._last_step = time.monotonic(), event.step
        return due
