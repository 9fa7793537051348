"""The training rows in batches: the engine bound for full ones, and for the shorter one that ends an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from nncli.builder import Experiment
from nncli.engine.buffers import Array, Buffers
from nncli.engine.network import Bound
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, Streams
from nncli.training.crew import Crew
from nncli.training.reading import batches_of
from nncli.training.shards import Shards


class Batches:
    """All batches of an epoch, one after the other.

    Args:
        experiment: Whose training rows they are.
        weights: Read by every batch; the running statistics move with it.
        gradient: Where the gradient of each batch goes (size,).
        buffers: Where the arrays come from.
        crew: The threads for the shards of a batch.

    Attributes:
        count: Batches in an epoch.
        full: The binding for full batches.
    """

    def __init__(self, experiment: Experiment, weights: Weights, gradient: Array, buffers: Buffers, crew: Crew) -> None:
        self._rows, seed = experiment.train, experiment.config.seed
        self._orders = Streams(seed, Purpose.ORDER)
        self._noises = Streams(seed, Purpose.NOISE) if experiment.network.noisy else None
        n, size = len(self._rows.inputs), experiment.batch_size
        self.count = math.ceil(n / size)
        self._size = size

        def bind(rows: int, name: str) -> Shards:
            def shard(part: int, g: Array, arrays: Buffers) -> Bound:
                return experiment.network.bind(
                    weights.theta,
                    g,
                    part,
                    statistics=weights.statistics,
                    weighted=self._rows.weights is not None,
                    buffers=arrays,
                    of=rows,
                )

            return Shards(shard, self._rows, rows, min(rows, experiment.shards), gradient, buffers.part(name), crew)

        self.full = bind(size, "batch")
        self._rest = bind(n % size, "last batch") if n % size else None

    def of(self, epoch: int, done: int = 0, noise_at: Mapping[str, Any] | None = None) -> Iterator[Shards]:
        """The batches of ``epoch``: each is told its rows, and its random arrays are drawn.

        Args:
            epoch: From 1.
            done: How many of its batches are left out, because they are done.
            noise_at: What ``noise_place`` was behind them.
        """
        chosen_rows = batches_of(self._rows, self._size, self._orders.of(epoch))
        noise = None
        if self._noises is not None:
            noise = self._noises.of(epoch) if noise_at is None else self._noises.go_to(noise_at)
        for chosen in islice(chosen_rows, done, None):
            batch = self.full if len(chosen) == self._size else self._rest
            assert batch is not None  # the last one has fewer rows only where some are left over
            batch.take(chosen)
            if noise is not None:
                batch.draw(noise)
            yield batch

    def refuse_elsewhere(self, done: int, rows: int, noise_at: Mapping[str, Any] | None) -> None:
        """Refuse a place that no pass comes by: of so many batches, rows in them, and random numbers for them.

        Raises:
            ValueError: It is one.
        """
        if done > self.count or rows != min(done * self._size, len(self._rows.inputs)):
            raise ValueError(f"{rows} rows are not in {done} batches")
        if self._noises is not None and noise_at is not None:
            try:
                self._noises.go_to(noise_at)
            except OverflowError:
                raise ValueError("its random numbers are at no place of theirs") from None

    @property
    def noise_place(self) -> dict[str, Any] | None:
        """Where the random arrays of the next batch begin; None where nothing is random."""
        return None if self._noises is None else self._noises.place
