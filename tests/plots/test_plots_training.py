"""The pictures of a training show the numbers of its tables."""

from __future__ import annotations

import numpy as np
import pytest

from nncli.plots.curves import POINTS, draw_curves, draw_learning_rate, draw_together
from nncli.plots.distributions import LAYERS, Spread, draw_distributions


def history(n: int, **columns: np.ndarray) -> dict[str, np.ndarray]:
    falling = np.exp(-np.arange(n) / n)
    return {"epoch": np.arange(1.0, n + 1), "train_loss": falling, "validation_loss": falling + 0.1, **columns}


def test_curves_have_a_panel_for_the_loss_and_one_for_each_metric_and_mark_the_best_epoch() -> None:
    told = history(9, validation_accuracy=np.linspace(0.5, 0.9, 9), validation_roc_auc=np.full(9, np.nan))
    picture = draw_curves(told, 7, "iris")
    assert picture is not None
    loss, accuracy = picture.figure.axes
    assert [axes.get_ylabel() for axes in (loss, accuracy)] == ["loss", "accuracy"]
    train, validation = (line for line in loss.get_lines() if len(line.get_xdata()) == 9)
    np.testing.assert_array_equal(train.get_ydata(), told["train_loss"])
    np.testing.assert_array_equal(validation.get_ydata(), told["validation_loss"])
    dots = [(x, y) for line in loss.get_lines() if line.get_marker() == "o" for x, y in [line.get_xydata()[0]]]
    assert sorted(dots) == sorted([(7, told["train_loss"][6]), (7, told["validation_loss"][6])])
    texts = [text.get_text() for text in loss.get_legend().get_texts()]
    assert texts == ["train", "validation", "best epoch: 7"]
    assert picture.alt == (
        "Train loss from 1 to 0.4111; validation loss from 1.1 to 0.5111; validation accuracy from 0.5 to 0.9, "
        "over 9 epochs. The best epoch is 7."
    )


def test_a_loss_that_falls_far_is_on_a_logarithmic_scale_and_one_that_does_not_is_not() -> None:
    for train_loss, scale in ((np.geomspace(1, 1e-3, 5), "log"), (np.linspace(1, 0.2, 5), "linear")):
        picture = draw_curves({"epoch": np.arange(1.0, 6), "train_loss": train_loss}, None, "a")
        assert picture is not None
        assert picture.figure.axes[0].get_yscale() == scale


def test_a_long_training_is_drawn_from_its_first_to_its_last_epoch_by_points_enough() -> None:
    picture = draw_curves(history(100_000), None, "a")
    assert picture is not None
    x = picture.figure.axes[0].get_lines()[0].get_xdata()
    assert (x[0], x[-1], len(x)) == (1, 100_000, POINTS)


def test_a_single_epoch_is_a_point_and_none_is_no_picture() -> None:
    picture = draw_curves(history(1), 1, "a")
    assert picture is not None
    assert picture.figure.axes[0].get_lines()[0].get_marker() == "o"
    assert draw_curves({}, None, "a") is None


def test_names_that_look_like_formulas_or_hidden_labels_stay_names() -> None:
    histories = {"$x^2$": history(4), "_b": history(5)}
    picture = draw_together(histories, {"$x^2$": 2, "_b": None}, "$a$")
    assert picture is not None
    legend = picture.figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [r"\$x^2\$", "_b"]


def test_curves_over_each_other_share_a_panel_by_what_they_measure() -> None:
    histories = {"a": history(4, validation_rmse=np.ones(4)), "b": history(6)}
    picture = draw_together(histories, {"a": 2, "b": 6}, "two")
    assert picture is not None
    labels = [axes.get_ylabel() for axes in picture.figure.axes if axes.axison]
    assert labels == ["train loss", "validation loss", "validation rmse"]
    counts = [sum(len(line.get_xdata()) > 1 for line in axes.get_lines()) for axes in picture.figure.axes]
    assert counts[:3] == [2, 2, 1]


def test_a_learning_rate_that_never_changes_is_no_picture() -> None:
    epochs = np.arange(1.0, 5)
    assert draw_learning_rate({"epoch": epochs, "learning_rate": np.full(4, 0.1)}, "a") is None
    assert draw_learning_rate({"epoch": epochs}, "a") is None
    picture = draw_learning_rate({"epoch": epochs, "learning_rate": np.array([0.1, 0.01, 1e-3, 1e-4])}, "a")
    assert picture is not None
    assert picture.figure.axes[0].get_yscale() == "log"
    assert picture.alt == "The learning rate from 0.1 to 0.0001, at most 0.1."


def spread(rng: np.random.Generator, epochs: int = 4) -> tuple[Spread, np.ndarray]:
    entries = rng.normal(size=(epochs, 10_000)) * np.arange(1, epochs + 1)[:, np.newaxis]
    low, high = entries.min(axis=1), entries.max(axis=1)
    counts = np.array([np.histogram(row, 64)[0] for row in entries])
    return Spread(np.arange(epochs), low, high, counts), entries


def test_quantiles_of_histograms_are_those_of_the_entries() -> None:
    found, entries = spread(np.random.default_rng(0))
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    width = (found.high - found.low) / 64
    off = np.abs(found.quantiles(shares) - np.quantile(entries, shares, axis=1).T)
    assert (off <= width[:, np.newaxis]).all()


def test_all_entries_alike_have_one_quantile() -> None:
    found = Spread(np.arange(2), np.full(2, 3.0), np.full(2, 3.0), np.eye(2, 8))
    np.testing.assert_array_equal(found.quantiles((0.1, 0.9)), 3.0)


@pytest.mark.parametrize("layers", [1, LAYERS + 3])
def test_each_tensor_has_a_row_and_of_many_the_first_and_the_last(layers: int) -> None:
    found, _ = spread(np.random.default_rng(0))
    weights = {f"layers.{i}.weight": found for i in range(layers)}
    picture = draw_distributions(weights, weights, "a")
    assert picture is not None
    labels = [axes.get_ylabel() for axes in picture.figure.axes[::3]]
    assert len(labels) == min(layers, LAYERS)
    assert (labels[0], labels[-1]) == ("layer 0 weight", f"layer {layers - 1} weight")
    assert ("6 of 9 tensors" in picture.figure.get_suptitle()) == (layers > LAYERS)


def test_the_histogram_at_the_end_has_the_area_one() -> None:
    found, _ = spread(np.random.default_rng(0))
    picture = draw_distributions({"layers.0.weight": found}, {}, "a")
    assert picture is not None
    for patch in picture.figure.axes[2].patches:
        values, edges, _ = patch.get_data()
        assert np.sum(values * np.diff(edges)) == pytest.approx(1)
