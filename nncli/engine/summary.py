"""What a network is made of, block by block, told from its shapes: nothing is allocated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from numpy.typing import DTypeLike

from nncli.engine.buffers import StandIns
from nncli.engine.network import INPUT, LOSS, PENALTY, Network


@dataclass(frozen=True)
class BlockSummary:
    """A block of the network, or what stands around them: the input, the loss, the penalties.

    Attributes:
        name: ``layers.0``, as in the names of its tensors; or ``input``, ``loss``, ``penalty``.
        made_of: Its layers in order, in a word or two each.
        shape: Of its output, (batch, units); of the losses, (batch,); empty for penalties.
        parameters: How many numbers it learns.
        multiply_adds: Of the matrix products of one row on its way forward; backward takes about twice as many.
        memory: Bytes of its signals and their gradients in one batch, and of whatever else it keeps or works in.
    """

    name: str
    made_of: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {**vars(self), "made_of": [*self.made_of], "shape": [*self.shape]}


def blocks_of(network: Network, n: int, dtype: DTypeLike, *, weighted: bool = False) -> tuple[BlockSummary, ...]:
    """Every block of ``network`` as it trains on batches of ``n`` rows, between its input and its loss."""
    arrays = StandIns(dtype)
    weights, gradient = network.weights(arrays), arrays.keep((network.layout.size,))
    batch = arrays.part("batch")
    network.bind(weights.theta, gradient, n, statistics=weights.statistics, weighted=weighted, buffers=batch)

    def block(name: str, made_of: tuple[str, ...], shape: tuple[int, ...]) -> BlockSummary:
        return BlockSummary(name, made_of, shape, 0, 0, batch.bytes[name])

    found = [block(INPUT, (), (n, network.inputs))] if network.stages[0].block != INPUT else []
    for name, group in groupby(network.stages, lambda stage: stage.block):
        stages = [*group]
        made_of = [stage.layer.label for stage in stages]
        if network.link is not None and stages[-1] is network.stages[-1]:
            made_of.append(f"{network.link.name} within the loss")
        learned = [parameter for stage in stages for parameter in stage.layer.parameters(stage.inputs)]
        found.append(
            BlockSummary(
                name=name,
                made_of=tuple(made_of),
                shape=(n, stages[-1].outputs),
                parameters=sum(parameter.size for parameter in learned),
                # each entry of a matrix meets one entry of a row
                multiply_adds=sum(parameter.size for parameter in learned if parameter.role == "weight"),
                memory=batch.bytes[name],
            )
        )
    found.append(block(LOSS, (network.loss.name,), (n,)))
    if network.penalties():
        found.append(block(PENALTY, (), ()))
    return tuple(found)
