"""A batch in shards: pieces that go through the network side by side, what they come to added in a fixed order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import numpy as np

from nncli.builder import Rows
from nncli.builder.order import Order
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.network import Bound
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Streams
from nncli.ranks import Ranks
from nncli.training.batch import Bind, gather
from nncli.training.crew import Crew
from nncli.training.sums import Summand, TreeSum

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""That one process tells the others of."""


class Shards:
    """A batch in several pieces, some of them in other processes.

    Each goes all the way at once, forward and back, so that the threads, and the processes, meet once a step. It comes
    to its share of the gradient, of the loss, and of the running statistics as it would move them, each by its share of
    the rows; ``TreeSum`` adds these up. So the bits follow from the number of shards, and not from that of the threads
    or processes. A norm over the rows of a batch is one over those of each shard ("ghost batches", Hoffer, Hubara &
    Soudry 2017, Train longer, generalize better).

    Args:
        bind: Binds a piece.
        rows: Of which the batch takes some.
        n: Rows of the batch, in all processes.
        order: Says how many pieces it has.
        weights: What it is bound to.
        gradient: Where that of the batch goes (size,); None where shard 0 is not.
        noises: Where the random numbers of each shard of this process come from; none where nothing is random.
        buffers: Where the arrays come from.
        crew: Whose threads do it.
        ranks: The processes.
        ask: What the other processes find in it that is not finite.

    Attributes:
        share: Which of the pieces are of this process.
        parts: These as they are bound; see ``Batch`` for the rest.
    """

    def __init__(
        self,
        bind: Bind,
        rows: Rows,
        n: int,
        order: Order,
        weights: Weights,
        gradient: Array | None,
        noises: Sequence[Streams],
        buffers: Buffers,
        crew: Crew,
        ranks: Ranks,
        ask: Callable[[], str | None],
    ) -> None:
        pieces = order.pieces(n)
        self.n, self.share = n, _below(ranks.share(order.shards), pieces)
        self._crew, self._ranks, self._pieces, self._ask = crew, ranks, pieces, ask
        self._running = weights.statistics
        self._seen = slice(pieces, pieces + self._running.size)
        owners = [ranks.owner(order.shards, i) for i in range(pieces)]
        rest = self._seen.stop + len(SIGNALS)
        self._sum = TreeSum(
            gradient, weights.theta.size, rest, pieces, self.share, owners.__getitem__, buffers, crew, ranks
        )
        summands = dict(zip(self.share, self._sum.summands, strict=True))
        self.parts = [
            bind(order.length(n, i), summand.gradient, summand.rest[self._seen], buffers.part(f"shard {i}"))
            for i, summand in summands.items()
        ]
        self._chosen: Sequence[Array] = ()
        self._noise_key = 0
        streams: Sequence[Streams | None] = noises or [None] * len(self.parts)
        self._passes = [
            self._pass(place, i, part, summand, gather(rows, part, buffers), noise)
            for place, ((i, summand), part, noise) in enumerate(
                zip(summands.items(), self.parts, streams[: len(self.parts)], strict=True)
            )
        ]
        self._total = self._sum.summands[0].rest if summands else np.zeros(rest)
        self.settles = bool(self.parts) and self.parts[0].settles
        self.backward_loss = _nothing
        if self.parts:
            first = self.parts[0]
            self.penalty, self.add_penalties, self.backward = first.penalty, first.add_penalties, first.add_penalties

    def take(self, chosen: Sequence[Array], noise_key: int) -> None:
        """Have each of the parts go over its rows; their random numbers are those of ``noise_key``."""
        self._chosen, self._noise_key = chosen, noise_key

    def forward(self) -> None:
        """Gather the rows and run them through every layer and back; the gradient is there then."""
        self._crew.run(self._passes)
        self._sum.add_up()
        interrupted, ended = self._total[-2:].tolist()
        if interrupted or ended:
            self._ranks.signal = SIGNALS[0] if interrupted else SIGNALS[1]

    def loss(self) -> float:
        """The mean over the batch, without penalties."""
        return float(sum(self._total[: self._pieces].tolist()))

    def settle(self) -> None:
        """Move the running statistics by the batch: to the mean, over the rows, of where each shard would move them."""
        np.copyto(self._running, self._total[self._seen])

    def first_not_finite(self) -> str | None:
        """The first tensor of any shard, in the order of computation, that holds a NaN or an infinity."""
        for part in self.parts:
            np.copyto(part.statistics, self._running)  # where the batch left them is no cause of anything
        return next((name for part in self.parts if (name := part.first_not_finite())), None) or self._ask()

    def _pass(
        self, place: int, i: int, part: Bound, summand: Summand, gather: Callable[[Array], None], noise: Streams | None
    ) -> Step:
        """Piece ``i`` of the batch, all the way."""
        forward, loss, backward, draw = part.forward, part.loss, part.backward_loss, part.draw
        rest, running, share = summand.rest, self._running, part.n / self.n
        statistics, settle = rest[self._seen], part.settle if part.settles else None
        ranks = self._ranks

        def go() -> None:
            gather(self._chosen[place])
            if noise is not None:
                draw(noise.of(self._noise_key))
            forward()
            rest.fill(0)
            rest[i] = loss()
            backward()
            if settle is not None:
                np.copyto(statistics, running)
                settle()
                np.multiply(statistics, share, out=statistics)
            if place == 0 and ranks.rank and ranks.signal:
                rest[SIGNALS.index(ranks.signal) - len(SIGNALS)] = 1

        return go


def _below(share: range, end: int) -> range:
    return range(min(share.start, end), min(share.stop, end))


def _nothing() -> None:
    """The gradient is there already."""
