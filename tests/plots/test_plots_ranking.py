"""ROC, and precision and recall: the lines are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import HOSTILE, drawn, hides_nothing, legend, png, texts
from matplotlib.cbook import pts_to_prestep
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from nncli.plots.ranking import draw_precision_recall, draw_roc

BOTH = pytest.mark.parametrize("draw", [draw_roc, draw_precision_recall])


def rows(n: int, k: int, seed: int = 0, lead: float = 1.5) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    truth = (rng.integers(0, max(k, 2), n)[:, np.newaxis] == np.arange(k)).astype(int)
    return truth, rng.normal(size=(n, k)) + lead * truth, [f"class {j}" for j in range(k)]


def test_each_class_has_the_roc_curve_of_scikit_learn_and_its_area_in_the_legend() -> None:
    truth, scores, names = rows(200, 3)
    axes = drawn(draw_roc(truth, scores, names, "test")).figure.axes[0]
    for j in range(3):
        false, true, _ = roc_curve(truth[:, j], scores[:, j], drop_intermediate=False)
        np.testing.assert_allclose(axes.lines[j].get_xydata(), np.column_stack([false, true]))
    areas = [roc_auc_score(truth[:, j], scores[:, j]) for j in range(3)]
    assert legend(axes) == [*(f"{a:.3f}  {name}" for a, name in zip(areas, names, strict=True)), "0.500  chance"]
    np.testing.assert_array_equal(axes.lines[3].get_xydata(), [[0, 0], [1, 1]])
    assert hides_nothing(axes)
    assert axes.get_aspect() == 1
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("false positive rate", "true positive rate")
    assert axes.get_title(loc="left") == "ROC curve (test, 200 rows)"


def test_each_class_has_the_precision_and_recall_of_scikit_learn_in_steps() -> None:
    truth, scores, names = rows(200, 3)
    axes = drawn(draw_precision_recall(truth, scores, names, "test")).figure.axes[0]
    areas = []
    for j in range(3):
        precision, recall, _ = precision_recall_curve(truth[:, j], scores[:, j])
        np.testing.assert_allclose(axes.lines[j].get_xydata(), np.column_stack([recall, precision])[::-1])
        assert axes.lines[j].get_drawstyle() == "steps-pre"
        assert axes.lines[3 + j].get_ydata()[0] == pytest.approx(truth[:, j].mean())
        areas.append(average_precision_score(truth[:, j], scores[:, j]))
    assert legend(axes)[:3] == [f"{a:.3f}  {name}" for a, name in zip(areas, names, strict=True)]
    assert hides_nothing(axes)


def test_the_drawn_steps_hold_the_average_precision() -> None:
    truth, scores, names = rows(50, 1)
    axes = drawn(draw_precision_recall(truth, scores, names, "test")).figure.axes[0]
    assert axes.lines[0].get_drawstyle() == "steps-pre"
    x, y = pts_to_prestep(*axes.lines[0].get_xydata().T)
    assert np.trapezoid(y, x) == pytest.approx(average_precision_score(truth[:, 0], scores[:, 0]))
    assert legend(axes)[1] == f"{truth.mean():.3f}  chance"


def test_of_many_classes_the_averages_the_best_and_the_worst_are_drawn() -> None:
    truth, scores, names = rows(2000, 20)
    scores = scores + np.linspace(0, 2, 20) * truth
    picture = drawn(draw_roc(truth, scores, names, "test"))
    axes = picture.figure.axes[0]
    areas = np.array([roc_auc_score(truth[:, j], scores[:, j]) for j in range(20)])
    ranked = np.argsort(-areas)
    said = legend(axes)
    assert len(said) == 9
    micro = roc_auc_score(truth.ravel(), scores.ravel())
    assert said[0] == f"{micro:.3f}  all together (micro)"
    assert said[1] == f"{areas.mean():.3f}  mean (macro)"
    assert [words.split("  ")[1] for words in said[2:8]] == [names[j] for j in [*ranked[:3], *ranked[-3:]]]
    macro = axes.lines[1].get_xydata()
    assert np.trapezoid(macro[:, 1], macro[:, 0]) == pytest.approx(areas.mean(), abs=1e-3)
    assert "the 3 of 20 with the largest area, and the 3 with the smallest" in texts(picture.figure)
    assert hides_nothing(axes)
    assert len(legend(drawn(draw_precision_recall(truth, scores, names, "test")).figure.axes[0])) == 8


def test_a_label_that_all_rows_have_or_none_is_left_out_and_that_is_said() -> None:
    truth, scores, _ = rows(60, 3)
    truth[:, 0], truth[:, 2] = 1, 0
    for draw in (draw_roc, draw_precision_recall):
        picture = drawn(draw(truth, scores, ["all", "some", "none"], "test"))
        note = "without a curve, because all rows are of it or none: all, none"
        assert note in texts(picture.figure)
        assert picture.alt.endswith(f"for some; {note}.")
        assert draw(truth[:, [0, 2]], scores[:, [0, 2]], ["all", "none"], "test") is None


@BOTH
def test_rows_that_tell_nothing(draw) -> None:
    assert draw(np.ones((1, 1), int), np.ones((1, 1)), ["a"], "test") is None
    assert draw(np.ones((0, 1), int), np.ones((0, 1)), ["a"], "test") is None
    truth, scores, names = rows(10, 2)
    assert draw(truth, np.full_like(scores, np.nan), names, "test") is None
    constant = drawn(draw(truth, np.zeros_like(scores), names, "test"))
    area = 0.5 if draw is draw_roc else truth[:, 0].mean()
    assert legend(constant.figure.axes[0])[0] == f"{area:.3f}  class 0"
    for size in (1e-12, 1e12):
        drawn(draw(truth, scores * size, names, "test"))


@BOTH
def test_good_curves_are_magnified_where_they_are_and_perfect_ones_are_not(draw) -> None:
    truth, scores, names = rows(3000, 3, lead=5)
    picture = drawn(draw(truth, scores, names, "test"))
    (inset,) = picture.figure.axes[0].child_axes
    corner = (0, 1) if draw is draw_roc else (1, 1)
    assert all(
        low <= place <= high for place, (low, high) in zip(corner, (inset.get_xlim(), inset.get_ylim()), strict=True)
    )
    for large, small in zip(picture.figure.axes[0].lines, inset.lines, strict=False):
        np.testing.assert_array_equal(large.get_xydata(), small.get_xydata())
        assert (large.get_color(), large.get_linestyle()) == (small.get_color(), small.get_linestyle())
    assert not drawn(draw(*rows(300, 3, lead=0.5), "test")).figure.axes[0].child_axes
    assert not drawn(draw(truth, truth.astype(float), names, "test")).figure.axes[0].child_axes


@BOTH
def test_a_million_rows_keep_their_area_and_few_points(draw) -> None:
    truth, scores, names = rows(1_000_000, 1)
    axes = drawn(draw(truth, scores, names, "test")).figure.axes[0]
    of = roc_auc_score if draw is draw_roc else average_precision_score
    assert legend(axes)[0] == f"{of(truth[:, 0], scores[:, 0]):.3f}  class 0"
    points = axes.lines[0].get_xydata()
    assert len(points) <= 3000
    steps = np.abs(np.diff(points, axis=0)).sum(axis=1)
    assert steps[5:].max() < 0.02
    np.testing.assert_allclose(points[-1], (1, 1) if draw is draw_roc else (1, truth.mean()))


@BOTH
def test_a_thousand_classes_and_names_of_strangers(draw) -> None:
    truth, scores, names = rows(1000, 1000)
    drawn(draw(truth, scores, names, "test"))
    truth, scores, _ = rows(300, len(HOSTILE))
    for some in (slice(0, 6), slice(0, None)):
        first, second = (drawn(draw(truth[:, some], scores[:, some], HOSTILE[some], "test")) for _ in range(2))
        assert png(first) == png(second)


@BOTH
def test_that_the_classes_are_too_many_to_be_taken_together_is_said(draw) -> None:
    truth, scores, names = rows(200_001, 10)
    picture = drawn(draw(truth, scores, names, "test"))
    notes = " ".join(" ".join(texts(picture.figure)).split())
    assert "no curve of all together (micro): 2,000,010 scores are too many" in notes
    assert not [words for words in legend(picture.figure.axes[0]) if "micro" in words]
