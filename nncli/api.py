"""The same from Python as from the shell, under the same names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nncli.builder import Experiment, Rows, build
from nncli.config.schema import Config
from nncli.data.dataset import Part
from nncli.engine.inference import Inference
from nncli.engine.optimizers import Optimizer
from nncli.errors import DivergedError, GradientError, NncliError
from nncli.run import Run, environment
from nncli.scoring.scorer import finite_or_none
from nncli.training.events import Ended, EpochEnded, Event
from nncli.training.interrupt import stop_on_signal
from nncli.training.memory import refuse_too_large
from nncli.training.sanity import FirstLoss, first_loss, warning
from nncli.training.trainer import Trainer, measure

if TYPE_CHECKING:
    from nncli.gradcheck.verdict import Proof


class Interrupted(Exception):  # noqa: N818  # it is no error: the run is whole
    """The training was ended by a signal, and its state is saved in ``run``."""

    def __init__(self, run: Run, signal: int) -> None:
        self.run = run
        self.exit_code = 128 + signal
        super().__init__(f"interrupted; the state is saved in {run.path}")


def train(
    config: Config,
    *,
    directory: str | Path | None = None,
    gradcheck: bool = False,
    checked: Callable[[Proof], None] = lambda proof: None,
    began: Callable[[Experiment, Run], None] = lambda experiment, run: None,
    warned: Callable[[str], None] = lambda text: None,
    observe: Callable[[Event], None] = lambda event: None,
) -> Run:
    """Train the network of ``config`` and return its run.

    Args:
        config: From ``load_config``.
        directory: Where the run goes; by default the first free of runs/NAME, runs/NAME-2, ...
        gradcheck: Whether to check the gradients first, at the initial weights and after a few steps, and to stop if
            they are wrong.
        checked: Called with what that found.
        began: Called once, before the first epoch.
        warned: Called with what is out of the ordinary before the first epoch.
        observe: Called with every event of the training.

    Raises:
        NncliError: The data or the config cannot be used, or a file cannot be written.
        GradientError: The gradients were to be checked, and are wrong.
        DivergedError: The training left the finite numbers. The run holds the last good weights.
        Interrupted: SIGINT or SIGTERM came. The run holds the weights of that moment.
    """
    from threadpoolctl import threadpool_limits

    experiment = build(config)
    refuse_too_large(experiment)
    run = Run.create(config.name_or_stem, None if directory is None else Path(directory))
    quiet = np.errstate(all="ignore")  # as Trainer asks for
    with threadpool_limits(experiment.blas_threads, user_api="blas"), quiet, stop_on_signal() as signal:
        resolved = config.resolved()
        resolved["training"] |= {"threads": experiment.threads, "shards": experiment.shards}
        run.write_config(resolved)
        run.write_json(
            "environment.json", environment(sys.argv, experiment.kernels) | {"data": experiment.dataset.fingerprint}
        )
        run.write_json("preprocess.json", experiment.dataset.preprocessing.to_json())
        run.write_json("summary.json", {"status": "running"})
        if gradcheck:
            checked(_check_first(experiment, run, signal))
        began(experiment, run)
        with _failure_recorded(run, MemoryError):
            trainer = Trainer(experiment)
            start = first_loss(experiment, trainer.weights)
            if text := warning(experiment, start):
                warned(text)
            first = trainer.run(lambda: bool(signal()))
            events = chain([next(first)], first)  # all arrays are made before the first event
        for event in events:
            with _failure_recorded(run):
                if isinstance(event, EpochEnded):
                    run.append_metrics(event.row())
                if isinstance(event, Ended):
                    run.write_json("summary.json", _save(run, trainer, start, event))
                observe(event)
            if isinstance(event, Ended) and event.status == "diverged":
                when = f"the end of epoch {event.epoch - 1}" if event.epoch > 1 else "the start"
                kept = f"the weights of {when} are kept"
                moves = isinstance(experiment.optimizer, Optimizer)
                cure = "a smaller optimizer.learning_rate helps" if moves else "smaller initial weights help"
                remedy = f"{cure} most often; {kept}"
                raise DivergedError(f"training diverged: {event.problem}", where=str(run.path), remedy=remedy)
            if isinstance(event, Ended) and event.status == "interrupted":
                raise Interrupted(run, signal())
    return run


@contextmanager
def _failure_recorded(run: Run, kind: type[BaseException] = BaseException) -> Iterator[None]:
    """Let the run say that it failed, if it can still say anything, and pass the failure on."""
    try:
        yield
    except kind as error:
        with contextlib.suppress(NncliError):
            run.write_json("summary.json", {"status": "failed", "problem": str(error) or type(error).__name__})
        raise


def _check_first(experiment: Experiment, run: Run, signal: Callable[[], int]) -> Proof:
    """Write the certificate; a training on wrong gradients does not begin."""
    from nncli.certify import check_gradients

    def observe(share: float) -> None:
        if signal():
            run.write_json("summary.json", {"status": "interrupted", "problem": "stopped before the first epoch"})
            raise Interrupted(run, signal())

    with _failure_recorded(run, MemoryError):
        proof = check_gradients(experiment, observe=observe)
    run.write_json("gradcheck.json", proof.to_json())
    if proof.verdict == "wrong":
        wrong = ", ".join(proof.wrong or proof.float32_wrong) or "the whole network, which differs from pass to pass,"
        run.write_json("summary.json", {"status": "failed", "problem": f"wrong gradients: {wrong}"})
        raise GradientError(
            f"the gradient of {wrong} is wrong",
            where=str(run.path),
            remedy="gradcheck.json has the figures; please report it, with the config",
        )
    return proof


def _save(run: Run, trainer: Trainer, start: FirstLoss, ended: Ended) -> dict[str, Any]:
    """Write both sets of weights; return the summary."""
    experiment = trainer.experiment
    both = {"best": trainer.best, "last": trainer.last}
    digests = {which: run.save_weights(which, experiment.network.tensors(weights)) for which, weights in both.items()}
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
        "digests": digests,
    }
