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
from nncli.data.maps import ArrayFile, blocks

BUCKET = 1 << 25
"""About the bytes of a bucket, which is in memory while it is shuffled, and of the rows that wait to be dealt."""


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
        self._waiting = np.empty(max(1, min(rows, BUCKET // self._record.itemsize)), self._record)
        self._count = 0  # of the rows that wait

    def add(self, **columns: Array) -> None:
        """Take the next rows."""
        rows, done = len(next(iter(columns.values()))), 0
        while done < rows:
            if self._count == len(self._waiting):
                self._deal()
            k = min(rows - done, len(self._waiting) - self._count)
            for name, values in columns.items():
                self._waiting[name][self._count : self._count + k] = values[done : done + k]
            self._count += k
            done += k

    def _deal(self) -> None:
        """Append what waits to the buckets: many rows at a time, so that each gets more than a few of them."""
        bucket = self._rng.integers(0, self._buckets, self._count)
        order = np.argsort(bucket, kind="stable")
        counts = np.bincount(bucket, minlength=self._buckets)
        ends = np.cumsum(counts)
        for i in np.flatnonzero(counts).tolist():
            with self._path(i).open("ab") as file:
                file.write(self._waiting[order[ends[i] - counts[i] : ends[i]]].view(np.uint8).data)
        self._sizes += counts
        self._count = 0

    def write(self) -> None:
        """Write the files; the buckets are gone then, and no more rows are taken."""
        self._deal()
        self._waiting = self._waiting[:0].copy()
        with ExitStack() as open_files:
            files = {
                name: open_files.enter_context(ArrayFile(self._folder / f"{name}.npy", (self._rows, *shape), dtype))
                for name, (shape, dtype) in self._columns.items()
            }
            for i in np.flatnonzero(self._sizes).tolist():
                self._shuffle(i, files)

    def _shuffle(self, bucket: int, files: Mapping[str, ArrayFile]) -> None:
        """Append the rows of a bucket in a random order."""
        rows = np.fromfile(self._path(bucket), self._record)
        self._path(bucket).unlink()
        order = self._rng.permutation(len(rows))
        for some in blocks(len(rows), rows):
            for name, file in files.items():
                file.append(rows[name][order[some]])

    def _path(self, bucket: int) -> Path:
        return self._folder / f"bucket {bucket}"
