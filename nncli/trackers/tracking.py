"""The trackers of one training together: made of the config, told what happens, and dropped when they fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from nncli.config.schema import Config
from nncli.errors import ConfigError, NncliError
from nncli.run import Run
from nncli.text import printable
from nncli.trackers.base import Beginning, Row, Tracker

Begin: TypeAlias = Callable[[Beginning], Tracker | None]

LONGEST = 300
"""Characters of what is said of a failure; the errors of servers may be pages."""


def require(config: Config) -> None:
    """See that what ``config`` asks for can be had: its packages are there, its server answers.

    Raises:
        ConfigError: It cannot, before any work is done.
    """
    problems = []
    if config.report.tensorboard:
        from nncli.trackers import tensorboard

        problems += [config.problem("report.tensorboard", *problem) for problem in tensorboard.problems()]
    if config.report.mlflow is not False:
        from nncli.trackers import mlflow

        found = mlflow.problems(config.report.mlflow_place)
        problems += [config.problem("report.mlflow", *problem) for problem in found]
    if problems:
        raise ConfigError(problems)


class Tracking:
    """The trackers that are still told of a training."""

    def __init__(self, warned: Callable[[str], None]) -> None:
        self._warned = warned
        self._trackers: dict[str, Tracker] = {}

    def begin(self, name: str, begin: Begin, beginning: Beginning) -> None:
        """Let a tracker begin, or go on with what it has of the training."""
        try:
            tracker = begin(beginning)
        except Exception as error:  # noqa: BLE001  # whatever happens in there, the training is worth more
            self._dropped(name, error)
        else:
            if tracker is not None:
                self._trackers[name] = tracker

    def epoch(self, row: Row) -> None:
        """Tell of an epoch that is over: its row of metrics.csv."""
        self._each(lambda tracker: tracker.epochs([row]))

    def distributions(self, rows: Sequence[Row]) -> None:
        """Tell of rows of distributions.csv."""
        self._each(lambda tracker: tracker.distributions(rows))

    def end(self, summary: Mapping[str, Any]) -> None:
        """Tell how the training ended, and let all go."""
        self._each(lambda tracker: tracker.end(summary))
        for tracker in self._trackers.values():
            tracker.close()
        self._trackers.clear()

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in [*self._trackers.items()] if self._trackers else ():
            try:
                tell(tracker)
            except Exception as error:  # noqa: BLE001  # as above
                del self._trackers[name]
                tracker.close()
                self._dropped(name, error)

    def _dropped(self, name: str, error: Exception) -> None:
        what = printable(" ".join((str(error) or type(error).__name__).split()))
        what = f"{what[:LONGEST]}…" if len(what) > LONGEST else what
        self._warned(f"report.{name} failed, and is told no more; the training is not touched: {what}")


@contextmanager
def tracked(run: Run, config: Mapping[str, Any], warned: Callable[[str], None]) -> Iterator[Tracking]:
    """Within, a training of ``run`` is told to the trackers of its resolved ``config``; behind it, how it ended.

    What the run already has of its training is told first.
    """
    tracking = Tracking(warned)
    report = config["report"]
    asked: dict[str, Begin] = {}
    if report["tensorboard"]:
        from nncli.trackers import tensorboard

        asked["tensorboard"] = tensorboard.begin
    if report["mlflow"] is not False:
        from nncli.trackers import mlflow

        asked["mlflow"] = mlflow.begin
    if asked:
        beginning = Beginning(run, config, run.read_json("environment.json"), _epochs(run), _distributions(run))
        for name, begin in asked.items():
            tracking.begin(name, begin, beginning)
    try:
        yield tracking
    finally:
        if asked:
            try:
                summary = run.read_json("summary.json")
            except NncliError:  # the disk is full, or the folder gone: there is nothing to say
                summary = {"status": "failed"}
            tracking.end(summary)


def _epochs(run: Run) -> list[Row]:
    columns = run.metrics.numbers()
    whole = [name for name in columns if name in ("epoch", "step")]
    return [
        {name: _cell(value, name in whole) for name, value in zip(columns, row, strict=True)}
        for row in zip(*(column.tolist() for column in columns.values()), strict=True)
    ]


def _distributions(run: Run) -> list[Row]:
    texts = ("of", "tensor")
    return [
        {name: cell if name in texts else float(cell) for name, cell in row.items()} for row in run.distributions.rows()
    ]


def _cell(value: float, whole: bool) -> float | int | None:
    return None if math.isnan(value) else int(value) if whole else value
