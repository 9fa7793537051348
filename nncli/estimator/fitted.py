"""What an estimator has learned, as plain data that can be pickled, and the training that it comes from."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from nncli.builder import Experiment, build_network
from nncli.config.loader import config_of
from nncli.config.schema import Config
from nncli.data.cells import Array, Cells
from nncli.data.preprocess import Preprocessing
from nncli.data.table import place
from nncli.engine.buffers import Kernels
from nncli.engine.inference import Inference
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.errors import ConfigError
from nncli.estimator.problems import TrainingDivergedError
from nncli.estimator.rows import ORIGIN
from nncli.recording import outcome, resolved
from nncli.run import State
from nncli.run import environment as environment_of
from nncli.training.events import Ended, EpochEnded, Event
from nncli.training.memory import refuse_too_large
from nncli.training.sanity import FirstLoss, first_loss, warning
from nncli.training.trainer import Trainer

Going = Literal["anew", "from the weights", "one epoch"]
"""How a training begins, and how far it goes."""
Row: TypeAlias = dict[str, float | int | None]
"""The figures of an epoch, as in metrics.csv."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is left of a training: enough to predict, to go on, and to write a run.

    Attributes:
        content: The config, every default written out.
        preprocessing: What was fitted on the training rows.
        best: The weights of the best epoch.
        last: Those of the last.
        summary: What a run's summary.json says, but for the digests.
        rows: A row for each epoch, as in metrics.csv.
        first: The loss before the first of them.
        environment: What the bits depend on.
        state: What the training goes on from; None where it cannot.
    """

    content: dict[str, Any]
    preprocessing: Preprocessing
    best: Weights
    last: Weights
    summary: dict[str, Any]
    rows: tuple[Row, ...]
    first: FirstLoss
    environment: dict[str, Any]
    state: State | None

    @cached_property
    def config(self) -> Config:
        """The config, read back."""
        return config_of(self.content)

    @cached_property
    def network(self) -> Network:
        """The mathematics."""
        return build_network(self.config, self.preprocessing)

    @property
    def weights(self) -> Weights:
        """Those that it predicts by."""
        return self.best if self.summary["weights"] == "best" else self.last

    @property
    def epochs(self) -> int:
        """How many it went."""
        epochs: int = self.summary["epochs"]
        return epochs

    @property
    def resumable(self) -> bool:
        """Whether it can go on as if it had not stopped."""
        return self.state is not None

    @property
    def tensors(self) -> dict[str, Array]:
        """Those that it predicts by, by their names in a run."""
        return self.network.tensors(self.weights)

    def __getstate__(self) -> dict[str, Any]:
        """The fields: config and network are made again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def outputs(self, X: Array) -> Array:
        """What the network says of rows X (n, d), (n, k): the same bits as ``nncli predict``."""
        from threadpoolctl import threadpool_limits

        network, weights = self.network, self.weights
        inputs = np.ones((len(X), network.inputs + 1), weights.theta.dtype)
        rows = np.arange(len(X))
        features = self.preprocessing.features
        cells = Cells(ORIGIN, X, features.names)
        features.apply(cells, rows, inputs[:, :-1], lambda row: place(ORIGIN, None, row))
        inference = Inference(network, weights, len(X), threads=os.cpu_count() or 1)
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            inference.run(inputs)
        return inference.predictions


def train(
    experiment: Experiment,
    going: Going,
    before: Fitted | None,
    *,
    warned: Callable[[str], None] = lambda text: None,
    observe: Callable[[Event], None] = lambda event: None,
) -> Fitted:
    """Train as ``nncli train`` does, and keep what came of it in memory.

    Args:
        experiment: What to train.
        going: ``anew``; ``from the weights`` of ``before``; or for ``one epoch`` behind it.
        before: An earlier training.
        warned: Called with what is out of the ordinary before the first epoch.
        observe: Called with every event.

    Raises:
        ConfigError: It needs more memory than there is, or the weights of ``before`` are of another network.
        TrainingDivergedError: It left the finite numbers.
    """
    from threadpoolctl import threadpool_limits

    refuse_too_large(experiment)
    # np.errstate as Trainer asks for
    with threadpool_limits(experiment.blas_threads, user_api="blas"), np.errstate(all="ignore"):
        trainer = Trainer(experiment)
        if before is not None:
            _begin_behind(trainer, going, before)
        continued = going == "one epoch" and before is not None
        first = before.first if continued and before else first_loss(experiment, trainer.weights)
        if not continued and (text := warning(experiment, first)):
            warned(text)
        rows = list(before.rows) if continued and before else []
        until = trainer.epoch + 1 if going == "one epoch" else math.inf
        ended = None
        for event in trainer.run(lambda: trainer.epoch >= until):
            if isinstance(event, EpochEnded):
                rows.append(event.row())
            if isinstance(event, Ended):
                ended = event
            observe(event)
        assert ended is not None
        _refuse_divergence(ended)
        _warn_of_no_convergence(ended)
        summary = outcome(trainer, first, ended)
        earlier = before.environment if before else None
        environment = made_in(experiment.kernels, experiment.dataset.fingerprint, earlier, continued=continued)
    if going == "one epoch" and ended.epoch >= experiment.config.training.epochs:
        summary["status"] = "completed"
    return Fitted(
        content=resolved(experiment),
        preprocessing=experiment.dataset.preprocessing,
        best=trainer.best,
        last=trainer.last,
        summary=summary,
        rows=tuple(rows),
        first=first,
        environment=environment,
        state=trainer.state() if trainer.resumable else None,
    )


def made_in(kernels: Kernels, data: str, before: dict[str, Any] | None, *, continued: bool) -> dict[str, Any]:
    """What a run's environment.json says.

    Args:
        kernels: The loops.
        data: The fingerprint of the rows.
        before: What it said of an earlier training.
        continued: Whether this one goes on behind it, so that its config and rows alone do not lead there.
    """
    if before is None:
        return environment_of(sys.argv, kernels) | {"data": data}
    if not continued:
        return environment_of(sys.argv, kernels) | {"data": data, "continued": True}
    other_rows = {"continued": True} if before.get("data") != data else {}
    return before | {"data": data} | other_rows


def _begin_behind(trainer: Trainer, going: Going, before: Fitted) -> None:
    """Take over the weights, and, to go on for an epoch, the optimizer as it stands, if it was kept."""
    if dict(before.network.layout) != dict(trainer.experiment.network.layout):
        message = "the network is another than that whose weights are there"
        raise ConfigError(message, remedy="fit a new estimator: sklearn.base.clone makes one")
    if going != "one epoch" or before.state is None:
        trainer.start_at(before.weights)
        return
    try:
        trainer.restore(before.state)
    except ValueError as error:
        raise ConfigError(f"cannot go on from the training before: {error}", remedy="fit begins anew") from None


def _refuse_divergence(ended: Ended) -> None:
    if ended.status == "diverged":
        remedy = "a smaller learning_rate helps most often; so does scaling features and target"
        raise TrainingDivergedError(f"training diverged: {ended.problem}", remedy=remedy)


def _warn_of_no_convergence(ended: Ended) -> None:
    if ended.convergence is not None and not ended.convergence.converged:
        from sklearn.exceptions import ConvergenceWarning

        message = f"not converged after {ended.epoch} iterations: {ended.convergence.reason}; more epochs may help"
        warnings.warn(message, ConvergenceWarning, stacklevel=4)
