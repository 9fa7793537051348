"""Small networks in which a piece under test stands between other layers, on random rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nncli.engine.activations import Activation, Tanh
from nncli.engine.embeddings import Code, Columns, Edges, Embedding, NumberEmbedding, Rectify, Scale
from nncli.engine.initializers import Normal
from nncli.engine.layers import Activate, Dense, Layer
from nncli.engine.losses import Loss
from nncli.engine.network import INPUT, Network
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.gradcheck.copies import Point

INPUTS = 4


def sample_network(
    middle: list[Layer],
    output: Activation,
    loss: Loss,
    *,
    fuse: bool = False,
    penalty: Penalty = NO_PENALTY,
    targets: int = 3,
    front: Sequence[Layer] = (),
) -> Network:
    """4 inputs, a dense layer of 5 without bias, ``middle``, a dense tanh block of 4, an output block of 3.

    Args:
        middle: What stands between them.
        output: The activation of the output block.
        loss: What follows it.
        fuse: Whether the loss takes in the output activation.
        penalty: On all weights.
        targets: How many units the output block has, for a loss that takes one for each target.
        front: What is done to the inputs in front of all.
    """
    wide = Normal(std=0.7)
    layers: list[tuple[str, Layer]] = [(INPUT, layer) for layer in front]
    layers.append(("layers.0", Dense(5, bias=False, initializer=wide, penalty=penalty)))
    for layer in middle:
        block = "middle" if layer.parameters(5) else layers[-1][0]
        layers.append((block, layer))
    layers += [
        ("layers.1", Dense(4, initializer=wide, penalty=penalty)),
        ("layers.1", Activate(Tanh())),
        ("layers.2", Dense(targets * loss.outputs_per_target, initializer=wide, penalty=penalty)),
    ]
    fused = loss.fuse(output) if fuse else None
    if fused is not None:
        return Network(INPUTS, layers, fused, output)
    return Network(INPUTS, [*layers, ("layers.2", Activate(output))], loss)


def sample_points(network: Network, *, n: int = 6, seed: int = 0, weighted: bool = False) -> list[Point]:
    """As the network trains, if a batch may have ``n`` rows; and as it predicts, if that is another function."""
    points = [] if n < network.least_rows else [sample_point(network, n=n, seed=seed, weighted=weighted)]
    if network.statistics:
        points.append(sample_point(network, n=n, seed=seed, weighted=weighted, evaluating=True))
    return points


def sample_point(
    network: Network, *, n: int = 6, seed: int = 0, weighted: bool = False, evaluating: bool = False
) -> Point:
    """Random parameters (biases, scales and running statistics too), a random batch, frozen noise.

    If ``weighted``, the rows have weights from 1/100 to 10, and the last of several has 0.
    """
    rng = np.random.default_rng(seed)
    theta = network.initialize(rng, np.float64)
    for name, view in network.layout.views(theta).items():
        if network.layout[name].role == "bias":
            view[...] = rng.normal(0, 0.3, view.shape)
        if network.layout[name].role == "scale":
            view[...] = rng.uniform(0.5, 2, view.shape)
    inputs = np.hstack([rng.normal(size=(n, network.inputs)), np.ones((n, 1))])
    for code, place in _codes(network):
        inputs[:, place] = rng.integers(0, code.levels, n)
    targets = network.loss.sample(rng, n, network.outputs // network.loss.outputs_per_target)
    statistics = rng.uniform(0.5, 2, network.statistics.size)
    point = Point(network, theta, inputs, targets, statistics=statistics, evaluating=evaluating).drawn(rng)
    if not weighted:
        return point
    weights = 10 ** rng.uniform(-2, 1, n)
    weights[1:][-1:] = 0
    return replace(point, row_weights=weights)


def enlarged(point: Point) -> Point:
    """The same point with inputs of 8 times the size, sums of about 10; codes and ones are left as they are."""
    factors = np.array([*[8.0] * point.network.inputs, 1.0])
    factors[[place for _, place in _codes(point.network)]] = 1
    return replace(point, inputs=point.inputs * factors)


def sample_embedding(numbers: NumberEmbedding, *, penalty: Penalty = NO_PENALTY) -> list[Layer]:
    """An embedding of two numbers, a flag and a code, in another order than they stand in; and a scale behind it."""
    embedded = bool(numbers.units)
    edges: tuple[Edges, ...] = ((-1.5, -0.4, 0.3, 1.2), (-2.0, 0.1, 0.9)) if numbers.takes_edges else ()
    embedding = Embedding(
        numbers,
        Columns((2, 0) if embedded else ()),
        edges,
        Columns((0, 2, 3) if numbers.direct else (3,)),
        (Code(3, 2),),
        Columns((1,)),
        penalty,
    )
    relu = [Rectify(embedding.learned_units)] if numbers.relu else []
    return [embedding, *relu, Scale()]


def _codes(network: Network) -> list[tuple[Code, int]]:
    """The codes among the inputs, with their columns."""
    layer = network.stages[0].layer
    return list(zip(layer.codes, layer.code_columns.places, strict=True)) if isinstance(layer, Embedding) else []
