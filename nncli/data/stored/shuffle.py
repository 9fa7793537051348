"""Rows on disk in an order that is drawn at random, all orders alike, in the memory of a few of them.

Each row goes to a bucket that is drawn for it alone; then each bucket is shuffled in memory (Rao 1961, Sandelius 1962).
Every row is written twice and read once, one after the other, whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.data.cells import Array
from nncli.data.maps import ArrayFile

BUCKET = 1 << 25
"""About the bytes of a bucket, which is in memory twice while it is shuffled."""


class Shuffled:
    """Takes rows in any order, and writes them to ``.npy`` files in a random one.

    Args:
        folder: Where the files go, and the buckets for a while.
        rows: How many there will be.
        columns: For each file its name -> the shape of a row and its type.
        rng: Where the order comes from.
    """

    def __init__(
        self, folder: Path, rows: int, columns: Mapping[str, tuple[tuple[int, ...], DTypeLike]], rng: Generator
    ) -> None:
        self._folder, self._rows, self._rng, self._columns = folder, rows, rng, columns
        self._record = np.dtype([(name, dtype, shape) for name, (shape, dtype) in columns.items()])
        self._buckets = max(1, -(-rows * self._record.itemsize // BUCKET))
        self._sizes = np.zeros(self._buckets, np.int64)
        self._waiting: list[Array] = []

    def add(self, **columns: Array) -> None:
        """Take the next rows."""
        rows = np.empty(len(next(iter(columns.values()))), self._record)
        for name, values in columns.items():
            rows[name] = values
        self._waiting.append(rows)
        if sum(some.nbytes for some in self._waiting) >= BUCKET:
            self._deal()

    def _deal(self) -> None:
        """Append what waits to the buckets: many rows at a time, so that each gets more than a few of them."""
        rows = np.concatenate(self._waiting) if self._waiting else np.empty(0, self._record)
        self._waiting.clear()
        bucket = self._rng.integers(0, self._buckets, len(rows))
        rows = rows[np.argsort(bucket, kind="stable")]
        counts = np.bincount(bucket, minlength=self._buckets)
        ends = np.cumsum(counts)
        for i in np.flatnonzero(counts).tolist():
            with self._path(i).open("ab") as file:
                file.write(rows[ends[i] - counts[i] : ends[i]].view(np.uint8).data)
        self._sizes += counts

    def write(self) -> None:
        """Write the files; the buckets are gone then."""
        self._deal()
        with ExitStack() as open_files:
            files = {
                name: open_files.enter_context(ArrayFile(self._folder / f"{name}.npy", (self._rows, *shape), dtype))
                for name, (shape, dtype) in self._columns.items()
            }
            for i in np.flatnonzero(self._sizes).tolist():
                rows = np.fromfile(self._path(i), self._record)
                order = self._rng.permutation(len(rows))
                self._path(i).unlink()
                for name, file in files.items():
                    file.append(rows[name][order])

    def _path(self, bucket: int) -> Path:
        return self._folder / f"bucket {bucket}"
