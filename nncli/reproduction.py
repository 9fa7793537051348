"""A run, trained again from its own files, and compared with it bit for bit."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from nncli.api import train
from nncli.builder import Experiment, build
from nncli.config.loader import load_config
from nncli.engine.buffers import Array
from nncli.errors import DataError, DivergedError, RunError
from nncli.run import Run, differences
from nncli.training.events import Event

TIME = "seconds"
"""The one column of metrics.csv that is another every time."""


@dataclass(frozen=True)
class Deviation:
    """A tensor that came out otherwise.

    Attributes:
        name: Of which file, and its name there: ``last: layers.0.weight``.
        entries: How many of its numbers differ; all of them if the shapes do.
        largest: By how much at most; None if the shapes differ, or something is not finite.
    """

    name: str
    entries: int
    largest: float | None


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes:
        run: Which was trained again.
        epochs: How many were compared.
        epoch: The first whose figures differ; None if none does.
        figures: Of that epoch, name -> [before, now], as metrics.csv has them.
        tensors: The weights that differ, in the order of the network.
        differences: What may be the reason: what differs in the environment, and that the run was resumed otherwise.
        member: Of an ensemble, whose epoch that is.
        members: How many of them were compared.
        together: Of the figures that they have together, those that differ, name -> [before, now].
    """

    run: str
    epochs: int
    epoch: int | None
    figures: Mapping[str, list[str | None]]
    tensors: tuple[Deviation, ...]
    differences: tuple[str, ...]
    member: int | None = None
    members: int | None = None
    together: Mapping[str, list[float | None]] = field(default_factory=dict)

    @property
    def identical(self) -> bool:
        """Whether every figure and every weight has the same bits."""
        return self.epoch is None and not self.tensors and not self.together

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {"identical": self.identical, **asdict(self)}


def reproduce(
    run: Run,
    *,
    began: Callable[[Experiment, Run], None] = lambda experiment, run: None,
    observe: Callable[[Event], None] = lambda event: None,
    turn: Callable[[int, int], None] = lambda number, members: None,
) -> Reproduction:
    """Train ``run`` again, in a temporary folder, and compare metrics and weights.

    Raises:
        RunError: It has not ended, or cannot be read.
        DataError: The data are not those of the training any more.
        Interrupted: A signal came.
    """
    summary = run.read_json("summary.json")
    if summary.get("status") not in ("completed", "stopped_early", "diverged"):
        raise RunError("its training has not ended", where=str(run.path), remedy=f"nncli resume {run.path} goes on")
    config = load_config(run.path / "config.yaml").untracked()
    experiment = build(config)
    if run.read_json("environment.json").get("data") != experiment.dataset.fingerprint:
        message = "the data changed since the training, which cannot be repeated"
        raise DataError(message, where=str(run.path), remedy="restore the data, or train anew")
    order = list(experiment.network.layout) + list(experiment.network.statistics)
    del experiment
    kept = [_kept(one) for one in ([run] if config.ensemble is None else _members(run, config.ensemble.members))]
    with tempfile.TemporaryDirectory(prefix="nncli-reproduce-") as folder:
        again = Run(Path(folder) / "run")
        with contextlib.suppress(DivergedError):  # as it did before, or that is the difference
            train(config, directory=again.path, began=began, observe=observe, turn=turn)
        if config.ensemble is None:
            return _compared(kept[0], again, order)
        now = _members(again, config.ensemble.members)
        found = [_compared(*both, order) for both in zip(kept, now, strict=False)]
        return _together(run, summary, found, again.read_json("summary.json"))


def _members(run: Run, members: int) -> list[Run]:
    """Those that were trained: none behind one that diverged."""
    runs = [run.member(number) for number in range(members)]
    return [one for one in runs if (one.path / "weights" / "last.safetensors").exists()]


@dataclass(frozen=True)
class _Kept:
    """What is compared of a network, read before it is trained again: what cannot be read costs no training.

    Attributes:
        run: Where from.
        rows: Of metrics.csv.
        made_in: The content of environment.json.
        weights: ``best`` and ``last`` -> tensors by name.
    """

    run: Run
    rows: list[dict[str, str]]
    made_in: dict[str, Any]
    weights: dict[str, dict[str, Array]]


def _kept(run: Run) -> _Kept:
    weights = {which: run.load_weights(which) for which in ("best", "last")}
    return _Kept(run, run.metrics.rows(), run.read_json("environment.json"), weights)


def _compared(kept: _Kept, again: Run, order: list[str]) -> Reproduction:
    """One network, and the same trained again."""
    before, made_in = kept.rows, kept.made_in
    reasons = [*differences(made_in, again.read_json("environment.json")), *_turns(made_in)]
    epoch, figures = _first_difference(before, again.metrics.rows())
    tensors = tuple(
        deviation
        for which, trained in kept.weights.items()
        for deviation in _deviations(which, trained, again.load_weights(which), order)
    )
    return Reproduction(str(kept.run.path), len(before), epoch, figures, tensors, tuple(reasons))


def _together(run: Run, before: Mapping[str, Any], members: list[Reproduction], now: Mapping[str, Any]) -> Reproduction:
    """What came of all members, and of the figures that they have together."""
    first = next((number for number, one in enumerate(members) if one.epoch is not None), None)
    epoch, figures = (None, {}) if first is None else (members[first].epoch, dict(members[first].figures))
    tensors = tuple(
        replace(tensor, name=f"member {number}, {tensor.name}")
        for number, one in enumerate(members)
        for tensor in one.tensors
    )
    reasons = tuple(dict.fromkeys(reason for one in members for reason in one.differences))
    a, b = before.get("metrics", {}), now.get("metrics", {})
    together = {name: [a.get(name), b.get(name)] for name in {**a, **b} if a.get(name) != b.get(name)}
    epochs = sum(one.epochs for one in members)
    return Reproduction(str(run.path), epochs, epoch, figures, tensors, reasons, first, len(members), together)


def _turns(made_in: Mapping[str, Any]) -> Iterator[str]:
    """Beginnings and resumptions after which a training from the start goes another way."""
    if made_in.get("continued") is True:
        yield "an estimator began it at the weights of an earlier training, or trained it on other rows, too"
    resumed = made_in.get("resumed")
    for entry in resumed if isinstance(resumed, list) else []:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        for key in ("training.epochs", "training.early_stopping.patience"):
            if isinstance(changes, dict) and key in changes:
                yield f"the run was resumed with another {key}"
        if isinstance(entry, dict) and entry.get("differences"):
            yield "the run was resumed in another environment"


def _first_difference(
    before: list[dict[str, str]], now: list[dict[str, str]]
) -> tuple[int | None, dict[str, list[str | None]]]:
    missing: dict[str, str] = {}
    for epoch, (a, b) in enumerate(zip_longest(before, now, fillvalue=missing), start=1):
        names = [name for name in {**a, **b} if name != TIME]
        figures: dict[str, list[str | None]] = {n: [a.get(n), b.get(n)] for n in names if a.get(n) != b.get(n)}
        if figures:
            return epoch, figures
    return None, {}


def _deviations(
    which: str, before: Mapping[str, Array], now: Mapping[str, Array], order: list[str]
) -> Iterator[Deviation]:
    for name in [*order, *sorted({*before, *now}.difference(order))]:
        a, b = before.get(name), now.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            yield Deviation(f"{which}: {name}", max(0 if x is None else x.size for x in (a, b)), None)
        elif a.tobytes() != b.tobytes():
            largest = float(np.abs(a.astype(np.float64) - b).max())
            yield Deviation(f"{which}: {name}", int((a != b).sum()), largest if np.isfinite(largest) else None)
