"""What a run keeps of a training: every event goes to its files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from nncli.builder import Experiment, Rows
from nncli.data.dataset import Part
from nncli.engine.inference import Inference
from nncli.engine.optimizers import Optimizer
from nncli.errors import DivergedError, NncliError, RunError
from nncli.ranks import Ranks
from nncli.run import Run, State, environment
from nncli.scoring.scorer import finite_or_none
from nncli.trackers import Tracking
from nncli.training.checkpointing import Due
from nncli.training.distributions import distributions, is_kept
from nncli.training.events import Ended, EpochEnded, Event
from nncli.training.sanity import FirstLoss
from nncli.training.trainer import Trainer, measure

Halt: TypeAlias = Callable[[int], bool]
"""Asked after every step, with the epochs that are whole: whether to stop."""


class Interrupted(Exception):  # noqa: N818  # it is no error: the run is whole
    """The training was ended by a ``signal``, or, where that is 0, by its program; its state is saved in ``run``."""

    def __init__(self, run: Run, signal: int) -> None:
        self.run, self.signal = run, signal
        self.exit_code = 128 + signal
        super().__init__(f"interrupted; nncli resume {run.path} goes on")


def heard(here: Callable[[], int], ranks: Ranks) -> Callable[[], int]:
    """The number of the signal that came to any of the processes, or 0."""
    return here if ranks.size == 1 else lambda: here() or ranks.signal


def begin(run: Run, experiment: Experiment) -> None:
    """Write what is known before the first step."""
    run.write_config(resolved(experiment))
    made_in = environment(sys.argv, experiment.kernels) | {"data": experiment.dataset.fingerprint}
    run.write_json("environment.json", made_in)
    run.write_json("preprocess.json", experiment.dataset.preprocessing.to_json())
    run.write_json("summary.json", {"status": "running"})


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The config as a run keeps it: every default, and what was left to the machine, written out."""
    content = experiment.config.resolved()
    content["training"] |= {"threads": experiment.threads, "shards": experiment.shards}
    return content


def record(
    run: Run,
    trainer: Trainer,
    start: FirstLoss,
    signal: Callable[[], int],
    observe: Callable[[Event], None],
    tracking: Tracking,
    halt: Halt | None = None,
) -> None:
    """Run ``trainer``, and write what it tells.

    Args:
        run: Where to; the caller holds its lock.
        trainer: At its beginning, or restored.
        start: The first loss.
        signal: The number of the signal that came, or 0.
        observe: Called with every event.
        tracking: Is told what is written of the epochs.
        halt: Whether to stop, as a signal would have it, asked with the epochs that are whole.

    Raises:
        RunError: A file cannot be written; the last checkpoint is whole.
        DivergedError: The training left the finite numbers. The run holds the last good weights.
        Interrupted: A signal came, or ``halt`` said so. The run holds the state of that moment.
        RunError: A process that shares the training was lost. The same.
    """
    experiment = trainer.experiment
    config = experiment.config.training.checkpoint
    due, kept = Due(config), run.checkpoints(config.keep if config else 1)
    saves = config is not None and trainer.resumable

    def keep() -> None:
        state, positions = trainer.state(), {name: log.position() for name, log in run.logs.items()}
        kept.save(State(state.vectors, {**state.numbers, **positions}))

    looks = experiment.config.report.plots is not False

    def look(epoch: int) -> None:
        spread = [*distributions(trainer, epoch)]
        run.distributions.append(*spread)
        tracking.distributions(spread)

    if looks and trainer.steps == 0:
        with failure_recorded(run):
            look(0)

    def stop() -> bool:
        return bool(signal()) or (halt is not None and halt(trainer.epoch))

    with closing(trainer.run(stop, due.steps)) as told:  # whatever happens, the others hear of it
        with failure_recorded(run, MemoryError):
            events = chain([next(told)], told)  # all arrays are made before the first event
        for event in events:
            with failure_recorded(run):
                if isinstance(event, EpochEnded):
                    row = event.row()
                    run.metrics.append(row)
                    tracking.epoch(row)
                    if looks and is_kept(event.epoch):
                        look(event.epoch)
                if saves and (due.at(event) or (isinstance(event, Ended) and event.status != "diverged")):
                    keep()
                if isinstance(event, Ended):
                    run.write_json("summary.json", _save(run, trainer, start, event))
                observe(event)
            if isinstance(event, Ended) and event.status == "diverged":
                when = f"the end of epoch {event.epoch - 1}" if event.epoch > 1 else "the start"
                kept_weights = f"the weights of {when} are kept"
                moves = isinstance(experiment.optimizer, Optimizer)
                cure = "a smaller optimizer.learning_rate helps" if moves else "smaller initial weights help"
                remedy = f"{cure} most often; {kept_weights}"
                raise DivergedError(f"training diverged: {event.problem}", where=str(run.path), remedy=remedy)
            if isinstance(event, Ended) and event.status == "interrupted" and event.problem:
                raise RunError(event.problem, where=str(run.path), remedy=f"nncli resume {run.path} goes on")
            if isinstance(event, Ended) and event.status == "interrupted":
                raise Interrupted(run, signal())


@contextmanager
def failure_recorded(run: Run, kind: type[BaseException] = BaseException) -> Iterator[None]:
    """Let the run say that it failed, if it can still say anything, and pass the failure on."""
    try:
        yield
    except kind as error:
        with contextlib.suppress(NncliError):
            run.write_json("summary.json", {"status": "failed", "problem": str(error) or type(error).__name__})
        raise


def _save(run: Run, trainer: Trainer, start: FirstLoss, ended: Ended) -> dict[str, Any]:
    """Write both sets of weights; return the summary."""
    network = trainer.experiment.network
    both = {"best": trainer.best, "last": trainer.last}
    digests = {which: run.save_weights(which, network.tensors(weights)) for which, weights in both.items()}
    return {**outcome(trainer, start, ended), "digests": digests}


def outcome(trainer: Trainer, start: FirstLoss, ended: Ended) -> dict[str, Any]:
    """What there is to say of a training that has ended, but for the digests of its weights."""
    experiment = trainer.experiment
    both = {"best": trainer.best, "last": trainer.last}
    early = experiment.config.training.early_stopping
    which = "best" if early is not None and early.restore_best and ended.status != "diverged" else "last"

    def final(rows: Rows | None, part: Part | None, split: str) -> dict[str, float | None]:
        if rows is None or part is None:
            return {}
        inference = Inference(experiment.network, both[which], len(rows.inputs), weighted=rows.weights is not None)
        figures = measure(inference, rows, experiment.scorer(part), split)
        return {name: None if value is None else finite_or_none(value) for name, value in figures.items()}

    dataset = experiment.dataset

    return {
        "status": ended.status,
        **({"problem": ended.problem} if ended.problem else {}),
        **experiment.config.training.debugging,
        "task": dataset.task,
        **({"class_weight": experiment.weighing.by_class} if experiment.weighing.by_class else {}),
        "epochs": ended.epoch,
        "steps": ended.step,
        **({"convergence": asdict(ended.convergence)} if ended.convergence else {}),
        "training_seconds": round(ended.seconds, 6),
        "compiled": sorted(trainer.buffers.loops),
        "parameters": experiment.network.layout.size,
        "rows": {
            split: 0 if rows is None else len(rows.inputs)
            for split, rows in (
                ("train", experiment.train),
                ("validation", experiment.validation),
                ("test", experiment.test),
            )
        },
        "initial_loss": start.value if np.isfinite(start.value) else None,
        "initial_loss_expected": start.expected if np.isfinite(start.expected) else None,
        "best_epoch": ended.best_epoch,
        "weights": which,
        "metrics": {
            **final(experiment.validation, dataset.validation, "validation"),
            **final(experiment.test, dataset.test, "test"),
        },
    }
