"""A training as a piece of work: whoever takes it, in whatever process, it comes to the same bits in the same place.

What a worker is given are plain values, and what it gives back is in the run's directory, which all workers see.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, Literal, TypeAlias

from nncli.builder import Tables, lies_on_disk, read_tables
from nncli.config.loader import config_of, load_config
from nncli.config.schema import Config
from nncli.data.dataset import fingerprint
from nncli.errors import ConfigError, DataError, DivergedError, NncliError, RunError
from nncli.finishing import finish
from nncli.recording import Interrupted
from nncli.resumption import Told, bring_to_end, is_whole
from nncli.run import PLAN, Run
from nncli.run.files import cannot
from nncli.run.lock import held

STOP = ".stop"
"""A file in the directory of all trainings that asks every worker to stop."""
PAUSE = 0.2
"""Seconds between two looks at it."""
PATIENCE = 60.0
"""Seconds that a run is waited for whose last worker has not let go of it yet."""
_ALONE = RLock()
"""Held by who trains: how many threads BLAS has is one number for the whole process, and bits depend on it."""
Status: TypeAlias = Literal["ended", "paused", "interrupted", "diverged", "failed", "hindered"]


@dataclass(frozen=True)
class Task:
    """A training to be done, or to be gone on with.

    Attributes:
        home: The directory of all trainings, absolute.
        path: That of the run, from there.
        config: Its config, as ``Config.resolved`` has it.
        data: What the fingerprint of its data has to be; empty if it was not taken yet.
        until: After so many epochs it pauses.
        version: Of nncli: another one may come to other bits.
    """

    home: str
    path: str
    config: Mapping[str, Any]
    data: str = ""
    until: int | None = None
    version: str = version("nncli")


@dataclass(frozen=True)
class Done:
    """How a piece of work ended.

    Attributes:
        status: ``ended`` by itself, ``paused`` where it was to, ``interrupted`` before that, ``diverged``, ``failed``
            for what it is, or ``hindered`` by what would hinder others, too: the disk, the data, the worker.
        problem: What was wrong, in words.
        signal: Which signal interrupted it, if one did.
    """

    status: Status
    problem: str = ""
    signal: int = 0


def do(task: Task, told: Told | None = None, parent: int | None = None) -> Done:
    """Do ``task`` in this process.

    Args:
        task: What.
        told: Who is told of it.
        parent: The process whose worker this is: it stops when that has gone.
    """
    home, run = Path(task.home), Run(Path(task.home) / task.path)
    if not (home / PLAN).exists():
        where, remedy = f"{socket.gethostname()}: {home}", "all workers need the same folder at the same path"
        return Done("hindered", str(RunError("is not there", where=where, remedy=remedy)))
    if task.version != version("nncli"):
        remedy = f"install nncli {task.version} there"
        message = f"has nncli {version('nncli')}, and the trainings began with {task.version}"
        return Done("hindered", str(RunError(message, where=f"worker {socket.gethostname()}", remedy=remedy)))
    told = told or Told()
    halt = _Halt(home / STOP, parent, task.until)
    try:
        if _is_paused(run, task.until):
            return Done("paused")
        config = _as_begun(run, config_of(task.config))
        run.path.parent.mkdir(parents=True, exist_ok=True)
        _wait_for(run, halt)
        with _ALONE:
            if bring_to_end(run, config, tables_of(config, task.data), replace(told, halt=halt)):
                finish(run, config, told.warned)
    except Interrupted as stopped:
        paused = not stopped.signal and _is_paused(run, task.until)
        return Done("paused" if paused else "interrupted", signal=stopped.signal)
    except DivergedError as error:
        return Done("diverged", str(error))
    except OSError as error:
        return Done("hindered", str(cannot("write", run.path, error)))
    except RunError as error:
        return Done("hindered", str(error))
    except DataError as error:  # where the space varies them, it is not known what they have to be
        return Done("hindered" if task.data else "failed", str(error))
    except (NncliError, MemoryError) as error:
        return Done("failed", str(error) or "out of memory")
    return Done("ended")


def is_done(run: Run) -> bool:
    """Whether there is nothing left to train in it."""
    return (run.path / "config.yaml").exists() and is_whole(run)


class _Halt:
    """Whether to stop: by a clock, as a look at the disk takes as long as a small step."""

    def __init__(self, flag: Path, parent: int | None, until: int | None) -> None:
        self._flag, self._parent = flag, parent
        self._until: float = float("inf") if until is None else until
        self._due = 0.0

    def __call__(self, epochs: int) -> bool:
        if epochs >= self._until:
            return True
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + PAUSE
        return self._flag.exists() or (self._parent is not None and os.getppid() != self._parent)


def _as_begun(run: Run, config: Config) -> Config:
    """``config`` with what it leaves to the machine as it was when the run began, if it has."""
    file = run.path / "config.yaml"
    if config.training.shards != "auto" or not file.exists():
        return config
    shards = load_config(file).training.shards
    return config.model_copy(update={"training": config.training.model_copy(update={"shards": shards})})


def _is_paused(run: Run, until: int | None) -> bool:
    """Whether it stands where it was to stop."""
    if until is None or not (run.path / "summary.json").exists():
        return False
    return run.read_json("summary.json").get("status") == "interrupted" and epochs_of(run) >= until


def epochs_of(run: Run) -> int:
    """How many epochs of it are told of in its metrics."""
    return int(run.metrics.last_row().get("epoch", 0))


def _wait_for(run: Run, halt: Callable[[int], bool]) -> None:
    """A worker whose parent was killed lets go of its run a moment later."""
    until = time.monotonic() + PATIENCE
    while run.path.is_dir() and held(run.path) and time.monotonic() < until and not halt(0):
        time.sleep(PAUSE)


def tables_of(config: Config, expected: str = "") -> Tables:
    """The rows of ``config``: a process keeps those that it read last, of two configs that are compared both.

    Raises:
        DataError: They cannot be read, or have another fingerprint than is ``expected``.
        ConfigError: They are to lie on disk.
    """
    if lies_on_disk(config):
        message = "several trainings share the rows in memory, and data.stored has them on disk"
        raise ConfigError([config.problem("data.stored", message, "train one after the other, or set it to false")])
    data = config.resolved()["data"]
    source = {key: value for key, value in data.items() if key not in ("split", "preprocess")}
    order = {key: data["split"][key] for key in ("group", "time")}
    reading = {key: data["preprocess"][key] for key in ("columns", "missing_values")}
    paths = (config.data_path(key) for key in ("path", "validation_path", "test_path"))
    files = [_state(path) for path in paths if path is not None]
    tables, found = _read(_Source(repr((source, order, reading, files)), config))
    if expected and found != expected:
        raise DataError("the data changed since the trainings began", where=config.name_or_stem, remedy="train anew")
    return tables


def _state(path: Path) -> list[tuple[str, int, int]]:
    """What tells whether a file, or one in a folder, was written anew."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    found = [(file, file.stat()) for file in files if file.exists()]
    return [(str(file), state.st_size, state.st_mtime_ns) for file, state in found]


@dataclass(frozen=True)
class _Source:
    """What tables follow from, and a config that names it."""

    key: str
    config: Config

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self.key == other.key


@lru_cache(maxsize=2)
def _read(source: _Source) -> tuple[Tables, str]:
    tables = read_tables(source.config)
    return tables, fingerprint(train=tables.train, validation=tables.validation, test=tables.test)
