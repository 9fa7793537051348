"""Whole commands, from shell to shell: ``nncli train`` beside the same job in a minimal script for each framework.

The job: read the rows, scale them, put a fifth aside, train so many epochs, print the accuracy on that fifth. The time
is that of the process from its start to its end, the memory its largest resident set.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.speed.contestants import ENTRIES, NNCLI, Entry
from benchmarks.speed.rounds import FailedError, Say, fresh

SCRIPTS, STOPWATCH = Path(__file__).parent / "jobs", Path(__file__).parent / "stopwatch.py"
CLOSE = 0.06
"""How far a script's test accuracy may be from nncli's: they split and start differently (two of iris' 30 rows)."""
CSV_ROWS, CSV_COLUMNS = 100_000, 20


@dataclass(frozen=True)
class Job:
    """What is trained; relu, Adam at 1e-3."""

    name: str
    data: str
    hidden: tuple[int, ...]
    batch: int
    epochs: int

    @property
    def title(self) -> str:
        """In a line."""
        return f"hidden layers of {' and '.join(map(str, self.hidden))}, batch {self.batch}, {self.epochs} epochs"


JOBS = {
    job.name: job
    for job in (
        Job("iris", "iris", (16,), 16, 200),
        Job("digits", "digits", (64, 32), 32, 30),
        Job("csv", "rows.csv", (64, 32), 128, 5),
    )
}
# one script a framework: these forms start the fastest
JOB_SCRIPTS = {
    "scikit-learn": "scikit.py",
    "PyTorch eager": "pytorch.py",
    "JAX scan": "jaxes.py",
    "Keras": "kerases.py",
}


@dataclass
class Command:
    """One command on one job: wall time and largest memory of each round, and the test accuracy of the last."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    accuracy: float = 0.0


@dataclass
class JobFigures:
    """All of one job."""

    title: str
    commands: dict[str, Command] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)


def run_job(job: Job, entries: list[Entry], *, rounds: int, folder: Path, say: Say) -> JobFigures:
    """One round to fill the disk's cache and to compare what they reach, then the rounds that count."""
    folder = folder / f"job-{job.name}"
    folder.mkdir()
    if job.data.endswith(".csv"):
        _write_csv(folder / job.data)
    (folder / "config.yaml").write_text(yaml.safe_dump(_config(job)), encoding="utf-8")
    figures = JobFigures(job.title)
    names = [NNCLI, *(entry.name for entry in entries if entry.name in JOB_SCRIPTS)]
    for number in range(-1, rounds):
        for name in names:
            if name in figures.excluded:
                continue
            say(f"{job.name} as a command: {f'round {number + 1} of {rounds}' if number >= 0 else 'heat'}, {name}")
            command = figures.commands.setdefault(name, Command())
            try:
                seconds, megabytes, command.accuracy = _timed(name, job, folder)
                wanted = figures.commands[NNCLI].accuracy
                if abs(command.accuracy - wanted) > CLOSE:
                    raise FailedError(f"it does another job: test accuracy {command.accuracy}, and nncli's is {wanted}")
            except FailedError as error:
                if name == NNCLI:
                    raise
                say(f"{job.name} as a command: {name} is excluded: {error}")
                figures.excluded[name] = str(error)
                del figures.commands[name]
                continue
            if number >= 0:
                command.seconds.append(seconds)
                command.megabytes.append(megabytes)
    return figures


def _timed(name: str, job: Job, folder: Path) -> tuple[float, float, float]:
    """Seconds, megabytes, test accuracy of one run in a fresh process."""
    with tempfile.TemporaryDirectory(dir=folder) as run:
        output = Path(run) / "output.txt"
        watched = [sys.executable, str(STOPWATCH), str(output), *_arguments(name, job, Path(run))]
        figures = json.loads(fresh(watched, folder))
        said = output.read_text(encoding="utf-8", errors="replace")
        if figures["exit"]:
            raise FailedError((said.strip().splitlines() or [f"exit code {figures['exit']}"])[-1])
        if name == NNCLI:
            summary = json.loads((Path(run) / "run" / "summary.json").read_text(encoding="utf-8"))
            accuracy = summary["metrics"]["test_accuracy"]
        else:
            accuracy = float(re.findall(r"test accuracy ([\d.]+)", said)[-1])
    return figures["seconds"], figures["megabytes"], accuracy


def _arguments(name: str, job: Job, run: Path) -> list[str]:
    if name == NNCLI:
        overrides = ENTRIES[NNCLI].fixed.get("overrides", ())
        return [sys.executable, "-m", "nncli.cli.main", "train", "config.yaml", *overrides, "--run", str(run / "run")]
    hidden = ["--hidden", *map(str, job.hidden)]
    counts = ["--batch", str(job.batch), "--epochs", str(job.epochs)]
    return [sys.executable, str(SCRIPTS / JOB_SCRIPTS[name]), job.data, *hidden, *counts]


def _config(job: Job) -> dict[str, Any]:
    data = {"path": job.data, "target": "class"} if job.data.endswith(".csv") else {"source": job.data}
    hidden = [{"units": units, "activation": "relu"} for units in job.hidden]
    return {
        "data": data | {"split": {"validation": 0, "test": 0.2}},
        "model": {"layers": [*hidden, {"activation": "softmax"}]},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "learning_rate": 1e-3},
        "training": {"epochs": job.epochs, "batch_size": job.batch},
    }


def _write_csv(path: Path) -> None:
    """Numbers on several scales, and five classes that follow from them, with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((CSV_ROWS, CSV_COLUMNS))
    y = (X @ rng.standard_normal((CSV_COLUMNS, 5)) + rng.standard_normal((CSV_ROWS, 5))).argmax(1)
    X = X * 10.0 ** rng.integers(-1, 3, CSV_COLUMNS)
    names = [*(f"x{i}" for i in range(CSV_COLUMNS)), "class"]
    formats = ["%.4f"] * CSV_COLUMNS + ["%d"]
    np.savetxt(path, np.column_stack([X, y]), formats, delimiter=",", header=",".join(names), comments="")
