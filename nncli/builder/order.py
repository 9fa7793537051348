"""In which order the training rows come: epoch by epoch, batch by batch, shard by shard."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from nncli.engine.buffers import Array
from nncli.engine.randomness import Purpose, Streams, stream


def permuted(rng: Generator, n: int) -> Array:
    """The numbers below ``n``, in an order drawn from ``rng``."""
    return rng.permutation(n)


def cut(rows: int, shards: int, shard: int) -> slice:
    """Which of ``rows`` a shard takes, if so many of them share the rows."""
    return slice(rows * shard // shards, rows * (shard + 1) // shards)


@dataclass(frozen=True)
class Order:
    """What decides the order of the rows.

    In one shard, each epoch has a permutation of all rows, which is cut into batches. In several, the rows are dealt to
    the shards once, to each as many as its pieces of all batches take, and each epoch permutes those of each shard by a
    stream of its own. So a shard never needs a row of another, wherever it is computed, and the order follows from
    these four numbers alone.

    Attributes:
        seed: Of the training.
        n: Training rows.
        size: Rows of a batch, the last of an epoch may have fewer.
        shards: In how many pieces a batch goes; a batch of fewer rows has one for each.
    """

    seed: int
    n: int
    size: int
    shards: int

    @property
    def batches(self) -> int:
        """In an epoch."""
        return math.ceil(self.n / self.size)

    @property
    def whole(self) -> int:
        """Those of them that are full."""
        return self.n // self.size

    def rows(self, number: int) -> int:
        """Of batch ``number``, from 1."""
        return self.size if number <= self.whole else self.n % self.size

    def pieces(self, rows: int) -> int:
        """Of a batch of so many rows."""
        return min(rows, self.shards)

    def length(self, rows: int, shard: int) -> int:
        """Rows that ``shard`` has of a batch of so many."""
        if shard >= self.pieces(rows):
            return 0
        place = cut(rows, self.pieces(rows), shard)
        return int(place.stop - place.start)

    def share(self, shard: int) -> int:
        """Rows that ``shard`` has of an epoch."""
        return self.whole * self.length(self.size, shard) + self.length(self.n % self.size, shard)

    def place(self, shard: int, number: int) -> slice:
        """Where batch ``number`` (from 1) lies in the rows that ``shard`` has of an epoch."""
        start = (number - 1) * self.length(self.size, shard)
        return slice(start, start + self.length(self.rows(number), shard))

    def dealt(self) -> list[Array]:
        """The rows of each shard, in the order in which they were dealt to it."""
        if self.shards == 1:
            return [np.arange(self.n)]
        ends = np.cumsum([self.share(shard) for shard in range(self.shards)])[:-1]
        return np.split(permuted(stream(self.seed, Purpose.ORDER, self.shards), self.n), ends)

    def streams(self, shard: int) -> Streams:
        """Where the permutations of the rows of ``shard`` come from, one for each epoch."""
        key = () if self.shards == 1 else (self.shards, shard)
        return Streams(self.seed, Purpose.ORDER, *key)

    def first(self, batches: int, epoch: int = 1) -> Array:
        """The rows of so many batches, with which ``epoch`` begins."""
        drawn = [rows[permuted(self.streams(shard).of(epoch), len(rows))] for shard, rows in enumerate(self.dealt())]
        numbers = range(1, min(batches, self.batches) + 1)
        return np.concatenate([rows[self.place(shard, b)] for b in numbers for shard, rows in enumerate(drawn)])
