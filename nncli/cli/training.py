"""What a training shows: a display in a terminal, plain lines elsewhere; and how it ended.

rich is loaded where there is a terminal to draw on: elsewhere it would cost a short training a tenth of its time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import typer

from nncli.cli.plain import fitted, is_drawn_on, print_json, print_lines
from nncli.training.events import Event
from nncli.training.lines import Log, opening

if TYPE_CHECKING:
    from nncli.builder import Experiment
    from nncli.cli.course import Course, Member
    from nncli.cli.live import Display
    from nncli.gradcheck.verdict import Proof
    from nncli.run import Run

PAUSE = 0.2
"""Seconds between two drawings, and before the first: what is over by then needs none."""
SHARE = 0.02
"""Of the time at most that drawing takes, also where a terminal is slow to take it."""
LONGEST = 2.0
"""Seconds between two drawings in any case: a terminal that was stopped for a while is not slow."""


class Training:
    """What a training shows while it goes on: a display in a terminal, plain lines elsewhere, nothing when silent.

    An event only stores what it tells: of tiny networks thousands come in a second, and what is drawn is drawn when
    ``PAUSE`` is over.

    Args:
        silent: Whether nothing is shown.
        brief: Whether lines that stay tell of no single epoch: for many trainings, of which each has one in the end.
        clock: Seconds, from anywhere.
    """

    def __init__(self, *, silent: bool, brief: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._silent, self._brief, self._clock = silent, brief, clock
        self._opened = False
        self._draws = not silent and is_drawn_on(sys.stderr)
        self._display: Display | None = None
        self._course: Course | None = None
        self._log: Log | None = None
        self._member: Member | None = None
        self._due = 0.0

    def __enter__(self) -> Training:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            with self._terminal_may_go():
                self._display.stop()

    def say(self, text: str) -> None:
        """A line on stderr, broken between words where a terminal is narrower."""
        if self._display is not None:
            with self._terminal_may_go():
                self._display.say(text)
        elif not self._silent:
            try:
                print_lines(*fitted([text], sys.stderr), errors=True)
            except BrokenPipeError:  # it is not the result that is lost, but what stops here is no success either
                _write_nowhere()
                sys.exit(1)

    def checked(self, proof: Proof) -> None:
        """Say what gradcheck found before the first epoch."""
        if proof.verdict == "right":
            self.say("gradcheck: every gradient is right")
        else:
            self.say(f"gradcheck: not proven: {', '.join(proof.not_proven)}; nncli gradcheck tells more")

    def began(self, experiment: Experiment, run: Run) -> None:
        """Say what is about to be trained."""
        lines = [] if self._brief and self._opened else opening(experiment)
        self._opened = True
        for line in lines:
            self.say(line)
        if self._draws:
            from nncli.cli.course import Course

            self._course = Course(experiment, self._member)
            self._course.remember(run.metrics.rows())  # of a training that goes on
            self._due = self._clock() + PAUSE
        elif not self._brief:
            self._log = Log(experiment.config.training.epochs, self._clock)

    def turn(self, number: int, members: int) -> None:
        """Say which member of an ensemble comes next."""
        self.next(number, members, "member")
        self.say(f"member {number} ({number + 1} of {members})")

    def next(self, number: int, of: int, word: str) -> None:
        """Take in which of several trainings comes next, from 0, of how many, and what it is."""
        if self._draws:
            from nncli.cli.course import Member

            self._member = Member(number + 1, of, word)

    def warned(self, text: str) -> None:
        """Say what is out of the ordinary."""
        self.say(f"warning: {text}")

    def observe(self, event: Event) -> None:
        """Take in what an event says, and draw if it is time to."""
        if self._silent:
            return
        if self._course is not None:
            self._course.take(event)
            if (now := self._clock()) >= self._due:
                self._draw(self._course, now)
        elif self._log is not None and (line := self._log.line(event)):
            self.say(line)

    def _draw(self, course: Course, now: float) -> None:
        if self._display is None:
            from nncli.cli.live import Display

            display = Display(self._clock)
            if not display.possible:
                self._draws, self._course, self._log = False, None, Log(course.epochs, self._clock)
                return
            self._display = display
            now = self._clock()  # loading rich is no drawing
        with self._terminal_may_go():
            self._display.draw(course)
        after = self._clock()
        self._due = after + min(max(PAUSE, (after - now) / SHARE), LONGEST)

    @contextmanager
    def _terminal_may_go(self) -> Iterator[None]:
        """A training that lost its terminal, but not its life (nohup, disown), goes on with nobody to see it."""
        try:
            yield
        except OSError:
            _write_nowhere()
            display, self._display, self._silent = self._display, None, True
            if display is not None:
                display.stop()


def _write_nowhere() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


@contextmanager
def shown(*, silent: bool, brief: bool = False) -> Iterator[Training]:
    """A screen for what trains within; a signal that ends it is told, and gives the command its exit code."""
    from nncli.recording import Interrupted

    with Training(silent=silent, brief=brief) as screen:
        try:
            yield screen
        except Interrupted as interrupted:
            screen.say(str(interrupted))
            raise typer.Exit(interrupted.exit_code) from None


def print_result(run: Run, *, json: bool) -> None:
    """What came of a training, for a person or as JSON."""
    if json:
        print_json({"run": str(run.path), **run.read_json("summary.json")})
    elif is_drawn_on(sys.stdout):
        from nncli.cli.ended import draw_summary

        draw_summary(run)
    else:
        from nncli.cli.ending import print_summary

        print_summary(run)
