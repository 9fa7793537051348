"""The engine against worked examples and numbers that others published (docs/derivation.md has the sources)."""

from __future__ import annotations

import numpy as np
import pytest

from nncli.engine.activations import Sigmoid
from nncli.engine.buffers import Buffers
from nncli.engine.layers import Activate, Dense
from nncli.engine.losses import BinaryCrossEntropyOfSigmoid, CrossEntropyOfSoftmax, MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.optimizers import Adam, Sgd


def test_mazurs_worked_example_to_the_digits_printed() -> None:
    """2-2-2 sigmoid. His loss is the half of the sum of two squares, which for two outputs is the mean."""
    layers = [(f"layers.{i}", layer) for i in (0, 1) for layer in (Dense(2), Activate(Sigmoid()))]
    net = Network(2, layers, MeanSquaredError())
    # w1 and w2 lead to the first hidden unit: in X W they stand in one column
    theta = np.array([0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60])
    gradient = np.zeros_like(theta)
    batch = net.bind(theta, gradient, 1)
    batch.inputs[0, :2] = 0.05, 0.10
    batch.targets[0] = 0.01, 0.99
    batch.forward()
    assert float(batch.loss()) == pytest.approx(0.298371109, abs=5e-10)
    batch.backward()
    tensors = net.layout.views(gradient)
    for name in ("layers.0.bias", "layers.1.bias"):
        tensors[name][...] = 0  # the example does not move them
    Sgd().bind(theta, gradient, {}, Buffers(float))(1, 0.5)
    weights = net.layout.views(theta)
    first = [0.149780716, 0.199561432, 0.249751144, 0.299502287]
    second = [0.35891648, 0.408666186, 0.511301270, 0.561370121]
    np.testing.assert_allclose(weights["layers.0.weight"].T.ravel(), first, atol=5e-10)
    np.testing.assert_allclose(weights["layers.1.weight"].T.ravel(), second, atol=5e-9)
    batch.forward()
    # The article prints 0.291027924; its own weights, put into its own formulas, give 0.291027774.
    w, v, hidden_bias, output_bias = np.reshape(first, (2, 2)), np.reshape(second, (2, 2)), 0.35, 0.60
    h = 1 / (1 + np.exp(-(w @ [0.05, 0.10] + hidden_bias)))
    o = 1 / (1 + np.exp(-(v @ h + output_bias)))
    by_hand = ((np.array([0.01, 0.99]) - o) ** 2).sum() / 2
    assert float(batch.loss()) == pytest.approx(by_hand, abs=1e-9)
    assert float(batch.loss()) == pytest.approx(0.291027924, abs=2e-7)


def test_the_course_notebooks_one_layer_to_the_digits_printed() -> None:
    """Exercise 3: dC/da, the sigmoid's slopes, dC/db and dC/dW, which determine x, the activations and the target."""
    dC_da = np.array([-0.22523209, -0.18437859, 0.09324845])
    slopes = np.array([0.07421857, 0.24714928, 0.23935892])
    x = np.array([0.41869, 0.65253])
    a = (1 + np.array([1, 1, 1]) * np.sqrt(1 - 4 * slopes)) / 2  # either root of a(1 − a) has the printed slope
    z = np.log(a / (1 - a))
    net = Network(2, [("layers.0", Dense(3)), ("layers.0", Activate(Sigmoid()))], MeanSquaredError())
    theta = np.concatenate([np.zeros(6), z])
    gradient = np.zeros_like(theta)
    batch = net.bind(theta, gradient, 1)
    batch.inputs[0, :2] = x
    batch.targets[0] = a - dC_da * 3 / 2
    batch.forward()
    batch.loss()
    batch.backward()
    tensors = net.layout.views(gradient)
    np.testing.assert_allclose(tensors["layers.0.bias"], [-0.0167164, -0.04556904, 0.02231985], atol=1e-8)
    dC_dW = [[-0.00699902, -0.01090799], [-0.01907937, -0.02973526], [0.00934513, 0.01456442]]
    np.testing.assert_allclose(tensors["layers.0.weight"].T, dC_dW, atol=3e-7)  # x is known to five digits


def loss_of(record: type, Z: list[list[float]], Y: object, dtype: type = np.float64) -> tuple[float, np.ndarray]:
    P, Y = np.array(Z, dtype), np.array(Y)
    L, D = np.zeros(len(P), dtype), np.zeros_like(P)
    forward, backward = record().bind(P, Y, L, D, 1 / len(P), Buffers(dtype))
    forward()
    backward()
    return float(L.mean()), D


def test_binary_cross_entropy_is_what_keras_tests_expect() -> None:
    value, _ = loss_of(BinaryCrossEntropyOfSigmoid, [[10, -10, 10], [10, 10, -10]], [[1.0, 0, 1], [0, 1, 1]])
    assert value == pytest.approx(3.3333, abs=5e-4)  # they compare to three places


def test_categorical_cross_entropy_is_what_keras_tests_expect() -> None:
    value, _ = loss_of(CrossEntropyOfSoftmax, [[8, 1, 1], [0, 9, 1], [2, 3, 5]], [0, 1, 2])
    assert value == pytest.approx(0.0573, abs=5e-4)  # they compare to three places


def test_float32_log_of_a_vanishing_probability_is_right_and_finite() -> None:
    value, D = loss_of(BinaryCrossEntropyOfSigmoid, [[20.0]], np.zeros((1, 1), np.float32), np.float32)
    assert value == pytest.approx(20.000000002, rel=1e-7)
    assert D[0, 0] == pytest.approx(1, rel=1e-6)


def test_cross_entropy_of_huge_logits_is_finite_in_value_and_gradient() -> None:
    value, D = loss_of(CrossEntropyOfSoftmax, [[1e4, -1e4, 0.0]], [1])
    assert value == 2e4
    np.testing.assert_allclose(D, [[1, -1, 0]])


def test_adam_follows_the_formulas_of_its_paper() -> None:
    """Algorithm 1 of Kingma & Ba (2015), written out here with its own names."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(20, 5))
    theta, g = np.ones(5), np.zeros(5)
    update = Adam().bind(theta, g, {"m": np.zeros(5), "v": np.zeros(5)}, Buffers(float))
    expected, m, v = np.ones(5), np.zeros(5), np.zeros(5)
    for t, gradient in enumerate(gradients, start=1):
        g[...] = gradient
        update(t, 0.01)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        expected = expected - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)
    np.testing.assert_allclose(theta, expected, rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_follows_sutskevers_form_at_a_constant_rate(nesterov: bool) -> None:
    """Sutskever et al. (2013): v ← μv − ε∇f(θ [+ μv]), θ ← θ + v. For Nesterov, ours is θ + μv of theirs."""
    rate, mu = 0.1, 0.8
    scale = np.array([1.0, 3.0])
    theta, g = np.array([1.0, 2.0]), np.zeros(2)
    optimizer = Sgd(momentum=mu, nesterov=nesterov)
    update = optimizer.bind(theta, g, {"velocity": np.zeros(2)}, Buffers(float))
    x, v = theta.copy(), np.zeros(2)
    for t in range(1, 30):
        g[...] = scale * theta
        update(t, rate)
        v = mu * v - rate * scale * (x + mu * v if nesterov else x)
        x = x + v
        np.testing.assert_allclose(theta, x + mu * v if nesterov else x, rtol=1e-12)
