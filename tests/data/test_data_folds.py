"""Folds: disjoint, complete, of equal sizes, in proportion; groups stay whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from nncli.data.split import Split, fold_rows, folded
from nncli.errors import DataError


def folds_of(n: int, folds: int, labels=None, shuffle=True, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    rows = np.arange(n) * 3 + 1  # some of a table
    return rows, fold_rows(rows, folds, labels=labels, shuffle=shuffle, rng=rng, groups=groups)


def spread(sizes: list[int]) -> int:
    return max(sizes) - min(sizes)


@given(n=st.integers(2, 300), folds=st.integers(2, 12), classes=st.integers(0, 6), shuffle=st.booleans())
def test_folds_hold_every_row_once_and_differ_by_one_in_size_and_in_every_class(n, folds, classes, shuffle):
    labels = np.random.default_rng(n).integers(0, classes, n) if classes else None
    lonely = labels is not None and shuffle and np.unique(labels, return_counts=True)[1].min() < 2
    if n < folds or lonely:
        with pytest.raises(DataError, match=r"cannot be cut into|has 1 row to train"):
            folds_of(n, folds, labels, shuffle)
        return
    rows, found = folds_of(n, folds, labels, shuffle)
    assert len(found) == folds
    assert sorted(np.concatenate(found).tolist()) == rows.tolist()
    assert spread([len(fold) for fold in found]) <= 1
    for fold in found:
        assert (np.diff(fold) > 0).all()
    if labels is not None and shuffle:
        counts = np.array([np.bincount(labels[(fold - 1) // 3], minlength=classes) for fold in found])
        assert (np.ptp(counts, axis=0) <= 1).all()
        others = counts.sum(axis=0) - counts
        assert (others[:, counts.sum(axis=0) > 0] > 0).all()  # whoever trains on the others has seen every class


def test_sizes_of_classes_are_those_of_scikit_learn() -> None:
    labels = np.random.default_rng(1).choice(4, 101, p=[0.5, 0.3, 0.15, 0.05])
    _, found = folds_of(101, 5, labels)
    mine = [np.bincount(labels[(fold - 1) // 3], minlength=4).tolist() for fold in found]
    theirs = [np.bincount(labels[test], minlength=4).tolist() for _, test in StratifiedKFold(5).split(labels, labels)]
    assert sorted(map(sum, mine)) == sorted(map(sum, theirs))
    for column in range(4):
        assert sorted(row[column] for row in mine) == sorted(row[column] for row in theirs)


def test_without_shuffling_a_fold_is_of_rows_that_follow_one_another() -> None:
    _, found = folds_of(10, 3, shuffle=False)
    assert [((fold - 1) // 3).tolist() for fold in found] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=30), folds=st.integers(2, 6), shuffle=st.booleans())
def test_groups_stay_whole_and_no_fold_could_give_its_last_group_away(sizes, folds, shuffle):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(0).shuffle(groups)
    if len(sizes) < folds:
        with pytest.raises(DataError, match=rf"{len(sizes)} groups cannot be cut into {folds} folds"):
            folds_of(len(groups), folds, shuffle=shuffle, groups=groups)
        return
    rows, found = folds_of(len(groups), folds, shuffle=shuffle, groups=groups)
    assert sorted(np.concatenate(found).tolist()) == rows.tolist()
    of_fold = [set(groups[(fold - 1) // 3].tolist()) for fold in found]
    assert sum(map(len, of_fold)) == len(sizes)
    # the bound of Graham 1969 for the largest first: the fullest is ahead of the emptiest by its last group at most
    assert spread([len(fold) for fold in found]) <= max(sizes)


def test_the_test_rows_stay_and_a_fold_validates_in_turn() -> None:
    split = Split(np.array([0, 2, 4, 6]), np.array([1, 3, 5]), np.array([7, 8, 9]))
    seen = []
    for fold in range(3):
        rng = np.random.default_rng(5)
        turn = folded(split, 3, fold, labels=None, shuffle=True, rng=rng)
        assert turn.test.tolist() == [7, 8, 9]
        assert not set(turn.train) & set(turn.validation)
        assert sorted([*turn.train, *turn.validation]) == [*range(7)]
        seen += turn.validation.tolist()
    assert sorted(seen) == [*range(7)]
    together = folded(split, 3, None, labels=None, shuffle=True, rng=np.random.default_rng(5))
    assert (together.train.tolist(), together.validation.tolist()) == ([*range(7)], [])


def in_time(times: list[float], folds: int, fold: int, *, test: int = 0) -> Split:
    n = len(times)
    rows = np.arange(n)
    split = Split(rows[: n - test], rows[:0], rows[n - test :])
    drawn = np.random.default_rng(0)
    return folded(split, folds, fold, labels=None, shuffle=True, rng=drawn, times=np.array(times, np.float64))


def test_in_time_a_fold_trains_on_all_blocks_before_its_own() -> None:
    times = [float(i) for i in range(8)]
    assert [in_time(times, 3, fold).train.tolist() for fold in range(3)] == [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
    assert [in_time(times, 3, fold).validation.tolist() for fold in range(3)] == [[2, 3], [4, 5], [6, 7]]
    assert in_time(times, 2, 0, test=2).test.tolist() == [6, 7]


def test_in_time_a_cut_within_rows_of_one_time_moves_to_their_nearer_end() -> None:
    assert in_time([0, 0, 0, 1, 1, 2], 1, 0).validation.tolist() == [3, 4, 5]
    assert in_time([0, 1, 1, 1, 1, 2, 3, 4], 1, 0).validation.tolist() == [5, 6, 7]  # 3 rows back, 1 ahead
    assert in_time([0, 1, 2, 3, 3, 3, 4, 5], 1, 0).validation.tolist() == [3, 4, 5, 6, 7]  # 1 back, 2 ahead


def test_times_that_are_too_few_are_refused() -> None:
    with pytest.raises(DataError, match="2 times cannot be cut into 4 blocks of about one size; take fewer folds"):
        in_time([0, 0, 0, 0, 1, 1, 1, 1], 3, 0)
    with pytest.raises(DataError, match="3 times cannot be cut into 5 blocks"):
        in_time([0, 1, 2], 4, 0)
