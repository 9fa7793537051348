"""The same from Python as from the shell, under the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nncli.builder import Experiment, build
from nncli.config.schema import Config
from nncli.errors import GradientError
from nncli.recording import Interrupted, begin, failure_recorded, record
from nncli.run import Run
from nncli.training.events import Event
from nncli.training.interrupt import stop_on_signal
from nncli.training.memory import refuse_too_large
from nncli.training.sanity import first_loss, warning
from nncli.training.trainer import Trainer

if TYPE_CHECKING:
    from nncli.gradcheck.verdict import Proof


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
    with (
        run.locked(),
        threadpool_limits(experiment.blas_threads, user_api="blas"),
        quiet,
        stop_on_signal() as signal,
    ):
        begin(run, experiment)
        if gradcheck:
            checked(_check_first(experiment, run, signal))
        began(experiment, run)
        with failure_recorded(run, MemoryError):
            trainer = Trainer(experiment)
            start = first_loss(experiment, trainer.weights)
        if text := warning(experiment, start):
            warned(text)
        record(run, trainer, start, signal, observe)
    return run


def _check_first(experiment: Experiment, run: Run, signal: Callable[[], int]) -> Proof:
    """Write the certificate; a training on wrong gradients does not begin."""
    from nncli.certify import check_gradients

    def observe(share: float) -> None:
        if signal():
            run.write_json("summary.json", {"status": "interrupted", "problem": "stopped before the first epoch"})
            raise Interrupted(run, signal())

    with failure_recorded(run, MemoryError):
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
