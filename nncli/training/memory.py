"""What a training takes, told before it takes anything, and the refusal of one that takes more than there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from nncli.builder import Experiment
from nncli.data.maps import place_of
from nncli.engine.buffers import Array, StandIn, StandIns
from nncli.engine.inference import Inference
from nncli.engine.optimizers import Minimizer
from nncli.engine.parameters import Weights
from nncli.engine.summary import blocks_of
from nncli.errors import ConfigError
from nncli.machine import memory_limit
from nncli.ranks import ALONE, Ranks, Transfer
from nncli.text import bytes_text
from nncli.training.judging import Judge
from nncli.training.reading import window_bytes
from nncli.training.sanity import rows_judged
from nncli.training.team import BLOCK, row_bytes
from nncli.training.trainer import Trainer

COPIES_TO_SAVE = 1
"""Copies of the arrays while weights or a checkpoint are written: the bytes that are handed to the file."""


@dataclass(frozen=True)
class Memory:
    """Bytes of arrays at the highest, without the program itself (Python and its libraries).

    Attributes:
        data: The tables as read, and the rows of each part as the engine takes them.
        parts: What for -> bytes: ``parameters`` (with their gradient, and copies of the best and of the last good
            ones), ``optimizer``, ``batch`` and ``last batch`` (every signal and its gradient), ``validation``, and
            ``for a while`` (what is not there at once: to judge the first loss, within a minimizer, to measure the
            result, to write weights or a checkpoint; whichever takes most), and ``rows from disk``, where they lie
            there, or ``own rows``: where several processes share them, what dealing them out takes.
        disk: Bytes of rows that lie on disk.
    """

    data: int
    parts: Mapping[str, int]
    disk: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.data + sum(self.parts.values())

    def to_json(self) -> dict[str, int]:
        """Every part, and the total."""
        disk = {"disk": self.disk} if self.disk else {}
        return {"data": self.data, **self.parts, "total": self.total, **disk}


class _FirstOf(Ranks):
    """The first of several processes, which sends and receives nothing: what it takes can be told by it."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self.size, self.here = ranks.size, ranks.here

    def sending(self, array: Array, to: int) -> Transfer:
        return _Nothing()

    def receiving(self, array: Array, source: int) -> Transfer:
        return _Nothing()


class _Nothing:
    def start(self) -> None: ...

    def wait(self) -> None: ...


def memory_of(experiment: Experiment, ranks: Ranks = ALONE) -> Memory:
    """What the training of ``experiment`` takes: all of its arrays are bound to stand-ins, and counted.

    Of several ``ranks``, it is what the first takes, and at its highest: it makes a copy of its own rows while those of
    the others are in memory, too, and lets go of them when the first batch begins.
    """
    buffers = StandIns(experiment.precision, experiment.kernels)
    trainer = Trainer(experiment, buffers, _FirstOf(ranks))
    parts = {name: part.total for name, part in buffers.parts.items()}
    kept = trainer.weights
    saved = trainer.vectors.values() if trainer.resumable and experiment.config.training.checkpoint else ()
    for_a_while = [COPIES_TO_SAVE * sum(vector.nbytes for vector in saved)]
    for_a_while += [COPIES_TO_SAVE * (kept.theta.nbytes + kept.statistics.nbytes), _first_loss(experiment, kept)]
    if isinstance(experiment.optimizer, Minimizer):
        for_a_while.append(experiment.optimizer.workspace(kept.theta.size) * np.dtype(np.float64).itemsize)
    dataset = experiment.dataset
    for rows, part in ((experiment.validation, dataset.validation), (experiment.test, dataset.test)):
        if rows is not None and part is not None:
            final = StandIns(experiment.precision)
            Judge(experiment, kept, rows, part, final)
            for_a_while.append(final.total)
    if ranks.size > 1:
        parts["own rows"] = _dealing(experiment, ranks)
    elif experiment.train.mapped:
        parts["rows from disk"] = window_bytes(experiment.train)
    disk = 0 if dataset.cache is None else dataset.cache.bytes
    return Memory(_data(experiment), {**parts, "for a while": max(for_a_while)}, disk)


def _dealing(experiment: Experiment, ranks: Ranks) -> int:
    """A copy of the rows that the first of ``ranks`` keeps, where each of all is dealt to, and those on their way."""
    order, a_row = experiment.order, row_bytes(experiment.train)
    own, *others = (sum(map(order.share, ranks.share(order.shards, rank))) for rank in range(ranks.size))
    sent = min(order.n, BLOCK // a_row) * max(others) // order.n
    return (own + sent) * a_row + 2 * order.n * np.dtype(np.int64).itemsize


def _first_loss(experiment: Experiment, weights: Weights) -> int:
    """What ``sanity.first_loss`` takes: a copy of the parameters, and its rows on their way through the network."""
    arrays, rows = StandIns(experiment.precision), len(rows_judged(experiment))
    weighted = experiment.train.weights is not None
    Inference(experiment.network, weights, rows, arrays, weighted=weighted, evaluating=False)
    return int(weights.theta.nbytes + weights.statistics.nbytes) + arrays.total


def refuse_too_large(experiment: Experiment, memory: Memory | None = None, ranks: Ranks = ALONE) -> Memory:
    """Refuse a training that takes more memory than there is, before it takes any; return what it takes.

    Of several ``ranks``, the first is looked at: one of the others that has not the memory says so itself.

    Raises:
        ConfigError: At the units of the block that takes the most.
    """
    memory = memory_of(experiment, ranks) if memory is None else memory
    limit = memory_limit(memory.data)
    if limit is None or memory.total <= limit.bytes:
        return memory
    size, network, config = experiment.batch_size, experiment.network, experiment.config
    blocks = [block for block in blocks_of(network, size, experiment.precision) if block.name.startswith("layers.")]
    entry = memory.parts["parameters"] + memory.parts["optimizer"]
    per_parameter = entry / max(1, network.layout.size)
    widest = max(blocks, key=lambda block: block.parameters * per_parameter + block.memory)
    batches = sum(memory.parts[name] for name in ("batch", "last batch") if name in memory.parts)
    message = f"the training needs {bytes_text(memory.total)}, {limit.whose} {bytes_text(limit.bytes)}"
    if memory.total - batches + batches / size <= limit.bytes:
        whole = isinstance(experiment.optimizer, Minimizer)
        helps = (
            "an optimizer that goes in batches helps" if whole else f"a smaller training.batch_size helps (is {size})"
        )
        remedy = f"{helps}, or fewer units"
    else:
        remedy = "fewer units help"
    raise ConfigError([config.problem(f"model.{widest.name}.units", message, remedy)])


def _data(experiment: Experiment) -> int:
    """Bytes of every array of the data that is in memory, each counted once."""

    def arrays() -> Iterator[Array]:
        dataset = experiment.dataset
        for part in (dataset.train, dataset.validation, dataset.test):
            if part is not None:
                yield from (part.inputs, part.targets, part.rows, part.table.features, part.table.target)
                if part.table.weights is not None:
                    yield part.table.weights
        for rows in (experiment.train, experiment.validation, experiment.test):
            if rows is not None:
                yield from (rows.inputs, rows.targets)
                if rows.weights is not None:
                    yield rows.weights

    there = (array for array in arrays() if place_of(array) is None and not isinstance(array, StandIn))
    return sum({id(array): array.nbytes for array in there}.values())
