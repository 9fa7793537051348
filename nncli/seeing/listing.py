"""The runs in a folder, as a table: how each went, by the few of its files that say so, and whatever they hold."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path
from typing import Any

from nncli.config.document import LARGEST_FILE, parse_scalar
from nncli.config.values import flattened, parse_values
from nncli.errors import NncliError, RunError
from nncli.registry import nearest, unknown
from nncli.run import ROOT, Run
from nncli.run.files import read
from nncli.run.lock import held
from nncli.scoring import higher_is_better

DEEPEST = 8
"""Folders in folders that are looked through for runs."""
MARKS = {"config.yaml", "summary.json", "environment.json", "preprocess.json"}
"""What only runs have: a folder with one of them is one, if a damaged one."""
LONGEST = 200
"""Characters of a word in a file that anybody may have written."""
CHIEF = ("accuracy", "r2")
"""Of the metrics that each task has by itself, those that say most to a person."""
JUDGED = ("test_", "out_of_fold_", "validation_")
"""The rows that a run is judged on: the first of them that it has."""
LARGEST = 2**63
"""Numbers beyond it, in a file that anybody may have written, are none."""

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": ne,
    "<=": le,
    ">=": ge,
    "==": eq,
    "=": eq,
    "<": lt,
    ">": gt,
}
LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

_CONDITION = re.compile(rf"(.+?)({'|'.join(OPERATORS)})(.*)", re.DOTALL)


@dataclass(frozen=True)
class Listed:
    """A run as a row of the table; what it does not tell is None.

    Attributes:
        path: Where it is.
        run: Its name: its path from the folder that was looked through.
        status: What its summary says; ``killed`` if that is ``running`` and no process has its lock; ``damaged``.
        data: The built-in source, or the name of the file.
        task: What its target asks for.
        metric: What ``score`` is: ``test_accuracy``. See ``judged_by``.
        score: What it is judged by.
        loss: On the same rows.
        epochs: How many it has done; of an ensemble, the most that a member has.
        best: The best of them.
        parameters: How many numbers it learns.
        seconds: Of training.
        written: When its summary was, in seconds since 1970: at its end, or at the beginning of one that goes on.
        latest: Whether it is what ``latest`` in the folder leads to.
        members: Of an ensemble, how many it has.
        metrics: All figures of the summary, or of the last epoch of one that has not ended.
        config: Its config, as ``flattened`` has it.
        problem: What is wrong with it, or why it ended.
    """

    path: Path
    run: str
    status: str = "damaged"
    data: str | None = None
    task: str | None = None
    metric: str | None = None
    score: float | None = None
    loss: float | None = None
    epochs: int | None = None
    best: int | None = None
    parameters: int | None = None
    seconds: float | None = None
    written: float | None = None
    latest: bool = False
    members: int | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @cached_property
    def when(self) -> str | None:
        """``written``, in local time to the minute, as it is read and compared: ``2026-11-28 18:40``."""
        if self.written is None:
            return None
        return datetime.fromtimestamp(self.written, UTC).astimezone().strftime("%Y-%m-%d %H:%M")

    def value(self, key: str) -> Any:
        """What stands in the column ``key``, or that metric, or that key of the config; None for nothing."""
        if key in COLUMNS:
            return getattr(self, key)
        if key in self.metrics:
            return self.metrics[key]
        return self.config.get(key, self.config.get(f"{key}.name"))

    def to_json(self) -> dict[str, Any]:
        """The columns and all metrics."""
        when = None if self.written is None else datetime.fromtimestamp(self.written, UTC).isoformat(timespec="seconds")
        columns = {name: getattr(self, name) for name in COLUMNS}
        return {**columns, "path": str(self.path), "when": when, "members": self.members, "metrics": dict(self.metrics)}


COLUMNS = (
    *("run", "status", "data", "task", "metric", "score", "loss", "epochs", "best", "parameters", "seconds", "when"),
    *("latest", "problem"),
)
"""The columns of the table: those of ``Listed`` by the same names."""


def list_runs(
    directory: str | Path = ROOT, *, sort: str = "when", reverse: bool = False, where: Sequence[str] = ()
) -> list[Listed]:
    """The runs in ``directory`` and in its folders, but for the members of ensembles; no link in it is followed.

    Args:
        directory: The folder.
        sort: A column, a metric, or a key of the config. The best come first, or the newest; of others the lowest.
            What has nothing there comes last.
        reverse: Whether the others come first.
        where: Conditions that all hold: ``status!=completed``, ``test_accuracy>0.9``, ``optimizer.name=adam``,
            ``run=sweep*`` with a star for any text.

    Raises:
        NncliError: There is no such folder, or no such key.
    """
    directory = Path(directory)
    conditions = [_condition(text) for text in where]
    runs = list(_runs(directory))
    for key, place in ((sort, "--sort"), *((key, "--where") for key, _, _ in conditions)):
        _refuse_unknown(key, place, runs)
    chosen = [run for run in runs if all(_holds(run, key, operator, said) for key, operator, said in conditions)]
    return _sorted(chosen, sort, reverse=reverse)


def asked_for(sort: str, where: Sequence[str] = ()) -> list[str]:
    """The metrics and keys of the config by which runs are sorted and chosen: what one wants to see beside them."""
    keys = [sort, *(_condition(text)[0] for text in where)]
    return [key for key in dict.fromkeys(keys) if key not in COLUMNS]


def judged_by(config: Mapping[str, Any], metrics: Mapping[str, float | None]) -> str | None:
    """Which of ``metrics`` a run is judged by; None if there is none.

    It is that of the test rows, or where there are none of those out of their folds, or else of validation. Of their
    metrics it is the one that early stopping watches, or the first that the config asks for, or accuracy or R².

    Args:
        config: As ``flattened`` has it.
        metrics: By their names in summary.json.
    """
    watched = config.get("training.early_stopping.monitor")
    asked = config.get("metrics.0.name")
    wanted = [name.removeprefix("validation_") for name in (watched, asked) if isinstance(name, str)]
    for split in JUDGED:
        there = [
            name.removeprefix(split) for name, value in metrics.items() if name.startswith(split) and value is not None
        ]
        for name in (*wanted, *CHIEF, *there):
            if name in there and name != "loss":
                return split + name
    return None


# -- finding ---------------------------------------------------------------------------------------------------------


def _runs(directory: Path) -> Iterator[Listed]:
    if not directory.is_dir():
        if directory == ROOT and not (directory.exists() or directory.is_symlink()):
            return
        what = "is a file, and runs lie in a folder" if directory.exists() else "there is no such folder"
        raise RunError(what, where=str(directory), remedy=f"nncli train CONFIG makes {ROOT}/")
    newest = _target(directory / "latest")
    for path, problem in _found(directory, DEEPEST):
        name = path.resolve().name if path == directory else path.relative_to(directory).as_posix()
        listed = Listed(path, name, problem=problem) if problem else read_run(path, name)
        yield replace(listed, latest=True) if newest is not None and path.absolute() == newest else listed


def _found(folder: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """The runs in ``folder``, or it itself; and what cannot be looked into, and why."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield folder, f"cannot be read: {error.strerror or error}"
        return
    if any(entry.name in MARKS for entry in entries):
        yield folder, ""
    elif depth:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _found(folder / entry.name, depth - 1)


def _target(link: Path) -> Path | None:
    """What a link to a folder beside it leads to."""
    with contextlib.suppress(OSError):
        if link.is_symlink():
            return Path(os.path.normpath(link.parent.absolute() / link.readlink()))
    return None


# -- reading ---------------------------------------------------------------------------------------------------------


def read_run(path: Path, name: str) -> Listed:
    """The run at ``path`` as a row by that ``name``, as far as its files can be read."""
    run, problems = Run(path), list[str]()
    config, summary, last = dict[str, Any](), dict[str, Any](), dict[str, float]()
    with _noted(problems):
        file = path / "config.yaml"
        config = dict(flattened(parse_values(read(file, LARGEST_FILE).decode(), str(file))))
    with _noted(problems):
        summary = run.read_json("summary.json")
    status = _word(summary.get("status"))
    if status == "running":
        with _noted(problems):
            status = "running" if held(path) else "killed"
    if "metrics" not in summary and "ensemble.members" not in config:
        with _noted(problems):
            last = run.metrics.last_row()
    known = {**{key: x for key, x in last.items() if key.startswith("validation_")}, **_mapping(summary, "metrics")}
    metrics = {_short(key): _number(value) for key, value in known.items()}
    metric = judged_by(config, metrics)
    members = summary.get("members")
    each = [one for one in members if isinstance(one, dict)] if isinstance(members, list) else [{**last, **summary}]
    if reason := _word(summary.get("problem")):
        problems.append(reason)
    return Listed(
        path=path,
        run=name,
        status=status if status and config else "damaged",
        data=_data(config),
        task=_word(summary.get("task")),
        metric=metric,
        score=metrics[metric] if metric else None,
        loss=_loss(metrics, metric),
        epochs=max((n for one in each if (n := _count(one.get("epochs", one.get("epoch")))) is not None), default=None),
        best=_count(summary.get("best_epoch")) or None,
        parameters=_count(summary.get("parameters")),
        seconds=_number(summary.get("training_seconds", last.get("seconds"))),
        written=_written(path),
        members=_count(config.get("ensemble.members")),
        metrics=metrics,
        config=config,
        problem="; ".join(problems) or None,
    )


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """Let what cannot be read stand in the row of the run."""
    try:
        yield
    except NncliError as error:
        problems += map(str, error.problems)
    except UnicodeDecodeError:
        problems.append("its config.yaml is not UTF-8")


def _loss(metrics: Mapping[str, float | None], metric: str | None) -> float | None:
    """On the rows of ``metric``; where there is none, on those that would be judged by."""
    splits = [split for split in JUDGED if metric is None or metric.startswith(split)]
    return next((value for split in splits if (value := metrics.get(f"{split}loss")) is not None), None)


def _data(config: Mapping[str, Any]) -> str | None:
    """The built-in source, the last part of the path, or that a program had it in its memory."""
    source, path = _word(config.get("data.source.name")), _word(config.get("data.path"))
    if source or not path:
        return source or ("memory" if config.get("data.memory") is True else None)
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path


def _written(path: Path) -> float | None:
    for name in ("summary.json", "config.yaml", ""):
        with contextlib.suppress(OSError):
            written = (path / name).lstat().st_mtime
            return written if 0 <= written < LAST_SECOND else None
    return None


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _word(value: Any) -> str | None:
    return _short(value) if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return float(value) if good else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


# -- choosing --------------------------------------------------------------------------------------------------------


def _condition(text: str) -> tuple[str, str, str]:
    """The key, the operator and what stands behind it."""
    match = _CONDITION.fullmatch(text)
    if match is None or not match[1].strip():
        remedy = "for example 'test_accuracy>0.9', optimizer.name=adam or 'status!=completed'"
        raise NncliError("is no condition", where=f"--where {_short(text)!r}", remedy=remedy)
    return match[1].strip(), match[2], match[3].strip()


def _refuse_unknown(key: str, place: str, runs: Sequence[Listed]) -> None:
    if not runs:  # nobody can know which keys they would have
        return
    keys = dict.fromkeys([*COLUMNS, *(name for run in runs for name in (*run.metrics, *run.config))])
    keys |= {key.removesuffix(".name"): None for key in keys if key.endswith(".name")}
    if key not in keys:
        guess = nearest(key, keys)
        message = unknown("key", _short(key), keys if guess else COLUMNS)
        more = "" if guess else "any metric of a summary, and any key of a config: optimizer.learning_rate"
        raise NncliError(message, where=place, remedy=more)


def _holds(run: Listed, key: str, operator: str, said: str) -> bool:
    """Whether a condition does: an order is one of numbers or of text, and a key that is not there is not null."""
    compare, value = OPERATORS[operator], run.value(key)
    if operator in ("=", "==", "!="):
        there = value is not None or key in run.config or key in run.metrics
        return compare(there and _is(value, said), True)
    wanted = _scalar(said)
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return compare(value, wanted)
    return isinstance(value, str) and compare(value, said)


def _is(value: Any, said: str) -> bool:
    """Whether ``value`` is what was said: the same number, or the same text, in which a star is any text."""
    wanted = _scalar(said)
    if value is None or isinstance(value, bool) or isinstance(wanted, bool) or wanted is None:
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return value == wanted
    return re.fullmatch(".*".join(map(re.escape, said.split("*"))), str(value), re.DOTALL) is not None


def _scalar(text: str) -> Any:
    try:
        return parse_scalar(text, "")
    except NncliError:  # of too many digits: it is no number then
        return text


def _sorted(runs: list[Listed], key: str, *, reverse: bool) -> list[Listed]:
    """By ``key``: the best first, the newest first, others upwards; scores by their metric, then the best first."""
    runs = sorted(runs, key=lambda run: run.run)
    name = "written" if key == "when" else key
    values = [(run, getattr(run, name) if name == "written" else run.value(key)) for run in runs]
    there = [(run, value) for run, value in values if value is not None]

    def place(pair: tuple[Listed, Any]) -> tuple[str, bool, float, str]:
        run, value = pair
        figure = run.metric or "" if key == "score" else key
        downwards = key in ("when", "latest") or higher_is_better(figure) is True
        if not isinstance(value, int | float):
            return "", True, 0.0, str(value)
        return figure, False, -value if downwards else value, ""

    ordered = [run for run, _ in sorted(there, key=place, reverse=reverse)]
    return ordered + [run for run, value in values if value is None]
