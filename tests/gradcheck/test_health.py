"""What is said beside the verdicts: the precision of float32, dead and saturated units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from networks import network, point

from nncli.engine.activations import Activation, Identity, Relu, Sigmoid, Softmax, Tanh
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses import CrossEntropy, MeanSquaredError
from nncli.engine.penalties import Penalty
from nncli.gradcheck.health import UNIT, look


@dataclass(frozen=True)
class Cancelling(Activation):
    """z/1000, with a derivative that is right and loses three digits on the way: 1.001 − 1."""

    name = "cancelling"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.multiply(Z, 1e-3, out=A)

        def backward() -> None:
            slope = np.asarray(1.001, D.dtype) - np.asarray(1, D.dtype)
            np.multiply(D, slope, out=D)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z / 1000


def test_rounding_explains_the_float32_gradient_of_an_ordinary_network() -> None:
    for hidden in (Tanh(), Relu(), Sigmoid()):
        at = point(network(hidden, Softmax(), CrossEntropy(), fuse=True, penalty=Penalty(0.1, 0.1)))
        for one in look(at, "here", single=True).precision:
            assert UNIT / 10 < one.error < 1e-5
            assert not one.suspicious


def test_a_derivative_that_cancels_is_warned_of() -> None:
    found = {one.name: one for one in look(point(cancelling()), "here", single=True).precision}
    assert found["layers.0.weight"].suspicious  # behind it in backward order
    assert found["layers.0.weight"].error > 1e-5
    assert not found["layers.2.weight"].suspicious


def cancelling() -> Any:
    return network(Cancelling(), Tanh(), MeanSquaredError(), fuse=False)


def test_a_training_at_float64_has_no_float32_gradient() -> None:
    assert look(point(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False)), "here", single=False).precision == ()


def test_dead_units_are_counted() -> None:
    net = network(Relu(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net)
    weight = net.layout.views(at.theta)["layers.0.weight"]
    at.inputs[:, :-1] = np.abs(at.inputs[:, :-1])
    weight[:, [1, 3]] = -1  # on rows without a negative number, these are never on
    first = look(at, "here", single=False).saturation[0]
    alive = (at.inputs[:, :-1] @ weight > 0).any(axis=0)
    assert first.units == 5
    assert first.dead == 5 - alive.sum() >= 2


def test_saturation_is_the_share_of_slopes_lost_beside_1() -> None:
    net = network(Sigmoid(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][...] *= 1e4
    Z = at.inputs[:, :-1] @ net.layout.views(at.theta)["layers.0.weight"]
    first = look(at, "here", single=False).saturation[0]
    # σ' < 1.2e-7 where |z| > log(1/1.2e-7) = 15.9
    assert first.flat == np.mean(np.abs(Z) > 15.9424)
    assert first.smooth


def test_what_underflows_at_float32_is_counted() -> None:
    net = network(Tanh(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.1.weight"][...] *= 1e-30  # and so the gradients before it
    net.layout.views(at.theta)["layers.2.weight"][...] *= 1e-12
    found = {one.name: one for one in look(at, "here", single=True).precision}
    assert found["layers.0.weight"].underflow == 20
    assert found["layers.2.bias"].underflow == 0
