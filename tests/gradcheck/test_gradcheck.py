"""The checker is checked: it passes what is right, and finds what is planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from networks import network, point

from nncli.engine.activations import Activation, Relu, Softmax, Tanh
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.losses import CrossEntropy, Loss, MeanSquaredError
from nncli.gradcheck import check as checker
from nncli.gradcheck.check import check_gradients
from nncli.gradcheck.complex_step import complex_step
from nncli.gradcheck.differences import central_differences


@dataclass(frozen=True)
class SlightlyWrongTanh(Activation):
    """A slope that is too large by a thousandth."""

    name = "wrong_tanh"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.tanh(Z, out=A)

        def backward() -> None:
            D[...] *= 1.001 * (1 - A * A)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.tanh(Z)


@dataclass(frozen=True)
class MseWithoutMean(Loss):
    """Forgets the 1/n in its gradient."""

    name = "wrong_mse"
    targets = "values"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        forward, backward = MeanSquaredError().bind(P, Y, L, D, 1.0, buffers)
        return forward, backward

    def reference(self, P: Any, Y: Any, xp: Any) -> Any:
        return MeanSquaredError().reference(P, Y, xp)


def test_a_slope_wrong_by_a_thousandth_is_found_by_both_methods() -> None:
    check = check_gradients(point(network(SlightlyWrongTanh(), Tanh(), MeanSquaredError(), fuse=False)))
    verdicts = {tensor.name: tensor for tensor in check.tensors}
    assert not check.passed
    # what lies behind the fault in backward order is wrong, what lies before it is right
    wrong, right = ("layers.0.weight", "input"), ("layers.1.weight", "layers.1.bias", "layers.2.weight")
    assert all(verdicts[name].verdict == "wrong" for name in wrong)
    assert all(verdicts[name].verdict == "right" for name in right)
    for name in wrong:
        assert verdicts[name].complex_step == pytest.approx(1e-3, rel=0.01)
        assert verdicts[name].differences == pytest.approx(1e-3, rel=0.01)


def test_a_forgotten_mean_is_found() -> None:
    assert not check_gradients(point(network(Tanh(), Tanh(), MseWithoutMean(), fuse=False))).passed


def test_a_gradient_that_is_no_number_fails() -> None:
    net = network(Tanh(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    at.targets[0, 0] = np.nan
    check = check_gradients(at)
    assert not check.passed
    assert check.to_json()["tensors"][0]["complex_step"] is None


def test_methods_agree_with_a_derivative_known_in_closed_form() -> None:
    """One linear layer with squared error: dC/dW = 2/(nk)·Xᵀ(XW + b − Y)."""
    from nncli.engine.layers import Dense
    from nncli.engine.network import Network

    net = Network(3, [("layers.0", Dense(2))], MeanSquaredError())
    at = point(net, n=5)
    X, W = at.inputs, at.theta.reshape(4, 2)
    exact = (2 / (5 * 2) * X.T @ (X @ W - at.targets)).ravel()
    entries = np.arange(8)
    np.testing.assert_allclose(complex_step(at, "theta", entries)[0], exact, rtol=1e-13)
    derivative, crossed = central_differences(at, "theta", entries)
    np.testing.assert_allclose(derivative, exact, rtol=1e-9)
    assert not crossed.any()


def test_an_entry_at_a_kink_is_left_out_and_counted() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][:, 2] = 0  # that unit's sums are exactly 0: its kink
    check = check_gradients(at)
    first = check.tensors[0]
    assert check.passed
    assert first.name == "layers.0.weight"
    assert first.at_kink >= 4


def test_large_networks_are_sampled_and_the_coverage_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "EVERY_ENTRY_UP_TO", 50)
    monkeypatch.setattr(checker, "SAMPLE", 6)
    net = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
    check = check_gradients(point(net))
    assert check.passed
    assert [tensor.checked for tensor in check.tensors] == [6, 6, 4, 6, 3, 6]
    assert check.coverage == pytest.approx(31 / (20 + 20 + 4 + 12 + 3 + 24))


def test_one_copy_at_a_time_finds_the_same_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from nncli.gradcheck import copies

    net = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
    at = point(net)
    many, _ = complex_step(at, "theta", np.arange(10))
    monkeypatch.setattr(copies, "MEMORY", 1.0)
    np.testing.assert_allclose(complex_step(at, "theta", np.arange(10))[0], many, rtol=1e-13)


def test_a_difference_across_a_kink_is_left_out_where_the_complex_step_still_proves() -> None:
    """The sums of one unit lie 1e-6 from its kink, the steps of the differences are 1e-4."""
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net, n=1)
    weight = net.layout.views(at.theta)["layers.0.weight"]
    weight[:, 2] = 0
    weight[0, 2] = 1e-6 / at.inputs[0, 0]
    first = check_gradients(at).tensors[0]
    assert first.verdict == "right"
    assert first.at_kink == 4  # the weights of that unit
    assert first.complex_step is not None
    assert first.complex_step < 1e-14


def test_where_every_entry_lies_at_a_kink_nothing_is_proven_and_nothing_called_wrong() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][...] = 0
    check = check_gradients(at)
    assert check.tensors[0].verdict == "not proven"
    assert not check.passed
    assert check.wrong == ()
