"""Norms, dropout and residual blocks against formulas written out here, and what they promise."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from networks import point

from nncli.engine import norms
from nncli.engine.activations import Identity, Relu, Tanh
from nncli.engine.inference import Inference
from nncli.engine.layers import Activate, Dense, Normalize
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.noise import Dropout
from nncli.engine.norms import LayerNorm
from nncli.engine.parameters import Weights
from nncli.engine.residual import Fork, Join
from nncli.gradcheck.check import check_point
from nncli.gradcheck.samples import sample_network


def test_layer_norm_is_that_of_its_paper() -> None:
    """Each row to mean 0 and variance 1 over its units, then scaled and shifted."""
    net = Network(4, [("a", Normalize(LayerNorm(epsilon=0.5)))], MeanSquaredError())
    theta = np.array([2.0, 1.0, 0.5, -1.0, 0.0, 1.0, 2.0, 3.0])
    batch = net.bind(theta, np.zeros(8), 1)
    batch.inputs[0, :4] = 1, 2, 3, 6
    batch.forward()
    # mean 3, squares of the distances 4 + 1 + 0 + 9 = 14, variance 3.5, with epsilon 4: σ = 2
    np.testing.assert_allclose(batch.outputs, [[2 * -1.0, -0.5 + 1, 0 + 2, -1.5 + 3]], rtol=1e-15)


@pytest.mark.parametrize("record", list(norms.registry), ids=lambda record: record.name)
def test_a_norm_does_not_care_for_the_size_of_its_input(record: type[norms.Norm]) -> None:
    net = Network(5, [("a", Normalize(record()))], MeanSquaredError())
    theta = net.initialize(np.random.default_rng(0), np.float64)
    X = np.random.default_rng(1).normal(size=(7, 5))
    outputs = []
    for factor in (1.0, 1000.0):
        batch = net.bind(theta, np.zeros_like(theta), 7)
        batch.inputs[:, :5] = X * factor
        batch.forward()
        outputs.append(batch.outputs.copy())
    np.testing.assert_allclose(*outputs, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_sets_its_share_to_zero_and_keeps_the_mean(dtype: type) -> None:
    net = Network(100, [("a", Dropout(0.3))], MeanSquaredError())
    batch = net.bind(np.zeros(0, dtype), np.zeros(0, dtype), 1000)
    batch.inputs[...] = 1
    batch.draw(np.random.default_rng(0))
    batch.forward()
    values = np.unique(batch.outputs)
    np.testing.assert_allclose(values, [0, 1 / 0.7], rtol=1e-6)
    # of 100,000 numbers the share strays by √(0.3·0.7/100,000) = 0.0015
    assert np.mean(batch.outputs == 0) == pytest.approx(0.3, abs=0.0075)
    assert batch.outputs.mean() == pytest.approx(1, abs=0.011)
    assert batch.outputs.dtype == dtype


def test_dropout_draws_the_same_for_the_same_stream_and_something_else_the_next_time() -> None:
    net = sample_network([Activate(Relu()), Dropout(0.5)], Identity(), MeanSquaredError())
    batch = net.bind(np.zeros(net.layout.size), np.zeros(net.layout.size), 20)
    drawn = []
    for rng in (np.random.default_rng(1), np.random.default_rng(1)):
        for _ in range(2):
            batch.draw(rng)
            drawn.append(batch.stages[2].wires.noise[0].copy())
    np.testing.assert_array_equal(drawn[0], drawn[2])
    np.testing.assert_array_equal(drawn[1], drawn[3])
    assert not np.array_equal(drawn[0], drawn[1])


def test_outside_of_the_training_nothing_is_dropped() -> None:
    with_dropout, without = (
        sample_network([Activate(Tanh()), *more], Identity(), MeanSquaredError()) for more in ([Dropout(0.5)], [])
    )
    at = point(with_dropout)
    outputs = []
    for net in (with_dropout, without):
        inference = Inference(net, Weights(at.theta, at.statistics), len(at.inputs))
        inference.run(at.inputs)
        outputs.append(inference.predictions)
    np.testing.assert_array_equal(*outputs)


def test_a_step_through_norm_dropout_and_residual_blocks_allocates_no_array() -> None:
    block = [Fork(), Dense(6), Normalize(LayerNorm()), Activate(Tanh()), Dropout(0.5), Join(5, 6)]
    net = sample_network(
        [Activate(Tanh()), *block, Fork(), Activate(Relu()), Join(6, 6)], Identity(), MeanSquaredError()
    )
    at = point(net, n=50_000)
    batch, rng = at.bind(), np.random.default_rng(0)

    def step() -> None:
        batch.draw(rng)
        batch.forward()
        batch.loss()
        batch.backward()

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


def test_norm_and_dropout_have_their_names_in_the_layout() -> None:
    net = Network(
        3,
        [("layers.0", Dense(2)), ("layers.0", Normalize(LayerNorm())), ("layers.0", Dropout(0.1))],
        MeanSquaredError(),
    )
    assert list(net.layout) == ["layers.0.weight", "layers.0.bias", "layers.0.scale", "layers.0.shift"]
    views = net.layout.views(net.initialize(np.random.default_rng(0), np.float64))
    np.testing.assert_array_equal(views["layers.0.scale"], 1)
    np.testing.assert_array_equal(views["layers.0.shift"], 0)


@pytest.mark.parametrize("units", [4, 6])
def test_a_residual_block_adds_its_input_to_what_it_makes_of_it(units: int) -> None:
    block = [Fork(), Dense(units), Activate(Tanh()), Join(4, units)]
    net = Network(4, [("layers.0", layer) for layer in block], MeanSquaredError())
    at = point(net)
    tensors = net.layout.views(at.theta)
    assert ("layers.0.projection" in tensors) == (units == 6)
    X = at.inputs[:, :4]
    around = X @ tensors["layers.0.projection"] if units == 6 else X
    expected = np.tanh(X @ tensors["layers.0.weight"] + tensors["layers.0.bias"]) + around
    np.testing.assert_allclose(at.resting.outputs, expected, rtol=1e-14)


def test_residual_blocks_within_each_other_add_each_its_own_input() -> None:
    inner = [Fork(), Dense(4), Activate(Relu()), Join(4, 4)]
    layers = [Dense(4), Fork(), *inner, Dense(4), Join(4, 4)]
    net = Network(3, [(f"layers.{i}", layer) for i, layer in enumerate(layers)], MeanSquaredError())
    at = point(net)
    W = list(net.layout.views(at.theta).values())
    A = at.inputs[:, :3] @ W[0] + W[1]
    B = np.maximum(A @ W[2] + W[3], 0) + A
    np.testing.assert_allclose(at.resting.outputs, B @ W[4] + W[5] + A, rtol=1e-13)
    assert check_point(at).passed


def test_a_residual_block_is_proven_wherever_it_stands() -> None:
    """At the input, behind an activation that keeps its values, in front of one that writes over its input."""
    layers = [Fork(), Dense(4), Join(4, 4), Activate(Tanh()), Fork(), Dense(3), Join(4, 3), Activate(Relu()), Dense(2)]
    net = Network(4, [(f"layers.{i}", layer) for i, layer in enumerate(layers)], MeanSquaredError())
    for n in (1, 5):
        proof = check_point(point(net, n=n))
        assert proof.passed, proof.wrong
