"""Learned slopes, noise, what is done to the input, weights that may not grow: by formulas written out here."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from networks import network, point

from nncli.engine.activations import Identity, Prelu, Relu, Tanh
from nncli.engine.buffers import Buffers
from nncli.engine.constraints import MaxNorm
from nncli.engine.layers import Activate, Dense, Normalize
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import INPUT, Network
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.norms import BatchNorm
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.gradcheck.check import check_point
from nncli.gradcheck.copies import Point
from nncli.gradcheck.samples import sample_network


def test_prelu_learns_a_slope_for_each_unit() -> None:
    """Z = [[−2, 3], [−1, −4]], slopes 0.25 and −0.5: dC/dslope_j = Σ_i dA_ij·min(z_ij, 0)."""
    net = Network(2, [("a", Activate(Prelu()))], MeanSquaredError())
    assert list(net.layout) == ["a.slope"]
    theta = net.initialize(np.random.default_rng(0), float)
    np.testing.assert_array_equal(theta, [0.25, 0.25])  # as in its paper, and in torch.nn.PReLU
    theta[1] = -0.5
    batch = net.bind(theta, np.zeros(2), 2, input_gradient=True)
    batch.inputs[:, :2] = [[-2, 3], [-1, -4]]
    batch.forward()
    np.testing.assert_array_equal(batch.outputs, [[-0.5, 3], [-0.25, 2]])
    batch.loss()
    batch.backward()
    dA = 2 / 4 * np.array([[-0.5, 3], [-0.25, 2]])  # of the mean over two rows and two outputs, targets 0
    np.testing.assert_allclose(batch.gradient, [-2 * dA[0, 0] - dA[1, 0], -4 * dA[1, 1]], rtol=1e-15)
    np.testing.assert_allclose(batch.input_gradient, dA * [[0.25, 1], [0.25, -0.5]], rtol=1e-15)


def test_a_penalty_and_a_constraint_leave_slopes_and_norms_alone() -> None:
    layers = [Dense(3, penalty=Penalty(l2=1), constraint=MaxNorm(1)), Normalize(BatchNorm()), Activate(Prelu())]
    net = Network(2, [("a", layer) for layer in layers], MeanSquaredError())
    assert [name for name, _ in net.penalties()] == ["a.weight"]
    assert [name for name, _ in net.constraints()] == ["a.weight"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_has_mean_zero_and_its_deviation_and_predictions_have_none(dtype: type) -> None:
    net = Network(100, [("a", GaussianNoise(0.3))], MeanSquaredError())
    batch = net.bind(np.zeros(0, dtype), np.zeros(0, dtype), 1000)
    batch.inputs[...] = 1
    batch.forward()
    np.testing.assert_array_equal(batch.outputs, 1)  # nothing is drawn yet
    batch.draw(np.random.default_rng(0))
    batch.forward()
    # of 100,000 numbers the mean strays by 0.3/316, the deviation by 0.3/447: five times that is never seen
    assert batch.outputs.mean() == pytest.approx(1, abs=5 * 0.3 / 316)
    assert batch.outputs.std() == pytest.approx(0.3, abs=5 * 0.3 / 447)
    assert batch.outputs.dtype == dtype
    predicting = net.bind(np.zeros(0, dtype), np.zeros(0, dtype), 1000, evaluating=True)
    predicting.inputs[...] = 1
    predicting.draw(np.random.default_rng(0))
    predicting.forward()
    np.testing.assert_array_equal(predicting.outputs, 1)


def noisy_input(first: int = 5) -> Network:
    layers = [
        (INPUT, GaussianNoise(0.2)),
        (INPUT, Dropout(0.3)),
        ("layers.0", Dense(first)),
        ("layers.0", Activate(Relu())),
    ]
    return Network(4, [*layers, ("layers.1", Dense(2))], MeanSquaredError())


def test_what_is_done_to_the_input_leaves_the_rows_as_they_are_and_its_gradient_right() -> None:
    at = point(noisy_input())
    proof = check_point(at)
    assert proof.passed, proof.wrong
    batch = at.bind()
    before = batch.inputs.copy()
    batch.forward()
    batch.loss()
    batch.backward()
    np.testing.assert_array_equal(batch.inputs, before)
    noise, mask = (bound.wires.noise[0] for bound in batch.stages[:2])
    tensors = at.network.layout.views(at.theta)
    A = np.maximum((before[:, :4] + noise) * mask @ tensors["layers.0.weight"] + tensors["layers.0.bias"], 0)
    np.testing.assert_allclose(batch.outputs, A @ tensors["layers.1.weight"] + tensors["layers.1.bias"], rtol=1e-13)


def test_in_front_of_the_first_weights_no_gradient_is_computed_that_nobody_reads() -> None:
    for net in (
        noisy_input(),
        Network(4, [("a", layer) for layer in (Fork(), Dense(4), Activate(Tanh()), Join(4, 4))], MeanSquaredError()),
    ):
        lean, whole = point(net).bind(), point(net).bind(input_gradient=True)
        first = next(i for i, bound in enumerate(lean.stages) if isinstance(bound.stage.layer, Dense))
        assert lean.stages[first].wires.dX is None
        assert whole.stages[first].wires.dX is not None
        for batch in (lean, whole):
            batch.forward()
            batch.loss()
            batch.backward()
        np.testing.assert_array_equal(lean.gradient, whole.gradient)


def test_max_norm_cuts_what_is_too_long_to_its_limit_and_leaves_the_rest_to_the_last_bit() -> None:
    """Columns (3, 4), (0.3, 0.4) and 0 with limit 2: the first is 5 long and becomes (1.2, 1.6)."""
    W = np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]])
    kept = W[:, 1:].copy()
    MaxNorm(2.0).bind(W, Buffers(float))()
    np.testing.assert_allclose(W[:, 0], [1.2, 1.6], rtol=1e-15)
    np.testing.assert_array_equal(W[:, 1:], kept)


def test_a_network_s_constraints_hold_its_weights_and_not_its_biases() -> None:
    block = [Fork(), Dense(6, constraint=MaxNorm(1.5)), Activate(Tanh()), Join(5, 6, constraint=MaxNorm(0.5))]
    net = sample_network([Activate(Tanh()), *block], Identity(), MeanSquaredError())
    theta = np.random.default_rng(0).normal(0, 3, net.layout.size)
    before = {name: view.copy() for name, view in net.layout.views(theta).items()}
    constrain = net.bind_constraints(theta, Buffers(float))
    assert constrain is not None
    constrain()
    limits = {"middle.weight": 1.5, "middle.projection": 0.5}
    for name, view in net.layout.views(theta).items():
        if name not in limits:
            np.testing.assert_array_equal(view, before[name])
            continue
        lengths = np.linalg.norm(before[name], axis=0)
        assert (lengths > limits[name]).any()
        np.testing.assert_allclose(view, before[name] * np.minimum(1, limits[name] / lengths), rtol=1e-14)
    assert network(Tanh(), Identity(), MeanSquaredError(), fuse=False).bind_constraints(theta, Buffers(float)) is None


def test_a_step_through_all_of_them_allocates_no_array() -> None:
    block = [Fork(), Dense(5, bias=False, constraint=MaxNorm(1)), Normalize(BatchNorm()), Activate(Prelu())]
    layers = [GaussianNoise(0.1), Activate(Tanh()), *block, GaussianNoise(0.1), Dropout(0.5), Join(5, 5)]
    net = sample_network(layers, Identity(), MeanSquaredError())
    at = point(net, n=50_000)
    batch, rng = at.bind(), np.random.default_rng(0)
    constrain = net.bind_constraints(batch.theta, Buffers(float))
    assert constrain is not None

    def step() -> None:
        batch.draw(rng)
        batch.forward()
        batch.loss()
        batch.backward()
        batch.settle()
        constrain()

    step()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # NumPy's own buffers for mixed types and broadcasts, 8,192 entries an operand; a column would take 400,000 bytes
    assert peak < 3 * 8192 * 8 + 2000


def test_a_network_is_proven_as_it_trains_and_as_it_predicts() -> None:
    """All together, batch norm in a residual block behind a noisy input; on one row, too, where it predicts."""
    block = [Fork(), Dense(6, bias=False), Normalize(BatchNorm()), Activate(Prelu()), Dropout(0.3), Join(4, 6)]
    layers = [(INPUT, Dropout(0.2)), *(("layers.0", layer) for layer in block)]
    net = Network(4, [*layers, ("layers.1", Dense(2)), ("layers.1", Normalize(BatchNorm()))], MeanSquaredError())
    at = point(net, n=5)
    predicting = Point(net, at.theta, at.inputs, at.targets, statistics=at.statistics, evaluating=True)
    alone = Point(net, at.theta, at.inputs[:1], at.targets[:1], statistics=at.statistics, evaluating=True)
    for where in (at, predicting, alone):
        proof = check_point(where)
        assert "wrong" not in {check.verdict for check in proof.checks}, proof.wrong
    assert check_point(predicting).passed
    assert float(at.resting.loss()) != float(predicting.resting.loss())
