"""Which rows train, which choose the best epoch, which measure the result.

Plain NumPy on purpose: importing scikit-learn for its splitters costs about 0.6 s, more than a small training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nncli.data.cells import Array
from nncli.errors import DataError, Problem
from nncli.text import count

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted row indices of each part: disjoint, together all rows but of folds by time; empty where the share is 0."""

    train: Indices
    validation: Indices
    test: Indices


def split_rows(
    n: int,
    *,
    labels: Array | None,
    validation: float,
    test: float,
    shuffle: bool,
    rng: Generator,
    groups: Array | None = None,
    times: Array | None = None,
) -> Split:
    """Split ``n`` rows; a part has exactly round(share·n) rows (halves up, the share as it is written in decimals).

    With ``labels`` the split is stratified. The h held-out rows, validation and test together, are allotted to the
    classes by largest remainder: a class with c of the n rows is due h·c/n of them; it gets the whole part, and the
    classes with the largest remainders (of equals the larger class) get one more, until h is reached. Every class
    keeps at least one training row: what a small class cannot give is allotted to the others, again by largest
    remainder, in proportion to the rows that they have left. Of each class's held-out rows the test's are allotted by
    the same rule. So sizes are exact, and unless a class has nothing left to give, each is less than one row off its
    due in the training part and less than two in the others.

    With ``groups`` all rows of a group are in one part. Groups are taken at random (without ``shuffle``, from the last
    row backwards), first for the test: one that would bring a part further above its size than the part is below it is
    left for the next. With ``times`` the latest rows are the test's, and those before them the validation's; rows of
    one time are in one part, the earlier one if more than half of them belong there.

    Args:
        n: The number of rows.
        labels: (n,) classes to keep in proportion, or None; not looked at without ``shuffle``.
        validation: The share of the whole for validation, in [0, 1).
        test: The share of the whole for the test, in [0, 1).
        shuffle: Draw the rows at random; otherwise the first rows train, then comes validation, then test.
        rng: Where the draws come from.
        groups: (n,) which group each row belongs to, if they are to stay together.
        times: (n,) how late each row is, if the parts are to follow one another.

    Raises:
        DataError: A share above 0 without a row, no row left for training, or none for some class.
    """
    held_out = sizes_of(n, validation, test)
    train_size = n - sum(held_out)
    if times is not None:
        parts = _by_time(times, *held_out)
    elif groups is not None:
        parts = _by_group(groups, *held_out, rng if shuffle else None)
    elif not shuffle:
        parts = np.split(np.arange(n), [train_size, train_size + held_out[0]])
    elif labels is None:
        parts = np.split(rng.permutation(n), [train_size, train_size + held_out[0]])
    else:
        parts = _stratified(labels, *held_out, rng)
    return Split(*(np.sort(part).astype(np.intp) for part in parts))


def sizes_of(n: int, validation: float, test: float) -> tuple[int, int]:
    """The rows of ``n`` for validation and test: round(share·n) each, halves up.

    Raises:
        DataError: A share above 0 without a row, no row left for training.
    """
    problems = []
    sizes = []
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise DataError(f"a share of {share}", where=f"data.split.{name}", remedy="shares lie in [0, 1)")
        size = math.floor(Fraction(repr(float(share))) * n + Fraction(1, 2))  # 0.29·50 is 14.5, in floats a little less
        sizes.append(size)
        if share and not size:
            remedy = f"give {name} a larger share (1 row is {1 / n:.2g}), or 0" if n else "add rows"
            problems.append(
                Problem(f"{share} of {n} row{'s' if n != 1 else ''} is less than one", f"data.split.{name}", remedy)
            )
    if sum(sizes) >= n:
        problems.append(
            Problem(
                f"no row of {n} is left for training: validation ({validation}) takes {sizes[0]}, "
                f"test ({test}) {sizes[1]}",
                "data.split",
                "take smaller shares, or add rows",
            )
        )
    if problems:
        raise DataError(problems)
    return sizes[0], sizes[1]


def _by_time(times: Array, validation: int, test: int) -> list[Indices]:
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    ends = [len(order)]
    for size in (test, validation):
        cut = ends[-1] - size
        if size and cut:
            first, behind = (
                np.searchsorted(ordered, ordered[cut], "left"),
                np.searchsorted(ordered, ordered[cut], "right"),
            )
            cut = int(behind if 2 * (cut - first) > behind - first else first)
        ends.append(min(cut, ends[-1]))
    _, last, before = ends
    parts = [order[:before], order[before:last], order[last:]]
    _refuse_empty(parts, validation, test, "data.split.time", "rows of one time are in one part")
    return parts


def _by_group(groups: Array, validation: int, test: int, rng: Generator | None) -> list[Indices]:
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if rng is None:
        _, first = np.unique(codes[::-1], return_index=True)
        order = np.argsort(first, kind="stable")
    else:
        order = rng.permutation(len(counts))
    part_of, taken = np.zeros(len(counts), np.intp), np.zeros(3, np.intp)
    wanted = {2: test, 1: validation}
    for group in order:
        for part, size in wanted.items():
            short = size - taken[part]
            if short > 0 and counts[group] - short <= short:
                part_of[group] = part
                taken[part] += counts[group]
                break
    of_row = part_of[codes]
    parts = [np.flatnonzero(of_row == part) for part in range(3)]
    _refuse_empty(
        parts, validation, test, "data.split.group", f"all rows are in {count(len(counts), 'group')}, each in one part"
    )
    return parts


def _refuse_empty(parts: list[Indices], validation: int, test: int, where: str, why: str) -> None:
    wanted = {"training": (parts[0], 1), "validation": (parts[1], validation), "the test": (parts[2], test)}
    for name, (part, size) in wanted.items():
        if size and not len(part):
            raise DataError(
                f"no row is left for {name}: {why}", where=where, remedy="take other shares, or another column"
            )


def _stratified(labels: Array, validation: int, test: int, rng: Generator) -> list[Indices]:
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n, held_out = len(codes), validation + test
    out = held_out_of(counts, held_out)
    to_test = allot(test, out, out)
    order = rng.permutation(n)
    order = order[np.argsort(codes[order], kind="stable")]  # by class, at random within each
    of_class = codes[order]
    rank = np.arange(n) - (np.cumsum(counts) - counts)[of_class]
    in_test = rank < to_test[of_class]
    in_train = rank >= out[of_class]
    return [order[in_train], order[~in_train & ~in_test], order[in_test]]


def held_out_of(counts: Array, held_out: int) -> Array:
    """How many rows of each class (k,) are held out, in proportion to ``counts`` (k,); each class keeps one to train.

    Raises:
        DataError: Fewer rows train than there are classes.
    """
    n = int(counts.sum())
    if held_out > n - len(counts):
        raise DataError(
            f"{n - held_out} of {n} rows train, fewer than the {len(counts)} classes, each of which needs one",
            where="data.split",
            remedy="take smaller shares, or `stratify: false`; if the target is a quantity, ask for regression",
        )
    return allot(held_out, counts, counts - 1)


def folded(
    split: Split,
    folds: int,
    fold: int | None,
    *,
    labels: Array | None,
    shuffle: bool,
    rng: Generator,
    groups: Array | None = None,
    times: Array | None = None,
) -> Split:
    """The same test rows, and of all others, cut into ``folds``, those of one to validate and the rest to train.

    With ``times`` the future tells nothing about the past: the rows are cut into one block more than there are folds,
    each later than the one before; fold k validates on block k + 1 and trains on all before it. Those behind it are in
    no part, and the first block validates nowhere.

    Args:
        split: The training and validation rows are those that are cut.
        folds: In how many, at least 2.
        fold: Which of them validates, from 0; None: none does, and all train.
        labels: (n,) classes of all rows, to be kept in proportion, or None; not looked at without ``shuffle``.
        shuffle: Draw them at random; otherwise each fold is of rows that follow one another.
        rng: Where the draws come from.
        groups: (n,) which group each row belongs to, if they are to stay together.
        times: (n,) how late each row is, if the parts are to follow one another.

    Raises:
        DataError: Fewer rows (or groups, or times) than folds, or a class that has a single row.
    """
    rows = np.sort(np.concatenate([split.train, split.validation]))
    if times is not None and fold is not None:
        blocks = _blocks_by_time(rows, times[rows], folds + 1)
        return Split(np.sort(np.concatenate(blocks[: fold + 1])), blocks[fold + 1], split.test)
    parts = fold_rows(
        rows,
        folds,
        labels=None if labels is None else labels[rows],
        shuffle=shuffle,
        rng=rng,
        groups=None if groups is None else groups[rows],
    )
    if fold is None:
        return Split(rows, split.validation[:0], split.test)
    others = np.concatenate([part for number, part in enumerate(parts) if number != fold])
    return Split(np.sort(others), parts[fold], split.test)


def fold_rows(
    rows: Indices, folds: int, *, labels: Array | None, shuffle: bool, rng: Generator, groups: Array | None = None
) -> list[Indices]:
    """Cut ``rows`` (m,) into folds: sorted, disjoint, together all of them.

    The sizes of two folds differ by 1 at most, and so do their numbers of rows of any class in ``labels`` (m,): the
    rows are dealt out like cards, class after class, in an order that is drawn within each. (To allot each class by
    largest remainders would keep to the first of these alone.) With ``groups`` (m,) all rows of a group go to the fold
    that has the fewest by then, the largest group first.

    Raises:
        DataError: Fewer rows (or groups) than folds, or a class that has a single row: where that is in the fold, none
            is left to train on.
    """
    there, what = (len(rows), "row") if groups is None else (len(np.unique(groups)), "group")
    if there < folds:
        message = f"{count(there, what)} cannot be cut into {folds} folds"
        raise DataError(message, where="data.split.fold", remedy="take fewer folds, or add rows")
    if groups is not None:
        return [rows[part] for part in _folds_of_groups(groups, folds, rng if shuffle else None)]
    if not shuffle:
        return np.array_split(rows, folds)
    order = rng.permutation(len(rows))
    if labels is not None:
        classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if counts.min() < 2:
            alone = classes[counts.argmin()].item()
            message = f"the class {alone!r} has 1 row to train and validate on: without its fold there is none to train"
            remedy = "drop the row, add others, or train without folds"
            raise DataError(message, where="data.split.fold", remedy=remedy)
        order = order[np.argsort(codes[order], kind="stable")]
    return [np.sort(rows[order[fold::folds]]) for fold in range(folds)]


def _blocks_by_time(rows: Indices, times: Array, blocks: int) -> list[Indices]:
    """Cut ``rows`` (m,) into blocks of one size that follow one another; rows of one time are in one of them.

    A cut within rows of one time moves to the nearer end of them, the later one if both are as near.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    cuts = np.cumsum([len(part) for part in np.array_split(order, blocks)])[:-1]
    cuts = cuts[cuts < len(ordered)]
    before, behind = (np.searchsorted(ordered, ordered[cuts], side) for side in ("left", "right"))
    parts = np.split(order, np.where(cuts - before < behind - cuts, before, behind))
    if len(parts) < blocks or not all(map(len, parts)):
        message = f"{count(len(np.unique(times)), 'time')} cannot be cut into {blocks} blocks of about one size"
        raise DataError(message, where="data.split.fold", remedy="take fewer folds, or add rows")
    return [np.sort(rows[part]) for part in parts]


def _folds_of_groups(groups: Array, folds: int, rng: Generator | None) -> list[Indices]:
    """The positions of the rows of each fold."""
    _, first, codes, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first) if rng is None else rng.permutation(len(counts))
    fold_of, sizes = np.zeros(len(counts), np.intp), np.zeros(folds, np.intp)
    for group in order[np.argsort(-counts[order], kind="stable")]:
        fold_of[group] = sizes.argmin()
        sizes[fold_of[group]] += counts[group]
    return [np.flatnonzero(fold_of[codes] == fold) for fold in range(folds)]


def allot(total: int, weights: Array, room: Array) -> Array:
    """Integers that add up to ``total``, in proportion to ``weights`` by largest remainder, each within its ``room``.

    Args:
        total: What is to be shared out, at most the sum of ``room``, and no more than the sum of ``weights``.
        weights: (k,) non-negative integers.
        room: (k,) integers; the most that each may get, no less than the whole part of its due.
    """
    if not total:
        return np.zeros_like(weights)
    due, remainder = np.divmod(total * weights, weights.sum())  # in whole numbers, so that ties are ties
    order = np.lexsort((-weights, -remainder))
    order = order[(due < room)[order]][: total - due.sum()]
    due[order] += 1
    short = int(total - due.sum())
    return due + allot(short, room - due, room - due) if short else due
