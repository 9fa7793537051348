"""The picture of predicted quantiles."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from drawn import HOSTILE, drawn, hides_nothing, legend, png, texts
from matplotlib.container import ErrorbarContainer

from nncli.engine import losses
from nncli.plots.intervals import draw_intervals, told_quantiles


def rows(n: int, k: int = 1, seed: int = 0) -> tuple[np.ndarray, dict[float, np.ndarray], list[str]]:
    """Normal targets and their true quantiles."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(10, 3, (n, k))
    told = {q: mean + NormalDist().inv_cdf(q) for q in (0.1, 0.5, 0.9)}
    return mean + rng.normal(size=(n, k)), told, [f"target {j}" for j in range(k)]


def observed(axes) -> list[np.ndarray]:
    return [c.lines[0].get_xydata() for c in axes.containers if isinstance(c, ErrorbarContainer)]


def test_shares_are_those_of_the_rows_and_true_quantiles_lie_on_the_diagonal() -> None:
    truth, told, names = rows(4000)
    picture = drawn(draw_intervals(truth, told, names, "test"))
    left, right = picture.figure.axes
    (points,) = observed(left)
    np.testing.assert_allclose(points[:, 0], [0.1, 0.5, 0.9])
    np.testing.assert_allclose(points[:, 1], [(truth <= told[q]).mean() for q in (0.1, 0.5, 0.9)])
    np.testing.assert_allclose(points[:, 0], points[:, 1], atol=0.02)
    inside = ((truth >= told[0.1]) & (truth <= told[0.9])).mean()
    width = NormalDist().inv_cdf(0.9) - NormalDist().inv_cdf(0.1)
    assert picture.alt == (
        f"Predicted quantiles (test, 4,000 rows), 80% wanted: target 0: {inside:.1%} of the rows lie between the "
        f"quantiles 0.1 and 0.9, which are {width:.4g} apart in the mean."
    )
    assert left.get_title() == f"{inside:.0%} between 0.1 and 0.9, 80% wanted"
    assert hides_nothing(left)
    assert hides_nothing(right)
    assert right.get_ylabel() == "target 0"


def test_each_row_has_its_range_and_its_truth_told_apart_by_whether_it_is_inside() -> None:
    truth, told, names = rows(60)
    right = drawn(draw_intervals(truth, told, names, "test")).figure.axes[1]
    ranges, inside, outside = right.collections
    order = np.argsort(told[0.5][:, 0])
    ends = np.column_stack([told[0.1][order, 0], told[0.9][order, 0]])
    np.testing.assert_allclose([segment[:, 1] for segment in ranges.get_segments()], ends)
    y = truth[order, 0]
    hit = (y >= ends[:, 0]) & (y <= ends[:, 1])
    np.testing.assert_allclose(inside.get_offsets(), np.column_stack([np.arange(1, 61), y])[hit])
    np.testing.assert_allclose(outside.get_offsets(), np.column_stack([np.arange(1, 61), y])[~hit])


@pytest.mark.parametrize("k", [2, 6, 8])
def test_several_targets_share_a_panel(k: int) -> None:
    truth, told, names = rows(100, k)
    picture = drawn(draw_intervals(truth, told, names, "test"))
    (axes,) = picture.figure.axes
    points = observed(axes)
    assert len(points) == min(k, 6)
    for j, found in enumerate(points):
        np.testing.assert_allclose(found[:, 1], [(truth[:, j] <= told[q][:, j]).mean() for q in (0.1, 0.5, 0.9)])
    assert hides_nothing(axes)
    assert ("the first 6 of 8 targets" in texts(picture.figure)) == (k == 8)
    assert len(legend(axes)) == 1 + min(k, 6)


def test_what_losses_tell_is_read_as_quantiles() -> None:
    P = np.random.default_rng(0).normal(size=(7, 4))
    scale, shift = np.array([2.0, 3.0]), np.array([-1.0, 1.0])
    told = told_quantiles(losses.registry["gaussian_nll"]().readings(P, scale, shift))
    mean, deviation = P[:, :2] * scale + shift, np.exp(P[:, 2:] / 2) * scale
    assert list(told) == sorted(told)
    np.testing.assert_allclose(told[0.5], mean)
    np.testing.assert_allclose(told[0.95] - told[0.05], 2 * 1.6448536269514722 * deviation)
    named = told_quantiles(losses.registry["quantile"](q=[0.1, 0.9]).readings(P, scale, shift))
    assert list(named) == [0.1, 0.9]
    np.testing.assert_allclose(named[0.9], P[:, 2:] * scale + shift)
    for name in ("mse", "quantile"):
        assert told_quantiles(losses.registry[name]().readings(P, np.ones(4), np.zeros(4))) == {}


def test_rows_that_tell_little() -> None:
    for n, size in ((1, 1.0), (3, 1e12), (3, 1e-12), (5000, 1.0)):
        truth, told, names = rows(n)
        drawn(draw_intervals(truth * size, {q: X * size for q, X in told.items()}, names, "test"))
    truth, told, names = rows(5)
    drawn(draw_intervals(truth, {q: np.zeros_like(X) for q, X in told.items()}, names, "test"))
    drawn(draw_intervals(truth, {0.1: told[0.9], 0.9: told[0.1]}, names, "test"))  # crossed
    assert draw_intervals(truth, {0.5: truth}, names, "test") is None
    assert draw_intervals(truth, {**told, 0.9: truth * np.nan}, names, "test") is None
    assert draw_intervals(truth[:0], {q: X[:0] for q, X in told.items()}, names, "test") is None


def test_names_of_strangers_and_bytes() -> None:
    for some in (HOSTILE[:6], HOSTILE[6:7]):
        truth, told, _ = rows(30, len(some))
        first, second = (drawn(draw_intervals(truth, told, some, "test")) for _ in range(2))
        assert png(first) == png(second)
