"""A batch in shards: pieces that go through the network side by side, their gradients added in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from nncli.builder import Rows
from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.network import Bound
from nncli.training.crew import Crew

WORTH_A_THREAD = 200_000
"""Numbers of a vector that are worth a thread: a pass over them takes longer than the threads need to meet."""


class Shards:
    """A batch bound in one piece or in several. It has the shape of a ``Bound``, and gathers its rows itself.

    Each shard goes all the way at once, forward and back, so that the threads meet once a step. Its gradient is its
    share of that of the whole batch, in a vector of its own; they are added pairwise, neighbour to neighbour, then pair
    to pair. So the bits follow from the number of shards, and not from that of the threads.

    Args:
        bind: Binds a shard: of so many rows, with its gradient here, from these buffers.
        rows: Of which the batch takes some.
        n: Rows of the batch.
        shards: How many pieces.
        gradient: Where that of the batch goes (size,).
        buffers: Where the arrays come from.
        crew: Whose threads do it.

    Attributes:
        parts: The shards as they are bound.
        forward: Gathers the rows and runs them through every layer; several shards also all the way back.
        backward_loss: Writes the gradient of ``loss()`` alone to the gradient.
        backward: Writes that of ``loss()`` and the penalties.
    """

    def __init__(
        self,
        bind: Callable[[int, Array, Buffers], Bound],
        rows: Rows,
        n: int,
        shards: int,
        gradient: Array,
        buffers: Buffers,
        crew: Crew,
    ) -> None:
        self.n = n
        self._crew = crew
        ends = [n * i // shards for i in range(shards + 1)]
        self._places = [slice(start, end) for start, end in pairwise(ends)]
        gradients = [gradient, *(buffers.keep(gradient.shape) for _ in range(1, shards))]
        self.parts = [
            bind(place.stop - place.start, g, buffers.part(f"shard {i}") if shards > 1 else buffers)
            for i, (place, g) in enumerate(zip(self._places, gradients, strict=True))
        ]
        self._sums = _tree(gradients, crew.threads)
        self._chosen = np.zeros(0, np.intp)
        self._gathers = [_gather(rows, part, buffers) for part in self.parts]
        self._losses = [0.0] * shards
        self._passes: list[Step] = [self._pass(i) for i in range(shards)]
        first = self.parts[0]
        self.settles, self.settle = first.settles, first.settle
        self.penalty, self.add_penalties = first.penalty, first.add_penalties
        self.forward, self.backward_loss, self.backward = self._run_all, self._add_up, self._add_up_all
        if shards == 1:
            self.forward, self.backward_loss, self.backward = self._passes[0], first.backward_loss, first.backward

    def take(self, chosen: Array) -> None:
        """Have it go over these of the rows (n,)."""
        self._chosen = chosen

    def draw(self, rng: Generator) -> None:
        """Fill the random arrays of all layers."""
        for part in self.parts:
            part.draw(rng)

    def _run_all(self) -> None:
        self._crew.run(self._passes)

    def loss(self) -> float:
        """The mean over the batch, without penalties."""
        return sum(self._losses) if len(self._losses) > 1 else self._losses[0]

    def _add_up(self) -> None:
        for sums in self._sums:
            self._crew.run(sums)

    def _add_up_all(self) -> None:
        self._add_up()
        self.add_penalties()

    def first_not_finite(self) -> str | None:
        """The first tensor of any shard, in the order of computation, that holds a NaN or an infinity."""
        return next((name for part in self.parts if (name := part.first_not_finite())), None)

    def gather(self, i: int) -> None:
        """Fill shard ``i`` with its rows."""
        self._gathers[i](self._chosen[self._places[i]])

    def _pass(self, i: int) -> Step:
        gather, place, losses = self._gathers[i], self._places[i], self._losses
        forward, loss, backward = self.parts[i].forward, self.parts[i].loss, self.parts[i].backward_loss

        def whole() -> None:
            gather(self._chosen)
            forward()
            losses[0] = float(loss())

        def shard() -> None:
            gather(self._chosen[place])
            forward()
            losses[i] = float(loss())
            backward()

        return whole if len(self.parts) == 1 else shard


def _gather(rows: Rows, part: Bound, buffers: Buffers) -> Callable[[Array], None]:
    """What fills ``part`` with chosen rows."""
    weights, targets = rows.weights, part.row_weights
    gather = kernels.gather.bind(buffers, rows.inputs, rows.targets, part.inputs, part.targets, chosen=True)
    if weights is None:
        return gather

    def gather_all(chosen: Array) -> None:
        gather(chosen)
        weights.take(chosen, 0, targets, "clip")

    return gather_all


def _tree(vectors: list[Array], threads: int) -> list[list[Step]]:
    """What adds up ``vectors`` in the first of them: for each level of the tree, the pieces that make it."""
    levels, gap = [], 1
    while gap < len(vectors):
        pairs = zip(vectors[:: 2 * gap], vectors[gap :: 2 * gap], strict=False)
        levels.append([_sum(a[cut], b[cut]) for a, b in pairs for cut in cuts(a.size, threads)])
        gap *= 2
    return levels


def _sum(a: Array, b: Array) -> Step:
    def add() -> None:
        np.add(a, b, out=a)

    return add


def cuts(size: int, threads: int) -> list[slice]:
    """A vector in as many stretches as there are threads, if it is long enough for them."""
    pieces = max(1, min(threads, size // WORTH_A_THREAD))
    return [slice(size * i // pieces, size * (i + 1) // pieces) for i in range(pieces)]
