"""The pictures of a sweep, in its folder ``plots``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nncli.config.values import as_written
from nncli.engine.buffers import Array
from nncli.plots.canvas import Picture, save
from nncli.plots.importance import draw_importance
from nncli.plots.parallel import Column, draw_parallel
from nncli.sweep.importance import importance
from nncli.sweep.space import Dimension
from nncli.sweep.sweep import Sweep
from nncli.sweep.trial import Trial

FOLDER = "plots"


def draw(path: Path, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Draw all that the ``trials`` of the sweep at ``path`` give reason to.

    Raises:
        NncliError: A file cannot be written.
    """
    for picture in pictures(sweep, trials):
        save(picture.figure, path / FOLDER / f"{picture.name}.png")


def pictures(sweep: Sweep, trials: Sequence[Trial]) -> Iterator[Picture]:
    """Every trial through all that was varied, and how much each of that matters."""
    told = [trial for trial in trials if np.isfinite(sweep.cost(trial.value))]
    done = [trial for trial in told if trial.state == "completed"]
    dimensions = sweep.space.dimensions
    found = importance([_column(d, done).values for d in dimensions], _costs(sweep, done), sweep.seed) if done else None
    falls = np.zeros(len(dimensions)) if found is None else found.falls.mean(axis=1)
    ordered = [dimensions[i] for i in np.argsort(-falls, kind="stable")]
    result = Column(sweep.monitor, np.array([trial.value for trial in told], float))
    parallel = draw_parallel(
        [_column(dimension, told) for dimension in ordered],
        result,
        sweep.name,
        highest=sweep.higher_is_better,
        ended_early=np.array([trial.state == "pruned" for trial in told]),
    )
    if parallel is not None:
        yield parallel
    if found is not None:
        falls_of = {dimension.key: fall for dimension, fall in zip(dimensions, found.falls, strict=True)}
        yield draw_importance(falls_of, found.explained, len(done), sweep.monitor.replace("_", " "))


def _costs(sweep: Sweep, trials: Sequence[Trial]) -> Array:
    return np.array([sweep.cost(trial.value) for trial in trials])


def _column(dimension: Dimension, trials: Sequence[Trial]) -> Column:
    values = [trial.values.get(dimension.key) for trial in trials]
    there = [dimension.key in trial.values for trial in trials]
    if dimension.kind == "choice":
        numbers = [dimension.position(v) if here else np.nan for v, here in zip(values, there, strict=True)]
        return Column(dimension.key, np.array(numbers, float), tuple(map(as_written, dimension.values)))
    numbers = [float(v) if here else np.nan for v, here in zip(values, there, strict=True)]  # type: ignore[arg-type]
    return Column(
        dimension.key,
        np.array(numbers, float),
        log=dimension.kind.startswith("log"),
        whole=dimension.kind.endswith("integer"),
    )
