"""What the figures of several trainings come to: scipy.stats, and arithmetic by hand, say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nncli.many.statistics import Difference, Spread, difference, spread

VALUES = [0.91, 0.94, 0.97, 0.93, 0.88, 0.95]
OTHERS = [0.93, 0.95, 0.96, 0.97, 0.90, 0.96]


def test_independent_values_have_the_interval_of_the_t_distribution() -> None:
    found = spread(VALUES, 0.0)
    assert (found.n, found.min, found.max) == (6, 0.88, 0.97)
    assert (found.mean, found.sd) == pytest.approx((np.mean(VALUES), np.std(VALUES, ddof=1)), rel=1e-14)
    expected = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_without_a_correction_the_comparison_is_the_paired_t_test() -> None:
    found, expected = difference(VALUES, OTHERS, 0.0), stats.ttest_rel(OTHERS, VALUES)
    assert (found.t, found.df, found.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue), rel=1e-10)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)


def test_the_corrected_test_is_as_by_hand() -> None:
    """Differences 1, 2, 3: S² = 1; with n₂/n₁ = 1/2 the variance of the mean is (1/3 + 1/2)·1, and t = 2/√(5/6).

    With 2 degrees of freedom the distribution has a closed form: p = 1 - t/√(2 + t²).
    """
    found = difference([5.0, 5.0, 5.0], [6.0, 7.0, 8.0], 1 / 2)
    assert found.t == pytest.approx(2 / math.sqrt(5 / 6), rel=1e-14)
    assert found.p == pytest.approx(1 - math.sqrt(4.8 / 6.8), rel=1e-12)
    quantile = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # the closed form turned around
    assert found.high == pytest.approx(2 + quantile * math.sqrt(5 / 6), rel=1e-12)


def test_the_corrected_variance_is_that_of_scikit_learns_example() -> None:
    """Of "Statistical comparison of models using grid search": ``var(ddof=1) * (1 / kr + n_test / n_train)``."""
    n_train, n_test = 90, 10
    differences = np.subtract(OTHERS, VALUES)
    corrected = np.sqrt(np.var(differences, ddof=1) * (1 / 6 + n_test / n_train))
    t = np.mean(differences) / corrected
    found = difference(VALUES, OTHERS, n_test / n_train)
    assert (found.t, found.p) == pytest.approx((t, 2 * stats.t.sf(abs(t), 5)), rel=1e-10)


def test_swapped_configs_have_the_opposite_difference_and_the_same_p() -> None:
    one, other = difference(VALUES, OTHERS, 0.25), difference(OTHERS, VALUES, 0.25)
    assert one.mean is not None
    assert one.t is not None
    assert (other.mean, other.t, other.p) == pytest.approx((-one.mean, -one.t, one.p), rel=1e-12)


def test_of_values_that_share_a_part_the_corrected_test_errs_as_often_as_it_says() -> None:
    """Values that share a part, as folds do: with correlation ρ = n₂/(n₁ + n₂) the corrected t is a t exactly.

    Nadeau & Bengio's argument: Var(mean) = σ²(1/n + (n-1)/n·ρ), and E[S²] = σ²(1-ρ), whose ratio is 1/n + ρ/(1-ρ).
    """
    rng, n, rho = np.random.default_rng(0), 10, 0.2
    wrong = {0.0: 0, rho / (1 - rho): 0}
    for _ in range(2000):
        values = math.sqrt(rho) * rng.normal() + math.sqrt(1 - rho) * rng.normal(size=n)
        for ratio in wrong:
            p = difference([0.0] * n, values.tolist(), ratio).p
            assert p is not None
            wrong[ratio] += p < 0.05
    plain, corrected = wrong.values()
    assert corrected / 2000 == pytest.approx(0.05, abs=0.015)  # three standard errors
    of_plain = 2 * stats.t.sf(stats.t.ppf(0.975, n - 1) / math.sqrt(1 + n * rho / (1 - rho)), n - 1)
    assert of_plain > 0.25
    assert plain / 2000 == pytest.approx(of_plain, abs=0.03)


@pytest.mark.parametrize(
    ("values", "ratio", "expected"),
    [
        ([], 0.25, Spread(0)),
        ([0.5], 0.25, Spread(1, 0.5, min=0.5, max=0.5)),
        ([0.5, 0.5], 0.25, Spread(2, 0.5, 0.0, 0.5, 0.5, 0.5, 0.5)),
        ([1.0, 3.0], None, Spread(2, 2.0, math.sqrt(2), min=1.0, max=3.0)),
    ],
)
def test_what_values_do_not_tell_is_not_said(values: list[float], ratio: float | None, expected: Spread) -> None:
    assert spread(values, ratio) == expected


def test_equal_differences_have_no_t() -> None:
    assert difference([1.0, 2.0], [1.5, 2.5], 0.25) == Difference(2, 0.5, 0.0, 0.5, 0.5, df=1)
    assert difference([1.0, 2.0], [2.0, 1.0], None) == Difference(2, 0.0, math.sqrt(2))
    assert difference([1.0], [2.0], 0.25) == Difference(1, 1.0)
