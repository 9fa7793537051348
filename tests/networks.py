"""Small networks for tests, built straight from the engine."""

from __future__ import annotations

import numpy as np

from nncli.engine.activations import Activation
from nncli.engine.initializers import Normal
from nncli.engine.layers import Activate, Dense
from nncli.engine.losses import Loss
from nncli.engine.network import Network
from nncli.engine.penalties import Penalty
from nncli.gradcheck.copies import Point


def network(
    hidden: Activation, output: Activation, loss: Loss, *, fuse: bool, units: int = 3, penalty: Penalty = Penalty()
) -> Network:
    """4 inputs, a hidden block of 5 with ``hidden`` and no bias, one of 4 with tanh, an output block."""
    from nncli.engine.activations import Tanh

    wide = Normal(std=0.7)
    layers = [
        ("layers.0", Dense(5, bias=False, initializer=wide, penalty=penalty)),
        ("layers.0", Activate(hidden)),
        ("layers.1", Dense(4, initializer=wide, penalty=penalty)),
        ("layers.1", Activate(Tanh())),
        ("layers.2", Dense(units, initializer=wide, penalty=penalty)),
    ]
    if fuse:
        return Network(4, layers, loss.fused[output.name](), output)
    return Network(4, [*layers, ("layers.2", Activate(output))], loss)


def point(network: Network, *, n: int = 6, seed: int = 0) -> Point:
    """Random parameters (biases too), a random batch with targets that the loss takes."""
    rng = np.random.default_rng(seed)
    theta = network.initialize(rng, np.float64)
    for name, view in network.layout.views(theta).items():
        if name.endswith("bias"):
            view[...] = rng.normal(0, 0.3, view.shape)
    inputs = np.hstack([rng.normal(size=(n, network.inputs)), np.ones((n, 1))])
    k = network.outputs
    if network.loss.targets == "codes":
        return Point(network, theta, inputs, rng.integers(0, k, n))
    if network.loss.classification:
        return Point(network, theta, inputs, rng.integers(0, 2, (n, k)).astype(float))
    return Point(network, theta, inputs, rng.normal(size=(n, k)))
