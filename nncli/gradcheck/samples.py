"""Small networks in which a piece under test stands between other layers, on random rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nncli.engine.activations import Activation, Tanh
from nncli.engine.initializers import Normal
from nncli.engine.layers import Activate, Dense, Layer
from nncli.engine.losses import Loss
from nncli.engine.network import Network
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
) -> Network:
    """4 inputs, a dense layer of 5 without bias, ``middle``, a dense tanh block of 4, an output block of 3.

    Args:
        middle: What stands between them.
        output: The activation of the output block.
        loss: What follows it.
        fuse: Whether the loss takes in the output activation.
        penalty: On all weights.
        targets: How many units the output block has, for a loss that takes one for each target.
    """
    wide = Normal(std=0.7)
    layers: list[tuple[str, Layer]] = [("layers.0", Dense(5, bias=False, initializer=wide, penalty=penalty))]
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
    targets = network.loss.sample(rng, n, network.outputs // network.loss.outputs_per_target)
    statistics = rng.uniform(0.5, 2, network.statistics.size)
    point = Point(network, theta, inputs, targets, statistics=statistics, evaluating=evaluating).drawn(rng)
    if not weighted:
        return point
    weights = 10 ** rng.uniform(-2, 1, n)
    weights[1:][-1:] = 0
    return replace(point, row_weights=weights)
