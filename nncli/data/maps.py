"""Arrays in files, mapped into memory: only what is looked at takes some, and only as long as it is."""

from __future__ import annotations

import hashlib
import mmap
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import DTypeLike

from nncli.data.cells import Array
from nncli.errors import DataError
from nncli.text import bytes_text

BYTES = 1 << 24
"""About the bytes of an array that are gone through at a time."""


class ArrayFile:
    """Writes a ``.npy`` file whose shape is known, some rows after the others.

    Args:
        path: The file, which is not there yet.
        shape: (n, ...).
        dtype: Of its numbers; what is appended is brought to it.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.path, self._shape, self._dtype = path, shape, np.dtype(dtype)
        self._rows = 0
        self._file = path.open("xb")
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(self._file, header)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        """End it. What a crash of the machine would lose of it, its digest shows."""
        self._file.close()
        if self._rows != self._shape[0]:
            raise AssertionError(f"{self._rows} rows were written to {self.path}, which is to have {self._shape[0]}")

    def append(self, rows: Array) -> None:
        """Write the next rows (k, ...)."""
        if rows.shape[1:] != self._shape[1:]:
            raise ValueError(f"rows {rows.shape} do not fit into {self._shape}")
        self._file.write(np.ascontiguousarray(rows, self._dtype).reshape(-1).view(np.uint8).data)
        self._rows += len(rows)


def mapped(path: Path) -> Array:
    """The array in a ``.npy`` file, read-only.

    Raises:
        OSError, ValueError: There is none.
    """
    if path.is_symlink():
        raise ValueError("it is a link")
    array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array.view(np.ndarray)


def place_of(array: Array) -> tuple[Path, int] | None:
    """The file that an array is mapped from, from its beginning, and how many bytes lie before it there."""
    owner: object = array
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    return (Path(str(owner.filename)), owner.offset) if isinstance(owner, np.memmap) else None


def digest_of_file(path: Path) -> str:
    """SHA-256 (hex) of its bytes.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mapped_at(path: Path, offset: int, shape: tuple[int, ...], dtype: DTypeLike, order: str = "C") -> Array:
    """The array that begins ``offset`` bytes into a file, read-only."""
    array: Array = np.memmap(path, dtype, "r", offset, shape, order)  # type: ignore[call-overload]
    return array.view(np.ndarray)


def give_back(*arrays: Array | None) -> None:
    """Take the pages of mapped arrays out of this process; they come again from the file when they are looked at.

    The operating system would do it by itself, but only once memory is short. Other arrays are left alone.
    """
    for array in arrays:
        owner: object = array
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)


def blocks(n: int, *arrays: Array | None, rows: int | None = None) -> Iterator[slice]:
    """Cut ``n`` rows into slices, and give the pages of ``arrays`` back behind each of them.

    Args:
        n: The number of rows.
        arrays: Of so many rows, mapped or not.
        rows: Of each slice but the last; by default so many that all arrays together have about ``BYTES`` of them.
    """
    if rows is None:
        row = sum(array.nbytes // max(1, len(array)) for array in arrays if array is not None)
        rows = max(1, BYTES // max(1, row))
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))
        give_back(*arrays)


def refuse_full_disk(folder: Path, needed: int) -> None:
    """Refuse to write ``needed`` bytes where there is no room for them.

    Raises:
        DataError: There is none.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"the prepared rows need {bytes_text(needed)} on the disk, and {bytes_text(free)} are free",
            where=str(folder),
            remedy="make room, or name a run on another disk with --run",
        )
