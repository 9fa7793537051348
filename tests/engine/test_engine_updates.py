"""Clipping, accumulation and averaging by their formulas, also where squares overflow."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nncli.engine.buffers import Buffers
from nncli.engine.updates import Average, Clip, GradientMean


def clipped(clip: Clip, g: np.ndarray) -> np.ndarray:
    g = g.copy()
    with np.errstate(all="ignore"):
        clip.bind(g, Buffers(g.dtype))()
    return g


@pytest.mark.parametrize("clip", [Clip(norm=1.5), Clip(norm=100.0), Clip(value=0.3), Clip(0.3, 0.5)], ids=str)
def test_clipping_follows_its_formula(clip: Clip) -> None:
    g = np.random.default_rng(0).normal(size=40)
    np.testing.assert_allclose(clipped(clip, g), clip.reference(g), rtol=1e-14)


def test_a_clipped_gradient_keeps_both_bounds_and_a_short_one_its_bits() -> None:
    g = np.random.default_rng(1).normal(size=100).astype(np.float32)
    found = clipped(Clip(0.5, 2.0), g)
    assert np.abs(found).max() <= 0.5
    assert np.linalg.norm(found) == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_array_equal(clipped(Clip(5.0, 50.0), g), g)


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e-20, 1e20, 1e30, 5e37])
def test_length_is_right_where_squares_leave_float32(scale: float) -> None:
    g = (np.array([3.0, -4.0, 0.0]) * scale).astype(np.float32)
    exact = g.astype(float)
    bound = float(np.linalg.norm(exact)) / 7
    np.testing.assert_allclose(clipped(Clip(norm=bound), g), exact / 7, rtol=1e-6, atol=1.5e-45)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_clipping_by_norm_hides_no_divergence(bad: float) -> None:
    g = np.array([1.0, bad, 2.0])
    np.testing.assert_array_equal(clipped(Clip(norm=1.0), g), g)
    np.testing.assert_array_equal(clipped(Clip(norm=1.0), np.zeros(3)), np.zeros(3))


def test_accumulated_gradient_is_that_of_all_rows_at_once() -> None:
    """Batches of 5, 5 and 2 rows: the mean of means would weigh the last by a third."""
    rows = np.random.default_rng(0).normal(size=(12, 4))
    g = np.zeros(4)
    mean = GradientMean(g, Buffers(float))
    for _ in range(2):
        for batch in (rows[:5], rows[5:10], rows[10:]):
            g[...] = batch.mean(axis=0)
            mean.add(len(batch))
        assert mean.batches == 3
        mean.take_out()
        np.testing.assert_allclose(g, rows.mean(axis=0), rtol=1e-14)


def test_average_is_the_weighted_mean_that_its_formula_says() -> None:
    """Every iterate by its own weight, written out: the share that it came in with, times what all later ones left."""
    thetas = np.random.default_rng(0).normal(size=(31, 3))
    theta, mean = thetas[0].copy(), thetas[0].copy()
    move = Average(0.6).bind(theta, mean, Buffers(float))
    for t in range(1, 31):
        theta[...] = thetas[t]
        move(t)
    d = np.array([0.0, *(min(0.6, (1 + t) / (10 + t)) for t in range(1, 31))])
    weights = [(1 - d[t]) * np.prod(d[t + 1 :]) for t in range(31)]
    assert sum(weights) == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(mean, weights @ thetas, rtol=1e-13)
    assert (d[1], d[2], d[30]) == (2 / 11, 3 / 12, 0.6)


def test_nothing_around_an_update_allocates_an_array() -> None:
    theta, g, mean, buffers = np.ones(50_000), np.ones(50_000), np.ones(50_000), Buffers(float)
    clip, move = Clip(0.5, 2.0).bind(g, buffers), Average().bind(theta, mean, buffers)
    total = GradientMean(g, Buffers(float))

    def step(scale: float) -> None:
        np.multiply(g, scale, out=g)
        total.add(3)
        total.take_out()
        clip()
        move(1)

    with np.errstate(all="ignore"):
        step(1.0)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step(1.0)
        step(1e200)  # the squares overflow
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    assert peak < 4000
