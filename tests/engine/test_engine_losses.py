"""Losses against scikit-learn, SciPy, and what their papers say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import (
    hinge_loss,
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
)

from nncli.engine.activations import Exponential, Sigmoid, Softmax, Softplus
from nncli.engine.buffers import Array, Buffers
from nncli.engine.losses import (
    BinaryCrossEntropy,
    BinaryFocal,
    CrossEntropy,
    Focal,
    GaussianNll,
    Hinge,
    Huber,
    KlDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    Poisson,
    Quantile,
    SquaredHinge,
)

RNG = np.random.default_rng(7)
N = 40
P, Y = RNG.normal(0, 2, (2, N, 3))
CODES = RNG.integers(0, 3, N)
YES = RNG.integers(0, 2, (N, 3)).astype(float)
SHARES = RNG.dirichlet(np.ones(3), N)
SHARES[:5] = np.eye(3)[[0, 1, 2, 0, 1]]
COUNTS = RNG.poisson(2, (N, 3)).astype(float)


def run(loss: Loss | None, P: Any, Y: Any) -> tuple[Array, Array]:
    """The loss of each row, and its gradient by the outputs, not divided by the rows."""
    assert loss is not None
    P = np.array(P, float)
    L, D = np.full(len(P), np.nan), np.full_like(P, np.nan)
    for step in loss.bind(P, np.array(Y), L, D, 1.0, Buffers(float)):
        step()
    return L, D


def values(loss: Loss | None, P: Any, Y: Any) -> Array:
    return run(loss, P, Y)[0]


def test_the_losses_of_numbers_are_those_of_scikit_learn_and_scipy() -> None:
    def near(found: Array, expected: Any) -> None:
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    near(values(MeanAbsoluteError(), P, Y).mean(), mean_absolute_error(Y, P))
    for delta in (0.3, 1.0, 2.0):
        near(values(Huber(delta), P, Y), scipy.special.huber(delta, P - Y).mean(axis=1))
    near(values(LogCosh(), P, Y), np.log(np.cosh(P - Y)).mean(axis=1))
    for q in (0.1, 0.5, 0.9):
        near(values(Quantile(q), P, Y).mean(), mean_pinball_loss(Y, P, alpha=q))


def test_log_cosh_is_right_near_zero_and_far_from_it() -> None:
    # its series is e²/2 − e⁴/12 + ..., and |e| − log 2 is its asymptote
    found = values(LogCosh(), [[1e-3], [1e4], [-1e4]], np.zeros((3, 1)))
    np.testing.assert_allclose(found, [5e-7 - 1e-12 / 12, 1e4 - np.log(2), 1e4 - np.log(2)], rtol=1e-12)


def test_several_quantiles_are_one_loss_for_each_of_them() -> None:
    levels = [0.1, 0.5, 0.9]
    outputs = RNG.normal(size=(N, 6))  # of two targets: both of the first quantile, then both of the second ...
    apart = [values(Quantile(q), outputs[:, 2 * i : 2 * i + 2], Y[:, :2]) for i, q in enumerate(levels)]
    np.testing.assert_allclose(values(Quantile(levels), outputs, Y[:, :2]), np.mean(apart, axis=0), rtol=1e-13)
    told = Quantile([0.9, 0.4, 0.1]).readings(outputs, np.array([2.0, 3.0]), np.array([10.0, 20.0]))
    np.testing.assert_allclose(told["prediction"], outputs[:, 2:4] * [2, 3] + [10, 20])  # 0.4 is nearest to the median
    assert list(told) == ["prediction", "quantile 0.9", "quantile 0.4", "quantile 0.1"]


@pytest.mark.parametrize("q", [0.1, 0.5, 0.8])
def test_the_pinball_loss_is_least_at_the_quantile(q: float) -> None:
    sample = RNG.exponential(size=(2001, 1))
    at = [
        values(Quantile(q), np.full_like(sample, c), sample).mean()
        for c in np.quantile(sample, [q - 0.05, q, q + 0.05])
    ]
    assert at[1] < min(at[0], at[2])


def test_gaussian_nll_is_the_negative_log_density_of_the_normal_distribution() -> None:
    outputs = RNG.normal(size=(N, 4))
    mean, deviation = outputs[:, :2], np.exp(outputs[:, 2:] / 2)
    expected = -scipy.stats.norm.logpdf(Y[:, :2], mean, deviation).mean(axis=1)
    np.testing.assert_allclose(values(GaussianNll(), outputs, Y[:, :2]), expected, rtol=1e-12)
    told = GaussianNll().readings(outputs, np.array([2.0, 3.0]), np.array([10.0, 20.0]))
    np.testing.assert_allclose(told["prediction"], mean * [2, 3] + [10, 20])
    np.testing.assert_allclose(told["deviation"], deviation * [2, 3])


def test_poisson_is_half_the_deviance_and_the_log_likelihood_up_to_what_the_target_alone_gives() -> None:
    rate = np.exp(P / 2)
    found = values(Poisson(), rate, COUNTS)
    own = (COUNTS - scipy.special.xlogy(COUNTS, COUNTS)).mean()
    half = mean_poisson_deviance(COUNTS.ravel(), rate.ravel()) / 2
    assert found.mean() == pytest.approx(half + own, rel=1e-12)
    likelihood = scipy.stats.poisson.logpmf(COUNTS, rate) + scipy.special.gammaln(COUNTS + 1)
    np.testing.assert_allclose(found, -likelihood.mean(axis=1), rtol=1e-11)


@pytest.mark.parametrize(
    ("output", "f"),
    [(Exponential(), np.exp), (Softplus(), lambda z: np.logaddexp(0, z))],
    ids=["exponential", "softplus"],
)
def test_poisson_from_logits_goes_on_where_the_rate_underflows(output: Any, f: Callable[[Array], Array]) -> None:
    fused = Poisson().fuse(output)
    L, D = run(fused, P, COUNTS)
    np.testing.assert_allclose(L, values(Poisson(), f(P), COUNTS), rtol=1e-12)
    # left of −745 exp(z) is 0; the log of either rate is z there, so that a count of 2 costs −2z, with the slope −2
    L, D = run(fused, [[-1000.0], [-50.0]], [[2.0], [2.0]])
    np.testing.assert_allclose(L, [2000, 100], rtol=1e-14)
    np.testing.assert_allclose(D, -2, rtol=1e-14)


def test_kl_divergence_is_scipy_s_relative_entropy() -> None:
    probabilities = scipy.special.softmax(P, axis=1)
    expected = scipy.special.rel_entr(SHARES, probabilities).sum(axis=1)
    np.testing.assert_allclose(values(KlDivergence(), probabilities, SHARES), expected, rtol=1e-12)
    np.testing.assert_allclose(values(KlDivergence().fuse(Softmax()), P, SHARES), expected, rtol=1e-12)
    # of a certain class it is the cross-entropy
    certain = values(KlDivergence().fuse(Softmax()), P, np.eye(3)[CODES])
    np.testing.assert_allclose(certain, values(CrossEntropy().fuse(Softmax()), P, CODES), rtol=1e-12)


def test_counts_and_shares_are_refused_where_they_are_none() -> None:
    assert Poisson().misfits(np.array([[0.0, 2], [1, -1], [0.5, 0]])).tolist() == [False, True, False]
    rows = np.array([[0.2, 0.8], [0.33, 0.66], [0.5, 0.52], [1.5, -0.5]])
    assert KlDivergence().misfits(rows).tolist() == [False, False, True, True]


def test_hinge_is_scikit_learn_s_for_one_output_and_for_three() -> None:
    two = CODES % 2
    assert values(Hinge(), P[:, :1], two).mean() == pytest.approx(hinge_loss(two, P[:, 0]), rel=1e-12)
    assert values(Hinge(), P, CODES).mean() == pytest.approx(hinge_loss(CODES, P, labels=[0, 1, 2]), rel=1e-12)
    for outputs, codes in ((P[:, :1], two), (P, CODES)):
        np.testing.assert_allclose(values(SquaredHinge(), outputs, codes), values(Hinge(), outputs, codes) ** 2)


def test_others_that_tie_share_the_slope_of_hinge() -> None:
    """Any convex combination of the slopes that meet is a subgradient; their plain sum is none."""
    _, D = run(Hinge(), np.zeros((1, 4)), [2])
    np.testing.assert_allclose(D, [[1 / 3, 1 / 3, -1, 1 / 3]], rtol=1e-15)


def smoothed(P: Array, share: float) -> float:
    """Szegedy et al. (2016), section 7: (1 − ε)·H(onehot, p) + ε·H(uniform, p)."""
    return float((1 - share) * log_loss(CODES, P) - share * np.log(P).mean())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_label_smoothing_mixes_the_cross_entropies_of_the_class_and_of_the_uniform_distribution(share: float) -> None:
    probabilities = scipy.special.softmax(P, axis=1)
    for loss, outputs in ((CrossEntropy(share), probabilities), (CrossEntropy(share).fuse(Softmax()), P)):
        assert values(loss, outputs, CODES).mean() == pytest.approx(smoothed(probabilities, share), rel=1e-12)


def test_a_smoothed_binary_cross_entropy_is_that_of_the_smoothed_labels() -> None:
    p = scipy.special.expit(P)
    Q = 0.8 * YES + 0.1
    expected = -(Q * np.log(p) + (1 - Q) * np.log1p(-p)).mean(axis=1)
    for loss, outputs in ((BinaryCrossEntropy(0.2), p), (BinaryCrossEntropy(0.2).fuse(Sigmoid()), P)):
        np.testing.assert_allclose(values(loss, outputs, YES), expected, rtol=1e-12)


def test_a_smoothed_cross_entropy_is_least_at_the_smoothed_label() -> None:
    """That is what keeps the logits finite: at log q the gradient is 0."""
    q = 0.7 * np.eye(3)[CODES] + 0.1
    _, D = run(CrossEntropy(0.3).fuse(Softmax()), np.log(q), CODES)
    np.testing.assert_allclose(D, 0, atol=1e-15)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_losses_are_their_paper_s(gamma: float) -> None:
    """Lin et al. (2017), equations 4 and 5."""
    probabilities, p = scipy.special.softmax(P, axis=1), scipy.special.expit(P)
    right = probabilities[np.arange(N), CODES]
    expected = -((1 - right) ** gamma) * np.log(right)
    for loss, outputs in ((Focal(gamma), probabilities), (Focal(gamma).fuse(Softmax()), P)):
        np.testing.assert_allclose(values(loss, outputs, CODES), expected, rtol=1e-11)
    t, weight = np.where(YES == 1, p, 1 - p), np.where(YES == 1, 0.25, 0.75)
    expected = -(weight * (1 - t) ** gamma * np.log(t)).mean(axis=1)
    for binary, outputs in ((BinaryFocal(gamma, 0.25), p), (BinaryFocal(gamma, 0.25).fuse(Sigmoid()), P)):
        np.testing.assert_allclose(values(binary, outputs, YES), expected, rtol=1e-11)


def test_without_focus_the_focal_losses_are_the_cross_entropies_in_value_and_gradient() -> None:
    for focal, plain, Y in (
        (Focal(0.0).fuse(Softmax()), CrossEntropy().fuse(Softmax()), CODES),
        (BinaryFocal(0.0).fuse(Sigmoid()), BinaryCrossEntropy().fuse(Sigmoid()), YES),
    ):
        for found, expected in zip(run(focal, P, Y), run(plain, P, Y), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_a_row_that_is_sure_counts_a_hundredth_as_the_paper_of_focal_says() -> None:
    """Lin et al. (2017), section 3.2: with gamma = 2, p = 0.9 costs 100 times less than with cross-entropy."""
    assert values(Focal(2.0), [[0.9, 0.1]], [0])[0] == pytest.approx(-np.log(0.9) / 100, rel=1e-12)


def test_a_focal_loss_of_a_row_that_is_very_sure_keeps_its_digits() -> None:
    """With q = exp(−g) for a lead of g over one other class, L = q²·q and dL/dz = 3q³ to first order in q."""
    q = np.exp(-30)
    L, D = run(Focal(2.0).fuse(Softmax()), [[30.0, 0.0]], [0])
    np.testing.assert_allclose(L, q**3, rtol=1e-12)
    np.testing.assert_allclose(D, [[-3 * q**3, 3 * q**3]], rtol=1e-12)
    L, D = run(BinaryFocal(2.0).fuse(Sigmoid()), [[30.0], [-30.0]], [[1.0], [0.0]])
    np.testing.assert_allclose(L, q**3, rtol=1e-12)
    np.testing.assert_allclose(D, [[-3 * q**3], [3 * q**3]], rtol=1e-12)


@pytest.mark.parametrize("loss", [Focal(0.5), Focal(0.0), Focal(2.0)], ids=str)
def test_a_row_that_is_certain_has_no_loss_and_a_finite_slope(loss: Focal) -> None:
    L, D = run(loss, [[1.0, 0.0]], [0])
    assert L[0] == 0
    np.testing.assert_allclose(D, [[-1.0 if loss.gamma == 0 else 0.0, 0.0]], atol=1e-15)
