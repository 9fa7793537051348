"""Pictures of a regression."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import HOSTILE, drawn, png, texts
from sklearn.metrics import r2_score, root_mean_squared_error

from nncli.plots.residuals import draw_predicted, draw_residuals

BOTH = pytest.mark.parametrize("draw", [draw_predicted, draw_residuals])


def rows(n: int, k: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 2, (n, k))
    return truth, truth + rng.normal(0, 0.5, (n, k)), [f"target {j}" for j in range(k)]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 9])
def test_every_row_is_a_point_beside_the_diagonal_with_the_figures_of_scikit_learn(k: int) -> None:
    truth, predicted, names = rows(70, k)
    picture = drawn(draw_predicted(truth, predicted, names, "test"))
    shown = picture.figure.axes
    assert len(shown) == min(k, 6)
    for j, axes in enumerate(shown):
        (points,) = axes.collections
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([truth[:, j], predicted[:, j]]))
        (diagonal,) = axes.lines
        np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
        assert axes.get_xlim() == axes.get_ylim() == tuple(diagonal.get_xdata())
        assert axes.get_aspect() == 1
        rmse, r2 = root_mean_squared_error(truth[:, j], predicted[:, j]), r2_score(truth[:, j], predicted[:, j])
        figures = f"R² {round(r2, 3):g}, RMSE {rmse:.4g}"
        assert axes.get_title() == (
            figures if k == 1 else f"target {j}\n{figures}".replace(", ", "\n" if k in (3, 5, 6, 9) else ", ")
        )
        assert f"target {j}: RMSE {rmse:.4g}, R² {round(r2, 3):g}" in picture.alt
    assert ("dashed: predicted as it is; the first 6 of 9 targets" in texts(picture.figure)) == (k == 9)


def test_the_column_is_on_the_axes_of_the_one_panel() -> None:
    truth, predicted, _ = rows(10)
    axes = drawn(draw_predicted(truth, predicted, ["height (cm)"], "test")).figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("true height (cm)", "predicted height (cm)")
    axes = drawn(draw_residuals(truth, predicted, ["height (cm)"], "test")).figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted height (cm)", "true − predicted height (cm)")


@pytest.mark.parametrize("k", [1, 2, 6])
def test_residuals_stand_over_what_is_predicted_and_are_counted_beside(k: int) -> None:
    truth, predicted, names = rows(300, k)
    shown = drawn(draw_residuals(truth, predicted, names, "test")).figure.axes
    assert len(shown) == 2 * k
    for j in range(k):
        axes, margin = shown[2 * j : 2 * j + 2]
        (points,) = axes.collections
        np.testing.assert_allclose(
            points.get_offsets(), np.column_stack([predicted[:, j], truth[:, j] - predicted[:, j]])
        )
        assert margin.patches[0].get_data().values.sum() == 300
        assert margin.get_ylim() == axes.get_ylim()


def test_the_sign_is_said() -> None:
    picture = drawn(draw_residuals(np.array([[3.0], [3.0]]), np.array([[1.0], [2.0]]), ["y"], "test"))
    assert picture.alt == "True less predicted (test, 2 rows): y: mean 1.5, from 1 to 2."
    assert "above 0: predicted too low" in texts(picture.figure)


@BOTH
def test_many_rows_are_counted_in_hexagons_and_none_is_lost(draw) -> None:
    truth, predicted, names = rows(1_000_000)
    figure = drawn(draw(truth, predicted, names, "test")).figure
    cells = figure.axes[0].collections[0]
    assert np.asarray(cells.get_array()).sum() == 1_000_000
    assert len(cells.get_offsets()) < 5000


@BOTH
def test_rows_that_tell_little(draw) -> None:
    for n, size in ((1, 1.0), (40, 1e-12), (6000, 1e12), (40, 1e160)):
        truth, predicted, names = rows(n)
        drawn(draw(truth * size, predicted * size, names, "test"))
        drawn(draw(truth * size, np.full_like(predicted, size), names, "test"))
    drawn(draw(np.ones((6000, 1)), np.ones((6000, 1)), names, "test"))
    drawn(draw(truth + 1e12, predicted + 1e12, names, "test"))
    truth, predicted, names = rows(40, 6)
    sizes = 10.0 ** np.arange(-12, 12, 4)
    drawn(draw(truth * sizes, predicted * sizes, names, "test"))
    truth, predicted, names = rows(3)
    predicted[1] = np.nan
    assert draw(truth, predicted, names, "test") is None
    assert draw(truth[:0], truth[:0], names, "test") is None


def test_r2_is_left_out_where_the_truth_is_constant() -> None:
    picture = drawn(draw_predicted(np.ones((5, 1)), np.zeros((5, 1)), ["y"], "test"))
    assert picture.alt == "Predicted against true (test, 5 rows): y: RMSE 1."
    assert picture.figure.axes[0].get_title() == "RMSE 1"


@BOTH
def test_names_of_strangers_and_bytes(draw) -> None:
    for some in (HOSTILE[:6], HOSTILE[6:7]):
        truth, predicted, _ = rows(50, len(some))
        first, second = (drawn(draw(truth, predicted, some, "test")) for _ in range(2))
        assert png(first) == png(second)
