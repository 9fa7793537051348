"""The reliability diagram."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import HOSTILE, drawn, hides_nothing, legend, png, texts
from matplotlib.container import ErrorbarContainer

from nncli.plots.calibration import confidence, draw_calibration
from nncli.scoring.curves import reliability


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    said = rng.beta(0.5, 0.5, n)
    return said, rng.uniform(size=n) < said


def test_points_intervals_and_columns_are_those_of_the_rows() -> None:
    said, happened = rows(2000)
    picture = drawn(draw_calibration(said, happened, "of malignant", "test"))
    axes, below = picture.figure.axes
    found = reliability(said, happened)
    (bars,) = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    points, _, (segments,) = bars.lines
    np.testing.assert_allclose(points.get_xydata(), np.column_stack([found.said, found.share]))
    np.testing.assert_allclose([line[:, 1] for line in segments.get_segments()], np.column_stack(found.interval))
    assert below.patches[0].get_data().values.tolist() == np.histogram(said, 20, (0, 1))[0].tolist()
    title = f"Calibration (test, 2,000 rows): expected calibration error {found.error:.3f}"
    assert title in texts(picture.figure)
    assert picture.alt == (
        f"Calibration (test, 2,000 rows) of the probability of malignant: {said.mean():.3f} predicted and "
        f"{happened.mean():.3f} observed in the mean; expected calibration error {found.error:.3f} in 15 bins."
    )
    assert below.get_xlabel() == "predicted probability of malignant"
    assert legend(axes) == ["observed in a bin, with 95% interval", "perfectly calibrated"]
    assert hides_nothing(axes)


def test_confidence_is_the_largest_probability_and_whether_its_class_is_true() -> None:
    said, right = confidence(np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]), np.array([1, 1, 0]))
    assert said.tolist() == [0.8, 0.5, 0.9]
    assert right.tolist() == [True, False, True]


@pytest.mark.parametrize("name", HOSTILE)
def test_few_rows_and_names_of_strangers(name: str) -> None:
    said, happened = rows(1 + HOSTILE.index(name))
    first, second = (drawn(draw_calibration(said, happened, f"of {name}", "test")) for _ in range(2))
    if name == HOSTILE[-1]:
        assert png(first) == png(second)


def test_what_is_no_probability_has_no_picture() -> None:
    for said in ([-0.1, 0.5], [0.5, 1.01], [0.5, np.nan], []):
        assert draw_calibration(np.array(said), np.zeros(len(said)), "of x", "test") is None


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_the_same_probability_for_all_rows(value: float) -> None:
    picture = drawn(draw_calibration(np.full(100, value), np.arange(100) < 30, "of x", "test"))
    assert picture.alt.endswith(f"expected calibration error {abs(value - 0.3):.3f} in one bin.")


def test_all_of_a_million_rows_count() -> None:
    said, happened = rows(1_000_000)
    below = drawn(draw_calibration(said, happened, "of x", "test")).figure.axes[1]
    assert below.patches[0].get_data().values.sum() == 1_000_000
