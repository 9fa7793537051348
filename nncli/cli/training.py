"""What a training shows: a bar in a terminal, plain lines elsewhere; and how it ended.

rich is loaded where there is a terminal to draw on: elsewhere it would cost a short training a tenth of its time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from nncli.cli.plain import count, print_json, print_lines
from nncli.text import figure
from nncli.training.events import EpochEnded, Event, Progress
from nncli.training.lines import epoch_line, is_told, opening

if TYPE_CHECKING:
    from nncli.builder import Experiment
    from nncli.cli.console import Bar
    from nncli.gradcheck.verdict import Proof
    from nncli.run import Run


class Training:
    """What a training shows while it goes on: a bar in a terminal, plain lines elsewhere, nothing when silent."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._bar: Bar | None = None
        self._epochs = 0

    def __enter__(self) -> Training:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line on stderr."""
        if self._bar is not None:
            self._bar.say(text)
        elif not self._silent:
            try:
                print_lines(text, errors=True)
            except BrokenPipeError:  # it is not the result that is lost, but what stops here is no success either
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
                sys.exit(1)

    def checked(self, proof: Proof) -> None:
        """Say what gradcheck found before the first epoch."""
        if proof.verdict == "right":
            self.say("gradcheck: every gradient is right")
        else:
            self.say(f"gradcheck: not proven: {', '.join(proof.not_proven)}; nncli gradcheck tells more")

    def began(self, experiment: Experiment, run: Run) -> None:
        """Say what is about to be trained."""
        for line in opening(experiment):
            self.say(line)
        self._epochs = experiment.config.training.epochs
        if not self._silent and sys.stderr.isatty():
            from nncli.cli.console import Bar

            self._bar = Bar(self._epochs)

    def turn(self, number: int, members: int) -> None:
        """Say which member of an ensemble comes next."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self.say(f"member {number} ({number + 1} of {members})")

    def warned(self, text: str) -> None:
        """Say what is out of the ordinary."""
        self.say(f"warning: {text}")

    def observe(self, event: Event) -> None:
        """Draw what an event says."""
        if self._silent:
            return
        if isinstance(event, Progress) and self._bar is not None:
            self._bar.move(event.epoch - 1 + event.done / event.of)
        if isinstance(event, EpochEnded):
            line = epoch_line(event)
            if self._bar is not None:
                self._bar.move(event.epoch)
                self._bar.show(line)
            elif is_told(event.epoch, self._epochs):
                self.say(f"epoch {event.epoch}/{self._epochs}  {line}")


@contextmanager
def shown(*, silent: bool) -> Iterator[Training]:
    """A screen for what trains within; a signal that ends it is told, and gives the command its exit code."""
    from nncli.recording import Interrupted

    with Training(silent=silent) as screen:
        try:
            yield screen
        except Interrupted as interrupted:
            screen.say(str(interrupted))
            raise typer.Exit(interrupted.exit_code) from None


def print_result(run: Run, *, json: bool) -> None:
    """What came of a training, for a person or as JSON."""
    if json:
        print_json({"run": str(run.path), **run.read_json("summary.json")})
    else:
        print_summary(run)


def print_summary(run: Run) -> None:
    """How a training ended, and where its files are."""
    summary = run.read_json("summary.json")
    if "members" in summary:
        print_lines(*_together(summary), f"run: {run.path}")
        return
    done = summary["status"].replace("_", " ")
    seconds = f"{summary['training_seconds']:.1f} s" if summary["training_seconds"] >= 0.1 else "under 0.1 s"
    best = f"; best epoch {summary['best_epoch']}" if summary["best_epoch"] != summary["epochs"] else ""
    lines = [f"{done} after {count(summary['epochs'], 'epoch')} in {seconds}{best}"]
    if "convergence" in summary:
        end = summary["convergence"]
        verb = "converged" if end["converged"] else "not converged"
        lines.append(f"{verb} in {count(end['evaluations'], 'evaluation')}: {end['reason']}")
    width = max([22, *map(len, summary["metrics"])])
    lines += [f"{name.replace('_', ' ', 1):<{width}} {figure(name, x)}" for name, x in summary["metrics"].items()]
    for key in ("overfit_batches", "fast_dev_run"):
        if key in summary:
            lines.append(f"a debugging run (training.{key}), no result to rely on")
    print_lines(*lines, f"run: {run.path}")


def _together(summary: dict[str, Any]) -> Iterator[str]:
    """How an ensemble ended: its figures, and beside those of the test rows how its members fare alone."""
    members, seconds = summary["members"], summary["training_seconds"]
    yield f"completed: {count(len(members), 'member')} in {f'{seconds:.1f} s' if seconds >= 0.1 else 'under 0.1 s'}"
    width = max([22, *map(len, summary["metrics"])])
    for name, x in summary["metrics"].items():
        known = [value for member in members if (value := member["metrics"].get(name)) is not None]
        beside = f"  (alone {figure(name, min(known))} to {figure(name, max(known))})" if known else ""
        said = name.replace("out_of_fold_", "out of fold ") if name.startswith("out_of") else name.replace("_", " ", 1)
        yield f"{said:<{width}} {figure(name, x)}{beside}"
    if "fast_dev_run" in summary:
        yield "a debugging run (training.fast_dev_run), no result to rely on"
