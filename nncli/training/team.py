"""Several processes at one training: what rank 0 tells the others, and what these do.

Rank 0 has the parameters, the optimizer and every decision. To each batch it calls the others and sends them the
parameters; each computes the gradients of its shards and hands in their sum. So the others keep nothing from batch to
batch: whatever becomes of them, what rank 0 has is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from nncli.builder import Experiment, Rows, build_network
from nncli.builder.order import Order
from nncli.config.schema import Config
from nncli.data.maps import blocks
from nncli.data.preprocess import Preprocessing
from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers, Kernels
from nncli.engine.parameters import Weights
from nncli.ranks import DONE, END, NAME, STEP, TRAIN, Ranks, children, parent
from nncli.training.batches import ShardedBatches
from nncli.training.crew import Crew
from nncli.training.sums import stretches_of

BLOCK = 1 << 22
"""About the bytes of rows that are dealt out at once."""
NAME_BYTES = 256


class Parameters:
    """The parameters and running statistics, on their way from rank 0 to all others.

    They go in stretches: while one is handed on, the next comes in.
    """

    def __init__(self, weights: Weights, ranks: Ranks) -> None:
        theta, statistics = weights.theta, weights.statistics
        arrays = [theta[start:stop] for start, stop in stretches_of(theta.size, theta.itemsize)]
        arrays += [statistics] if statistics.size else []
        behind = children(ranks.rank, ranks.size)
        self._hear = [ranks.receiving(array, parent(ranks.rank)) for array in arrays if ranks.rank]
        self._tell = [[ranks.sending(array, child) for child in behind] for array in arrays]

    def pass_on(self) -> None:
        """Receive them from the one before, and send them to those behind."""
        for transfer in self._hear:
            transfer.start()
        for i, sends in enumerate(self._tell):
            if self._hear:
                self._hear[i].wait()
            for send in sends:
                send.start()
        for sends in self._tell:
            for send in sends:
                send.wait()


class Team:
    """The others, as rank 0 sees them.

    Args:
        experiment: What is trained.
        weights: Of which every batch takes the newest.
        ranks: The processes.
    """

    def __init__(self, experiment: Experiment, weights: Weights, ranks: Ranks) -> None:
        self._experiment, self._ranks, self._weights = experiment, ranks, weights
        self._parameters: Parameters | None = None

    def begin(self) -> None:
        """Tell them what is trained, and send each of them its rows; those of others are let go of here."""
        if self._parameters is not None:
            return
        experiment, ranks = self._experiment, self._ranks
        rows, order = experiment.train, experiment.order
        job = json.dumps(
            {
                "config": experiment.config.resolved(),
                "preprocessing": experiment.dataset.preprocessing.to_json(),
                "order": vars(order),
                "kernels": experiment.kernels,
                "threads": experiment.threads,
                "rows": [[array.dtype.str, array.shape[1:]] for array in _arrays(rows)],
            }
        ).encode()
        ranks.call(TRAIN, len(job))
        for rank in range(1, ranks.size):
            ranks.send(np.frombuffer(job, np.uint8), rank)
        for rank, places, arrays in _dealt(rows, order, ranks, range(1, ranks.size)):
            for array in (np.array([len(places)]), places, *arrays):
                ranks.send(array, rank)
        self._parameters = Parameters(self._weights, ranks)
        experiment.release_rows()

    def call(self, epoch: int, number: int) -> None:
        """Have them compute their shards of batch ``number``."""
        assert self._parameters is not None
        self._ranks.call(STEP, epoch, number)
        self._parameters.pass_on()

    def not_finite(self) -> str | None:
        """What they find in the batch that was last that is not finite, first of all."""
        self._ranks.call(NAME)
        names = []
        for rank in range(1, self._ranks.size):
            text = np.zeros(NAME_BYTES, np.uint8)
            self._ranks.receive(text, rank)
            names.append(text.tobytes().rstrip(b"\0").decode())
        return next(filter(None, names), None)

    def end(self) -> None:
        """Let them forget it."""
        if self._parameters is not None:
            self._parameters = None
            self._ranks.call(DONE)
            self._ranks.forget()


def own_part(experiment: Experiment, ranks: Ranks) -> Rows:
    """A copy of the training rows of the shards of this process, in the order in which they were dealt to them."""
    order, rows = experiment.order, experiment.train
    own = [np.empty((_share(order, ranks, ranks.rank), *array.shape[1:]), array.dtype) for array in _arrays(rows)]
    for _, places, arrays in _dealt(rows, order, ranks, range(ranks.rank, ranks.rank + 1)):
        for array, some in zip(own, arrays, strict=True):
            array[places] = some
    return _rows(own)


class Helper:
    """What a process does that is not rank 0: what it is called to, until the command ends."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def serve(self) -> int:
        """Returns the exit code of the command."""
        ranks = self._ranks
        with np.errstate(all="ignore"):
            while True:
                what, a, _ = ranks.called()
                if what == TRAIN:
                    what, a = self._train(a)
                if what == END:
                    return a

    def _train(self, length: int) -> tuple[int, int]:
        """Take part in a training. Returns what ended it."""
        from threadpoolctl import threadpool_limits

        ranks = self._ranks
        text = np.zeros(length, np.uint8)
        ranks.receive(text, 0)
        job = json.loads(text.tobytes())
        order = Order(**job["order"])
        config = Config.model_validate(job["config"])
        network = build_network(config, Preprocessing.from_json(job["preprocessing"]))
        share = ranks.share(order.shards)
        rows = self._rows(job["rows"], sum(order.share(shard) for shard in share))
        compiled: Kernels = "numba" if job["kernels"] == "numba" and kernels.available() else "numpy"  # the same bits
        buffers = Buffers(np.dtype(config.training.precision), compiled)
        weights = network.weights(buffers)
        crew = Crew(max(1, min(job["threads"] // ranks.here, len(share))))
        batches = ShardedBatches(network, rows, order, weights, None, buffers, crew, ranks)
        parameters = Parameters(weights, ranks)
        with threadpool_limits(1, user_api="blas"), closing(crew):
            batch = batches.full
            while (called := ranks.called())[0] not in (DONE, END):
                what, epoch, number = called
                if what == STEP:
                    batch = batches.at(epoch, number)
                    parameters.pass_on()
                    batch.forward()
                elif what == NAME:
                    name = (batch.first_not_finite() or "").encode()[:NAME_BYTES]
                    ranks.send(np.frombuffer(name.ljust(NAME_BYTES, b"\0"), np.uint8), 0)
        ranks.forget()
        return called[0], called[1]

    def _rows(self, kinds: list[tuple[str, list[int]]], n: int) -> Rows:
        own = [np.empty((n, *shape), np.dtype(kind)) for kind, shape in kinds]
        count = np.zeros(1, np.int64)
        while n:
            self._ranks.receive(count, 0)
            k = int(count[0])
            places, some = np.empty(k, np.int64), [np.empty((k, *array.shape[1:]), array.dtype) for array in own]
            for array in (places, *some):
                self._ranks.receive(array, 0)
            for array, block in zip(own, some, strict=True):
                array[places] = block
            n -= k
        return _rows(own)


def _rows(arrays: list[Array]) -> Rows:
    return Rows(arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else None)


def _arrays(rows: Rows) -> list[Array]:
    return [rows.inputs, rows.targets, *([] if rows.weights is None else [rows.weights])]


def _share(order: Order, ranks: Ranks, rank: int) -> int:
    """How many rows the shards of a rank have."""
    return sum(map(order.share, ranks.share(order.shards, rank)))


def _dealt(rows: Rows, order: Order, ranks: Ranks, to: range) -> Iterator[tuple[int, Array, list[Array]]]:
    """A rank, some of the rows that are dealt to it, and where they stand among all of its own (before them).

    The rows are gone through once, as they lie: on a disk, they would take many times as long in the order in which
    they are dealt.
    """
    place, begin = np.empty(order.n, np.int64), 0
    for dealt in order.dealt():
        place[dealt] = np.arange(begin, begin + len(dealt))
        begin += len(dealt)
    ends = np.cumsum([_share(order, ranks, rank) for rank in range(ranks.size)])
    for some in blocks(order.n, *_arrays(rows), rows=max(1, BLOCK // row_bytes(rows))):
        owner = np.searchsorted(ends, place[some], side="right")
        for rank in to:
            (mine,) = np.nonzero(owner == rank)
            if len(mine):
                first = ends[rank - 1] if rank else 0
                yield rank, place[some][mine] - first, [array[some][mine] for array in _arrays(rows)]


def row_bytes(rows: Rows) -> int:
    """What a row takes."""
    return sum(array.dtype.itemsize * int(np.prod(array.shape[1:])) for array in _arrays(rows))
