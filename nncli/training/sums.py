"""Vectors of the shards of a batch, added in a fixed order, in one process or in several.

The order is a binary tree over the shards: neighbour to neighbour, then pair to pair. It follows from their
number alone: where the two of a pair are in different processes, the second is sent to the first, which adds
it. So neither threads nor processes change a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step
from nncli.ranks import Ranks, Transfer
from nncli.training.crew import Crew

WORTH_A_THREAD = 200_000
"""Numbers of a vector that are worth a thread: a pass over them takes longer than the threads need to meet."""


@dataclass(frozen=True)
class Summand:
    """What a shard comes to.

    Attributes:
        gradient: Its share of that of the batch (size,).
        rest: Whatever else is added up (rest,).
        whole: Both, one after the other in one array; None where the gradient has a place of its own.
    """

    gradient: Array
    rest: Array
    whole: Array | None = None


@dataclass
class _Level:
    """What is done at one height of the tree, in this order."""

    sends: list[Transfer] = field(default_factory=list)
    here: list[Step] = field(default_factory=list)
    receives: list[tuple[Transfer, list[Step]]] = field(default_factory=list)


class TreeSum:
    """Room for what the shards of this process come to, and the sum of all.

    Args:
        gradient: Where the sum of the gradients goes (size,): that of shard 0 until then. None where it is not.
        size: How long they are.
        rest: How many numbers there are beside them.
        pieces: Of the batch, in all processes.
        share: Those of this one.
        owner: Tells of a piece which process has it.
        buffers: Where the arrays come from.
        crew: The threads that add.
        ranks: The processes.

    Attributes:
        summands: Those of ``share``, in order.
    """

    def __init__(
        self,
        gradient: Array | None,
        size: int,
        rest: int,
        pieces: int,
        share: range,
        owner: Callable[[int], int],
        buffers: Buffers,
        crew: Crew,
        ranks: Ranks,
    ) -> None:
        self._crew = crew

        def room() -> Summand:
            whole = buffers.keep((size + rest,))
            return Summand(whole[:size], whole[size:], whole)

        found = {i: room() for i in share if i or gradient is None}
        if gradient is not None:
            found = {0: Summand(gradient, buffers.keep((rest,))), **found}
        self.summands = list(found.values())
        self._levels: list[_Level] = []
        arrived: Summand | None = None
        gap = 1
        while gap < pieces:
            level = _Level()
            for i in range(0, pieces - gap, 2 * gap):
                a, b = found.get(i), found.get(i + gap)
                if a is not None and b is not None:
                    level.here += _sums(a, b, crew.threads)
                elif a is not None:
                    arrived = arrived or room()
                    assert arrived.whole is not None
                    transfer = ranks.receiving(arrived.whole, owner(i + gap))
                    level.receives.append((transfer, _sums(a, arrived, crew.threads)))
                elif b is not None:
                    assert b.whole is not None
                    level.sends.append(ranks.sending(b.whole, owner(i)))
            self._levels.append(level)
            gap *= 2
        self._sends = [send for level in self._levels for send in level.sends]

    def add_up(self) -> None:
        """Add all of them: the sum is in the first of the first process, and what the others hold means nothing."""
        for level in self._levels:
            for send in level.sends:
                send.start()
            if level.here:
                self._crew.run(level.here)
            for transfer, sums in level.receives:
                transfer.start()
                transfer.wait()
                self._crew.run(sums)
        for send in self._sends:
            send.wait()


def _sums(a: Summand, b: Summand, threads: int) -> list[Step]:
    """What adds ``b`` to ``a``, in as many steps as threads are worth; the first takes the rest with it."""
    first, *others = cuts(a.gradient.size, threads)
    return [
        _sum(a.gradient[first], b.gradient[first], a.rest, b.rest),
        *(_sum(a.gradient[c], b.gradient[c]) for c in others),
    ]


def _sum(a: Array, b: Array, c: Array | None = None, d: Array | None = None) -> Step:
    def add() -> None:
        np.add(a, b, out=a)

    def add_both() -> None:
        np.add(a, b, out=a)
        np.add(c, d, out=c)  # type: ignore[arg-type]

    return add if c is None else add_both


def cuts(size: int, threads: int) -> list[slice]:
    """A vector in as many stretches as there are threads, if it is long enough for them."""
    pieces = max(1, min(threads, size // WORTH_A_THREAD))
    return [slice(size * i // pieces, size * (i + 1) // pieces) for i in range(pieces)]
