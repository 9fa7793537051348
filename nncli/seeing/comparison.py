"""Runs side by side: what differs in their configs and environments, which figures are better, and their curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nncli.config.schema import Block, Config
from nncli.config.values import flattened
from nncli.engine.buffers import Array
from nncli.errors import NncliError, Problem, RunError
from nncli.plots.canvas import CYCLE, Picture, save
from nncli.plots.curves import draw_together
from nncli.run import Run, what_matters
from nncli.scoring import higher_is_better
from nncli.seeing.listing import Listed, read_run
from nncli.seeing.view import View, look_at
from nncli.text import count

MOST_CURVES = len(CYCLE)
"""So many are told apart."""
LAYERS = "model.layers"
DATA = "data (SHA-256)"
DIGITS = 12
"""Of a digest that are shown."""
MACHINE = ("processor", "kernels")
"""What the time of a training depends on."""
PARTS = ("validation", "out_of_fold", "test")
"""The rows that figures are of."""


@dataclass(frozen=True)
class Figure:
    """A figure of several runs.

    Attributes:
        name: ``test_accuracy``, ``seconds``.
        values: By the names of the runs; None, or no entry, for one that does not have it.
        higher_is_better: Which way it gets better; None where none is better.
        better: The runs that have the best value, all that share it; none where the values do not compare.
    """

    name: str
    values: Mapping[str, float | None]
    higher_is_better: bool | None
    better: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """A figure over the epochs: ``epochs`` (n,), ``values`` (n,), NaN where it is not known."""

    epochs: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs, in the order in which they were named.

    Attributes:
        runs: Each as a row of a listing, by its name: the end of its path that tells it from the others.
        config: Dotted key -> name of the run -> value, of the keys that differ; no entry for a run without the key.
        environment: The same of what their bits depend on besides, and of their data.
        figures: What came of them.
        notes: Why figures do not compare, and what else one should know.
        histories: The columns of metrics.csv (epochs,), by the names of the runs. Of an ensemble they are the means
            of its members, as far as all of them went.
        best_epochs: By the same names.
        charted: The column of the histories that says most: the validation loss, or that of the training.
    """

    runs: Mapping[str, Listed]
    config: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, Mapping[str, Any]]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    histories: Mapping[str, Mapping[str, Array]]
    best_epochs: Mapping[str, int | None]
    charted: str

    @property
    def curves(self) -> dict[str, Curve]:
        """The charted one of each run that has it, of so many as can be told apart."""
        there = {n: h for n, h in self.histories.items() if self.charted in h and np.isfinite(h[self.charted]).any()}
        return {name: Curve(there[name]["epoch"], there[name][self.charted]) for name in [*there][:MOST_CURVES]}

    def to_json(self) -> dict[str, Any]:
        """All but the curves, which are in metrics.csv."""
        return {
            "runs": {name: run.to_json() for name, run in self.runs.items()},
            "config": {key: dict(values) for key, values in self.config.items()},
            "environment": {key: dict(values) for key, values in self.environment.items()},
            "figures": [asdict(figure) for figure in self.figures],
            "notes": list(self.notes),
        }


def compare(runs: Sequence[str | Path | Run]) -> Comparison:
    """Set ``runs`` side by side, finished or not.

    Raises:
        NncliError: There are fewer than two, one is named twice, or not there, or its files cannot be read.
    """
    views = _views(runs)
    if len(views) < 2:
        raise NncliError("takes two runs or more", where="nncli compare", remedy="nncli runs lists them")
    names = _names([view.run.path for view in views])
    seen = dict(zip(names, views, strict=True))
    listed = {name: read_run(view.run.path, name) for name, view in seen.items()}
    made_in = {name: _made_in(view) for name, view in seen.items()}
    histories = {name: _history(view) for name, view in seen.items()}
    best = {name: view.best_epochs.get(view.name) for name, view in seen.items()}
    reasons = _reasons(seen, listed, made_in)
    return Comparison(
        runs=listed,
        config=_differing(_settings([view.config for view in views], names)),
        environment=_differing(made_in),
        figures=tuple(_figures(listed, reasons)),
        notes=(*dict.fromkeys(reasons.values()), *_remarks(seen, listed)),
        histories=histories,
        best_epochs=best,
        charted=_charted(histories),
    )


def draw_comparison(comparison: Comparison) -> Picture | None:
    """The curves of the runs over each other, of so many as can be told apart; None if there are none."""
    chosen = [*comparison.histories][:MOST_CURVES]
    histories = {name: comparison.histories[name] for name in chosen}
    of = f" of {len(comparison.histories)}" if len(chosen) < len(comparison.histories) else ""
    first = "the first " if of else ""
    return draw_together(histories, comparison.best_epochs, f"{first}{count(len(chosen), 'run')}{of}")


def save_picture(comparison: Comparison, path: Path) -> None:
    """Write ``draw_comparison`` as PNG.

    Raises:
        NncliError: There is nothing to draw, something else is there, or it cannot be written.
    """
    picture = draw_comparison(comparison)
    if picture is None:
        raise NncliError("no run has a curve yet", where=str(path), remedy="wait for an epoch to end")
    save(picture.figure, path)


# -- which runs ------------------------------------------------------------------------------------------------------


def _views(runs: Sequence[str | Path | Run]) -> list[View]:
    """Each run; what is wrong with any of them is said at once.

    What another name leads to again, as ``latest`` does in ``runs/*``, is left out if two others are left.
    """
    opened: dict[Path, tuple[str, Run]] = {}
    problems: list[Problem] = []
    again: list[Problem] = []
    for named in runs:
        said = str(named.path if isinstance(named, Run) else named)
        try:
            run = named if isinstance(named, Run) else Run.open(named)
        except NncliError as error:
            problems += error.problems
            continue
        before, _ = opened.setdefault(run.path.resolve(), (said, run))
        if before != said:
            again.append(Problem(f"is the same run as {before}", said, "name another one"))
        elif opened[run.path.resolve()][1] is not run:
            problems.append(Problem("is named twice", said, "name each run once"))
    if len(opened) < 2:
        problems += again
    views: list[View] = []
    for _, run in opened.values():
        try:
            views.append(look_at(run, rows=False))
        except NncliError as error:
            problems += error.problems
    if problems:
        raise NncliError(problems)
    return views


def _names(paths: Sequence[Path]) -> list[str]:
    """Of each path as many of its last parts as tell it from the others."""
    parts = [path.resolve().parts for path in paths]
    for n in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(part[-n:]) for part in parts]
        if len({*ends}) == len(ends):
            break
    return ends


# -- what differs ----------------------------------------------------------------------------------------------------


def _made_in(view: View) -> dict[str, Any]:
    """What its bits, and its time, depend on; nothing where the file cannot be read."""
    try:
        content = view.run.read_json("environment.json")
    except RunError:
        return {}
    data = content.get("data")
    told = {**what_matters(content), "kernels": content.get("kernels")}
    return {**told, DATA: data[:DIGITS] if isinstance(data, str) else None}


def _settings(configs: Sequence[Config], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Name -> dotted key -> value. Where one network has more blocks than another, the last ones are set side by side.

    Of a block that only some of them have, what is as it would be anyway is left out.
    """
    deep = len({len(config.model.layers) for config in configs}) > 1
    found: dict[str, dict[str, Any]] = {}
    for name, config in zip(names, configs, strict=True):
        content = config.resolved()
        layers = content["model"]["layers"]
        labels = [*map(str, range(len(layers) - 1)), "last" if deep else str(len(layers) - 1)]
        content["model"]["layers"] = dict(zip(labels, layers, strict=True))
        found[name] = dict(flattened(content))
    if deep:
        shallow = min(len(config.model.layers) for config in configs) - 1
        for settings in found.values():
            for key in [key for key in settings if key.startswith(f"{LAYERS}.")]:
                _, _, number, inside = key.split(".", 3)
                if number.isdigit() and int(number) >= shallow and settings[key] == _of_a_block().get(inside):
                    del settings[key]
    return found


@cache
def _of_a_block() -> dict[str, Any]:
    """What each key of a block is if nothing is said of it."""
    return dict(flattened(Block().model_dump()))


def _differing(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key -> name -> value, of the keys that do not have the same value everywhere.

    What is null in some and a mapping in others differs in what the mapping has; the null says nothing more.
    """
    keys = _merged(found.values())
    rows = {key: {name: settings[key] for name, settings in found.items() if key in settings} for key in keys}
    opened = {key[:at] for key in keys for at, letter in enumerate(key) if letter == "."}
    return {
        key: row
        for key, row in rows.items()
        if (len(row) < len(found) or not _all_same(row.values()))
        and not (key in opened and all(value is None for value in row.values()))
    }


def _merged(lists: Iterable[Iterable[str]]) -> list[str]:
    """Every key once; one that only a later list has stands where it has it, behind the one before it there."""
    order: list[str] = []
    for keys in lists:
        at = 0
        for key in keys:
            if key in order:
                at = order.index(key) + 1
            else:
                order.insert(at, key)
                at += 1
    return order


def _all_same(values: Iterable[Any]) -> bool:
    """Whether they are; 1 is not true."""
    first, *others = values
    return all(type(first) is type(other) and first == other for other in others)


# -- what compares ---------------------------------------------------------------------------------------------------


def _reasons(
    seen: Mapping[str, View], listed: Mapping[str, Listed], made_in: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Why figures of some rows do not compare: by ``test``, ``validation``, ``out_of_fold``; of any by ``loss``."""
    data = [content.get(DATA) for content in made_in.values()]
    if None in data or not _all_same(data):
        why = "of some runs it is not told which data they had" if None in data else "the runs had different data"
        return dict.fromkeys((*PARTS, "loss", "seconds"), f"{why}: their scores do not compare")
    reasons: dict[str, str] = {}
    for part in PARTS:
        judged = [name for name, run in listed.items() if any(figure.startswith(f"{part}_") for figure in run.metrics)]
        differ = _differing({name: _rows(seen[name].config, part) for name in judged})
        if differ:
            cure = "; the same data.split.seed keeps them" if "seed" in differ else ""
            rows = part.replace("_", " ")
            reasons[part] = (
                f"the {rows} rows are not the same ({', '.join(differ)}): {rows} figures do not compare{cure}"
            )
    if _differing({name: _loss(view.config) for name, view in seen.items()}):
        reasons["loss"] = "the losses are different functions, which do not compare"
    if _differing({name: {key: content.get(key) for key in MACHINE} for name, content in made_in.items()}):
        reasons["seconds"] = "the runs were made by different processors or kernels: their seconds do not compare"
    return reasons


def _rows(config: Config, part: str) -> dict[str, Any]:
    """What says which rows of the data are in that part. Those of a file of its own are among the data."""
    data, split = config.data, config.data.split
    if part == "test" and data.test_path is not None:
        return {}
    drawn = split.shuffle and split.time is None
    shares = split.model_dump(include={"validation", "test", "stratify", "shuffle", "group", "time"})
    seed = config.seed if split.seed is None else split.seed
    rows = {**{f"data.split.{key}": value for key, value in shares.items()}, "seed": seed if drawn else None}
    if part == "test":
        return rows
    debugging = {f"training.{key}": batches for key, batches in config.training.debugging.items()}
    fold = None if split.fold is None else split.fold.model_dump()
    return {**rows, "data.split.fold": fold, "folds": config.folds, **debugging}


def _loss(config: Config) -> dict[str, Any]:
    """What says which function of a row its loss is."""
    data = config.data
    return {"loss": config.loss.model_dump(), "weight": data.weight, "target": data.preprocess.target}


def _figures(listed: Mapping[str, Listed], reasons: Mapping[str, str]) -> Iterator[Figure]:
    for name in _merged(run.metrics for run in listed.values()):
        values = {run: row.metrics[name] for run, row in listed.items() if name in row.metrics}
        alike = not any(name.startswith(f"{part}_") for part in PARTS if part in reasons)
        yield _figure(
            name, values, higher_is_better(name), alike and not (name.endswith("_loss") and "loss" in reasons)
        )
    for name, higher in (("seconds", False), ("epochs", None), ("best", None), ("parameters", None)):
        told = {run: value for run, row in listed.items() if (value := row.value(name)) is not None}
        if told:
            yield _figure(name, told, higher, name not in reasons)


def _figure(name: str, values: Mapping[str, float | None], higher: bool | None, alike: bool) -> Figure:
    known = [value for value in values.values() if value is not None]
    if higher is None or not alike or len(known) < 2:
        return Figure(name, values, higher, ())
    best = max(known) if higher else min(known)
    return Figure(name, values, higher, tuple(run for run, value in values.items() if value == best))


def _remarks(seen: Mapping[str, View], listed: Mapping[str, Listed]) -> Iterator[str]:
    """What else one should know before one believes a figure."""
    for name, run in listed.items():
        if run.status not in ("completed", "stopped_early"):
            after = f" after {count(run.epochs, 'epoch')}" if run.epochs is not None else ""
            yield f"{name} is {run.status}{after}" + (f": {run.problem}" if run.problem else "")
        for key in seen[name].config.training.debugging:
            yield f"{name} is a debugging run (training.{key})"


# -- curves ----------------------------------------------------------------------------------------------------------


def _history(view: View) -> Mapping[str, Array]:
    """Its own; of an ensemble the mean of its members, as far as all of them went."""
    histories = [history for history in view.histories.values() if len(history.get("epoch", ()))]
    if view.config.ensemble is None or not histories:
        return histories[0] if histories else {}
    epochs = min(len(history["epoch"]) for history in histories)
    columns = [column for column in histories[0] if all(column in history for history in histories)]
    return {column: np.mean([history[column][:epochs] for history in histories], axis=0) for column in columns}


def _charted(histories: Mapping[str, Mapping[str, Array]]) -> str:
    """The validation loss if all have it that have any curve, or else that of the training."""
    drawn = [history for history in histories.values() if history]
    return "validation_loss" if drawn and all("validation_loss" in history for history in drawn) else "train_loss"
