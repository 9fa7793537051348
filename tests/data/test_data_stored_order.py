"""The orders of rows on disk: every permutation as likely as any other, told in the memory of a few rows."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from nncli.data.stored import shuffle
from nncli.data.stored.shuffle import Shuffled
from nncli.data.stored.split import Shares
from nncli.data.stored.windows import in_batches, windows


def shuffled(folder: Path, n: int, at_a_time: int, seed: int) -> np.ndarray:
    folder.mkdir()
    order = Shuffled(folder, n, {"x": ((2,), np.float32), "y": ((), np.intp)}, np.random.default_rng(seed))
    for start in range(0, n, at_a_time):
        y = np.arange(start, min(n, start + at_a_time))
        order.add(x=np.stack([y, -y], axis=1), y=y)
    order.write()
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    assert np.array_equal(x, np.stack([y, -y], axis=1))  # a row stays together
    assert sorted(path.name for path in folder.iterdir()) == ["x.npy", "y.npy"]
    return y


def test_every_row_comes_once_and_far_from_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffle, "BUCKET", 1000)
    n = 3000
    order = shuffled(tmp_path / "a", n, 70, 1)
    assert np.array_equal(np.sort(order), np.arange(n))
    # of a random permutation the rank correlation with the old order has the deviation 1/√(n - 1)
    assert abs(np.corrcoef(order, np.arange(n))[0, 1]) < 4 / np.sqrt(n - 1)
    assert np.array_equal(order, shuffled(tmp_path / "b", n, 70, 1))
    assert not np.array_equal(order, shuffled(tmp_path / "c", n, 70, 2))


def test_all_orders_are_as_likely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three rows in two buckets, 600 times: chi-square of six orders, of 5 degrees of freedom, below its 99.9 %."""
    monkeypatch.setattr(shuffle, "BUCKET", 24)
    found = Counter(tuple(shuffled(tmp_path / str(seed), 3, 1, seed)) for seed in range(600))
    assert set(found) == set(permutations(range(3)))
    assert sum((count - 100) ** 2 / 100 for count in found.values()) < 20.5


def test_an_epoch_is_a_permutation_that_reads_a_few_stretches_at_a_time() -> None:
    inputs = np.empty((10_007, 4), np.float32)
    order = [*windows(inputs, np.random.default_rng(3), block=1600, window=16_000)]
    rows = np.concatenate(order)
    assert np.array_equal(np.sort(rows), np.arange(len(inputs)))
    assert all(len(np.unique(some // 100)) <= 10 for some in order)  # blocks of 100 rows, 10 of them in a window
    again, other = (
        np.concatenate([*windows(inputs, np.random.default_rng(s), block=1600, window=16_000)]) for s in (3, 4)
    )
    assert np.array_equal(rows, again)
    assert not np.array_equal(rows, other)
    inside = np.concatenate([np.argsort(some) for some in order])
    assert abs(np.corrcoef(inside[:-1], inside[1:])[0, 1]) < 0.05  # within a window no row tells the next one


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 5000])
def test_batches_cut_through_windows(size: int) -> None:
    rows = np.random.default_rng(0).permutation(1234)
    found = [*in_batches(iter(np.split(rows, [400, 401, 1000])), size)]
    assert np.array_equal(np.concatenate(found), rows)
    assert [len(batch) for batch in found] == [size] * (1234 // size) + [1234 % size] * bool(1234 % size)


def test_every_split_is_as_likely() -> None:
    """Of 3 and 2 rows of two classes, 2 are held out: by largest remainder one of each, that of the larger to test.

    So there are six splits; chi-square of 1,800 of them, of 5 degrees of freedom, is below its 99.9 %.
    """
    kinds = np.array([0, 1, 0, 0, 1])
    shares = Shares.of(np.array([3, 2]), 0.2, 0.2)
    assert shares.rows.tolist() == [[2, 0, 1], [1, 1, 0]]
    found: Counter[tuple[int, ...]] = Counter()
    for seed in range(1800):
        dealt = np.concatenate([*shares.deal(iter([kinds[:2], kinds[2:]]), np.random.default_rng(seed))])
        assert all(Counter(dealt[kinds == k]) == Counter(np.repeat([0, 1, 2], shares.rows[k])) for k in (0, 1))
        found[tuple(dealt)] += 1
    assert len(found) == 6
    assert sum((count - 300) ** 2 / 300 for count in found.values()) < 20.5
