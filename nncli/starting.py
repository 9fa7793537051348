"""The training of one network, from its first step, into the directory of its run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nncli.builder import Experiment
from nncli.errors import GradientError
from nncli.ranks import ALONE, Ranks
from nncli.recording import Halt, Interrupted, begin, failure_recorded, heard, record, resolved
from nncli.run import Run
from nncli.trackers import tracked
from nncli.training.events import Event
from nncli.training.interrupt import stop_on_signal
from nncli.training.sanity import first_loss, warning
from nncli.training.trainer import Trainer

if TYPE_CHECKING:
    from nncli.gradcheck.verdict import Proof


def start(
    run: Run,
    experiment: Experiment,
    *,
    gradcheck: bool = False,
    checked: Callable[[Proof], None] = lambda proof: None,
    began: Callable[[Experiment, Run], None],
    warned: Callable[[str], None],
    observe: Callable[[Event], None],
    ranks: Ranks = ALONE,
    halt: Halt | None = None,
) -> None:
    """Train ``experiment``, and write what comes of it to ``run``, whose lock the caller holds.

    Where several ``ranks`` share the training, the experiment has no training rows afterwards.

    Raises:
        NncliError: A file cannot be written.
        GradientError, DivergedError, Interrupted: As ``train``.
    """
    from threadpoolctl import threadpool_limits

    quiet = np.errstate(all="ignore")  # as Trainer asks for
    with threadpool_limits(experiment.blas_threads, user_api="blas"), quiet, stop_on_signal() as here:
        signal = heard(here, ranks)
        begin(run, experiment)
        if gradcheck:
            checked(_check_first(experiment, run, signal))
        began(experiment, run)
        with failure_recorded(run, MemoryError):
            trainer = Trainer(experiment, ranks=ranks)
            start = first_loss(experiment, trainer.weights)
        if text := warning(experiment, start):
            warned(text)
        with tracked(run, resolved(experiment), warned) as tracking:
            record(run, trainer, start, signal, observe, tracking, halt)


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
