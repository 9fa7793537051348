"""The training rows in batches: the engine bound for full ones, and for the shorter one that ends an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any

import numpy as np

from nncli.builder import Rows
from nncli.builder.order import Order, permuted
from nncli.engine.buffers import Array, Buffers
from nncli.engine.network import Bound, Network
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, Streams
from nncli.ranks import ALONE, Ranks
from nncli.training.batch import Batch, Bind, Whole
from nncli.training.crew import Crew
from nncli.training.reading import chosen_rows
from nncli.training.shards import Shards


class Batches:
    """All batches of an epoch, one after the other: those of one piece each.

    Args:
        network: That they go through.
        rows: To train on.
        order: In which they come; of one shard.
        weights: Read by every batch; the running statistics move with it.
        gradient: Where the gradient of each batch goes (size,).
        buffers: Where the arrays come from.

    Attributes:
        count: Batches in an epoch.
        full: The binding for full batches.
    """

    def __init__(
        self, network: Network, rows: Rows, order: Order, weights: Weights, gradient: Array, buffers: Buffers
    ) -> None:
        self._order, self._rows, self._streams = order, rows, order.streams(0)
        self._noises = Streams(order.seed, Purpose.NOISE) if network.noisy else None
        self.count = order.batches
        bind = binding(network, weights, rows.weights is not None)
        self.full = Whole(bind(order.size), rows, order.size, weights, gradient, buffers.part("batch"))
        rest = order.n % order.size
        self._rest = None
        if rest:
            self._rest = Whole(bind(rest), rows, rest, weights, gradient, buffers.part("last batch"))

    def of(self, epoch: int, done: int = 0, noise_at: Mapping[str, Any] | None = None) -> Iterator[Batch]:
        """The batches of ``epoch``: each is told its rows, and its random arrays are drawn.

        Args:
            epoch: From 1.
            done: How many of its batches are left out, because they are done.
            noise_at: What ``noise_place`` was behind them.
        """
        rows, size = chosen_rows(self._rows, self._order.size, self._streams.of(epoch)), self._order.size
        noise = None
        if self._noises is not None:
            noise = self._noises.of(epoch) if noise_at is None else self._noises.go_to(noise_at)
        for chosen in islice(rows, done, None):
            batch = self.full if len(chosen) == size else self._rest
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
        refuse_elsewhere(self._order, done, rows)
        if self._noises is not None and noise_at is not None:
            try:
                self._noises.go_to(noise_at)
            except OverflowError:
                raise ValueError("its random numbers are at no place of theirs") from None

    @property
    def noise_place(self) -> dict[str, Any] | None:
        """Where the random arrays of the next batch begin; None where nothing is random."""
        return None if self._noises is None else self._noises.place


class ShardedBatches:
    """All batches of an epoch, each in several shards, some of them in other processes.

    The random numbers of a shard are a function of (seed, epoch, batch, shard): nobody draws those of another, and
    there is no place in them to remember.

    Args:
        network: That they go through.
        rows: To train on: all, or, where there are several processes, those of the shards of this one, as they were
            dealt to them, shard after shard.
        order: In which they come; of several shards.
        weights: Read by every batch; the running statistics move with it.
        gradient: Where the gradient of each batch goes (size,); None where shard 0 is not.
        buffers: Where the arrays come from.
        crew: The threads for the shards of a batch.
        ranks: The processes.
        call: Called before each batch, with the epoch and its number: the other processes have to compute it, too.
        ask: What these find in it that is not finite.

    Attributes:
        count: Batches in an epoch.
        full: The binding for full batches.
    """

    noise_place = None

    def __init__(
        self,
        network: Network,
        rows: Rows,
        order: Order,
        weights: Weights,
        gradient: Array | None,
        buffers: Buffers,
        crew: Crew,
        ranks: Ranks = ALONE,
        call: Callable[[int, int], None] = lambda epoch, number: None,
        ask: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._order, self.count, self._call = order, order.batches, call
        self._share = ranks.share(order.shards)
        self._streams = [order.streams(shard) for shard in self._share]
        self._dealt = own_rows(order, ranks)
        noises = [Streams(order.seed, Purpose.NOISE, order.shards, shard) for shard in self._share if network.noisy]
        bind = binding(network, weights, rows.weights is not None)

        def shards(n: int, name: str) -> Shards:
            return Shards(bind(n), rows, n, order, weights, gradient, noises, buffers.part(name), crew, ranks, ask)

        self.full = shards(order.size, "batch")
        rest = order.n % order.size
        self._rest = shards(rest, "last batch") if rest else None
        self._epoch, self._drawn = 0, self._dealt

    def of(self, epoch: int, done: int = 0, noise_at: Mapping[str, Any] | None = None) -> Iterator[Batch]:
        """The batches of ``epoch``, but for the first ``done``: each is told its rows."""
        for number in range(done + 1, self.count + 1):
            batch = self.at(epoch, number)
            self._call(epoch, number)
            yield batch

    def at(self, epoch: int, number: int) -> Shards:
        """Batch ``number`` of ``epoch``, both from 1, which is told its rows."""
        order = self._order
        if epoch != self._epoch:
            pairs = zip(self._dealt, self._streams, strict=True)
            self._epoch, self._drawn = epoch, [rows[permuted(s.of(epoch), len(rows))] for rows, s in pairs]
        batch = self.full if number <= order.whole else self._rest
        assert batch is not None
        rows = zip(batch.share, self._drawn, strict=False)  # a batch of few rows has none for the last shards
        batch.take([drawn[order.place(shard, number)] for shard, drawn in rows], (epoch - 1) * self.count + number)
        return batch

    def refuse_elsewhere(self, done: int, rows: int, noise_at: Mapping[str, Any] | None) -> None:
        """Refuse a place that no pass comes by: of so many batches, and rows in them.

        Raises:
            ValueError: It is one.
        """
        refuse_elsewhere(self._order, done, rows)


def batches_of(
    network: Network,
    rows: Rows,
    order: Order,
    weights: Weights,
    gradient: Array,
    buffers: Buffers,
    crew: Crew,
) -> Batches | ShardedBatches:
    """The batches of a training in this process alone; see ``Batches`` and ``ShardedBatches``."""
    if order.shards == 1:
        return Batches(network, rows, order, weights, gradient, buffers)
    return ShardedBatches(network, rows, order, weights, gradient, buffers, crew)


def own_rows(order: Order, ranks: Ranks) -> list[Array]:
    """Where the rows of each shard of this process are, in the order in which they were dealt to it."""
    if ranks.size == 1:
        return order.dealt()
    lengths = [order.share(shard) for shard in ranks.share(order.shards)]
    return [np.arange(end - length, end) for end, length in zip(accumulate(lengths), lengths, strict=True)]


def binding(network: Network, weights: Weights, weighted: bool) -> Callable[[int], Bind]:
    """Of a batch of so many rows: what binds a piece of it."""

    def of(rows: int) -> Bind:
        def bind(n: int, g: Array, statistics: Array, buffers: Buffers) -> Bound:
            return network.bind(weights.theta, g, n, statistics=statistics, weighted=weighted, buffers=buffers, of=rows)

        return bind

    return of


def refuse_elsewhere(order: Order, done: int, rows: int) -> None:
    """Refuse so many batches, and rows in them, as there never are in a pass.

    Raises:
        ValueError: There are not.
    """
    if done > order.batches or rows != min(done * order.size, order.n):
        raise ValueError(f"{rows} rows are not in {done} batches")
