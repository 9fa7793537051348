"""What a network takes is told by the code that binds it, to the byte, and telling it takes nothing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from nncli.engine import optimizers
from nncli.engine.activations import Relu, Softmax
from nncli.engine.buffers import Buffers, StandIns
from nncli.engine.inference import Inference
from nncli.engine.layers import Activate, Dense, Normalize
from nncli.engine.losses import CrossEntropyOfSoftmax
from nncli.engine.network import Network
from nncli.engine.noise import Dropout
from nncli.engine.norms import LayerNorm
from nncli.engine.optimizers import Optimizer
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.engine.summary import blocks_of
from nncli.gradcheck.pieces import Sample, pieces, variants

SAMPLES = {f"{sample.kind} {sample.piece}": sample.network for sample in pieces() if isinstance(sample, Sample)}
OPTIMIZERS = [optimizer for record in optimizers.update_rules() for optimizer in variants(record())]
OBJECTS = 100_000
"""Bytes of the functions and the array objects of a binding, without the content of any array."""


def traced(work: Callable[[], object]) -> tuple[int, int]:
    """Bytes that are still held once ``work`` is done (its result is kept), and at most on the way."""
    tracemalloc.start()
    try:
        result = work()
        held, peak = tracemalloc.get_traced_memory()
        del result
        return held, peak
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("network", SAMPLES.values(), ids=SAMPLES)
def test_stand_ins_count_what_a_binding_really_allocates(network: Network) -> None:
    n = 20_000
    theta, gradient = np.zeros((2, network.layout.size), np.float32)
    network.bind(theta, gradient, 2)  # imports
    counted = StandIns(np.float32)
    _, dry = traced(lambda: network.bind(theta, gradient, n, buffers=counted))
    held, _ = traced(lambda: network.bind(theta, gradient, n))
    assert dry < OBJECTS
    # what is bound allocates by its buffers alone: an array of its own of a number a row would be 80,000 bytes
    assert counted.total == pytest.approx(held, abs=60_000)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_stand_ins_count_what_an_optimizer_really_allocates(optimizer: Optimizer) -> None:
    size = 100_000

    def bind(buffers: Buffers) -> object:
        theta, g = (np.zeros(size, np.float32) for _ in range(2))
        state = optimizer.start(theta, buffers)
        return theta, g, optimizer.bind(theta, g, state, buffers)

    counted = StandIns(np.float32)
    bind(counted)
    held, _ = traced(lambda: bind(Buffers(np.float32)))
    assert counted.total + 2 * 4 * size == pytest.approx(held, abs=20_000)


def test_a_network_of_a_terabyte_is_counted_without_taking_a_megabyte() -> None:
    width = 1_000_000
    hidden = [Fork(), Dense(width), Normalize(LayerNorm()), Activate(Relu()), Dropout(0.5), Join(width, width)]
    layers = [("layers.0", Dense(width)), *(("layers.1", layer) for layer in hidden), ("layers.2", Dense(3))]
    network = Network(4, layers, CrossEntropyOfSoftmax(), Softmax())
    counted = StandIns(np.float32)

    def count() -> int:
        theta, gradient = (counted.keep((network.layout.size,)) for _ in range(2))
        network.bind(theta, gradient, 32, buffers=counted)
        return counted.total

    _, peak = traced(count)
    assert peak < 1_000_000
    weights = 2 * 4 * width**2
    assert weights < counted.total < 1.01 * weights


def test_what_is_made_like_a_stand_in_is_one_and_is_counted() -> None:
    counted = StandIns(np.float32)
    theta = counted.keep((10**12,))
    for make in (np.zeros_like, np.empty_like, np.copy, lambda array: array.copy(), lambda array: array.astype("f4")):
        assert make(theta).shape == theta.shape
    assert counted.total == 6 * 4 * 10**12
    view = theta[: 10**6].reshape(10**3, 10**3).T[:, :5]
    assert view.copy().nbytes == 20_000
    assert counted.total == 6 * 4 * 10**12 + 20_000
    theta[...] = 1  # at once, and nothing happens
    np.copyto(theta, 1)
    with pytest.raises(TypeError, match="add of a stand-in"):
        np.add(theta, 1)
    with pytest.raises(TypeError, match="add of a stand-in"):
        theta.sum()
    with pytest.raises(TypeError):
        np.copyto(np.zeros(10**3), theta[: 10**3])


def test_blocks_are_counted_as_on_paper() -> None:
    penalty = Penalty(l2=0.1)
    layers = [
        ("layers.0", Dense(5, penalty=penalty)),
        ("layers.0", Activate(Relu())),
        *(("layers.1", layer) for layer in (Fork(), Dense(7, bias=False), Activate(Relu()), Join(5, 7))),
        ("layers.2", Dense(3)),
    ]
    network = Network(4, layers, CrossEntropyOfSoftmax(), Softmax())
    blocks = {block.name: block for block in blocks_of(network, 10, np.float32)}
    assert [*blocks] == ["input", "layers.0", "layers.1", "layers.2", "loss", "penalty"]
    assert blocks["layers.0"].made_of == ("dense", "relu")
    assert blocks["layers.1"].made_of == ("fork", "dense", "relu", "join")
    assert blocks["layers.2"].made_of == ("dense", "softmax within the loss")
    assert [block.shape for block in blocks.values()] == [(10, 4), (10, 5), (10, 7), (10, 3), (10,), ()]
    assert [block.parameters for block in blocks.values()] == [0, 4 * 5 + 5, 5 * 7 + 5 * 7, 7 * 3 + 3, 0, 0]
    assert [block.multiply_adds for block in blocks.values()] == [0, 4 * 5, 5 * 7 + 5 * 7, 7 * 3, 0, 0]
    assert blocks["input"].memory == 10 * (4 + 1) * 4  # with the column of ones
    # Z, which relu writes over; dZ; where z > 0; the zeros to which a unit is compared
    assert blocks["layers.0"].memory == 2 * (10 * 5 * 4) + 10 * 5 + 10 * 4
    assert blocks["penalty"].memory == 0  # W is smaller than a signal, in whose scratch the penalty works


def test_inference_is_counted_too() -> None:
    network = next(iter(SAMPLES.values()))
    weights, counted = network.weights(Buffers(np.float32)), StandIns(np.float32)
    Inference(network, weights, 100_100, counted)
    held, _ = traced(lambda: Inference(network, weights, 100_100))
    assert counted.total == pytest.approx(held, rel=0.1)  # a few functions for each 512 rows
