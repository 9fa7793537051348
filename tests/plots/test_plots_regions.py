"""Pictures of what is made of two features."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import HOSTILE, drawn, hides_nothing, legend, png, texts
from matplotlib.colors import to_rgb

from nncli.plots.canvas import CYCLE
from nncli.plots.regions import draw_regions, draw_surface


def right_of(border: float, steep: float = 5.0):
    """The second class is at the right of the border, the surer the farther."""

    def outputs(X: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(np.clip(-steep * (X[:, 0] - border), -500, 500)))
        return np.column_stack([1 - p, p])

    return outputs


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 2)) * (3, 0.5)
    return X, (X[:, 0] > 0.5).astype(int)


def test_the_border_is_where_the_decision_changes_and_shades_are_of_the_class_there() -> None:
    X, truth = rows(200)
    picture = drawn(draw_regions(X, truth, ["no", "yes"], ["length (cm)", "b"], right_of(0.5), "test"))
    axes = picture.figure.axes[0]
    (shade,) = axes.images
    left, right, low, high = shade.get_extent()
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert low < X[:, 1].min() < X[:, 1].max() < high
    borders = [
        path.vertices for c in axes.collections for path in c.get_paths() if type(c).__name__ == "QuadContourSet"
    ]
    assert borders
    np.testing.assert_allclose(np.concatenate(borders)[:, 0], 0.5, atol=1e-3)
    colours = np.asarray(shade.get_array())
    for column, of in ((0, CYCLE[0]), (-1, CYCLE[1])):
        # a mixture with white: what is taken from each channel is in the proportion of the colour
        taken, full = 1 - colours[100, column], 1 - np.array(to_rgb(of))
        np.testing.assert_allclose(taken / taken.max(), full / full.max(), atol=1e-6)
    middle = int(np.argmin(np.abs(np.linspace(left, right, 200) - 0.5)))
    assert colours[100, middle].min() > colours[100, 0].min() + 0.2  # unsure is paler
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("length (cm)", "b")
    assert legend(axes) == ["no", "yes"]
    assert hides_nothing(axes)
    assert picture.alt.endswith("100.0% of the rows lie in the region of their class.")


def test_every_row_has_the_colour_and_the_marker_of_its_class() -> None:
    X, _ = rows(80)
    truth = np.arange(80) % 8

    def outputs(places: np.ndarray) -> np.ndarray:
        return np.eye(8)[(np.abs(places[:, 0] * 7).astype(int)) % 8]

    axes = drawn(draw_regions(X, truth, [f"c{j}" for j in range(8)], ["a", "b"], outputs, "test")).figure.axes[0]
    points = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    assert len(points) == 8
    for j, some in enumerate(points):
        np.testing.assert_allclose(some.get_offsets(), X[truth == j])
        np.testing.assert_allclose(some.get_facecolor()[0][:3], to_rgb(CYCLE[j]))
    assert len({some.get_paths()[0].vertices.tobytes() for some in points}) == 8
    nine = [f"c{j}" for j in range(9)]
    assert draw_regions(X, truth, nine, ["a", "b"], lambda X: np.eye(9)[np.zeros(len(X), int)], "test") is None


def test_scores_that_are_no_probabilities_have_one_shade() -> None:
    X, truth = rows(50)
    picture = drawn(
        draw_regions(X, truth, ["n", "y"], ["a", "b"], lambda X: np.column_stack([0.5 - X[:, 0], X[:, 0]]), "t")
    )
    assert len(np.unique(np.asarray(picture.figure.axes[0].images[0].get_array()).reshape(-1, 3), axis=0)) == 2
    assert "the deeper a shade, the surer" not in texts(picture.figure)


def test_rows_that_tell_little() -> None:
    X, truth = rows(30)
    for size in (1e-12, 1.0, 1e12):
        drawn(draw_regions(X[:1] * size, truth[:1], ["n", "y"], ["a", "b"], right_of(0.5), "test"))
        drawn(draw_regions(X * size, truth, ["n", "y"], ["a", "b"], right_of(0.5 * size, 5 / size), "test"))
        drawn(draw_regions(np.full_like(X, size), truth, ["n", "y"], ["a", "b"], right_of(0), "test"))
        drawn(draw_surface(X * size, X[:, 0] * size, "t", ["a", "b"], lambda X: X[:, 0], "test"))
        drawn(draw_surface(X[:1], X[:1, 0] * size, "t", ["a", "b"], lambda X, size=size: X[:, 0] * size, "test"))
        drawn(draw_surface(X, np.full(30, size), "t", ["a", "b"], lambda X, size=size: np.full(len(X), size), "test"))
    everywhere = draw_regions(X, truth, ["n", "y"], ["a", "b"], lambda X: np.tile([1.0, 0.0], (len(X), 1)), "test")
    assert "shares of the area n 100%, y 0%" in drawn(everywhere).alt
    assert draw_regions(X[:0], truth[:0], ["n", "y"], ["a", "b"], right_of(0), "test") is None
    assert draw_regions(X * np.nan, truth, ["n", "y"], ["a", "b"], right_of(0), "test") is None
    assert draw_regions(X, truth, ["n", "y"], ["a", "b"], lambda X: np.full((len(X), 2), np.nan), "test") is None
    assert draw_surface(X, truth, "t", ["a", "b"], lambda X: np.full(len(X), np.inf), "test") is None
    assert draw_surface(X[:0], truth[:0], "t", ["a", "b"], lambda X: X[:, 0], "test") is None


def test_a_surface_has_the_values_of_the_function_and_the_rows_their_truth_in_the_same_colours() -> None:
    X, _ = rows(60)
    truth = 3 * X[:, 0]
    picture = drawn(draw_surface(X, truth, "yield (t)", ["a", "b"], lambda X: 3 * X[:, 0] + X[:, 1], "test"))
    axes, bar = picture.figure.axes
    points = next(c for c in axes.collections if type(c).__name__ == "PathCollection")
    filled = next(c for c in axes.collections if type(c).__name__ == "QuadContourSet")
    np.testing.assert_allclose(points.get_array(), truth)
    assert points.norm is filled.norm
    assert points.get_cmap() == filled.get_cmap()
    for level, path in zip(filled.levels, filled.get_paths(), strict=False):
        if len(path.vertices):
            assert (3 * path.vertices[:, 0] + path.vertices[:, 1]).min() >= level - 1e-6
    assert bar.get_ylabel() == "yield (t)"


def test_of_many_rows_some_are_drawn_and_that_is_said() -> None:
    X, truth = rows(100_000)
    for picture in (
        draw_regions(X, truth, ["n", "y"], ["a", "b"], right_of(0.5), "test"),
        draw_surface(X, X[:, 0], "t", ["a", "b"], lambda X: X[:, 0], "test"),
    ):
        found = drawn(picture)
        points = [c for c in found.figure.axes[0].collections if type(c).__name__ == "PathCollection"]
        assert sum(len(some.get_offsets()) for some in points) == 2000
        assert any(words.endswith("2,000 of 100,000 rows") for words in texts(found.figure))


@pytest.mark.parametrize("begin", [0, 4])
def test_names_of_strangers_and_bytes(begin: int) -> None:
    names = HOSTILE[begin : begin + 8]
    X, _ = rows(40)

    def outputs(places: np.ndarray) -> np.ndarray:
        return np.eye(8)[(np.abs(places[:, 0] * 7).astype(int)) % 8]

    first, second = (drawn(draw_regions(X, np.arange(40) % 8, names, names[:2], outputs, "test")) for _ in range(2))
    assert png(first) == png(second)
    assert png(drawn(draw_surface(X, X[:, 0], names[0], names[1:3], lambda X: X[:, 0], "test")))
