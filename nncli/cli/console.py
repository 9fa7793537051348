"""Everything that draws: results to stdout, progress to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from nncli.builder import Experiment
from nncli.gradcheck.verdict import Proof
from nncli.run import Run
from nncli.training.events import EpochEnded, Event
from nncli.training.events import Progress as Steps

LINES = 20
"""About as many lines a training prints where nobody watches: then every epochs/20th is told, and the last."""


WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def print_json(content: Mapping[str, Any]) -> None:
    """One strict JSON object on stdout."""
    sys.stdout.write(json.dumps(content, allow_nan=False, ensure_ascii=True, indent=2) + "\n")


class Training:
    """What a training shows while it goes on: a bar in a terminal, plain lines elsewhere, nothing when silent."""

    def __init__(self, *, silent: bool) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=silent)
        self._live = self._console.is_terminal and not silent
        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=max(5, min(30, self._console.width // 6))),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[metrics]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=self._console,
            transient=True,
            expand=True,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._epochs = 0

    def __enter__(self) -> Training:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line on stderr."""
        self._console.print(escape(text))

    def checked(self, proof: Proof) -> None:
        """Say what gradcheck found before the first epoch."""
        if proof.verdict == "right":
            self.say("gradcheck: every gradient is right")
        else:
            self.say(f"gradcheck: not proven: {', '.join(proof.not_proven)}; nncli gradcheck tells more")

    def began(self, experiment: Experiment, run: Run) -> None:
        """Say what is about to be trained."""
        network, dataset = experiment.network, experiment.dataset
        widths = "-".join(map(str, [network.inputs, *_widths(experiment)]))
        validation = 0 if experiment.validation is None else len(experiment.validation.inputs)
        test = 0 if experiment.test is None else len(experiment.test.inputs)
        rows = f"{len(experiment.train.inputs)} rows to train on, {validation} to validate, {test} to test"
        self.say(f"{dataset.task}: {widths}, {network.layout.size:,} parameters; {rows}")
        for key, batches in experiment.config.training.debugging.items():
            also = "validated on the same rows" if key == "overfit_batches" else "for one epoch"
            how_many = "1 batch" if batches == 1 else f"{batches} batches"
            self.say(f"training.{key}: a debugging run, trained on {how_many}, {also}")
        self._epochs = experiment.config.training.epochs
        self._progress.start()
        self._task = self._progress.add_task("", total=self._epochs, metrics="")

    def warned(self, text: str) -> None:
        """Say what is out of the ordinary."""
        self.say(f"warning: {text}")

    def observe(self, event: Event) -> None:
        """Draw what an event says."""
        if self._task is None:
            return
        if isinstance(event, Steps):
            self._progress.update(self._task, completed=event.epoch - 1 + event.done / event.of)
        if isinstance(event, EpochEnded):
            figures = {"loss": event.train_loss, **event.validation}
            line = "  ".join(f"{name.replace('validation', 'val')} {figure(name, x)}" for name, x in figures.items())
            self._progress.update(self._task, completed=event.epoch, metrics=line)
            every = max(1, self._epochs // LINES)
            if not self._live and (event.epoch % every == 0 or event.epoch == self._epochs):
                self.say(f"epoch {event.epoch}/{self._epochs}  {line}")


def print_summary(run: Run) -> None:
    """How a training ended, and where its files are."""
    summary = run.read_json("summary.json")
    console = stdout()
    done = summary["status"].replace("_", " ")
    seconds = f"{summary['training_seconds']:.1f} s" if summary["training_seconds"] >= 0.1 else "under 0.1 s"
    best = f"; best epoch {summary['best_epoch']}" if summary["best_epoch"] != summary["epochs"] else ""
    console.print(f"{done} after {count(summary['epochs'], 'epoch')} in {seconds}{best}")
    if "convergence" in summary:
        end = summary["convergence"]
        verb = "converged" if end["converged"] else "not converged"
        console.print(f"{verb} in {count(end['evaluations'], 'evaluation')}: {end['reason']}")
    width = max([22, *map(len, summary["metrics"])])
    for name, value in summary["metrics"].items():
        console.print(f"{name.replace('_', ' ', 1):<{width}} {figure(name, value)}")
    for key in ("overfit_batches", "fast_dev_run"):
        if key in summary:
            console.print(f"a debugging run (training.{key}), no result to rely on")
    console.print(f"run: {escape(str(run.path))}")


class _Stdout(Console):
    """A console that leaves a closed pipe to ``main``, which knows what it means."""

    def on_broken_pipe(self) -> None:
        """Whoever read has gone."""
        raise BrokenPipeError


def stdout() -> Console:
    """Where results are drawn."""
    width = None if sys.stdout.isatty() else WIDE  # a file has no margin
    return _Stdout(highlight=False, soft_wrap=True, width=width)


def _widths(experiment: Experiment) -> list[int]:
    return [stage.outputs for stage in experiment.network.stages if stage.layer.kind == "dense"]


def figure(name: str, value: float | None) -> str:
    """``value`` of the metric, for a person; a dash for one that is not defined."""
    if value is None:
        return "–"
    if name.endswith("accuracy"):
        return f"{value:.4f}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)


def count(n: int, noun: str, style: str = "") -> str:
    """``1 row``, ``2 rows``; ``2,000 rows`` with the format ``,``."""
    return f"{n} {noun}" if n == 1 else f"{n:{style}} {noun}s"
