"""A sweep's YAML file -> Sweep, or all that is wrong with it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nncli import scoring
from nncli.config.document import Document, KeyPath, display, read_document
from nncli.config.loader import config_of, laid_over, load_config
from nncli.config.messages import Complaint
from nncli.config.overrides import Change, apply_overrides
from nncli.config.schema import Config
from nncli.config.validation import positioned, validated
from nncli.config.values import as_written
from nncli.errors import ConfigError, Problem, RunError
from nncli.registry import unknown
from nncli.sweep.file import KINDS, MOST_TRIALS, Range, SweepFile
from nncli.sweep.space import Dimension, Space, among
from nncli.sweep.sweep import Sweep, outer_first
from nncli.text import count


def load_sweep(path: str | Path, overrides: Sequence[str] = ()) -> Sweep:
    """The sweep of a YAML file, with ``overrides`` (``trials=100``) laid over it.

    Raises:
        ConfigError: With every problem of the file, or of its config.
    """
    path = Path(path)
    document = read_document(path)
    if "model" in document.value and "space" not in document.value:
        message, remedy = "is a config, and no sweep", f"a sweep names it, and what of it to vary: config: {path.name}"
        raise ConfigError(message, where=str(path), remedy=remedy)
    apply_overrides(document, list(overrides), dotted=("set", "space"))
    content = document.value
    named = content.get("config")
    if not isinstance(named, str) or not named:
        _, found = validated(SweepFile, document)
        raise ConfigError(positioned(document, found))
    place = path.parent / named if ("config",) not in document.overridden else Path(named)
    try:
        base = load_config(place)
    except ConfigError as error:
        if not os.path.isfile(place):  # it is the sweep that names it; is_file would raise for a name of 300 letters
            (problem,) = error.problems
            where = f"{document.where(('config',))}  config"
            raise ConfigError(f"{place}: {problem.message}", where=where, remedy=problem.remedy) from None
        raise
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in path.stem).lstrip(".-")
    return _sweep(document, base, stem or "sweep")


def sweep_of(content: Mapping[str, Any], where: str) -> Sweep:
    """The sweep that ``to_json`` wrote.

    Raises:
        RunError: It is none.
        ConfigError: The config in it is none.
    """
    base = content.get("config")
    if not isinstance(base, dict):
        raise RunError("is no sweep of nncli: it has no config", where=where, remedy="begin anew")
    document = Document({**content, "config": "config"})
    try:
        return _sweep(document, config_of(base), str(content.get("name")))
    except ConfigError as error:
        (first, *_) = error.problems
        raise RunError(f"is no sweep of nncli: {first}", where=where, remedy="begin anew") from None


def _sweep(document: Document, base: Config, name: str) -> Sweep:
    said, found = validated(SweepFile, document)
    if said is None:
        raise ConfigError(positioned(document, found))
    problems: list[Problem] = []

    def problem(path: KeyPath, message: str, remedy: str = "", *, key: bool = False) -> None:
        problems.append(Problem(message, f"{document.where(path, key=key)}  {display(path)}".strip(), remedy))

    dimensions = _dimensions(document, said.space, found, problem)
    if found or problems:
        raise ConfigError(positioned(document, found, problems))
    space = Space(_ordered(dimensions, problem))
    if not problems:
        _check(said, space, base, problem)
    if problems:
        raise ConfigError(positioned(document, [], problems))
    fixed = {key: Change(value, document.where(("set", key))) for key, value in said.set.items()}
    base = laid_over(base, outer_first(fixed)) if fixed else base
    trials = int(space.grid_size()) if said.trials is None else said.trials
    sweep = Sweep(
        said.name or name,
        base,
        space,
        said.method,
        trials,
        said.seed,
        said.monitor,
        said.pruning,
        dict(_places(document, space)),
    )
    if said.pruning is not None and not sweep.rungs:
        epochs = count(base.training.epochs, "epoch")
        problem(("pruning",), f"compares nobody within {epochs}", "train for more, or leave it out")
        raise ConfigError(positioned(document, [], problems))
    return sweep


def _places(document: Document, space: Space) -> Iterator[tuple[tuple[str, int], str]]:
    yield ("monitor", -1), document.where(("monitor",))
    for dimension in space.dimensions:
        path: KeyPath = ("space", dimension.key)
        yield (dimension.key, -1), document.where(path)
        if isinstance(document.value["space"][dimension.key], dict):
            path = (*path, dimension.kind)
        if dimension.kind == "choice":
            for number in range(len(dimension.values)):
                yield (dimension.key, number), document.where((*path, number))


def _dimensions(document: Document, space: Mapping[str, Any], found: list[Complaint], problem: Any) -> list[Dimension]:
    dimensions = []
    for key, value in space.items():
        path: KeyPath = ("space", key)
        if not key or any(not part for part in key.split(".")):
            problem(path, "is no key of a config", "for example optimizer.learning_rate", key=True)
            continue
        if isinstance(value, list):
            value = {"choice": value}
        if not isinstance(value, dict):
            problem(
                path, f"must be a list of values, or a mapping (is {as_written(value)})", f"write [{as_written(value)}]"
            )
            continue
        said, wrong = validated(Range, Document(value))
        found += [replace(one, path=(*path, *one.path)) for one in wrong]
        if said is None or wrong:
            continue
        kinds = [kind for kind in KINDS if getattr(said, kind) is not None]
        if len(kinds) != 1:
            has = f"has {' and '.join(kinds)}" if kinds else "says no values"
            problem(path, has, f"give one of {', '.join(KINDS)}")
            continue
        (kind,) = kinds
        values = tuple(getattr(said, kind))
        if kind != "choice" and not _is_range(kind, values):
            least = " above 0" if kind.startswith("log") else ""
            problem((*path, kind), f"must be [lowest, highest]{least} (is {as_written(list(values))})")
            continue
        if kind == "choice" and said.steps is not None:
            problem((*path, "steps"), "goes with a range", "leave it out: a grid has all choices", key=True)
            continue
        if kind == "choice" and len({*map(as_written, values)}) < len(values):
            problem(path, "has a value twice", "name each once")
            continue
        when = {other: tuple(x) if isinstance(x, list) else (x,) for other, x in (said.when or {}).items()}
        dimensions.append(Dimension(key, kind, values, said.steps, when))  # type: ignore[arg-type]
    return dimensions


def _is_range(kind: str, values: Sequence[float]) -> bool:
    return len(values) == 2 and values[0] < values[1] and not (kind.startswith("log") and values[0] <= 0)


def _ordered(dimensions: Sequence[Dimension], problem: Any) -> tuple[Dimension, ...]:
    """Each behind those that it depends on, otherwise as they are written."""
    by_key = {dimension.key: dimension for dimension in dimensions}
    for one in dimensions:
        for other, values in one.when.items():
            path: KeyPath = ("space", one.key, "when", other)
            if other not in by_key:
                others = [key for key in by_key if key != one.key]
                message = unknown("key of the space", other, others) if others else "is no other key of the space"
                problem(path, message, key=True)
                continue
            target = by_key[other]
            absent = [value for value in values if target.kind == "choice" and not among(value, target.values)]
            if target.kind != "choice":
                problem(path, f"{other} is a range, and none of its values is taken for sure", "make it a choice")
            elif not values:
                problem(path, "has no value", f"give some of {as_written(list(target.values))}")
            elif absent:
                never = f"{other} is never {as_written(absent[0])}"
                problem(path, never, f"it is one of {as_written(list(target.values))}")
    ordered: list[Dimension] = []
    left = list(dimensions)
    while left:
        placed = {dimension.key for dimension in ordered}
        ready = next((d for d in left if all(key in placed or key not in by_key for key in d.when)), None)
        if ready is None:
            circle = ", ".join(dimension.key for dimension in left)
            problem(
                ("space", left[0].key, "when"), f"depends on itself in the end: {circle}", "let one of them stand alone"
            )
            break
        ordered.append(ready)
        left.remove(ready)
    return tuple(ordered)


def _check(said: SweepFile, space: Space, base: Config, problem: Any) -> None:
    figures = ("validation_loss", *(f"validation_{name}" for name in scoring.registry.names))
    if said.monitor not in figures:
        problem(("monitor",), unknown("figure", said.monitor, figures))
    possible = {key for corner in space.corners() for key in corner}
    for dimension in space.dimensions:
        if dimension.key not in possible:
            message = "is never there: what it depends on excludes one another"
            problem(("space", dimension.key, "when"), message, "leave out one of the conditions")
        for inner in said.set:
            if inner == dimension.key:
                problem(("set", inner), "is in the space, too", "leave out one of them", key=True)
            elif inner.startswith(f"{dimension.key}."):
                message = f"is lost: the space has {dimension.key}, with all that is in it"
                problem(("set", inner), message, f"say it in each value of {dimension.key}", key=True)
    if said.method != "grid":
        if said.trials is None:
            problem((), f"{said.method} goes on for ever", "say how many: trials: 50")
        elif said.method == "random" and (size := space.size(said.trials)) < said.trials:
            message = f"{said.trials} trials are more than the space has values, which is {int(size)}"
            problem(("trials",), message, "take method: grid, or fewer trials")
        for dimension in space.dimensions:
            if dimension.steps is not None:
                where: KeyPath = ("space", dimension.key, "steps")
                problem(where, f"goes with a grid, and the method is {said.method}", "leave it out", key=True)
        return
    for dimension in space.dimensions:
        if dimension.kind in ("uniform", "log_uniform") and dimension.steps is None:
            where = ("space", dimension.key)
            problem(where, "a grid needs to know how many of these numbers", "add steps: 5")
            return
    size = space.grid_size(MOST_TRIALS)
    if size > MOST_TRIALS:
        problem(("space",), f"a grid of more than {MOST_TRIALS:,} trials", "take method: random")
    elif said.trials is not None and said.trials != size:
        problem(("trials",), f"is {said.trials}, and the grid has {int(size)}", "leave it out")
