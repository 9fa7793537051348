"""Small networks for tests, built straight from the engine: those that gradcheck itself uses."""

from __future__ import annotations

from nncli.engine.activations import Activation
from nncli.engine.layers import Activate
from nncli.engine.losses import Loss
from nncli.engine.network import Network
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.gradcheck.samples import sample_network
from nncli.gradcheck.samples import sample_point as point

__all__ = ["network", "point"]


def network(
    hidden: Activation, output: Activation, loss: Loss, *, fuse: bool, penalty: Penalty = NO_PENALTY
) -> Network:
    """4 inputs, a hidden block of 5 with ``hidden`` and no bias, one of 4 with tanh, an output block of 3."""
    return sample_network([Activate(hidden)], output, loss, fuse=fuse, penalty=penalty)
