"""NumPy archives, and folders of ``.npy`` files: named arrays, of which some are features and some the target."""

from __future__ import annotations

import math
import os
import shutil
import struct
import sys
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nncli.data.cells import Array
from nncli.data.columns import choose_features, missing
from nncli.data.maps import blocks, mapped_at, refuse_full_disk
from nncli.data.npy import HEADERS, UNREADABLE, load_files
from nncli.data.room import DEFLATE_RATIO, ON_DISK, refuse_too_large, refuse_too_many_columns
from nncli.data.table import Table
from nncli.errors import DataError, Problem
from nncli.machine import memory_limit

RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_RATIO}
PIECE = 1 << 20
LOCAL_HEADER, LOCAL_LENGTHS = 30, 26
"""Bytes in front of a member of a zip archive, beside its name and what follows that; and where their lengths stand
(APPNOTE.TXT, 4.3.7)."""


def read_npz(
    path: Path,
    *,
    target: tuple[str, ...],
    features: tuple[str, ...] | None,
    drop: tuple[str, ...],
    weight: str | None = None,
    weight_needed: bool = True,
) -> Table:
    """Read a ``.npz``, or a folder of ``.npy`` files. Nothing in it is ever unpickled.

    Args:
        path: The archive, or the folder.
        target: The names of the target arrays, (n,) or (n, k); none means ``y``.
        features: The names of the feature arrays, None means ``X``. Each is (n, ...): the sides of an image are
            laid out in one row. The columns are called ``X_0``, ``X_1``, ...; that of an array (n,) like the array.
        drop: Columns to leave out, by those names.
        weight: The name of the array of the rows' weights, (n,).
        weight_needed: Whether it has to be there; otherwise an archive without it has no weights.

    Raises:
        DataError: Not an archive, arrays missing, of objects or complex numbers, or of different lengths.
    """
    return Chosen.of(path, target, features, drop, weight, weight_needed=weight_needed).table()


@dataclass(frozen=True, eq=False)
class Chosen:
    """The arrays of an archive that make a table.

    Attributes:
        origin: The name of the archive.
        features: Those of the features, each (n, ...).
        columns: Which of their columns, counted over all of them; None: all.
        names: What those are called.
        target: Those of the target by name, each (n,) or (n, k).
        weights: (n,), if there is one.
        weight_name: Its name.
    """

    origin: str
    features: list[Array]
    columns: list[int] | None
    names: tuple[str, ...]
    target: dict[str, Array]
    weights: Array | None
    weight_name: str

    @classmethod
    def of(
        cls,
        path: Path,
        target: tuple[str, ...],
        features: tuple[str, ...] | None,
        drop: tuple[str, ...],
        weight: str | None,
        *,
        weight_needed: bool,
        folder: Path | None = None,
    ) -> Chosen:
        """Those of ``path``; see ``read_npz``. With a ``folder`` they are mapped, those that are compressed from it."""
        target, features = target or ("y",), features if features is not None else ("X",)
        named = (*features, *target, *([weight] if weight else []))
        arrays = _load(path, named, () if weight_needed else (weight,), folder)
        w = arrays.pop(weight) if weight in arrays else None
        _check(path.name, arrays, target)
        if w is not None and (w.dtype.kind not in "biuf" or w.shape != (len(next(iter(arrays.values()))),)):
            remedy = "save it as one number for each row"
            raise DataError(f"array {weight!r} of the weights is {w.dtype} {w.shape}", where=path.name, remedy=remedy)
        known = [column for name in features for column in _names(name, arrays[name])]
        chosen = choose_features(path.name, [*known, *target], target=target, features=None, drop=drop)
        position = {name: column for column, name in enumerate(known)}
        columns = [position[name] for name in chosen] if len(chosen) < len(known) else None
        of_target = {name: _not_beyond_integers(arrays[name]) for name in target}
        return cls(path.name, [arrays[name] for name in features], columns, chosen, of_target, w, weight or "")

    def __len__(self) -> int:
        return len(self.features[0])

    def table(self, rows: slice = slice(None), *, looked_at: bool = False) -> Table:
        """The table of them, or some of its rows that follow one another; unless they were looked at, they are now."""
        first = rows.indices(len(self))[0]
        X = _joined([array[rows] for array in self.features])
        y, names, categorical = _target(self.origin, {name: array[rows] for name, array in self.target.items()})
        return Table(
            self.origin,
            X if self.columns is None else X[:, self.columns],
            self.names,
            y,
            names,
            categorical,
            weights=None if self.weights is None else self.weights[rows].astype(np.float64),
            weight_name=self.weight_name,
            first_row=first,
            looked_at=looked_at,
        )


def _load(
    path: Path, names: tuple[str, ...], optional: tuple[str | None, ...], folder: Path | None = None
) -> dict[str, Array]:
    """The arrays of these names, each of them asked for once; the optional ones if they are there."""
    problems = [
        Problem(f"array {name!r} is named twice", path.name, "name it once: as target, feature or weight")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if path.is_dir():
        return load_files(path, names, optional, problems, in_place=folder is not None)
    if not zipfile.is_zipfile(path):
        raise DataError("not an .npz archive", where=path.name, remedy="write it with `numpy.savez(path, X=X, y=y)`")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at a header that Python 2 wrote
            problems += [
                Problem(
                    missing("array", name, archive.files),
                    path.name,
                    "`data.target` and `data.features` (and `data.weight`) name arrays",
                )
                for name in dict.fromkeys(names)
                if name not in archive.files and name not in optional
            ]
            if problems:
                raise DataError(problems)
            held = [name for name in names if name in archive.files]
            sizes = [_declared(path, archive.zip, name) for name in held]
            if folder is not None:
                return {name: _mapped(path, archive.zip, name, folder) for name in held}
            refuse_too_large(sum(sizes), path.name, memory_limit(), helps=ON_DISK)
            return {name: archive[name] for name in held}
    except UNREADABLE as error:
        if "Object arrays" in str(error):
            raise DataError(
                "it holds Python objects, which could run code and are not loaded",
                where=path.name,
                remedy="save arrays of numbers or text (`array.astype(str)`)",
            ) from None
        reason = str(error).partition("\n")[0]
        remedy = "write it with `numpy.savez(path, X=X, y=y)`"
        raise DataError(f"not a whole .npz archive: {reason}", where=path.name, remedy=remedy) from None


def _declared(path: Path, archive: zipfile.ZipFile, name: str) -> int:
    """The bytes of the array ``name`` by its header, if the file can hold them: NumPy takes memory before it looks.

    Raises:
        ValueError: It cannot, or they are not as many as are stored.
    """
    info = _member(archive, name)
    if info.compress_type not in RATIOS:
        raise ValueError(f"{name!r} is compressed in an unusual way")
    if info.file_size > path.stat().st_size * RATIOS[info.compress_type]:
        raise ValueError(f"{name!r} is said to hold {info.file_size:,} bytes, more than the file can")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in HEADERS:
            raise ValueError(f"{name!r} is of version {version[0]}.{version[1]}")
        shape, _, dtype = HEADERS[version](member)
        size = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and (min(shape, default=0) < 0 or size != info.file_size - member.tell()):
            raise ValueError(f"{name!r} is said to hold {size:,} bytes, and there are {info.file_size:,} with a header")
    refuse_too_many_columns(math.prod(shape[1:]), path.name)
    return size


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    return archive.getinfo(name if name in archive.namelist() else f"{name}.npy")


def _mapped(path: Path, archive: zipfile.ZipFile, name: str, folder: Path) -> Array:
    """The array ``name``, mapped: from the archive itself, or unpacked into ``folder``; every byte is checked.

    Raises:
        ValueError: It holds Python objects.
    """
    info = _member(archive, name)
    stored = info.compress_type == zipfile.ZIP_STORED
    if not stored:
        refuse_full_disk(folder, info.file_size)
    unpacked = folder / f"array {len(list(folder.iterdir()))}"
    with archive.open(info) as member, (Path(os.devnull) if stored else unpacked).open("wb") as file:
        shutil.copyfileobj(member, file, PIECE)  # which also finds out whether its checksum is right
    begin = 0
    if stored:
        with path.open("rb") as file:
            file.seek(info.header_offset + LOCAL_LENGTHS)
            begin = info.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
    with (path if stored else unpacked).open("rb") as file:
        file.seek(begin)
        shape, fortran_order, dtype = HEADERS[np.lib.format.read_magic(file)](file)
        offset = file.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be mapped")
    if not math.prod(shape):
        return np.empty(shape, dtype)
    return mapped_at(path if stored else unpacked, offset, shape, dtype, "F" if fortran_order else "C")


def _check(origin: str, arrays: dict[str, Array], target: tuple[str, ...]) -> None:
    """Refuse kinds and shapes that no table has."""
    problems = []
    for name, array in arrays.items():
        kinds = "biufU" if name in target else "biuf"
        if array.dtype.kind not in kinds:
            problems.append(Problem(f"array {name!r} holds {array.dtype}", origin, "save it as numbers"))
        elif array.ndim == 0 or (name in target and array.ndim > 2):
            shape = "(n,) or (n, k)" if name in target else "(n, d)"
            problems.append(Problem(f"array {name!r} has the shape {array.shape}", origin, f"it should be {shape}"))
        elif math.prod(array.shape[1:]) == 0:
            problems.append(Problem(f"array {name!r} {array.shape} has no column", origin, "save one with columns"))
        elif array.dtype.kind == "U" and not _is_text(array):
            problems.append(Problem(f"array {name!r} holds what is no text", origin, "write it again"))
    if not problems and len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        problems.append(Problem(f"arrays of different lengths: {sizes}", origin, "a row of each belongs together"))
    if problems:
        raise DataError(problems)


def _is_text(array: Array) -> bool:
    """Whether all of its characters are some: NumPy takes any 32 bits for one, and Python fails at it later."""
    for rows in blocks(len(array), array):
        codes = np.ascontiguousarray(array[rows].astype(array.dtype.newbyteorder("="))).view(np.uint32)
        if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            return False
    return True


def _not_beyond_integers(array: Array) -> Array:
    """The array, or as floats where it has whole numbers beyond those of 64 bits with a sign."""
    beyond = array.dtype.kind == "u" and array.size > 0 and array.max() > np.iinfo(np.int64).max
    return array.astype(np.float64) if beyond else array


def _names(name: str, array: Array) -> tuple[str, ...]:
    """The names of the columns that ``array`` gives."""
    if array.ndim == 1:
        return (name,)
    return tuple(f"{name}_{column}" for column in range(math.prod(array.shape[1:])))


def _joined(arrays: list[Array]) -> Array:
    """The arrays (n, ...) side by side, as uint8, float32 or float64, whichever holds them all."""
    flat = [array.reshape(len(array), math.prod(array.shape[1:])) for array in arrays]
    if all(array.dtype in (np.bool_, np.uint8) for array in flat):
        dtype: type = np.uint8
    elif all(array.dtype in (np.float16, np.float32) for array in flat):
        dtype = np.float32
    else:
        dtype = np.float64
    matrix = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)
    return matrix.astype(dtype, copy=False)


def _target(origin: str, arrays: dict[str, Array]) -> tuple[Array, tuple[str, ...], bool]:
    """The target, the names of its columns, and whether it stands for classes."""
    arrays = {name: array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for name, array in arrays.items()}
    names = tuple(column for name, array in arrays.items() for column in _names(name, array))
    if len(names) == 1:
        (array,) = arrays.values()
        match array.dtype.kind:
            case "U":
                return array, names, True
            case "b":
                return np.where(array, "true", "false"), names, True
            case "i" | "u":
                return array.astype(np.int64), names, False
            case _:
                return array.astype(np.float64), names, False
    if any(array.dtype.kind == "U" for array in arrays.values()):
        raise DataError(
            "several target columns, and some hold text",
            where=origin,
            remedy="several must all be numbers; name one array of shape (n,) for classes",
        )
    truths = all(array.dtype.kind == "b" for array in arrays.values())
    return np.column_stack(list(arrays.values())).astype(np.float64), names, truths
