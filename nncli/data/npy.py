"""Arrays in files of their own: a folder of ``.npy`` files is read as an archive of them."""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.columns import missing
from nncli.data.maps import mapped_at
from nncli.data.room import ON_DISK, refuse_too_large, refuse_too_many_columns
from nncli.errors import DataError, Problem
from nncli.filekind import irregular
from nncli.machine import memory_limit

# What numpy.load and zipfile raise for damaged files.
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_files(
    folder: Path, names: tuple[str, ...], optional: tuple[str | None, ...], problems: list[Problem], *, in_place: bool
) -> dict[str, Array]:
    """The arrays of these names, each a ``.npy`` file of the folder.

    Args:
        folder: Where they lie.
        names: Theirs, without the suffix.
        optional: Those that need not be there.
        problems: What is known to be wrong by now, and is said with the rest.
        in_place: Whether they are mapped; otherwise they are read.

    Raises:
        DataError: An array is missing, damaged, or of Python objects.
    """
    there = sorted(file.stem for file in folder.iterdir() if file.suffix == ".npy")
    problems += [
        Problem(missing("array", name, there), folder.name, "`data.target` and `data.features` name files without .npy")
        for name in dict.fromkeys(names)
        if name not in there and name not in optional
    ]
    if problems:
        raise DataError(problems)
    held = {name: folder / f"{name}.npy" for name in names if name in there}
    places = {name: _place_in_file(folder, path) for name, path in held.items()}
    if not in_place:
        sizes = [math.prod(shape) * dtype.itemsize for _, shape, dtype, _ in places.values()]
        refuse_too_large(sum(sizes), folder.name, memory_limit(), helps=ON_DISK)
    found = {}
    for name, (offset, shape, dtype, order) in places.items():
        refuse_too_many_columns(math.prod(shape[1:]), folder.name)
        whole = mapped_at(held[name], offset, shape, dtype, order) if math.prod(shape) else np.empty(shape, dtype)
        found[name] = whole if in_place else whole.copy()
    return found


def _place_in_file(folder: Path, path: Path) -> tuple[int, tuple[int, ...], np.dtype[Any], str]:
    """Where the array of a ``.npy`` file begins in it, its shape, its type, and the order that it lies in.

    Raises:
        DataError: It is no whole array, or one of Python objects.
    """
    where = f"{folder.name}/{path.name}"
    if what := irregular(path.lstat().st_mode):
        raise DataError(f"{what}, not a file", where=where, remedy="put the file itself there")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at a header that Python 2 wrote
            version = np.lib.format.read_magic(file)
            if version not in HEADERS:
                raise ValueError(f"it is of version {version[0]}.{version[1]}")
            shape, fortran_order, dtype = HEADERS[version](file)
            offset, size = file.tell(), math.prod(shape) * dtype.itemsize
        there = path.stat().st_size - offset
        if not dtype.hasobject and (min(shape, default=0) < 0 or size != there):
            raise ValueError(f"it is said to hold {size:,} bytes, and there are {there:,}")
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        remedy = "write it with `numpy.save(path, array)`"
        raise DataError(f"not a whole .npy file: {reason}", where=where, remedy=remedy) from None
    if dtype.hasobject:
        message, remedy = "it holds Python objects, which could run code and are not loaded", "save arrays of numbers"
        raise DataError(message, where=where, remedy=remedy)
    return offset, shape, dtype, "F" if fortran_order else "C"
