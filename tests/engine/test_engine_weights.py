"""Row weights in the engine: what they mean, at their extremes, and that gradcheck would see them forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import network, point
from sklearn.utils.class_weight import compute_class_weight

import nncli.engine.network
from nncli.engine.activations import Identity, Softmax, Tanh
from nncli.engine.buffers import Step
from nncli.engine.inference import Inference
from nncli.engine.losses import CrossEntropy, MeanSquaredError
from nncli.engine.parameters import Weights
from nncli.engine.weights import balanced, to_mean_one
from nncli.gradcheck.check import check_point
from nncli.gradcheck.copies import Point


def loss_and_gradient(at: Point) -> tuple[float, np.ndarray]:
    batch = at.bind()
    batch.forward()
    loss = float(batch.loss())
    batch.backward()
    return loss, batch.gradient


@pytest.mark.parametrize("fuse", [True, False])
def test_a_row_of_weight_2_is_a_row_twice(fuse: bool) -> None:
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=fuse))
    times = np.array([2, 0, 1, 3, 1, 5])
    again = replace(at, inputs=at.inputs.repeat(times, axis=0), targets=at.targets.repeat(times), noise=())
    one, two = loss_and_gradient(replace(at, row_weights=to_mean_one(times))), loss_and_gradient(again)
    assert one[0] == pytest.approx(two[0], rel=1e-14)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-12, atol=1e-15)


def test_weights_of_1_change_no_bit() -> None:
    at = point(network(Tanh(), Identity(), MeanSquaredError(), fuse=False))
    plain, weighted = loss_and_gradient(at), loss_and_gradient(replace(at, row_weights=np.ones(6)))
    assert plain[0] == weighted[0]
    np.testing.assert_array_equal(plain[1], weighted[1])


def test_a_row_that_does_not_count_may_have_an_infinite_loss() -> None:
    """Softmax that underflows gives the right class the probability 0: −log 0, and a slope of 1/0."""
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=False))
    theta = at.theta.copy()
    at.network.layout.views(theta)["layers.2.bias"][...] = [0, 0, 2000]
    hopeless = replace(at, theta=theta, targets=np.array([2, 2, 2, 2, 2, 0]))
    with np.errstate(all="ignore"):
        assert np.isinf(loss_and_gradient(replace(hopeless, row_weights=np.ones(6)))[0])
        loss, gradient = loss_and_gradient(replace(hopeless, row_weights=np.array([1.0, 1, 1, 1, 1, 0])))
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def test_the_mean_of_any_weights_becomes_1() -> None:
    assert to_mean_one(np.array([1, 3])).tolist() == [0.5, 1.5]
    for extreme in ([1e308, 1.7e308, 0, 1e-308], [5e-324, 0.0]):
        w = to_mean_one(np.array(extreme))
        assert np.isfinite(w).all()
        assert w.mean() == pytest.approx(1)


def test_balanced_is_that_of_scikit_learn() -> None:
    codes = np.random.default_rng(0).choice(4, 97, p=[0.7, 0.2, 0.07, 0.03])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=codes)
    np.testing.assert_allclose(balanced(codes, 4), expected, rtol=1e-15)


@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e12])
def test_weighted_gradients_are_proven_whatever_the_ratio_of_the_weights(ratio: float) -> None:
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    proof = check_point(replace(at, row_weights=np.array([ratio, 1, 0, 1 / ratio, 1, 1])))
    assert proof.verdict == "right"


def test_a_point_whose_rows_count_nothing_has_no_gradient() -> None:
    at = replace(point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True)), row_weights=np.zeros(6))
    loss, gradient = loss_and_gradient(at)
    assert loss == 0
    assert not gradient.any()
    assert not check_point(at).wrong


def test_a_weight_that_is_forgotten_on_the_way_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = nncli.engine.network.weigh

    def forgetful(forward: Step, backward: Step, *arrays: object) -> tuple[Step, Step]:
        return right(forward, backward, *arrays)[0], backward

    monkeypatch.setattr(nncli.engine.network, "weigh", forgetful)
    at = point(network(Tanh(), Softmax(), CrossEntropy(), fuse=True))
    proof = check_point(replace(at, row_weights=np.array([1, 1, 1, 1, 1, 1.001])))
    assert proof.verdict == "wrong"
    assert {"complex_step", "differences", "oracle"} <= set(proof.found_by)


def test_inference_weighs_rows_over_its_batches() -> None:
    net = network(Tanh(), Identity(), MeanSquaredError(), fuse=False)
    at = point(net, n=1200)
    w = to_mean_one(np.random.default_rng(1).exponential(size=1200))
    inference = Inference(net, Weights(at.theta, at.statistics), 1200, weighted=True)
    loss = inference.run(at.inputs, at.targets, w)
    expected = np.average(((inference.predictions - at.targets) ** 2).mean(axis=1), weights=w)
    assert loss == pytest.approx(expected, rel=1e-12)
    plain = Inference(net, Weights(at.theta, at.statistics), 1200).run(at.inputs, at.targets)
    assert inference.run(at.inputs, at.targets) == plain  # weights that are not given are 1, not those from before
