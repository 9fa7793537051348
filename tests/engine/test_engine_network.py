"""Networks as a whole: batches, copies, repeatability."""

from __future__ import annotations

import numpy as np
from networks import network, point

from nncli.engine.activations import Identity, Relu, Softmax, Tanh
from nncli.engine.buffers import Buffers
from nncli.engine.layers import Activate, Dense
from nncli.engine.losses import CrossEntropy, MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.penalties import Penalty


def gradient_of(net: Network, theta: np.ndarray, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(theta)
    batch = net.bind(theta, gradient, len(inputs))
    batch.inputs[...] = inputs
    batch.targets[...] = targets
    batch.forward()
    batch.loss()
    batch.backward()
    return gradient


def test_gradient_of_a_batch_is_the_mean_over_its_rows() -> None:
    net = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
    at = point(net, n=7)
    rows = [gradient_of(net, at.theta, at.inputs[i : i + 1], at.targets[i : i + 1]) for i in range(7)]
    whole = gradient_of(net, at.theta, at.inputs, at.targets)
    np.testing.assert_allclose(whole, np.mean(rows, axis=0), rtol=1e-12, atol=1e-16)


def test_backward_twice_gives_the_same_bits() -> None:
    net = network(Relu(), Softmax(), CrossEntropy(), fuse=True, penalty=Penalty(0.1, 0.1))
    at = point(net)
    gradient = np.zeros_like(at.theta)
    batch = net.bind(at.theta, gradient, len(at.inputs), input_gradient=True)
    batch.inputs[...] = at.inputs
    batch.targets[...] = at.targets
    batch.forward()
    batch.loss()
    batch.backward()
    once = gradient.copy()
    gradient[...] = np.nan
    batch.backward()
    np.testing.assert_array_equal(once, gradient)


def test_copies_side_by_side_are_the_network_on_one_batch_after_the_other() -> None:
    net = network(Relu(), Softmax(), CrossEntropy(), fuse=True, penalty=Penalty(l2=0.1))
    at = point(net)
    batches = Buffers(float).keep((3, *at.inputs.shape))
    batches[...] = [point(net, seed=s).inputs for s in (1, 2, 3)]
    gradient = np.zeros_like(at.theta)
    together = net.bind(at.theta, gradient, len(at.inputs), inputs=batches)
    together.targets[...] = at.targets
    together.forward()
    losses = together.loss()
    assert losses.shape == (3,)
    for inputs, loss in zip(batches, losses, strict=True):
        alone = net.bind(at.theta, gradient, len(at.inputs))
        alone.inputs[...] = inputs
        alone.targets[...] = at.targets
        alone.forward()
        np.testing.assert_allclose(loss, alone.loss(), rtol=1e-14)


def test_signals_that_are_kept_are_those_that_are_written_over_and_give_the_same_bits() -> None:
    net = network(Relu(), Softmax(), CrossEntropy(), fuse=True)
    at = point(net)
    kept, lean = at.bind(keep_signals=True), at.bind()
    for batch in (kept, lean):
        batch.forward()
        batch.loss()
        batch.backward()
    np.testing.assert_array_equal(kept.gradient, lean.gradient)
    sums, values = kept.signals[1][1], kept.signals[2][1]
    assert (sums < 0).any()
    np.testing.assert_array_equal(values, np.maximum(sums, 0))
    assert np.shares_memory(lean.signals[1][1], lean.signals[2][1])


def test_the_gradients_of_loss_and_penalty_add_up_to_that_of_both() -> None:
    net = network(Relu(), Softmax(), CrossEntropy(), fuse=True, penalty=Penalty(0.1, 0.1))
    batch = point(net).bind()
    batch.forward()
    batch.loss()
    batch.backward()
    both = batch.gradient.copy()
    batch.backward_loss()
    of_loss = batch.gradient.copy()
    batch.backward_penalty()
    np.testing.assert_allclose(of_loss + batch.gradient, both, rtol=1e-14, atol=1e-16)
    assert not net.layout.views(batch.gradient)["layers.1.bias"].any()


def test_float32_gradient_is_the_float64_one_up_to_rounding() -> None:
    net = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
    at = point(net)
    exact = gradient_of(net, at.theta, at.inputs, at.targets)
    single = gradient_of(net, at.theta.astype(np.float32), at.inputs.astype(np.float32), at.targets)
    assert single.dtype == np.float32
    assert np.abs(single - exact).max() < 1e-6 * np.abs(exact).max()


def test_relu_writes_over_the_sums_but_not_over_what_backward_still_needs() -> None:
    layers = [
        ("a", Dense(4)),
        ("a", Activate(Tanh())),
        ("b", Activate(Relu())),  # reads tanh's output, which tanh's backward needs: must not overwrite it
        ("c", Dense(2)),
    ]
    net = Network(3, layers, MeanSquaredError())
    batch = net.bind(*(np.zeros(net.layout.size) for _ in range(2)), 5)
    arrays = [array for _, array in batch.signals]
    assert np.shares_memory(arrays[1], arrays[2])
    assert not np.shares_memory(arrays[2], arrays[3])


def test_names_and_places_of_the_parameters_cover_the_flat_vector_once() -> None:
    net = network(Tanh(), Identity(), MeanSquaredError(), fuse=False)
    flat = np.arange(net.layout.size)
    views = net.layout.views(flat)
    assert list(views) == [
        "layers.0.weight",
        "layers.1.weight",
        "layers.1.bias",
        "layers.2.weight",
        "layers.2.bias",
    ]
    np.testing.assert_array_equal(np.concatenate([view.ravel() for view in views.values()]), flat)


def test_the_first_tensor_that_is_not_finite_is_named() -> None:
    net = network(Relu(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net)
    batch = net.bind(at.theta, np.zeros_like(at.theta), len(at.inputs))
    batch.inputs[...] = at.inputs
    batch.forward()
    assert batch.first_not_finite() is None
    batch.inputs[0, 0] = np.inf
    with np.errstate(all="ignore"):
        batch.forward()
    assert batch.first_not_finite() == "input"
    net.layout.views(at.theta)["layers.1.bias"][0] = np.nan
    assert batch.first_not_finite() == "layers.1.bias"
