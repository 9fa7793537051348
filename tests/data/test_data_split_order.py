"""Splits by group and by time."""

from contextlib import suppress
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nncli.data.split import split_rows
from nncli.errors import DataError


def split(n=0, **keywords):
    rng = np.random.default_rng(keywords.pop("seed", 0))
    groups, times = keywords.get("groups"), keywords.get("times")
    n = len(groups if groups is not None else times)
    settings = {"labels": None, "validation": 0.2, "test": 0.2, "shuffle": True, "rng": rng} | keywords
    return split_rows(n, **settings)


@given(st.lists(st.integers(0, 9), min_size=30, max_size=200), st.integers(0, 5), st.booleans())
def test_a_group_is_in_one_part(groups, seed, shuffle):
    groups = np.array(groups)
    with suppress(DataError):  # few groups leave nothing for some part
        check(split(groups=groups, seed=seed, shuffle=shuffle), groups)


def check(parts, groups):
    sets = [set(groups[part].tolist()) for part in (parts.train, parts.validation, parts.test)]
    for one, other in combinations(sets, 2):
        assert not one & other
    assert sum(len(part) for part in (parts.train, parts.validation, parts.test)) == len(groups)


def test_small_groups_come_near_the_shares_and_depend_on_the_seed():
    groups = np.repeat(np.arange(100), 3)
    parts = [split(groups=groups, seed=seed) for seed in (0, 0, 1)]
    assert [len(part.test) for part in parts] == [60, 60, 60]
    assert [len(part.validation) for part in parts] == [60, 60, 60]
    assert parts[0].test.tolist() == parts[1].test.tolist() != parts[2].test.tolist()


def test_without_shuffling_the_last_groups_are_the_test():
    parts = split(groups=np.repeat([7, 3, 5, 1, 9], 2), shuffle=False)
    assert (parts.test.tolist(), parts.validation.tolist()) == ([8, 9], [6, 7])


def test_the_latest_rows_are_the_test():
    times = np.random.default_rng(0).permutation(50) * 1.5
    parts = split(times=times)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (30, 10, 10)
    assert times[parts.train].max() < times[parts.validation].min()
    assert times[parts.validation].max() < times[parts.test].min()


@given(st.lists(st.integers(0, 12), min_size=20, max_size=100))
def test_rows_of_one_time_are_in_one_part(times):
    times = np.array(times, float)
    assume(len(set(times)) > 8)
    parts = split(times=times)
    assert times[parts.train].max() < times[parts.validation].min()
    assert times[parts.validation].max() < times[parts.test].min()


def test_one_group_is_refused():
    with pytest.raises(DataError, match=r"no row is left for validation: all rows are in 1 group, each in one part"):
        split(groups=np.zeros(30, int))
