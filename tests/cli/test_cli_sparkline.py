"""A curve in a line: what its points are, whatever its length, and how high they stand."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nncli.cli import sparkline as module
from nncli.cli.sparkline import TOP, Curve, sparkline

TICKS = "▁▂▃▄▅▆▇█"
values = st.one_of(st.none(), st.floats(-1e6, 1e6))


def curve(points: list[float | None], most: int = 8) -> Curve:
    made = Curve(most)
    for point in points:
        made.add(point)
    return made


def test_the_examples_are_right() -> None:
    assert doctest.testmod(module).failed == 0


@given(st.lists(values, max_size=100), st.integers(1, 40))
def test_a_curve_keeps_means_of_successive_epochs_in_a_bounded_memory(points: list[float | None], width: int) -> None:
    made = curve(points)
    found = made.resampled(width)
    assert len(found) <= min(width, 8, len(points))
    assert (found == []) == (points == [])
    known = [point for point in points if point is not None]
    for mean in found:
        assert mean is None or min(known) - 1e-6 <= mean <= max(known) + 1e-6
    if len(points) < 8:
        assert made.resampled(8) == points


@pytest.mark.parametrize("n", [8, 16, 64, 1024])
def test_all_epochs_count_the_same(n: int) -> None:
    made = curve([float(i) for i in range(n)])
    assert made.resampled(1) == [pytest.approx((n - 1) / 2)]
    halves = made.resampled(2)
    assert halves == [pytest.approx(n / 4 - 0.5), pytest.approx(3 * n / 4 - 0.5)]


def test_the_newest_epochs_show_before_there_are_enough_of_them_for_a_point() -> None:
    made = curve([1.0] * 16)  # four epochs to a point
    made.add(9.0)
    assert made.resampled(8)[-1] == 9.0


def test_what_is_not_finite_is_not_there() -> None:
    assert curve([1.0, math.inf, math.nan, None, 2.0]).resampled(5) == [1.0, None, None, None, 2.0]


@given(st.lists(st.one_of(values, st.floats(allow_nan=False, allow_infinity=False)), max_size=60))
@example([0.0, 1.0, 1.1125369292536007e-308])  # a span below the smallest normal number
@example([0.0, 1.0, 5e-324])
@example([-1.7e308, 1.7e308, 1.6e308])  # and one above the largest number
def test_a_line_has_a_tick_for_each_value_and_keeps_their_order(points: list[float | None]) -> None:
    line = sparkline(points, TICKS)
    assert len(line) == len(points)
    assert all((tick == " ") == (point is None) for tick, point in zip(line, points, strict=True))
    known = sorted((point, TICKS.index(tick)) for tick, point in zip(line, points, strict=True) if point is not None)
    heights = [height for _, height in known]
    assert heights == sorted(heights)
    if known:
        assert heights[0] == 0


def test_a_power_of_two_in_each_tick_makes_stairs_of_equal_height() -> None:
    points = [1.0] * 10 + [2.0**-i for i in range(1, 8)]
    assert sparkline(points, TICKS) == "█" * 10 + "▇▆▅▄▃▂▁"


def test_a_huge_first_loss_does_not_press_the_others_to_the_floor() -> None:
    points = [1e30, *(math.exp(-i / 10) for i in range(40))]
    assert len(points) * (1 - TOP) > 1
    assert sparkline(points, TICKS) == "█" + sparkline(points[1:], TICKS)[0] + sparkline(points, TICKS)[2:]
    assert set(sparkline(points, TICKS)) == set(TICKS)
    below_zero = [1e30, *(-float(i) for i in range(40))]
    assert set(sparkline(below_zero, TICKS)) == set(TICKS)


@pytest.mark.parametrize("points", [[3.0], [3.0, 3.0, 3.0], [0.0, 0.0], [-1.0]])
def test_a_curve_that_does_not_move_is_a_flat_line(points: list[float | None]) -> None:
    assert sparkline(points, TICKS) == TICKS[0] * len(points)


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline([None, None], TICKS) == "  "
    assert sparkline([], TICKS) == ""
