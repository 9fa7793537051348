"""Many rows through a network: in batches, on threads, read where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from networks import network, point

from nncli.engine import inference as module
from nncli.engine.activations import Relu, Softmax, Tanh
from nncli.engine.buffers import StandIns
from nncli.engine.inference import Inference, batch_rows
from nncli.engine.layers import Activate, Dense, Layer
from nncli.engine.losses import CrossEntropy, CrossEntropyOfSoftmax
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.gradcheck.pieces import Sample, pieces

SAMPLES = {f"{sample.kind} {sample.piece}": sample.network for sample in pieces() if isinstance(sample, Sample)}
NET = network(Tanh(), Softmax(), CrossEntropy(), fuse=True)
BATCH = batch_rows(NET, np.float64)


def relus(*sizes: int) -> Network:
    """A relu network with softmax and cross-entropy; the input's size first."""
    layers: list[tuple[str, Layer]] = []
    for i, units in enumerate(sizes[1:]):
        layers += [(f"layers.{i}", Dense(units)), (f"layers.{i}", Activate(Relu()))]
    return Network(sizes[0], layers[:-1], CrossEntropyOfSoftmax(), Softmax())


@pytest.mark.parametrize("rows", [1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_inference_in_batches_is_the_forward_pass_in_one(rows: int) -> None:
    at = point(NET, n=rows)
    whole = NET.bind(at.theta, np.zeros_like(at.theta), rows)
    whole.inputs[...] = at.inputs
    whole.targets[...] = at.targets
    whole.forward()
    Z = whole.outputs
    softmax = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    inference = Inference(NET, Weights(at.theta, at.statistics), rows)
    loss = inference.run(at.inputs, at.targets)
    np.testing.assert_allclose(inference.predictions, softmax, rtol=1e-12)
    assert loss == pytest.approx(float(whole.loss()), rel=1e-12)


@pytest.mark.parametrize("net", SAMPLES.values(), ids=SAMPLES)
def test_going_forward_alone_gives_what_the_whole_binding_gives(net: Network) -> None:
    at = point(net, n=5)
    whole = net.bind(at.theta, np.zeros_like(at.theta), 5, statistics=at.statistics, evaluating=True)
    whole.inputs[...] = at.inputs
    whole.targets[...] = at.targets
    whole.forward()
    loss, expected = float(whole.loss()), whole.outputs.copy()
    if net.link is not None:
        expected = net.link.reference(expected, np)
    inference = Inference(net, Weights(at.theta, at.statistics), 5)
    for _ in range(2):  # the second time the rows are bound already
        assert inference.run(at.inputs, at.targets) == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(inference.predictions, expected, rtol=1e-12, atol=1e-14)


def test_going_forward_alone_takes_no_room_for_gradients_and_refuses_to_go_back() -> None:
    net, n = relus(10, 20, 30, 5), 1000
    theta = np.zeros(net.layout.size)
    counted = {}
    for gradient in (np.zeros_like(theta), None):
        buffers = StandIns(np.float64)
        net.bind(theta, gradient, n, buffers=buffers)
        counted[gradient is None] = buffers.total
    assert counted[False] - counted[True] == 8 * n * (20 + 30 + 5)  # dZ of every layer
    batch = net.bind(theta, None, n)
    batch.forward()
    batch.loss()
    with pytest.raises(TypeError, match="stand-in"):
        batch.backward()


@pytest.mark.parametrize("rows", [3 * BATCH, 7 * BATCH + 5])
def test_any_number_of_threads_gives_the_same_bits(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_A_THREAD", 1)
    at = point(NET, n=rows)
    w = np.random.default_rng(0).uniform(size=rows)
    found = {}
    for threads in (1, 2, 3):
        inference = Inference(NET, Weights(at.theta, at.statistics), rows, weighted=True, threads=threads)
        assert inference.threads == threads
        for _ in range(3):
            inference.predictions[...] = np.nan
            loss = inference.run(at.inputs, at.targets, w)
            found[loss, inference.predictions.tobytes()] = threads
    assert len(found) == 1


def test_threads_are_for_much_work_alone() -> None:
    net = relus(20, 64, 64, 2)
    weights = Weights(np.zeros(net.layout.size, np.float32), np.zeros(0, np.float32))
    threads = {n: Inference(net, weights, n, threads=4).threads for n in (30, 2000, 5000, 100_000)}
    assert threads == {30: 1, 2000: 1, 5000: 2, 100_000: 4}


def test_threads_heed_the_callers_errstate_and_their_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_A_THREAD", 1)
    at = point(NET, n=4 * BATCH)
    inference = Inference(NET, Weights(at.theta, at.statistics), 4 * BATCH, threads=3)
    at.inputs[...] = np.inf
    with np.errstate(all="ignore"):  # a warning would be an error here
        inference.run(at.inputs)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        inference.run(at.inputs)


def test_rows_are_read_where_they_lie() -> None:
    at = point(NET, n=2 * BATCH + 3)
    weights = Weights(at.theta, at.statistics)
    inference = Inference(NET, weights, BATCH + 2)
    inference.run(at.inputs[: BATCH + 2])
    first = inference.predictions.copy()
    every_second = at.inputs[::2]
    inference.run(every_second)
    apart = Inference(NET, weights, BATCH + 2)
    apart.run(every_second.copy())
    np.testing.assert_allclose(inference.predictions, apart.predictions, rtol=1e-12)
    at.inputs[::2] = at.inputs[: BATCH + 2].copy()
    inference.run(every_second)  # the array that it has read before holds other numbers now
    np.testing.assert_allclose(inference.predictions, first, rtol=1e-12)


def test_what_inference_takes_beside_its_predictions_does_not_grow_with_the_rows() -> None:
    net = relus(20, 64, 64, 2)
    weights = Weights(np.zeros(net.layout.size, np.float32), np.zeros(0, np.float32))
    batch = batch_rows(net, np.float32)
    beside = set()
    for batches in (2, 2000):
        counted = StandIns(np.float32)
        rows = batches * batch
        Inference(net, weights, rows, counted)
        beside.add(counted.total - 4 * 2 * rows)
    assert len(beside) == 1
    assert max(beside) < 4 * module.SIGNALS


@pytest.mark.parametrize(
    ("sizes", "rows"),
    [((4, 16, 3), 8208), ((20, 64, 64, 1), 1744), ((64, 64, 32, 10), 1552), ((784, 128, 10), 528), ((4, 3000, 2), 528)],
)
def test_the_signals_of_a_batch_fit_a_cache(sizes: tuple[int, ...], rows: int) -> None:
    assert batch_rows(relus(*sizes), np.float32) == rows
    assert rows // 16 % 2 == 1  # no power of 2 between the units of a signal
    if 528 < rows < 8208:
        assert module.SIGNALS * 0.9 < rows * sum(sizes) * 4 < module.SIGNALS * 1.05
