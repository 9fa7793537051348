"""Splits: disjoint, complete, of exact sizes, in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncli.data.split import allot, split_rows
from nncli.errors import DataError


def split(n, validation=0.15, test=0.15, labels=None, shuffle=True, seed=0):
    rng = np.random.default_rng(seed)
    return split_rows(n, labels=labels, validation=validation, test=test, shuffle=shuffle, rng=rng)


def counts(labels, rows, classes):
    return np.bincount(labels[rows], minlength=classes).tolist()


hundredths = st.integers(0, 45)


@given(
    n=st.integers(2, 400), v=hundredths, t=hundredths, classes=st.integers(0, 9), shuffle=st.booleans(), data=st.data()
)
def test_parts_are_disjoint_complete_sorted_and_of_exact_size(n, v, t, classes, shuffle, data):
    labels = None
    if classes:
        weights = data.draw(st.lists(st.integers(1, 100), min_size=classes, max_size=classes))
        labels = np.random.default_rng(0).choice(classes, n, p=np.array(weights) / sum(weights))
    sizes = {"validation": (2 * v * n + 100) // 200, "test": (2 * t * n + 100) // 200}  # round(share·n), halves up
    try:
        parts = split(n, v / 100, t / 100, labels, shuffle)
    except DataError:
        held_out = sum(sizes.values())
        assert (
            (v and not sizes["validation"])
            or (t and not sizes["test"])
            or held_out >= n
            or (labels is not None and shuffle and n - held_out < len(np.unique(labels)))
        )
        return
    assert len(parts.validation) == sizes["validation"]
    assert len(parts.test) == sizes["test"]
    joined = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(joined.tolist()) == list(range(n))
    for part in (parts.train, parts.validation, parts.test):
        assert part.dtype == np.intp
        assert (np.diff(part) > 0).all()
    if labels is not None and shuffle:
        assert set(labels[parts.train].tolist()) == set(labels.tolist())
        own = np.bincount(labels, minlength=classes)
        held_out = len(parts.validation) + len(parts.test)
        in_train = np.bincount(labels[parts.train], minlength=classes)
        if (own * held_out <= (own - 1) * n)[own > 0].all():  # no class is short of rows to give
            assert (np.abs(in_train - own * (n - held_out) / n) < 1).all()
            assert (np.abs(np.bincount(labels[parts.test], minlength=classes) - own * len(parts.test) / n) < 2).all()


def test_iris_is_split_in_exact_proportion():
    labels = np.repeat([0, 1, 2], 50)
    parts = split(150, 0.2, 0.1, labels)
    assert counts(labels, parts.train, 3) == [35, 35, 35]
    assert counts(labels, parts.validation, 3) == [10, 10, 10]
    assert counts(labels, parts.test, 3) == [5, 5, 5]


def test_uneven_classes_by_hand():
    # 10 of 37 rows are held out. Due: 24·10/37 = 6.49, 9·10/37 = 2.43, 4·10/37 = 1.08; the one left goes to 0.49.
    labels = np.repeat([0, 1, 2], [24, 9, 4])
    parts = split(37, 0, 0.27, labels)
    assert counts(labels, parts.test, 3) == [7, 2, 1]


def test_halves_are_rounded_up_also_where_floats_fall_short():
    assert 0.29 * 50 < 14.5
    assert len(split(50, 0.29, 0).validation) == 15
    assert len(split(10, 0.25, 0.15).validation) == 3
    assert len(split(10, 0.25, 0.15).test) == 2


def test_a_class_with_one_row_trains():
    labels = np.array([0] * 9 + [1])
    for seed in range(20):
        assert 9 in split(10, 0.3, 0.3, labels, seed=seed).train


def test_what_small_classes_cannot_give_the_others_do():
    labels = np.array([0] * 40 + list(range(1, 21)))  # 20 classes of one row each
    parts = split(60, 0.25, 0.25, labels)
    assert counts(labels, parts.train, 21) == [10] + [1] * 20


def test_without_shuffle_the_order_is_train_validation_test_and_labels_do_not_matter():
    for labels in (None, np.array([0] * 5 + [1] * 5)):
        parts = split(10, 0.2, 0.3, labels, shuffle=False)
        assert parts.train.tolist() == [0, 1, 2, 3, 4]
        assert parts.validation.tolist() == [5, 6]
        assert parts.test.tolist() == [7, 8, 9]


@pytest.mark.parametrize("labels", [None, np.arange(200) % 3])
def test_a_split_repeats_with_its_seed_and_changes_with_another(labels):
    first, same, other = (split(200, labels=labels, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, same.test)
    assert first.test.tolist() != other.test.tolist()


def test_every_row_is_as_likely_to_be_held_out_as_its_equals():
    labels = np.repeat([0, 1], [60, 20])
    rng = np.random.default_rng(0)
    hits = np.zeros(80)
    for _ in range(2000):
        hits[split_rows(80, labels=labels, validation=0, test=0.25, shuffle=True, rng=rng).test] += 1
    assert np.abs(hits - 500).max() < 6 * np.sqrt(2000 * 0.25 * 0.75)  # six standard deviations of a binomial


def test_text_labels_are_stratified_too():
    labels = np.array(["b", "a"] * 10)
    assert sorted(labels[split(20, 0, 0.2, labels).test].tolist()) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (3, 0.1, 0),
            "data.split.validation: 0.1 of 3 rows is less than one; give validation a larger share (1 row is 0.33)",
        ),
        (
            (4, 0, 0.1),
            "data.split.test: 0.1 of 4 rows is less than one; give test a larger share (1 row is 0.25), or 0",
        ),
        (
            (4, 0.5, 0.5),
            "data.split: no row of 4 is left for training: validation (0.5) takes 2, test (0.5) 2; "
            "take smaller shares, or add rows",
        ),
        ((4, 1.5, 0), "data.split.validation: a share of 1.5; shares lie in [0, 1)"),
        ((4, float("nan"), 0), "data.split.validation: a share of nan"),
        (
            (10, 0.3, 0.3, np.arange(10)),
            "data.split: 4 of 10 rows train, fewer than the 10 classes, each of which needs one; "
            "take smaller shares, or `stratify: false`",
        ),
    ],
)
def test_shares_that_do_not_fit_say_what_to_do(arguments, message):
    with pytest.raises(DataError) as error:
        split(*arguments)
    assert message in str(error.value)


@given(weights=st.lists(st.integers(1, 50), min_size=1, max_size=8), data=st.data())
def test_largest_remainder_adds_up_and_stays_within_its_room(weights, data):
    weights = np.array(weights)
    room = np.maximum(weights - 1, 0)
    total = data.draw(st.integers(0, int(room.sum())))
    if (total * weights // weights.sum() > room).any():
        return
    given_ = allot(total, weights, room)
    assert given_.sum() == total
    assert (given_ <= room).all()
    assert (given_ >= total * weights // weights.sum()).all()
