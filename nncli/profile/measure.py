"""Measures where the time of a training step goes: in rounds, so that what is compared is measured side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nncli.builder import Experiment, Rows, build
from nncli.config.schema import Config
from nncli.engine import kernels as loops
from nncli.engine.buffers import Array
from nncli.engine.cost import products, saved_by_loops
from nncli.engine.optimizers import Minimizer
from nncli.errors import ConfigError, NncliError
from nncli.machine import memory_limit
from nncli.profile.course import Course, clock
from nncli.profile.report import LayerTime, Part, Profile, Trial
from nncli.training.memory import memory_of, refuse_too_large

SECONDS = 5.0
LONGEST = 3600.0
ROUNDS = 5
"""At the least: medians of fewer say little."""
AT_ONCE = 0.02
"""Seconds of steps that are timed at once, about."""
SLICE = 0.04
"""Seconds of one kind of measurement in a round, about."""
LARGER = 4
"""How many times the batch is, when a larger one is tried."""


def profile_steps(
    config: Config,
    *,
    seconds: float = SECONDS,
    steps: int | None = None,
    observe: Callable[[float], None] = lambda share: None,
) -> Profile:
    """Find where the time of a training step of ``config`` goes, and what would change it.

    Its data, batches, weights and optimizer are those that ``train`` would have. Nothing is written, and nothing of the
    training is kept.

    Args:
        config: From ``load_config``.
        seconds: How long to measure, about; five rounds are made in any case.
        steps: How many steps to measure without a clock inside, in place of ``seconds``.
        observe: Is told, again and again, which share of the work is done.

    Raises:
        NncliError: The length makes no sense, or the config or its data cannot be used.
        DivergedError: The training leaves the finite numbers.
    """
    _check(seconds, steps)
    experiment = build(config)
    if isinstance(experiment.optimizer, Minimizer):
        message = f"{experiment.optimizer.name} takes no steps of this kind: it asks for losses of all rows at once"
        remedy = "optimizer=adam training.batch_size=full shows what the loss and gradient of all rows take"
        raise ConfigError([config.problem("optimizer", message, remedy)])
    refuse_too_large(experiment)
    with np.errstate(all="ignore"):  # as Trainer asks for
        return _measure(experiment, seconds, steps, observe)


def _check(seconds: float, steps: int | None) -> None:
    if steps is not None and steps < ROUNDS:
        raise NncliError(f"{steps} steps are too few to measure", remedy="take --steps 1000")
    if not 0 < seconds <= LONGEST:
        raise NncliError(f"{seconds:g} seconds is no time to measure", remedy=f"take --seconds {SECONDS:g}")


def _measure(experiment: Experiment, seconds: float, wanted: int | None, observe: Callable[[float], None]) -> Profile:
    from threadpoolctl import threadpool_limits

    began = clock()
    whole = _in_one_piece(experiment)
    course = Course(whole)
    tries = [(change, Course(other), other.blas_threads) for change, other in _others(experiment, whole)]
    with threadpool_limits(whole.threads, user_api="blas"):
        steps = _at_once(course, wanted)
    sizes = [_at_once(other, wanted) for _, other, _ in tries]
    mains, clocked, bare, others, measured = [], [], [], [], 0
    while True:
        with threadpool_limits(whole.threads, user_api="blas"):
            found = _slice(lambda: course.as_trained(steps))
            measured += len(found) * course.length(steps)
            mains.append(np.median(found))
            clocked.append(np.median(_slice(lambda: course.clocked(steps)), axis=0))
            bare.append(np.median(_slice(course.bare)))
        times = []
        for (_, other, threads), size in zip(tries, sizes, strict=True):
            with threadpool_limits(threads, user_api="blas"):
                times.append(np.median(_slice(lambda other=other, size=size: other.as_trained(size))))  # type: ignore[misc]
        others.append(times)
        done = (clock() - began) / seconds if wanted is None else measured / wanted
        done = min(done, len(mains) / ROUNDS)
        observe(min(1.0, done))
        if done >= 1:
            break
    for _, other, _ in tries:
        other.close()
    step = np.array(mains)
    trials = []
    for i, (change, other, _) in enumerate(tries):
        theirs = np.array([times[i] for times in others])
        ratio = np.median(theirs / step) * _rows(course) / _rows(other)
        trials.append(Trial(change, float(np.median(theirs)), float(ratio)))
    pieces = dict(zip(course.pieces, np.median(clocked, axis=0).tolist(), strict=True))
    return _report(course, pieces, float(np.median(step)), float(np.median(bare)), measured, tuple(trials))


def _at_once(course: Course, wanted: int | None) -> int:
    """How many steps to time at once; behind the first, which warms up."""
    course.as_trained(1)
    steps = max(1, int(AT_ONCE / course.as_trained(1)))
    return steps if wanted is None else max(1, min(steps, wanted // ROUNDS))


def _slice(measure: Callable[[], Any]) -> Array:
    """What ``measure`` finds again and again, for a while."""
    found, began = [measure()], clock()
    while clock() - began < SLICE:
        found.append(measure())
    return np.array(found)


def _rows(course: Course) -> float:
    """Rows of a step, in the mean of an epoch."""
    return len(course.experiment.train.inputs) / course.experiment.steps_per_epoch


def _in_one_piece(experiment: Experiment) -> Experiment:
    """The same, its batches not in shards: a clock looks into them one after the other."""
    if experiment.shards == 1:
        return experiment
    training = experiment.config.training.model_copy(update={"shards": 1, "threads": 1})
    return replace(experiment, config=experiment.config.model_copy(update={"training": training}))


def _others(trained: Experiment, experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    """What is trained, if that is not ``experiment``; and this with one setting changed, where that may go faster.

    Only as far as there is the memory to try it.
    """
    limit = memory_limit()
    held = memory_of(experiment).total
    if trained is not experiment:
        held += memory_of(trained).total
        yield f"training.shards={trained.shards} training.threads={trained.threads}", trained
    for setting, value in _settings(experiment):
        training = experiment.config.training.model_copy(update={setting: value})
        other = replace(experiment, config=experiment.config.model_copy(update={"training": training}))
        if setting == "precision":
            other = replace(other, train=_as(experiment.train, value))
        held += memory_of(other).total
        if limit is None or held < limit.bytes:
            yield f"training.{setting}={value}", other


def _settings(experiment: Experiment) -> Iterator[tuple[str, Any]]:
    n, cores = len(experiment.train.inputs), os.cpu_count() or 1
    if experiment.kernels == "numpy" and loops.available():
        yield "kernels", "numba"
    if experiment.config.training.precision == "float64":
        yield "precision", "float32"
    if experiment.threads > 1:
        yield "threads", 1
    elif cores > 1 and experiment.config.training.shards == "auto":
        yield "threads", cores
    # a last batch that is not too short for batch norm is not too short then: it is the same, or longer
    if experiment.batch_size * LARGER <= n:
        yield "batch_size", experiment.batch_size * LARGER


def _as(rows: Rows, dtype: str) -> Rows:
    targets = rows.targets if rows.targets.dtype.kind == "i" else rows.targets.astype(dtype)
    return Rows(rows.inputs.astype(dtype), targets, None if rows.weights is None else rows.weights.astype(dtype))


def _report(
    course: Course, pieces: dict[str, float], step: float, bare: float, measured: int, trials: tuple[Trial, ...]
) -> Profile:
    experiment = course.experiment
    network, training = experiment.network, experiment.config.training
    found = products(network, 1)
    layers = []
    for i, stage in enumerate(network.stages):
        weight = next((p for p in stage.layer.parameters(stage.inputs) if p.role == "weight"), None)
        product = next(found) if weight is not None else None
        flops = (product.multiply_adds, product.step - product.multiply_adds) if product else (0, 0)
        layers.append(
            LayerTime(
                stage.block,
                stage.layer.label,
                stage.layer.kind,
                pieces[f"forward {i}"],
                pieces.get(f"backward {i}"),
                *(2.0 * course.rows * n for n in flops),
            )
        )
    told = ("forward", "backward", "loss") if network.noisy else ("forward", "backward", "loss", "noise")
    widths = [stage.outputs for stage in network.stages if stage.layer.kind == "dense"]
    return Profile(
        source=experiment.config.name_or_stem,
        widths=(network.inputs, *widths),
        parameters=network.layout.size,
        precision=training.precision,
        batch_size=experiment.batch_size,
        accumulate=training.accumulate,
        steps_per_epoch=experiment.steps_per_epoch,
        steps=experiment.steps_per_epoch * training.epochs,
        optimizer=experiment.optimizer.name,
        loss=network.loss.name,
        threads=experiment.threads,
        cores=os.cpu_count() or 1,
        asked=training.kernels,
        kernels=experiment.kernels,
        compiler=loops.available(),
        loops=tuple(sorted(course.buffers.loops)),
        saved=0.0 if experiment.kernels == "numba" else saved_by_loops(network, 1),
        measured=measured,
        step=step,
        layers=tuple(layers),
        loss_forward=pieces["loss"],
        loss_backward=pieces["loss backward"],
        parts=tuple(Part(name, time) for name, time in pieces.items() if name.split()[0] not in told),
        products=bare,
        trials=trials,
    )
