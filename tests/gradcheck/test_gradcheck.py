"""The checker is checked: it passes what is right, and finds what is planted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from networks import network, point

from nncli.engine.activations import Activation, Gelu, Identity, Relu, Sigmoid, Softmax, Softplus, Tanh
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Activate, Dense, Wires
from nncli.engine.losses import CrossEntropy, Loss, MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.gradcheck import check as checker
from nncli.gradcheck import copies, oracle
from nncli.gradcheck.check import check_point, work
from nncli.gradcheck.complex_step import complex_step
from nncli.gradcheck.copies import INPUT, Point
from nncli.gradcheck.differences import central_differences
from nncli.gradcheck.health import look
from nncli.gradcheck.verdict import Proof, TensorCheck


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
class AnotherTanh(Activation):
    """tanh(1.01·z), with the right derivative, under a formula that says tanh(z)."""

    name = "another_tanh"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.tanh(1.01 * Z, out=A)

        def backward() -> None:
            D[...] *= 1.01 * (1 - A * A)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.tanh(Z)


@dataclass(frozen=True)
class Accumulating(Activation):
    """The identity, whose backward adds what it saw the last time."""

    name = "accumulating"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        memory = np.zeros_like(D)

        def forward() -> None:
            A[...] = Z

        def backward() -> None:
            memory[...] += D
            D[...] = memory

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return Z


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


def tensors_of(proof: Proof) -> dict[str, TensorCheck]:
    return {tensor.name: tensor for tensor in proof.checks[0].tensors}


def error_by(method: str, tensor: TensorCheck) -> float | None:
    return next(comparison.error for comparison in tensor.comparisons if comparison.method == method)


def one_pass_an_entry(at: Point) -> np.ndarray:
    """The complex step as a textbook has it, from end to end: by every parameter, then by every input."""
    batch = at.bind(dtype=complex)
    gradient = []
    for array in (batch.theta, batch.inputs[:, :-1]):
        for index in np.ndindex(array.shape):
            array[index] += 1e-20j
            batch.forward()
            gradient.append((batch.loss() + batch.penalty()).imag / 1e-20)
            array[index] = array[index].real
    return np.array(gradient)


def by_complex_step(at: Point) -> np.ndarray:
    parts = []
    for i, place in enumerate(at.network.places):
        if place.start == place.stop:
            continue
        found = complex_step(at, i, np.arange(place.stop - place.start), nobody)
        parts.append(found.loss + found.penalty)
    return np.concatenate([*parts, complex_step(at, INPUT, np.arange(at.inputs[:, :-1].size), nobody).loss])


def nobody(done: int) -> None:
    """Listens to no progress."""


def test_a_wrong_activation_is_found_by_four_methods_and_the_guilty_tensor_is_named_first() -> None:
    proof = check_point(point(network(SlightlyWrongTanh(), Tanh(), MeanSquaredError(), fuse=False)))
    tensors = tensors_of(proof)
    assert not proof.passed
    assert proof.found_by == ("complex_step", "differences", "taylor", "oracle")
    # backpropagation comes to the fault behind layers.1: from there on everything is wrong
    assert proof.wrong == ("layers.0.weight", "input")
    for name in ("layers.1.weight", "layers.1.bias", "layers.2.weight"):
        assert tensors[name].verdict == "right"
    for name in proof.wrong:
        for method in ("complex_step", "differences", "oracle"):
            assert error_by(method, tensors[name]) == pytest.approx(1e-3, rel=0.01)
        assert tensors[name].order == pytest.approx(1, abs=0.3)


def test_a_wrong_loss_is_found() -> None:
    proof = check_point(point(network(Tanh(), Tanh(), MseWithoutMean(), fuse=False)))
    assert proof.found_by == ("complex_step", "differences", "taylor", "oracle")
    assert proof.wrong[0] == "layers.2.bias"


def test_a_loss_of_one_row_cannot_show_a_forgotten_mean() -> None:
    """Which is why batches of one row and of several are both looked at."""
    assert check_point(point(network(Tanh(), Tanh(), MseWithoutMean(), fuse=False), n=1)).passed


def test_a_forward_pass_that_is_not_its_formula_is_found_by_the_oracle() -> None:
    """Its derivative is consistent with it, so that no method notices that runs the engine's own forward pass."""
    proof = check_point(point(network(AnotherTanh(), Tanh(), MeanSquaredError(), fuse=False)))
    assert proof.found_by == ("oracle",)
    assert proof.checks[0].value_wrong


def test_without_the_oracle_nothing_is_said_of_it() -> None:
    at = point(network(AnotherTanh(), Tanh(), MeanSquaredError(), fuse=False))
    proof = check_point(at, oracle_too=False)
    assert proof.passed
    assert proof.coverage("oracle") is None


def test_a_gradient_that_adds_to_what_it_finds_is_wrong_though_its_first_pass_is_right() -> None:
    proof = check_point(point(network(Tanh(), Accumulating(), MeanSquaredError(), fuse=False)))
    assert not proof.repeatable
    assert set(proof.found_by) >= {"complex_step", "twice"}


def test_a_gradient_that_is_no_number_fails() -> None:
    at = point(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False))
    at.targets[0, 0] = np.nan
    proof = check_point(at)
    assert proof.checks[0].verdict == "wrong"
    content = json.loads(json.dumps(proof.to_json(), allow_nan=False))
    assert content["checks"][0]["tensors"][0]["comparisons"][0]["error"] is None


def test_methods_agree_with_a_derivative_known_in_closed_form() -> None:
    """One linear layer with squared error: dC/dW = 2/(nk)·Xᵀ(XW + b − Y)."""
    net = Network(3, [("layers.0", Dense(2))], MeanSquaredError())
    at = point(net, n=5)
    X, W = at.inputs, at.theta.reshape(4, 2)
    exact = (2 / (5 * 2) * X.T @ (X @ W - at.targets)).ravel()
    entries = np.arange(8)
    np.testing.assert_allclose(complex_step(at, 0, entries, nobody).loss, exact, rtol=1e-13)
    found = central_differences(at, 0, entries, nobody)
    np.testing.assert_allclose(found.loss, exact, rtol=1e-9)
    assert not found.left_out.any()
    np.testing.assert_allclose(oracle.ask(at).theta["loss"], exact, rtol=1e-13)


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("penalty", [NO_PENALTY, Penalty(0.1, 0.2)], ids=["plain", "penalized"])
def test_many_copies_at_once_find_what_one_pass_an_entry_finds(n: int, penalty: Penalty) -> None:
    at = point(network(Relu(), Softmax(), CrossEntropy(), fuse=True, penalty=penalty), n=n)
    expected = one_pass_an_entry(at)
    np.testing.assert_allclose(by_complex_step(at), expected, rtol=1e-12, atol=1e-15 * np.abs(expected).max())


def test_a_layer_with_parameters_of_its_own_for_each_copy_is_found_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers whose units heed each other cannot be widened: each copy then has all of the layer's parameters."""
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    expected = by_complex_step(at)
    monkeypatch.setattr(Dense, "widened", lambda self, units: None)
    np.testing.assert_allclose(by_complex_step(at), expected, rtol=1e-12, atol=1e-16)
    assert check_point(at).passed


def test_few_copies_at_a_time_find_the_same_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    many = by_complex_step(at)
    monkeypatch.setattr(copies, "CACHE", 1)
    np.testing.assert_allclose(by_complex_step(at), many, rtol=1e-13, atol=1e-17)


def test_a_step_of_the_differences_is_chosen_for_each_entry() -> None:
    """exp(40·x) wants a small step and a straight line a large one; both come out to ten digits."""
    at = point(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False), n=1)
    at.inputs[0, 0] = 1e4  # a weight that reaches the loss through a large factor, beside ordinary ones
    at.network.layout.views(at.theta)["layers.0.weight"][0] = 1e-5
    tensor = tensors_of(check_point(at))["layers.0.weight"]
    assert tensor.verdict == "right"
    assert error_by("differences", tensor) < 1e-8


def test_an_entry_at_a_kink_is_left_out_and_counted() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][:, 2] = 0  # that unit's sums are exactly 0: its kink
    proof = check_point(at)
    found = tensors_of(proof)["layers.0.weight"].by("complex_step")
    assert proof.passed
    assert found is not None
    assert found.left_out == 4


def test_a_difference_across_a_kink_is_left_out_where_the_complex_step_still_proves() -> None:
    """The sums of one unit lie 1e-8 from its kink, the smallest steps of the differences are 6e-7."""
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net, n=1)
    weight = net.layout.views(at.theta)["layers.0.weight"]
    weight[:, 2] = 0
    weight[0, 2] = 1e-8 / at.inputs[0, 0]
    first = tensors_of(check_point(at))["layers.0.weight"]
    left_out = {comparison.method: comparison.left_out for comparison in first.comparisons}
    assert first.verdict == "right"
    assert left_out == {"complex_step": 0, "differences": 4, "oracle": 0}
    assert error_by("complex_step", first) < 1e-14


def test_near_a_kink_smaller_steps_are_taken_and_not_the_entry_left_out() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net, n=1)
    weight = net.layout.views(at.theta)["layers.0.weight"]
    weight[:, 2] = 0
    weight[0, 2] = 1e-3 / at.inputs[0, 0]  # the first two steps cross it, the others do not
    found = tensors_of(check_point(at))["layers.0.weight"].by("differences")
    assert found is not None
    assert found.left_out == 0
    assert found.error < 1e-8


def test_where_every_entry_lies_at_a_kink_nothing_is_proven_and_nothing_called_wrong() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][...] = 0
    proof = check_point(at)
    assert tensors_of(proof)["layers.0.weight"].verdict == "not proven"
    assert proof.verdict == "not proven"
    assert proof.wrong == ()


def test_the_kink_of_an_absolute_value_is_left_out_too() -> None:
    net = network(Tanh(), Tanh(), MeanSquaredError(), fuse=False, penalty=Penalty(l1=0.3))
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][1, :] = 0
    proof = check_point(at)
    assert proof.passed
    by_term = {check.term: {t.name: t for t in check.tensors}["layers.0.weight"] for check in proof.checks}
    assert set(by_term) == {"loss", "penalty", "both"}
    for term, tensor in by_term.items():
        # the loss has no kink there, and is proven at these weights, too
        expected = 0 if term == "loss" else 5
        assert [comparison.left_out for comparison in tensor.comparisons] == [expected] * 3


def test_tiny_gradients_behind_a_large_loss_are_not_called_wrong_by_differences_that_cannot_see_them() -> None:
    net = network(Tanh(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net)
    at.targets[...] = 1e6
    net.layout.views(at.theta)["layers.2.weight"][...] = 1e-9
    assert check_point(at).passed


@pytest.mark.parametrize("confidence", [10, 20, 30])
def test_a_network_that_is_sure_of_its_row_is_not_called_wrong_for_rounding(confidence: float) -> None:
    """There p − 1 cancels, and a gradient of 1e-9 is known to seven digits, whatever computes it."""
    net = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
    at = point(net, n=1)
    at.targets[...] = 1
    net.layout.views(at.theta)["layers.2.bias"][1] = confidence
    assert check_point(at).passed
    wrong = network(SlightlyWrongTanh(), Softmax(), CrossEntropy(), fuse=True)
    proof = check_point(Point(wrong, at.theta, at.inputs, at.targets))
    if confidence <= 20:  # beyond that, three digits are not left
        assert "complex_step" in proof.found_by


def test_large_networks_are_sampled_and_the_coverage_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "EVERY_ENTRY_UP_TO", {"complex_step": 50, "differences": 1000})
    monkeypatch.setattr(checker, "SAMPLE", {"complex_step": 6, "differences": 6})
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    proof = check_point(at)
    assert proof.passed
    sampled = [t.by("complex_step").checked for t in proof.checks[0].tensors]
    assert sampled == [6, 6, 6, 4, 6, 3]
    assert proof.coverage("complex_step") == pytest.approx(31 / (24 + 20 + 20 + 4 + 12 + 3))
    assert proof.coverage("differences") == 1


def test_work_is_told_as_it_is_done() -> None:
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    ticks: list[int] = []
    check_point(at, tick=ticks.append)
    assert sum(ticks) == work(at)


@dataclass(frozen=True)
class WrongWithoutInputGradient(Dense):
    """Wrong in the branch that a training takes for its first layer, which has nobody to hand a gradient to."""

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        forward, backward = super().bind(wires, buffers)

        def wrong() -> None:
            backward()
            if wires.dX is None:
                wires.gradient[...] *= -1

        return forward, wrong


def test_the_first_layer_is_checked_as_the_training_runs_it() -> None:
    net = Network(3, [("layers.0", WrongWithoutInputGradient(4)), ("layers.1", Dense(2))], MeanSquaredError())
    proof = check_point(point(net))
    assert proof.wrong == ("layers.0.bias", "layers.0.weight")


@dataclass(frozen=True)
class DifferenceQuotient(Activation):
    """tanh with a slope by differences: right to eight digits, and rough enough to pass itself off as rounding."""

    name = "difference_quotient"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.tanh(Z, out=A)

        def backward() -> None:
            D[...] *= (np.tanh(Z + 1e-8) - A) / 1e-8

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.tanh(Z)


def test_a_fault_cannot_excuse_itself_as_rounding() -> None:
    proof = check_point(point(network(DifferenceQuotient(), Tanh(), MeanSquaredError(), fuse=False)))
    assert "complex_step" in proof.found_by


def deep_chain(first: Activation, depth: int = 30) -> Network:
    layers = [Dense(3), Activate(first)]
    for _ in range(depth):
        layers += [Dense(3), Activate(Sigmoid())]
    return Network(3, [(f"layers.{i // 2}", layer) for i, layer in enumerate(layers)], MeanSquaredError())


def test_a_gradient_that_vanishes_is_still_proven_by_its_own_scale() -> None:
    right, wrong = deep_chain(Tanh()), deep_chain(SlightlyWrongTanh())
    at = point(right)
    of_theta = right.layout.views(at.resting.gradient)
    at.resting.backward()
    assert np.abs(of_theta["layers.0.weight"]).max() < 1e-15 * np.abs(of_theta["layers.30.weight"]).max()
    assert check_point(at).passed
    proof = check_point(Point(wrong, at.theta, at.inputs, at.targets))
    assert "layers.0.weight" in proof.wrong


@pytest.mark.parametrize("hidden", [Tanh(), Sigmoid(), Gelu(), Softplus()], ids=lambda hidden: hidden.name)
def test_features_that_are_not_scaled_are_no_reason_to_call_a_network_wrong(hidden: Activation) -> None:
    at = point(network(hidden, Tanh(), MeanSquaredError(), fuse=False))
    at.inputs[:, 1] *= 1e5
    at.network.layout.views(at.theta)["layers.0.weight"][1] /= 1e5
    proof = check_point(at)
    assert proof.passed, proof.found_by


def test_what_is_left_out_of_a_sample_is_left_out_of_the_oracle_too(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    net.layout.views(at.theta)["layers.0.weight"][:, :3] = 0
    monkeypatch.setattr(checker, "EVERY_ENTRY_UP_TO", {"complex_step": 10, "differences": 10})
    monkeypatch.setattr(checker, "SAMPLE", {"complex_step": 9, "differences": 9})
    assert check_point(at).verdict != "wrong"


def test_where_nothing_comes_through_nothing_is_proven() -> None:
    net = network(Relu(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net)
    at.inputs[:, :-1] = np.abs(at.inputs[:, :-1])
    net.layout.views(at.theta)["layers.0.weight"][...] = -1  # no unit is on, on any row
    proof = check_point(at)
    assert proof.verdict == "not proven"
    assert set(proof.not_proven) >= {"input", "layers.0.weight"}


@dataclass(frozen=True)
class WrongAtFloat32(Activation):
    """Twice its slope, in the precision that trains."""

    name = "wrong_at_float32"
    in_place = False

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.tanh(Z, out=A)

        def backward() -> None:
            D[...] *= (1 - A * A) * (2 if D.dtype == np.float32 else 1)

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return xp.tanh(Z)


def test_a_gradient_that_is_another_one_at_float32_fails() -> None:
    at = point(network(WrongAtFloat32(), Tanh(), MeanSquaredError(), fuse=False))
    proof = check_point(at)
    assert proof.passed
    looked = Proof(proof.checks, (look(at, "here", single=True),))
    assert looked.verdict == "wrong"
    assert looked.float32_wrong == ("layers.0.weight",)
