"""IDX files, the format of MNIST: a magic number, the sizes as big-endian 32-bit integers, then the bytes.

Format: http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes & Burges).
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from nncli.data.cells import Array
from nncli.data.pixels import pixel_names
from nncli.data.room import DEFLATE_RATIO, refuse_too_large, refuse_too_many_columns
from nncli.data.table import Table
from nncli.errors import DataError
from nncli.machine import memory_limit

UNSIGNED_BYTE = 0x08  # the third byte of the magic number says the type, the fourth the number of dimensions
BLOCK = 1 << 20


def read_idx_folder(path: Path) -> tuple[Table, Table | None]:
    """Read ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, and the ``t10k-`` pair if there; ``.gz`` too.

    Returns:
        The training table and the test table: features uint8 (n, rows·columns) called ``pixel_R_C``, integer labels.

    Raises:
        DataError: No such files, half a pair, or a file that is foreign, cut off or too long.
    """
    origin = path.name or str(path)
    train = _read_pair(path, "train")
    if train is None:
        raise DataError(
            "a folder without IDX files",
            where=origin,
            remedy="it should hold train-images-idx3-ubyte and train-labels-idx1-ubyte (.gz too); "
            "for a table, name the file itself",
        )
    test = _read_pair(path, "t10k")
    if test is not None and test.feature_names != train.feature_names:
        raise DataError(
            f"the test images have {len(test.feature_names)} pixels, those for training {len(train.feature_names)}",
            where=origin,
            remedy="take both pairs from the same data set",
        )
    return train, test


def _read_pair(folder: Path, part: str) -> Table | None:
    """The table of ``part`` (``train`` or ``t10k``); None if neither of its files is there."""
    images, labels = (_find(folder, f"{part}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        there, absent = (images, "labels-idx1-ubyte") if images else (labels, "images-idx3-ubyte")
        raise DataError(
            f"{cast(Path, there).name} has no {part}-{absent} beside it",
            where=folder.name,
            remedy="images and labels come in pairs; put the missing file there",
        )
    X, y = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if len(X) != len(y):
        raise DataError(
            f"{len(X)} images and {len(y)} labels",
            where=f"{images.name}, {labels.name}",
            remedy="take both files from the same data set",
        )
    _, height, width = X.shape
    names = pixel_names(height, width)
    if not names or not len(X):
        raise DataError(f"no pixels: {len(X)} images of {height} x {width}", where=images.name, remedy="another file")
    return Table(images.name, X.reshape(len(X), -1), names, y.astype(np.int64), ("label",), categorical=True)


def _find(folder: Path, name: str) -> Path | None:
    return next((file for suffix in ("", ".gz") if (file := folder / f"{name}{suffix}").is_file()), None)


def read_idx(path: Path, dimensions: int) -> Array:
    """Read one file of bytes as an array of ``dimensions``; its size is checked before memory is taken for it.

    Raises:
        DataError: The file is foreign, cut off, too long, or cannot be decompressed.
    """
    compressed = path.suffix == ".gz"
    try:
        with cast(IO[bytes], gzip.open(path) if compressed else path.open("rb")) as file:
            shape = _shape(file, dimensions, path.name)
            size, stored = math.prod(shape), os.stat(path).st_size
            if size > stored * (DEFLATE_RATIO if compressed else 1):
                raise _cut_off(path.name, shape)
            refuse_too_large(size, path.name, memory_limit())
            refuse_too_many_columns(math.prod(shape[1:]), path.name)
            data, filled = np.empty(size, np.uint8), 0
            while filled < size:
                block = np.frombuffer(file.read(min(BLOCK, size - filled)), np.uint8)
                if not len(block):
                    raise _cut_off(path.name, shape)
                data[filled : filled + len(block)] = block
                filled += len(block)
            if file.read(1):
                raise DataError(
                    f"more bytes than the {size} of its header {shape}", where=path.name, remedy="download it again"
                )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"not a whole gzip file: {error}", where=path.name, remedy="download it again") from None
    except OSError as error:
        remedy = "look at its rights"
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path), remedy=remedy) from None
    return data.reshape(shape)


def _shape(file: IO[bytes], dimensions: int, name: str) -> tuple[int, ...]:
    magic, wanted = file.read(4), bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if magic != wanted:
        raise DataError(
            f"not an IDX file of bytes in {dimensions} dimensions: it begins with {magic.hex(' ') or 'nothing'}, "
            f"not {wanted.hex(' ')}",
            where=name,
            remedy="download it again, or look whether images and labels are exchanged",
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError("cut off in its header", where=name, remedy="download it again")
    return tuple(int(size) for size in np.frombuffer(sizes, ">u4"))


def _cut_off(name: str, shape: tuple[int, ...]) -> DataError:
    return DataError(
        f"cut off: its header promises {' x '.join(map(str, shape))} bytes", where=name, remedy="download it again"
    )
