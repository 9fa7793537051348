"""The picture of which classes are taken for which."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import HOSTILE, drawn, png, texts

from nncli.plots.confusion import draw_confusion


def counts(k: int, seed: int = 0, right: int = 50) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(1, (k, k)) + right * np.eye(k, dtype=int)


def names(k: int) -> list[str]:
    return [f"class {i}" for i in range(k)]


@pytest.mark.parametrize("k", [2, 3, 7, 12])
def test_cells_hold_the_counts_and_the_shares_of_the_rows(k: int) -> None:
    matrix = counts(k)
    figure = drawn(draw_confusion(matrix, names(k), "test")).figure
    axes = figure.axes[0]
    cells: dict[tuple[int, int], list[str]] = {}
    for text in axes.texts:
        column, row = text.get_position()
        cells.setdefault((round(row), round(column)), []).append(text.get_text())
    assert len(cells) == k * k
    for (i, j), (count, *share) in cells.items():
        assert int(count) == matrix[i, j]
        true = matrix[i, j] / matrix[i].sum()
        if matrix[i, j]:
            (said,) = share
            assert abs(float(said.strip("<>%")) - 100 * true) <= 1
    assert axes.get_xlabel() == "predicted class"
    assert axes.get_ylabel() == "true class"
    assert [text.get_text() for text in axes.get_xticklabels()] == names(k)
    rows = [f"{name} ({rows})" for name, rows in zip(names(k), matrix.sum(axis=1), strict=True)]
    assert [text.get_text() for text in axes.get_yticklabels()] == rows
    right = np.trace(matrix) / matrix.sum()
    assert axes.get_title(loc="left") == f"Confusion matrix (test, {matrix.sum():,} rows, {right:.1%} right)"


def test_no_text_of_a_cell_leaves_it() -> None:
    for k, most in ((2, 10**9), (4, 10**8), (6, 10**7), (9, 10**5), (12, 10**12)):
        matrix = np.full((k, k), most // 3) + most * np.eye(k, dtype=int)
        figure = drawn(draw_confusion(matrix, names(k), "test")).figure
        axes = figure.axes[0]
        side = axes.get_window_extent().width / k
        assert max(text.get_window_extent().width for text in axes.texts) < side


def test_the_words_tell_the_most_frequent_mistakes() -> None:
    matrix = np.array([[8, 2, 0], [0, 9, 1], [0, 0, 10]])
    picture = drawn(draw_confusion(matrix, ["a", "b", "c"], "validation"))
    assert picture.alt == (
        "Confusion matrix (validation, 30 rows): 27 right (90.0%); most often taken: a for b (2), b for c (1)."
    )
    without = drawn(draw_confusion(np.diag([1, 0]), ["a", "b"], "test"))
    assert without.alt == "Confusion matrix (test, 1 row): 1 right (100.0%)."
    assert "grey: a class without a row" in texts(without.figure)
    assert draw_confusion(np.zeros((2, 2), int), ["a", "b"], "test") is None


@pytest.mark.parametrize("k", [13, 40])
def test_many_classes_are_shades_only(k: int) -> None:
    matrix = counts(k)
    axes = drawn(draw_confusion(matrix, names(k), "test")).figure.axes[0]
    assert not axes.texts
    np.testing.assert_allclose(axes.images[0].get_array(), matrix / matrix.sum(axis=1, keepdims=True))
    ticks = axes.get_yticks()
    assert len(ticks) == (13 if k == 13 else 20)
    assert len(set(np.diff(ticks))) == 1
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"class {int(i)}" for i in ticks]


def test_of_a_thousand_classes_the_most_confused_are_shown_and_no_row_is_lost() -> None:
    matrix = np.diag(np.full(1000, 5))
    matrix[7, 900] = 4
    matrix[55, 56] = 3
    picture = drawn(draw_confusion(matrix, names(1000), "test"))
    axes = picture.figure.axes[0]
    shares = np.asarray(axes.images[0].get_array())
    assert shares.shape == (21, 21)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert {"class 7", "class 55", "class 56", "class 900"} <= set(shown)
    assert shown[-1] == "the other 980"
    assert shares[shown.index("class 7"), shown.index("class 900")] == pytest.approx(4 / 9)
    assert picture.alt.endswith("class 7 for class 900 (4), class 55 for class 56 (3).")


def test_names_of_strangers_do_no_harm_and_bytes_are_the_same() -> None:
    matrix = counts(len(HOSTILE))
    first, second = (drawn(draw_confusion(matrix, HOSTILE, "test")) for _ in range(2))
    assert png(first) == png(second)
    written = [text.get_text().replace(r"\$", "$") for text in first.figure.axes[0].get_xticklabels()]
    assert written[:4] == list(HOSTILE[:4])
