"""Curves in a terminal: where they go, how wide they are, and what tells them apart."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncli.cli.chart import COLOURS, DASHES, chart, is_wide
from nncli.seeing.comparison import MOST_CURVES, Curve

HEIGHT = 12


def curve(values: list[float], first: int = 1) -> Curve:
    return Curve(np.arange(first, first + len(values), dtype=float), np.array(values, float))


def drawn(curves: dict[str, Curve], width: int = 60, *, ascii_only: bool = True) -> list[str]:
    """Its lines as a terminal shows them."""
    return [re.sub(r"\[/?[a-z_ ]*\]", "", line) for line in chart(curves, width, ascii_only=ascii_only)]


def area(lines: list[str]) -> list[str]:
    """The part of them that is drawn on."""
    side = re.search(r"[|│]", lines[0])
    assert side is not None
    return [line[side.end() :] for line in lines[:HEIGHT]]


def test_a_line_goes_from_one_corner_to_the_other_with_no_gap() -> None:
    lines = drawn({"a": curve(list(range(1, 11)))})
    rows = area(lines)
    assert rows[-1].startswith("1")
    assert rows[0].rstrip().endswith("11")  # the curve, and its number behind it
    width = len(lines[HEIGHT].partition("+")[2])
    columns = ["".join(row.ljust(width)[i] for row in rows) for i in range(width)]
    heights = [HEIGHT - 1 - column.index("1") for column in columns]
    assert heights == sorted(heights)
    assert max(np.diff(heights)) <= 1


def test_the_axes_have_the_ends_of_the_values_and_epochs() -> None:
    lines = drawn({"a": curve([4.0, 2.5, 3.0], first=5), "b": curve([1.0, 2.0])})
    assert lines[0].split("|")[0].strip() == "4"
    assert lines[HEIGHT - 1].split("|")[0].strip() == "1"
    assert lines[HEIGHT + 1].split() == ["1", "epoch", "7"]
    assert [line.strip() for line in lines[-2:]] == ["1 a", "2 b"]


def test_a_wide_range_has_a_logarithmic_scale() -> None:
    halving = {"a": curve([2.0**-i for i in range(12)])}
    assert is_wide(halving)
    assert not is_wide({"a": curve([1.0, 0.0, -50.0])})
    rows = area(drawn(halving, 40))
    lowest = [row.index("1") for row in rows]
    steps = np.diff(lowest)
    assert steps.max() - steps.min() <= 1  # a straight line


def test_all_curves_are_told_apart_without_colour_and_by_it() -> None:
    assert len({*DASHES}) == len({*COLOURS}) == MOST_CURVES
    flat = {name: curve([float(i)] * 50) for i, name in enumerate("abcdefgh")}
    rows = [row for row in area(drawn(flat, ascii_only=False)) if row.strip()]
    assert len({*(row.rstrip()[:-1] for row in rows)}) == MOST_CURVES
    assert [row.rstrip()[-1] for row in rows] == list("87654321")


def test_numbers_of_curves_that_end_together_stand_beside_each_other() -> None:
    same = {name: curve([1.0, 2.0]) for name in "abc"}
    assert sorted(row.rstrip()[-1] for row in area(drawn(same, ascii_only=False))[:3]) == ["1", "2", "3"]


def test_names_from_strangers_stay_names() -> None:
    lines = [*chart({"[red]\x1b[2J": curve([1.0, 2.0])}, 40)]
    assert lines[-1].endswith(r"\[red]\x1b[2J")


@given(
    st.lists(
        st.lists(st.floats(-8e307, 8e307) | st.just(float("nan")), min_size=1, max_size=30).filter(
            lambda values: any(np.isfinite(values))
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(34, 120),
    st.booleans(),
)
@settings(max_examples=60)
def test_whatever_the_values_are_it_is_no_wider_than_there_is_room(
    values: list[list[float]], width: int, ascii_only: bool
) -> None:
    curves = {str(i): curve(column) for i, column in enumerate(values)}
    lines = drawn(curves, width, ascii_only=ascii_only)
    assert len(lines) == HEIGHT + 2 + len(curves)
    assert max(map(len, lines)) <= width
    if ascii_only:
        assert "".join(lines).isascii()


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [5.0] * 9, [1e-300, 1e300], [-8e307, 8e307]])
def test_what_has_no_extent_is_drawn_all_the_same(values: list[float]) -> None:
    assert any("1" in row for row in area(drawn({"a": curve(values)})))
