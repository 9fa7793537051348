"""Curves over thresholds and calibration, against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from nncli.scoring.curves import precision_recall, reliability, roc, wilson

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([-3.0, -1.0, 0.0, 0.25, 0.5, 1e-12, 1e12])), min_size=1)


@given(ROWS)
def test_the_roc_curve_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, scores = np.array(rows, np.float64).T
    found = roc(truth, scores)
    if len(set(truth)) < 2:
        assert found is None
        return
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert found is not None
    np.testing.assert_array_equal((found.x, found.y), (false, true))
    assert found.area == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@given(ROWS)
def test_precision_and_recall_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, scores = np.array(rows, np.float64).T
    found = precision_recall(truth, scores)
    if not truth.any():
        assert found is None
        return
    precision, recall, _ = precision_recall_curve(truth, scores)
    assert found is not None
    np.testing.assert_array_equal((found.x, found.y), (recall[::-1], precision[::-1]))
    assert found.area == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


@given(st.integers(1, 500), st.floats(0, 1))
def test_intervals_are_those_of_wilson(rows: int, share: float) -> None:
    hits = round(share * rows)
    low, high = wilson(np.array([hits]), np.array([rows]))
    known = binomtest(hits, rows).proportion_ci(method="wilson")
    np.testing.assert_allclose((low[0], high[0]), (known.low, known.high), atol=1e-12)
    assert 0 <= low[0] <= hits / rows <= high[0] <= 1


def test_bins_that_all_have_rows_are_those_of_scikit_learn() -> None:
    said = np.random.default_rng(0).uniform(size=3000)
    happened = np.random.default_rng(1).uniform(size=3000) < said**2
    found = reliability(said, happened)
    share, mean = calibration_curve(happened, said, n_bins=15, strategy="uniform")
    np.testing.assert_allclose(found.share, share)
    np.testing.assert_allclose(found.said, mean)
    assert found.error == pytest.approx(1 / 2 - 1 / 3, abs=0.02)  # the mean of p − p²


@given(st.lists(st.tuples(st.one_of(st.floats(0, 1), st.just(1.0)), st.booleans()), min_size=1, max_size=300))
def test_every_row_is_in_one_bin_and_no_bin_is_nearly_empty(rows: list[tuple[float, bool]]) -> None:
    said, happened = np.array(rows, np.float64).T
    found = reliability(said, happened)
    n = len(said)
    assert found.rows.sum() == n
    assert found.rows.min() >= min(5, n)
    assert found.rows @ found.said == pytest.approx(said.sum())
    assert found.rows @ found.share == pytest.approx(happened.sum())
    assert abs(said.mean() - happened.mean()) - 1e-9 <= found.error <= 1  # the triangle inequality
    assert (np.diff(found.said) >= 0).all()
