"""Embeddings of columns: against their papers' formulas, and what a training wants of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nncli.engine import embeddings, kernels
from nncli.engine.activations import Tanh
from nncli.engine.buffers import Buffers, StandIns
from nncli.engine.cost import products, threads_worth
from nncli.engine.embeddings import (
    Code,
    Columns,
    Embedding,
    Linear,
    NoEmbedding,
    NumberEmbedding,
    Periodic,
    PiecewiseLinear,
    Scale,
    usual_units,
)
from nncli.engine.inference import Inference
from nncli.engine.layers import Activate, Dense, Layer, Wires
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import INPUT, Network
from nncli.engine.parameters import Layout
from nncli.engine.special import PLAIN
from nncli.engine.summary import blocks_of
from nncli.gradcheck.check import check_point
from nncli.gradcheck.pieces import described, variants
from nncli.gradcheck.samples import sample_embedding, sample_network, sample_point

NUMBERS = [one for record in embeddings.registry for one in variants(record())]
rng = np.random.default_rng(0)


def output(layer: Layer, X: np.ndarray, **tensors: np.ndarray) -> np.ndarray:
    """What the bound layer makes of X, its parameters being ``tensors``, or drawn."""
    layout = Layout((parameter.name, parameter) for parameter in layer.parameters(X.shape[1]))
    theta = np.zeros(layout.size)
    layer.initialize(layout.views(theta), np.random.default_rng(1))
    for name, value in tensors.items():
        layout.views(theta)[name][...] = value
    buffers = Buffers(float)
    Y, dY = (buffers.keep((len(X), layer.width(X.shape[1]))) for _ in range(2))
    layer.bind(Wires(X, Y, None, dY, theta, np.zeros_like(theta)), buffers)[0]()
    return Y


def numbers_alone(numbers: NumberEmbedding, d: int, edges: tuple[tuple[float, ...], ...] = ()) -> Embedding:
    everything = Columns(tuple(range(d)))
    return Embedding(numbers, everything, edges, everything if numbers.direct else Columns(()))


def network_of(numbers: NumberEmbedding) -> Network:
    return sample_network([Activate(Tanh())], Tanh(), MeanSquaredError(), front=sample_embedding(numbers))


# -- the formulas of the papers ----------------------------------------------------------------------------------------


def test_linear_multiplies_each_number_by_a_vector_of_its_own() -> None:
    X, w, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    Y = output(numbers_alone(Linear(units=4), 3), X, weight=w, bias=b)
    np.testing.assert_allclose(Y.reshape(5, 3, 4), X[:, :, None] * w + b, rtol=1e-14)


def test_periodic_is_pbld_by_default_and_plr_with_other_settings() -> None:
    """Holzmüller et al. 2024: [W cos(2π w x + b) + b', x]; Gorishniy et al. 2022: W [cos(2π c x), sin(2π c x)] + b."""
    X, d, k, u = rng.normal(size=(5, 2)), 2, 3, 4
    f, shift, b = rng.normal(size=(d, k)), rng.normal(size=(d, k)), rng.normal(size=(d, u))
    angles = 2 * np.pi * X[:, :, None] * f
    W = rng.normal(size=(d, k, u))
    Y = output(numbers_alone(Periodic(k, u), d), X, frequencies=f, phases=shift, weight=W.reshape(d * k, u), bias=b)
    expected = np.einsum("nfk,fku->nfu", np.cos(angles + shift), W) + b
    np.testing.assert_allclose(Y[:, : d * u].reshape(5, d, u), expected, rtol=1e-12)
    np.testing.assert_array_equal(Y[:, d * u :], X)
    W = rng.normal(size=(d, 2 * k, u))
    plr = Periodic(k, u, phases=False, direct=False, relu=True)
    Y = output(numbers_alone(plr, d), X, frequencies=f, weight=W.reshape(2 * d * k, u), bias=b)
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=2)
    np.testing.assert_allclose(Y.reshape(5, d, u), np.einsum("nfk,fku->nfu", waves, W) + b, rtol=1e-12)


def test_the_frequencies_begin_with_deviation_sigma_and_the_phases_anywhere_on_the_circle() -> None:
    layer = numbers_alone(Periodic(frequencies=400, sigma=0.3), 50)
    layout = Layout((parameter.name, parameter) for parameter in layer.parameters(50))
    views = layout.views(np.zeros(layout.size))
    layer.initialize(views, np.random.default_rng(0))
    assert views["frequencies"].std() == pytest.approx(0.3, rel=0.02)  # of 20,000 draws
    assert views["phases"].std() == pytest.approx(np.pi / np.sqrt(3), rel=0.02)
    assert np.abs(views["phases"]).max() <= np.pi


def test_piecewise_linear_is_the_encoding_of_the_paper_and_goes_on_beyond_the_outer_edges() -> None:
    """Gorishniy et al. 2022, equation 1: a number in bin t is 1 in the bins before it, 0 in those behind."""
    edges = ((0.0, 1.0, 3.0, 7.0), (-1.0, 1.0))
    identity = np.vstack([np.eye(4)[:3], np.eye(4)[3:]])
    layer = numbers_alone(PiecewiseLinear(units=4), 2, edges)
    X = np.array([[0.5, -1.0], [2.0, 0.0], [6.0, 1.0], [-2.0, 3.0], [9.0, -3.0]])
    Y = output(layer, X, weight=identity, bias=0).reshape(5, 2, 4)
    encoded = [[0.5, 0, 0], [1, 0.5, 0], [1, 1, 0.75], [-2, 0, 0], [1, 1, 1.5]]
    np.testing.assert_allclose(Y[:, 0, :3], encoded)
    np.testing.assert_allclose(Y[:, 1, 3], [0, 0.5, 1, 2, -1])
    assert not Y[:, 0, 3].any()
    assert not Y[:, 1, :3].any()


def test_piecewise_linear_functions_are_continuous_and_bend_at_inner_edges_alone() -> None:
    edges = ((0.0, 1.0, 3.0, 7.0),)
    X = np.linspace(-4, 11, 1501)[:, np.newaxis]
    bends = np.abs(np.diff(output(numbers_alone(PiecewiseLinear(units=2), 1, edges), X), n=2, axis=0)).max(axis=1)
    assert set(np.round(X[1:-1][bends > 1e-9].ravel(), 6)) == {1.0, 3.0}


def test_a_code_is_the_row_of_its_table_wherever_its_column_stands() -> None:
    codes, X = (Code(3, 2), Code(4, 1)), np.array([[2.0, 7.0, 0.0], [0.0, 8.0, 3.0], [2.0, 9.0, 3.0]])
    layer = Embedding(passed_columns=Columns((1,)), codes=codes, code_columns=Columns((0, 2)))
    T, U = rng.normal(size=(3, 2)), rng.normal(size=(4, 1))
    Y = output(layer, X, table_0=T, table_1=U)
    np.testing.assert_array_equal(Y, np.hstack([X[:, 1:2], T[[2, 0, 2]], U[[0, 3, 3]]]))


def test_the_usual_units_are_those_that_fastai_gives() -> None:
    """The sizes that its documentation prints for MovieLens: 944 users, 74 units; 1,635 films, 101."""
    assert [usual_units(levels) for levels in (944, 1635)] == [74, 101]
    assert usual_units(10**9) == 600


def test_a_scale_begins_as_nothing_and_multiplies_each_column() -> None:
    X = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(output(Scale(), X), X)
    np.testing.assert_array_equal(output(Scale(), X, scale=[2, 0, -1]), X * [2, 0, -1])


# -- as part of a network ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_the_bound_layer_computes_its_reference(numbers: NumberEmbedding) -> None:
    at = sample_point(network_of(numbers), n=30)
    bound, tensors = at.resting.stages[0], at.network.layout.views(at.theta)
    own = {p.name: tensors[f"input.{p.name}"] for p in bound.stage.layer.parameters(4)}
    expected = bound.stage.layer.reference(at.inputs[:, :-1], own, (), PLAIN)
    np.testing.assert_allclose(bound.wires.Y, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_gradients_are_proven_for_codes_of_many_levels_too(numbers: NumberEmbedding) -> None:
    """A difference that moves a code of 40 by 0.8 is another level, and must not be taken for a slope."""
    front = sample_embedding(numbers)
    front[0] = replace(front[0], codes=(Code(41, 2),))  # type: ignore[type-var]
    net = sample_network([Activate(Tanh())], Tanh(), MeanSquaredError(), front=front)
    at = sample_point(net)
    at.inputs[0, 1] = 40
    proof = check_point(at)
    assert proof.passed, proof.wrong
    for check in proof.checks:
        found = {tensor.name: tensor for tensor in check.tensors}["input"]
        assert found.by("complex_step").error <= 1e-12  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_compiled_loops_give_the_same_bits(numbers: NumberEmbedding, dtype: type) -> None:
    pytest.importorskip("numba")
    at = sample_point(network_of(numbers), n=20)
    found = []
    for how in ("numpy", "numba"):
        theta = at.theta.astype(dtype)
        buffers = Buffers(dtype, how)  # type: ignore[arg-type]
        bound = at.network.bind(theta, np.zeros_like(theta), 20, buffers=buffers)
        bound.inputs[...], bound.targets[...] = at.inputs, at.targets
        bound.forward()
        loss = bound.loss()
        bound.backward()
        found.append((loss, bound.gradient.copy()))
        assert (kernels.scatter.name in buffers.loops) == (how == "numba")
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def peak_of(step: Callable[[], None]) -> int:
    """Bytes that ``step`` allocates at most at a time, once it has run before."""
    step()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_a_step_allocates_no_array(numbers: NumberEmbedding) -> None:
    """At 50,000 rows a temporary of one number a row takes 400,000 bytes; NumPy's own buffers take 3 times 65,536."""
    at = sample_point(network_of(numbers), n=50_000)
    bound = at.bind()

    def step() -> None:
        bound.forward()
        bound.loss()
        bound.backward()

    assert peak_of(step) < 3 * 8192 * 8 + 2000


@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_what_it_needs_is_told_to_the_byte_before_it_is_allocated(numbers: NumberEmbedding) -> None:
    net = network_of(numbers)
    counted = []
    for buffers in (Buffers(np.float32), StandIns(np.float32)):
        weights, gradient = net.weights(buffers), buffers.keep((net.layout.size,))
        batch = buffers.part("batch")
        net.bind(weights.theta, gradient, 16, statistics=weights.statistics, buffers=batch)
        counted.append(batch.total)
    assert counted[0] == counted[1]


@pytest.mark.parametrize("numbers", NUMBERS, ids=described)
def test_predictions_of_many_rows_are_those_of_each(numbers: NumberEmbedding) -> None:
    """Rows are read from one table after the other, in batches."""
    net = network_of(numbers)
    at = sample_point(net, n=1300)
    weights = net.initial_weights(np.random.default_rng(0), np.float64)
    inference = Inference(net, weights, 1300)
    for shift in (0.0, 0.5):
        inputs = at.inputs + shift * np.array([1, 0, 1, 1, 0])
        inference.run(inputs)
        bound = net.bind(weights.theta, None, 1300, inputs=inputs, evaluating=True)
        bound.forward()
        np.testing.assert_allclose(inference.predictions, bound.outputs, rtol=1e-12)


def test_tables_have_penalties_and_no_matrix_products_and_features_have_small_ones() -> None:
    from nncli.engine.penalties import Penalty

    front = sample_embedding(Periodic(frequencies=16, units=3), penalty=Penalty(l2=0.1))
    net = Network(4, [(INPUT, layer) for layer in front] + [("layers.0", Dense(2))], MeanSquaredError())
    assert [name for name, _ in net.penalties()] == ["input.table_0", "input.weight"]
    first, second = products(net, 10)
    assert (first.block, first.multiply_adds, first.pieces) == ("input", 10 * 2 * 16 * 3, 2)
    assert second.block == "layers.0"
    assert threads_worth(net, 50_000_000 // (16 * 3)) == 6  # a product of each feature, not of both together
    block = blocks_of(net, 10, np.float32)[0]
    width = 2 * 3 + 3 + 2
    assert (block.name, block.shape, block.parameters) == (
        "input",
        (10, width),
        net.layout.where("layers.0.weight").start,
    )


def test_numbers_as_they_are_need_no_embedding() -> None:
    with pytest.raises(NotImplementedError, match="no units"):
        NoEmbedding().bind(None, (), Buffers(float))  # type: ignore[arg-type]


def test_columns_are_read_in_as_few_pieces_as_they_lie_in() -> None:
    assert Columns((3, 4, 5, 0, 2)).runs == (
        (slice(3, 6), slice(0, 3)),
        (slice(0, 1), slice(3, 4)),
        (slice(2, 3), slice(4, 5)),
    )
    assert Columns(()).runs == ()
