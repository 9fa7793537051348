"""What all pictures share."""

from __future__ import annotations

import colorsys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from drawn import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from nncli.plots.canvas import (
    CYCLE,
    DASHES,
    MARKERS,
    explain_lines,
    label,
    new_figure,
    plain,
    room,
    save,
    short,
    thinned,
)

NAMES = st.one_of(st.text(max_size=60), st.text("$_\\{}^火🔥a\n", max_size=30))


@given(NAMES, st.integers(8, 40))
def test_a_name_is_one_line_of_bounded_length(name: str, longest: int) -> None:
    cut = short(name, longest)
    assert len(cut) <= longest
    assert cut.isprintable()
    if name.isprintable() and len(name) <= longest:
        assert cut == name


@settings(max_examples=50)
@given(NAMES)
def test_a_name_is_drawn_letter_by_letter_and_without_a_warning(name: str) -> None:
    figure, _ = new_figure(label(name, 60), "x", "y")
    written = figure.text(0.5, 0.5, label(name, 10_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    shown, math = written._preprocess_math(written.get_text())
    assert math is False
    if name.isascii() and name.isprintable():
        assert shown == name


def test_legends_keep_names_that_begin_with_an_underscore() -> None:
    figure, axes = new_figure("", "", "")
    lines = [axes.plot([0, 1], [0, i])[0] for i in range(len(HOSTILE))]
    legend = explain_lines(axes, lines, [label(name) for name in HOSTILE])
    FigureCanvasAgg(figure).draw()
    assert [text.get_text() for text in legend.get_texts()][:2] == ["_", "_hidden"]
    assert len(legend.get_texts()) == len(HOSTILE)


def test_settings_of_a_person_change_nothing_and_stay_as_they_are(tmp_path: Path) -> None:
    @plain
    def draw() -> matplotlib.figure.Figure:
        figure, axes = new_figure("title", "x", "y")
        axes.plot([1, 2], [3, 4])
        return figure

    save(draw(), tmp_path / "a.png")
    theirs = {"text.usetex": True, "font.size": 30, "lines.linewidth": 9, "figure.facecolor": "red", "savefig.dpi": 20}
    with matplotlib.rc_context(theirs):
        save(draw(), tmp_path / "b.png")
        assert {name: matplotlib.rcParams[name] for name in theirs} == theirs
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@given(st.integers(1, 10_000_000), st.integers(2, 5000))
def test_thinned_rows_are_different_ascending_and_reach_both_ends(n: int, most: int) -> None:
    rows = thinned(min(n, 20_000) if n < 1_000_000 else n, most)
    n = min(n, 20_000) if n < 1_000_000 else n
    assert len(rows) == min(n, most)
    assert (np.diff(rows) > 0).all()
    assert (rows[0], rows[-1]) == (0, n - 1)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=5))
def test_all_values_are_within_the_axis(values: list[float]) -> None:
    low, high = room(np.array(values))
    assert low < min(values) <= max(values) < high


def test_cycles_are_long_enough_and_neighbours_differ_in_brightness() -> None:
    assert len(CYCLE) == len(DASHES) == len(MARKERS) == len(set(CYCLE)) == len(set(MARKERS)) == len(set(DASHES))

    def brightness(colour: str) -> float:  # relative luminance, WCAG 2
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    assert all(colorsys.rgb_to_hls(*to_rgb(colour))[1] < 0.75 for colour in CYCLE)  # all are seen on white
    steps = np.abs(np.diff([brightness(colour) for colour in CYCLE]))
    assert steps.min() > 0.05


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_strangers_can_be_told_apart(name: str) -> None:
    assert label(name) == label(name)
    assert "\n" not in label(name)
    assert "\x1b" not in label(name)
    assert len(label(name)) <= 24 + label(name).count(r"\$")
