"""What a sweep came to: its trials in order, the best of them as a run of its own."""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nncli.config.values import as_written
from nncli.run.files import cannot, write
from nncli.run.lock import NAME as LOCK
from nncli.sweep.sweep import Sweep
from nncli.sweep.trial import Trial

RESULT, LEADERBOARD, BEST = "sweep.json", "leaderboard.csv", "best"


def ranked(sweep: Sweep, trials: Sequence[Trial]) -> list[Trial]:
    """Those that came to a result from the best, then those that were pruned, those that went farthest first."""

    def place(trial: Trial) -> tuple[int, float, float, int]:
        cost = sweep.cost(trial.value)
        if trial.state == "completed":
            return (0, cost, 0, trial.number)
        return (1 if trial.state == "pruned" else 2, -trial.rung, cost, trial.number)

    return sorted((trial for trial in trials if trial.over), key=place)


def ranked_json(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The trials of sweep.json that came to a result, from the best."""
    done = [one for one in result["trials"] if one["state"] == "completed" and one["value"] is not None]
    sign = -1 if result["higher_is_better"] else 1
    return sorted(done, key=lambda one: (sign * one["value"], one["trial"]))


def best_of(sweep: Sweep, trials: Sequence[Trial]) -> Trial | None:
    """The best of those that came to a result; of equals the first."""
    done = [trial for trial in trials if trial.state == "completed" and math.isfinite(sweep.cost(trial.value))]
    return min(done, key=lambda trial: (sweep.cost(trial.value), trial.number), default=None)


def result_of(sweep: Sweep, trials: Sequence[Trial], status: str) -> dict[str, Any]:
    """As sweep.json has it."""
    best = best_of(sweep, trials)
    states = Counter(trial.state for trial in trials)
    return {
        "status": status,
        "name": sweep.name,
        "method": sweep.method,
        "monitor": sweep.monitor,
        "higher_is_better": sweep.higher_is_better,
        "asked": sweep.trials,
        "states": {state: states[state] for state in sorted(states)},
        "best": None if best is None else best.to_json(),
        "trials": [trial.to_json() for trial in trials],
    }


def write_leaderboard(path: Path, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """All trials that are over, the best first, as a table."""
    keys = [dimension.key for dimension in sweep.space.dimensions]
    metrics = list(dict.fromkeys(name for trial in trials for name in trial.summary.get("metrics", ())))
    metrics = [name for name in metrics if name != sweep.monitor]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "trial", "state", sweep.monitor, "epochs", "training_seconds", *keys, *metrics])
    for rank, trial in enumerate(ranked(sweep, trials), start=1):
        told = trial.summary.get("metrics", {})
        writer.writerow(
            [
                rank,
                trial.number,
                trial.state,
                trial.value,
                trial.epochs,
                trial.summary.get("training_seconds"),
                *(as_written(trial.values[key]) if key in trial.values else "" for key in keys),
                *(told.get(name) for name in metrics),
            ]
        )
    write(path / LEADERBOARD, text.getvalue())


def keep_best(path: Path, best: Trial) -> None:
    """Have a copy of the best run in ``best``, whole or as it was.

    Raises:
        RunError: It cannot be written.
    """
    place, partial, before = path / BEST, path / f".{BEST}.partial", path / f".{BEST}.before"
    try:
        for rubbish in (partial, before):
            shutil.rmtree(rubbish, ignore_errors=True)
        shutil.copytree(path / best.path, partial, symlinks=True, ignore=shutil.ignore_patterns(LOCK))
        if place.exists():
            os.replace(place, before)
        os.replace(partial, place)
        shutil.rmtree(before, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        raise cannot("write", place, error if isinstance(error, OSError) else OSError(str(error))) from None
