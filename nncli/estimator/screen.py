"""What a verbose estimator tells of its training, on stderr: the lines of ``nncli train`` where nobody watches."""

from __future__ import annotations

import sys

from nncli.builder import Experiment
from nncli.text import printable
from nncli.training.events import EpochEnded, Event
from nncli.training.lines import epoch_line, is_told, opening


class Screen:
    """Lines of one training.

    Args:
        verbose: Whether there are any.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._epochs = 0

    def turn(self, number: int, members: int) -> None:
        """Say which member of an ensemble comes next."""
        self._say(f"member {number} ({number + 1} of {members})")

    def began(self, experiment: Experiment) -> None:
        """Say what is about to be trained."""
        self._epochs = experiment.config.training.epochs
        for line in opening(experiment):
            self._say(line)

    def warned(self, text: str) -> None:
        """Say what is out of the ordinary."""
        self._say(f"warning: {text}")

    def observe(self, event: Event) -> None:
        """Say the figures of an epoch."""
        if isinstance(event, EpochEnded) and is_told(event.epoch, self._epochs):
            self._say(f"epoch {event.epoch}/{self._epochs}  {epoch_line(event)}")

    def _say(self, line: str) -> None:
        if self._verbose:
            print(printable(line), file=sys.stderr, flush=True)
