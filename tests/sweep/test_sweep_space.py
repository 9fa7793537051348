"""What a sweep tries: every combination once, or draws that follow their distributions, and keys upon keys."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest, loguniform, uniform
from sklearn.model_selection import ParameterGrid

from nncli.sweep.space import Dimension, Space

CHOICES = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Choices of which some depend on some before them."""
    dimensions: list[Dimension] = []
    for number in range(draw(st.integers(1, 5))):
        when: dict[str, tuple[Any, ...]] = {}
        for other in dimensions:
            if draw(st.booleans()):
                when[other.key] = tuple(draw(st.lists(st.sampled_from(other.values), min_size=1, unique=True)))
        dimensions.append(Dimension(f"k{number}", "choice", draw(CHOICES), when=when))
    return Space(tuple(dimensions))


def allowed(space: Space) -> list[dict[str, Any]]:
    """All combinations, by trying everything: what is not there has no value, and only then."""
    found = []
    options = [(*d.values, None) for d in space.dimensions]
    for values in product(*options):
        chosen = dict(zip((d.key for d in space.dimensions), values, strict=True))
        right = all(
            (chosen[d.key] is not None) == all(chosen[key] in values for key, values in d.when.items())
            for d in space.dimensions
        )
        if right:
            found.append({key: value for key, value in chosen.items() if value is not None})
    return found


@given(spaces())
@settings(max_examples=150)
def test_a_grid_has_every_combination_once_and_no_other(space: Space) -> None:
    grid, expected = list(space.grid()), allowed(space)
    assert sorted(map(str, grid)) == sorted(map(str, expected))
    assert space.size() == space.grid_size() == len(expected)
    assert (space.size(3) > 3) == (len(expected) > 3)  # however far it counted


@given(spaces(), st.integers(0, 2**32))
@settings(max_examples=150)
def test_draws_and_corners_are_in_the_space_and_corners_have_all_that_there_is(space: Space, seed: int) -> None:
    expected, corners = allowed(space), list(space.corners())
    assert space.draw(np.random.default_rng(seed)) in expected
    assert all(space.has(values) for values in expected)
    for values in expected:  # with one key more, one less, or another value
        assert not space.has({**values, "k9": 1})
        for key in values:
            assert not space.has({**values, key: 10})
            fewer = {other: value for other, value in values.items() if other != key}
            assert space.has(fewer) == (fewer in expected)
    assert all(corner in expected for corner in corners)
    for dimension in space.dimensions:
        possible = {value[dimension.key] for value in expected if dimension.key in value}
        assert {corner[dimension.key] for corner in corners if dimension.key in corner} >= possible


def test_a_grid_without_conditions_is_scikit_learn_s() -> None:
    values = {"a": (1, 2, 3), "b": ("x", "y"), "c": (None, True)}
    space = Space(tuple(Dimension(key, "choice", each) for key, each in values.items()))
    assert sorted(map(repr, space.grid())) == sorted(repr(dict(one)) for one in ParameterGrid(values))


@pytest.mark.parametrize(
    ("kind", "ends", "steps", "expected"),
    [
        ("integer", (2, 5), None, (2, 3, 4, 5)),
        ("integer", (0, 100), 3, (0, 50, 100)),
        ("log_integer", (1, 1000), 4, (1, 10, 100, 1000)),
        ("log_integer", (1, 3), 9, (1, 2, 3)),
        ("uniform", (0.0, 1.0), 5, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("uniform", (0.5, 1.0), 1, (0.5,)),
    ],
)
def test_a_range_on_a_grid(kind: Any, ends: tuple[float, ...], steps: int | None, expected: tuple[float, ...]) -> None:
    assert tuple(Dimension("k", kind, ends, steps).grid()) == expected


def test_what_is_counted_is_not_gone_through() -> None:
    wide = Dimension("a", "integer", (1, 2**53))
    switch = Dimension("b", "choice", (True, 1))
    where = Dimension("c", "integer", (1, 10), when={"b": (True,)})
    assert Space((wide, switch, where)).size() == Space((wide, switch, where)).grid_size() == 2**53 * (10 + 1)
    assert Space((switch, Dimension("d", "uniform", (0, 1), 3, when={"b": (1,)}))).grid_size() == 3 + 1
    assert Space((Dimension("d", "uniform", (0, 1)),)).size() == math.inf


def test_a_log_range_on_a_grid_goes_by_factors_and_ends_where_it_says() -> None:
    found = Dimension("k", "log_uniform", (1e-4, 1e-1), 7).grid()
    np.testing.assert_allclose(found, np.geomspace(1e-4, 1e-1, 7), rtol=1e-12)
    assert (found[0], found[-1]) == (1e-4, 1e-1)


def draws(dimension: Dimension, n: int = 4000) -> list[Any]:
    rng = np.random.default_rng(0)
    return [dimension.draw(rng) for _ in range(n)]


def test_draws_follow_their_distributions() -> None:
    assert kstest(draws(Dimension("k", "uniform", (-2.0, 3.0))), uniform(-2, 5).cdf).pvalue > 0.01
    assert kstest(draws(Dimension("k", "log_uniform", (1e-4, 1e-1))), loguniform(1e-4, 1e-1).cdf).pvalue > 0.01
    _, counts = np.unique(draws(Dimension("k", "integer", (3, 7))), return_counts=True)
    assert len(counts) == 5
    assert chisquare(counts).pvalue > 0.01
    values, counts = np.unique(draws(Dimension("k", "log_integer", (1, 9))), return_counts=True)
    width = np.array([math.log((v + 0.5) / (v - 0.5)) for v in values])
    assert values.tolist() == [*range(1, 10)]
    assert chisquare(counts, width / width.sum() * counts.sum()).pvalue > 0.01
