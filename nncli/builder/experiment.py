"""All that a training needs, joined."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nncli.builder.data import Rows, batch_size, shards_of
from nncli.builder.order import Order
from nncli.config.schema import Config
from nncli.data.dataset import Dataset, Part
from nncli.engine import kernels as loops
from nncli.engine.buffers import Kernels, StandIns
from nncli.engine.cost import COMPILING, saved_by_loops, threads_worth
from nncli.engine.network import Network
from nncli.engine.optimizers import Minimizer, Optimizer
from nncli.engine.schedules import Schedule
from nncli.scoring import Kind, Metric, Scorer
from nncli.weighing import Weighing


@dataclass(frozen=True)
class Experiment:
    """All that a training needs.

    Attributes:
        config: What was asked for.
        dataset: The data as split and preprocessed.
        network: The mathematics.
        optimizer: The rule of descent, or what minimizes on all rows at once.
        schedule: How its learning rate moves.
        train: The training rows; ``validation`` and ``test`` likewise, None where there are none.
        kind: What is predicted.
        metrics: What is measured after each epoch.
        weighing: What each row counts in the loss.
    """

    config: Config
    dataset: Dataset
    network: Network
    optimizer: Optimizer | Minimizer
    schedule: Schedule
    train: Rows
    validation: Rows | None
    test: Rows | None
    kind: Kind
    metrics: tuple[Metric, ...]
    weighing: Weighing

    @property
    def precision(self) -> DTypeLike:
        """float32 or float64."""
        return np.dtype(self.config.training.precision)

    @property
    def batch_size(self) -> int:
        """Rows in a batch; never more than there are."""
        return batch_size(self.config, self.optimizer, len(self.train.inputs))

    @property
    def steps_per_epoch(self) -> int:
        """Updates in a pass over the training rows."""
        batches = math.ceil(len(self.train.inputs) / self.batch_size)
        return math.ceil(batches / self.config.training.accumulate)

    @property
    def threads(self) -> int:
        """As asked for, or as many as there are cores and the shards, or the largest matrix product, can use."""
        if self.config.training.threads != "auto":
            return self.config.training.threads
        useful = self.shards if self.shards > 1 else threads_worth(self.network, self.batch_size)
        return min(os.cpu_count() or 1, useful)

    @property
    def blas_threads(self) -> int:
        """Those of a matrix product: one, where the shards of a batch have the threads."""
        return 1 if self.shards > 1 else self.threads

    @property
    def shards(self) -> int:
        """In how many pieces a batch goes through the network: as asked for, or as its work is worth."""
        n, mapped = len(self.train.inputs), self.train.mapped
        return shards_of(self.config, self.network, self.optimizer, n, mapped=mapped)

    @property
    def order(self) -> Order:
        """That of its training rows."""
        return Order(self.config.seed, len(self.train.inputs), self.batch_size, self.shards)

    @property
    def kernels(self) -> Kernels:
        """As asked for, or compiled loops where numba is there and they save more time than it takes to compile them.

        The number of steps is that of the config, so that it does not depend on how a training goes.
        """
        if self.config.training.kernels != "auto":
            return self.config.training.kernels
        steps = self.steps_per_epoch * self.config.training.epochs
        saves = saved_by_loops(self.network, steps) > COMPILING
        return "numba" if saves and loops.available() else "numpy"

    def release_rows(self) -> None:
        """Give back the memory of the training rows, which other processes have: their arrays only have shapes then.

        Whoever holds the experiment need not know of it, so that nobody keeps what is released.
        """
        for holder in (self.train, self.dataset.train):
            for name in vars(holder):
                _release(holder, name)

    def release_cells(self) -> None:
        """The same for the features as they were read, of which all rows are made."""
        for part in self.dataset.parts:
            _release(part.table, "features")

    def scorer(self, part: Part) -> Scorer:
        """What measures the predictions for ``part``."""
        return Scorer(self.metrics, self.kind, self.dataset.preprocessing, part, self.network.loss)


def _release(holder: Any, name: str) -> None:
    array = getattr(holder, name)
    if isinstance(array, np.ndarray):
        object.__setattr__(holder, name, StandIns(array.dtype).rows(array.shape, array.dtype))
