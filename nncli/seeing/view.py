"""What there is to see of a run: its files as far as they are there, and what it makes of rows that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.cells import Array
from nncli.errors import NncliError, RunError
from nncli.evaluation import Judged, Split, judge_split
from nncli.run import Run
from nncli.trained import Predictor, load_run, row_losses


@dataclass(frozen=True, eq=False)
class Seen:
    """What a run makes of the rows of one of its splits.

    Attributes:
        trained: The run, ready to predict.
        split: Which split: the test rows, or where there are none, those of validation, or those of the training.
        judged: What it makes of them.
    """

    trained: Predictor
    split: Split
    judged: Judged

    @property
    def losses(self) -> Array:
        """Of each row (n,), at float64, without its weight."""
        from nncli.builder import engine_rows

        rows = engine_rows(self.judged.rows, self.trained.network, self.trained.weighing)
        return row_losses(self.trained, self.judged.predictions, rows)


@dataclass(frozen=True, eq=False)
class View:
    """A run to be looked at, finished or not.

    Attributes:
        run: It.
        config: Its config.
        summary: What it says of itself; empty where it cannot say anything.
        histories: The columns of metrics.csv (epochs,), by the name of the run, or of each member of an ensemble.
        best_epochs: By the same names; None where none is better than the last.
        seen: What it makes of rows; None where it cannot be said.
        unseen: Why not.
    """

    run: Run
    config: Config
    summary: Mapping[str, Any]
    histories: Mapping[str, Mapping[str, Array]]
    best_epochs: Mapping[str, int | None]
    seen: Seen | None
    unseen: str

    @property
    def name(self) -> str:
        """Of its directory."""
        return self.run.path.resolve().name


def look_at(run: Run, *, rows: bool = True) -> View:
    """Read what there is of ``run``; what is damaged is left out, and said.

    Args:
        run: Finished or not.
        rows: Whether its data are read, and what it makes of them.

    Raises:
        NncliError: Its config cannot be read.
    """
    config = load_config(run.path / "config.yaml")
    summary = summary_of(run)
    seen, unseen = _seen(run, summary) if rows else (None, "not asked for")
    name = run.path.resolve().name
    if config.ensemble is None:
        runs = {name: run}
    else:
        members = [run.member(number) for number in range(config.ensemble.members)]
        runs = {f"member {number}": member for number, member in enumerate(members) if member.path.is_dir()}
    histories = {who: one.metrics.numbers() for who, one in runs.items()}
    watched = config.training.early_stopping is not None  # of the training rows alone, if there are no others
    best = {
        who: _best_epoch(summary_of(one)) if watched or "validation_loss" in histories[who] else None
        for who, one in runs.items()
    }
    return View(run, config, summary, histories, best, seen, unseen)


def summary_of(run: Run) -> dict[str, Any]:
    """What ``run`` says of itself; nothing where its training was killed before, or the file is damaged."""
    try:
        return run.read_json("summary.json")
    except RunError:
        return {}


def _best_epoch(summary: Mapping[str, Any]) -> int | None:
    best = summary.get("best_epoch")
    return best if isinstance(best, int) and best > 0 else None


def _seen(run: Run, summary: Mapping[str, Any]) -> tuple[Seen | None, str]:
    try:
        trained = load_run(run)
        split = _split(trained, summary)
        with np.errstate(all="ignore"):
            return Seen(trained, split, judge_split(trained, split)), ""
    except NncliError as error:
        return None, str(error)


def _split(trained: Predictor, summary: Mapping[str, Any]) -> Split:
    """The rows that say most of what the network is worth, of those that there are."""
    rows = summary.get("rows")
    there = rows if isinstance(rows, dict) else {}
    if there.get("test"):
        return "test"
    return "validation" if there.get("validation") or trained.config.folds is not None else "train"
