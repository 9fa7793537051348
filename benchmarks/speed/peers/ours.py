"""nncli, through its own trainer."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.speed.material import Array, Material, Weights
from benchmarks.speed.peers.base import Learner, Told
from nncli.builder import build
from nncli.config.loader import load_config
from nncli.training.batches import Batches
from nncli.training.events import EpochEnded
from nncli.training.trainer import Trainer


class Nncli(Learner):
    """The config with ``overrides``, built and trained as ``nncli train`` does it, without the files of a run."""

    def __init__(self, material: Material, overrides: tuple[str, ...] = ()) -> None:
        super().__init__(material)
        experiment = build(load_config(material.config, list(overrides)))
        assert experiment.batch_size == self.case.batch
        assert experiment.steps_per_epoch * self.case.batch == len(material.rows[0])
        assert np.array_equal(experiment.train.inputs[:, :-1], material.rows[0])  # neither scaled nor moved
        self.threads, self._blas = experiment.threads, experiment.blas_threads
        self._trainer = Trainer(experiment)
        self._network = experiment.network

    def train(self, epoch_ended: Told) -> None:
        """Its real loop, with all that it does at the end of an epoch."""
        with ExitStack() as around:  # as nncli.api.train does
            around.enter_context(threadpool_limits(self._blas, user_api="blas"))
            around.enter_context(np.errstate(all="ignore"))
            for event in self._trainer.run():
                if isinstance(event, EpochEnded) and not epoch_ended():
                    return

    def train_in_order(self, orders: Array) -> None:
        """The orders are those of the shards that it chooses; in one piece, it is given them."""
        batches = self._trainer.batches
        if isinstance(batches, Batches):
            batches._drawn = lambda epoch: orders[epoch - 1]
        remaining = iter(range(len(orders) - 1))
        self.train(lambda: next(remaining, None) is not None)

    def weights(self) -> Weights:
        """Views of its parameter vector."""
        tensors = self._network.tensors(self._trainer.weights)
        return [(tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(len(self.case.layers))]
