"""Batch norm by numbers worked out by hand, and the life of its running statistics."""

from __future__ import annotations

import numpy as np
import pytest

from nncli.engine.inference import Inference
from nncli.engine.layers import Dense, Normalize
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import Bound, Network
from nncli.engine.norms import BatchNorm
from nncli.engine.parameters import Weights


def alone(norm: BatchNorm, inputs: int) -> Network:
    return Network(inputs, [("a", Normalize(norm))], MeanSquaredError())


def bound(net: Network, rows: list[list[float]], weights: Weights | None = None) -> Bound:
    weights = weights or net.initial_weights(np.random.default_rng(0), float)
    batch = net.bind(weights.theta, np.zeros_like(weights.theta), len(rows), statistics=weights.statistics)
    batch.inputs[:, :-1] = rows
    return batch


def test_running_statistics_after_two_batches_are_those_of_a_hand_calculation() -> None:
    """Rows 1, 3 then 2, 4, 9 with momentum 0.1, by the rule that torch.nn.BatchNorm1d documents.

    x̂_new = (1 − momentum)·x̂ + momentum·x_t, the variance unbiased. Means 2 and 5; unbiased variances
    ((−1)² + 1²)/1 = 2 and (9 + 1 + 16)/2 = 13. From mean 0 and variance 1: 0.9·0 + 0.1·2 = 0.2,
    0.9·0.2 + 0.1·5 = 0.68; 0.9·1 + 0.1·2 = 1.1, 0.9·1.1 + 0.1·13 = 2.29.
    """
    net = alone(BatchNorm(momentum=0.1), 1)
    weights = net.initial_weights(np.random.default_rng(0), float)
    np.testing.assert_array_equal(weights.statistics, [0, 1])
    for rows, mean, var in (([[1], [3]], 0.2, 1.1), ([[2], [4], [9]], 0.68, 2.29)):
        batch = bound(net, rows, weights)
        batch.forward()
        batch.settle()
        np.testing.assert_allclose(weights.statistics, [mean, var], rtol=1e-14)
    assert list(net.statistics) == ["a.running_mean", "a.running_var"]
    assert list(net.tensors(weights)) == ["a.scale", "a.shift", "a.running_mean", "a.running_var"]


def test_many_batches_settle_as_numpy_s_own_mean_and_variance_say() -> None:
    rng = np.random.default_rng(3)
    net = alone(BatchNorm(momentum=0.3), 4)
    weights = net.initial_weights(rng, float)
    mean, var = np.zeros(4), np.ones(4)
    for _ in range(20):
        rows = rng.normal(5, 3, (7, 4))
        batch = bound(net, rows, weights)
        batch.forward()
        batch.settle()
        mean = 0.7 * mean + 0.3 * rows.mean(axis=0)
        var = 0.7 * var + 0.3 * rows.var(axis=0, ddof=1)
    np.testing.assert_allclose(weights.statistics, [*mean, *var], rtol=1e-13)


def test_a_batch_is_normalized_by_its_biased_variance() -> None:
    """Rows 1, 3: mean 2, biased variance 1, with epsilon 1.21: x̂ = ∓1/1.1."""
    batch = bound(alone(BatchNorm(epsilon=0.21), 1), [[1], [3]])
    batch.forward()
    np.testing.assert_allclose(batch.outputs[:, 0], [-1 / 1.1, 1 / 1.1], rtol=1e-14)


def test_a_norm_that_predicts_is_a_dense_layer_with_other_weights() -> None:
    """y = x·scale/σ + (shift − mean·scale/σ), so that it can be folded into the layer in front of it."""
    rng = np.random.default_rng(0)
    net = Network(3, [("a", Dense(4, bias=False)), ("a", Normalize(BatchNorm()))], MeanSquaredError())
    weights = Weights(rng.normal(size=net.layout.size), rng.uniform(0.5, 2, net.statistics.size))
    tensors = net.tensors(weights)
    factor = tensors["a.scale"] / np.sqrt(tensors["a.running_var"] + 1e-5)
    rows = np.hstack([rng.normal(size=(5, 3)), np.ones((5, 1))])
    together = Inference(net, weights, 5)
    together.run(rows)
    folded = rows[:, :3] @ (tensors["a.weight"] * factor) + tensors["a.shift"] - tensors["a.running_mean"] * factor
    np.testing.assert_allclose(together.predictions, folded, rtol=1e-12, atol=1e-14)
    single = Inference(net, weights, 1)
    single.run(rows[:1])
    np.testing.assert_allclose(single.predictions[0], together.predictions[0], rtol=1e-14)
    tensors["a.running_mean"][...] += 1  # read at every run
    together.run(rows)
    np.testing.assert_allclose(together.predictions, folded - factor, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("evaluating", [False, True])
def test_neither_a_forward_nor_a_backward_pass_moves_the_statistics(evaluating: bool) -> None:
    net = alone(BatchNorm(), 2)
    weights = net.initial_weights(np.random.default_rng(0), float)
    batch = net.bind(
        weights.theta, np.zeros(4), 2, statistics=weights.statistics, evaluating=evaluating, input_gradient=True
    )
    batch.inputs[:, :-1] = [[1, 2], [3, 5]]
    batch.forward()
    batch.loss()
    batch.backward()
    once = batch.gradient.copy()
    batch.forward()
    batch.loss()
    batch.backward()
    np.testing.assert_array_equal(once, batch.gradient)
    np.testing.assert_array_equal(weights.statistics, [0, 0, 1, 1])
    assert batch.settles != evaluating


def test_a_batch_of_a_single_row_cannot_be_trained_on_but_predicted() -> None:
    net = alone(BatchNorm(), 2)
    assert net.least_rows == 2
    with pytest.raises(ValueError, match="needs 2 rows"):
        bound(net, [[1, 2]])
    net.bind(np.ones(4), np.zeros(4), 1, evaluating=True)


def test_copies_side_by_side_are_normalized_each_over_its_own_rows() -> None:
    """As gradcheck runs them: in the axis in front of the rows, with parameters that they share."""
    rng = np.random.default_rng(0)
    net = Network(2, [("a", Normalize(BatchNorm())), ("b", Dense(1))], MeanSquaredError())
    theta = rng.normal(size=net.layout.size)
    batches = np.concatenate([rng.normal(size=(3, 4, 2)), np.ones((3, 4, 1))], axis=-1)
    together = net.bind(theta, np.zeros_like(theta), 4, inputs=batches.copy())
    together.forward()
    for i, rows in enumerate(batches):
        own = net.bind(theta, np.zeros_like(theta), 4)
        own.inputs[...] = rows
        own.forward()
        np.testing.assert_allclose(together.outputs[i], own.outputs, rtol=1e-13)
