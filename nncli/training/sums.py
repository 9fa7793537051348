"""Vectors of the shards of a batch, added in a fixed order, in one process or in several.

The order is a binary tree over the shards: neighbour to neighbour, then pair to pair. It follows from their
number alone: where the two of a pair are in different processes, the second is sent to the first, which adds
it. So neither threads nor processes change a bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step
from nncli.ranks import Ranks, Transfer
from nncli.training.crew import Crew

WORTH_A_THREAD = 200_000
"""Numbers of a vector that are worth a thread: a pass over them takes longer than the threads need to meet."""

STRETCH = 1 << 19
"""Bytes that are sent at once: while one process adds a stretch, those behind it send the next."""
AHEAD = 2
"""Stretches that may arrive before they are added."""


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

    def stretch(self, start: int, stop: int) -> Summand:
        """That of its gradient, with all of the rest behind it."""
        return Summand(self.gradient[start:stop], self.rest, self.whole)


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

        def room(size: int) -> Summand:
            whole = buffers.keep((size + rest,))
            return Summand(whole[:size], whole[size:], whole)

        found = {i: room(size) for i in share if i or gradient is None}
        if gradient is not None:
            found = {0: Summand(gradient, buffers.keep((rest,))), **found}
        self.summands = list(found.values())
        self._here: list[list[Step]] = []
        self._sends: list[Transfer] = []
        self._receives: list[Transfer] = []
        self._steps: list[Step] = []
        gaps = [1 << height for height in range((pieces - 1).bit_length())]
        among = []  # (gap, first, second) of the pairs that others have a part in
        for gap in gaps:
            level: list[Step] = []
            for i in range(0, pieces - gap, 2 * gap):
                if i in share and min(i + 2 * gap, pieces) <= share.stop:
                    level += _sums(found[i], found[i + gap], crew.threads)
                elif i in share or i + gap in share:
                    among.append((gap, i, i + gap))
            if level:
                self._here.append(level)
        if not among:
            return
        stretches = stretches_of(size, buffers.dtype.itemsize)
        longest = max(stop - start for start, stop in stretches) + rest
        arrays = itertools.cycle([buffers.keep((longest,)) for _ in range(AHEAD)])
        for start, stop in stretches:
            end = stop + rest * (stop == size)  # the rest goes with the last stretch
            for _, of_a_gap in itertools.groupby(among, lambda pair: pair[0]):
                pairs = list(of_a_gap)
                for i, j in ((i, j) for _, i, j in pairs if i not in share):  # what others wait for comes first
                    whole = found[j].whole
                    assert whole is not None
                    self._sends.append(ranks.sending(whole[start:end], owner(i)))
                    self._steps.append(self._sends[-1].start)
                for i, j in ((i, j) for _, i, j in pairs if i in share):
                    mine = found[i].stretch(start, stop)
                    if j in share:
                        self._steps.append(_sum(mine, found[j].stretch(start, stop), stop == size))
                        continue
                    arrived = next(arrays)[: end - start]
                    other = Summand(arrived[: stop - start], arrived[stop - start :])
                    self._receives.append(ranks.receiving(arrived, owner(j)))
                    self._steps.append(self._take(len(self._receives) - 1, _sum(mine, other, stop == size)))

    def _take(self, number: int, add: Step) -> Step:
        """Wait for what is received as such a number, and add it; then its room is free for a later one."""
        receives = self._receives

        def take() -> None:
            receives[number].wait()
            add()
            if number + AHEAD < len(receives):
                receives[number + AHEAD].start()

        return take

    def add_up(self) -> None:
        """Add all of them: the sum is in the first of the first process, and what the others hold means nothing."""
        for transfer in self._receives[:AHEAD]:
            transfer.start()
        for level in self._here:
            self._crew.run(level)
        for step in self._steps:
            step()
        for transfer in self._sends:
            transfer.wait()


def stretches_of(size: int, itemsize: int) -> list[tuple[int, int]]:
    """A vector in stretches of about ``STRETCH`` bytes, as they are sent."""
    number = max(1, size * itemsize // STRETCH)
    return [(size * i // number, size * (i + 1) // number) for i in range(number)]


def _sums(a: Summand, b: Summand, threads: int) -> list[Step]:
    """What adds ``b`` to ``a``, in as many steps as threads are worth; the first takes the rest with it."""
    return [
        _sum(a.stretch(c.start, c.stop), b.stretch(c.start, c.stop), c.start == 0)
        for c in cuts(a.gradient.size, threads)
    ]


def _sum(a: Summand, b: Summand, rest: bool) -> Step:
    c, d, e, f = a.gradient, b.gradient, a.rest, b.rest

    def add() -> None:
        np.add(c, d, out=c)

    def add_both() -> None:
        np.add(c, d, out=c)
        np.add(e, f, out=e)

    return add_both if rest else add


def cuts(size: int, threads: int) -> list[slice]:
    """A vector in as many stretches as there are threads, if it is long enough for them."""
    pieces = max(1, min(threads, size // WORTH_A_THREAD))
    return [slice(size * i // pieces, size * (i + 1) // pieces) for i in range(pieces)]
