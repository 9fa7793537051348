"""What a training takes, told before it takes anything, and the refusal of one that takes more than there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from nncli.builder import Experiment
from nncli.engine.buffers import Array, StandIns
from nncli.engine.inference import Inference
from nncli.engine.optimizers import Minimizer
from nncli.engine.parameters import Weights
from nncli.engine.summary import blocks_of
from nncli.errors import ConfigError
from nncli.machine import memory_limit
from nncli.text import bytes_text
from nncli.training.sanity import rows_judged
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
            result, to write weights or a checkpoint; whichever takes most).
    """

    data: int
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return self.data + sum(self.parts.values())

    def to_json(self) -> dict[str, int]:
        """Every part, and the total."""
        return {"data": self.data, **self.parts, "total": self.total}


def memory_of(experiment: Experiment) -> Memory:
    """What the training of ``experiment`` takes: all of its arrays are bound to stand-ins, and counted."""
    buffers = StandIns(experiment.precision, experiment.kernels)
    trainer = Trainer(experiment, buffers)
    parts = {name: part.total for name, part in buffers.parts.items()}
    kept = trainer.weights
    saved = trainer.vectors.values() if trainer.resumable and experiment.config.training.checkpoint else ()
    for_a_while = [COPIES_TO_SAVE * sum(vector.nbytes for vector in saved)]
    for_a_while += [COPIES_TO_SAVE * (kept.theta.nbytes + kept.statistics.nbytes), _first_loss(experiment, kept)]
    if isinstance(experiment.optimizer, Minimizer):
        for_a_while.append(experiment.optimizer.workspace(kept.theta.size) * np.dtype(np.float64).itemsize)
    for rows in (experiment.validation, experiment.test):
        if rows is not None:
            final = StandIns(experiment.precision)
            Inference(experiment.network, kept, len(rows.inputs), final, weighted=rows.weights is not None)
            for_a_while.append(final.total)
    return Memory(_data(experiment), {**parts, "for a while": max(for_a_while)})


def _first_loss(experiment: Experiment, weights: Weights) -> int:
    """What ``sanity.first_loss`` takes: a copy of the parameters, and its rows on their way through the network."""
    arrays, rows = StandIns(experiment.precision), len(rows_judged(experiment))
    weighted = experiment.train.weights is not None
    Inference(experiment.network, weights, rows, arrays, weighted=weighted, evaluating=False)
    return int(weights.theta.nbytes + weights.statistics.nbytes) + arrays.total


def refuse_too_large(experiment: Experiment, memory: Memory | None = None) -> Memory:
    """Refuse a training that takes more memory than there is, before it takes any; return what it takes.

    Raises:
        ConfigError: At the units of the block that takes the most.
    """
    memory = memory_of(experiment) if memory is None else memory
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
    """Bytes of every array of the data, each counted once."""

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

    return sum({id(array): array.nbytes for array in arrays()}.values())
