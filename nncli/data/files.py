"""A table from a file, by its suffix."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nncli.data.delimited import read_delimited
from nncli.data.frame import table_from_frame
from nncli.data.kinds import Reading
from nncli.data.npz import read_npz
from nncli.data.parquet import read_parquet
from nncli.data.table import Table
from nncli.errors import DataError
from nncli.filekind import irregular
from nncli.registry import nearest

if TYPE_CHECKING:
    import polars as pl

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = ".csv, .tsv (each also .gz or .zst), .parquet, .npz, folders of .npy files"


def kind_of(path: Path) -> str | None:
    """Of which kind a file is by its name, compressed or not: ``.csv``, ``.tsv``, ``.parquet``, ``.npz``; or None.

    A folder of arrays is of the kind of an archive of them.
    """
    if is_arrays(path):
        return ".npz"
    match [suffix.lower() for suffix in path.suffixes]:
        case [*_, ".csv" | ".tsv" | ".parquet" | ".npz" as kind] | [*_, ".csv" | ".tsv" as kind, ".gz" | ".zst"]:
            return kind
    return None


def read_table(
    path: Path,
    *,
    target: tuple[str, ...],
    features: tuple[str, ...] | None,
    drop: tuple[str, ...],
    weight: str | None = None,
    weight_needed: bool = True,
    order: Mapping[str, str] | None = None,
    reading: Reading | None = None,
) -> Table:
    """Read the table in ``path``; a folder of IDX files is read by `read_idx_folder`.

    Args:
        path: A ``.csv`` or ``.tsv`` (also ``.gz``, ``.zst``), ``.parquet`` or ``.npz`` file, or a folder of ``.npy``
            files.
        target: The names of the target's columns; for npz of arrays, where none means ``y``.
        features: The names of the feature columns, None for all that are neither target nor dropped; for npz of
            arrays, where None means ``X``.
        drop: Columns to leave out.
        weight: The column (for npz, the array) of the rows' weights.
        weight_needed: Whether it has to be there; otherwise a table without it has no weights.
        order: ``group`` and ``time`` -> the column by which rows are split, where they are.
        reading: How cells of features are to be read.

    Raises:
        DataError: The file is not there, is of no known kind, or holds what cannot be used; every message says where
            and what to do.
    """
    if kind_of(path) == ".npz":
        check_exists(path)
        _refuse_order(path, order)
        try:
            return read_npz(
                path, target=target, features=features, drop=drop, weight=weight, weight_needed=weight_needed
            )
        except OSError as error:
            raise _unreadable(path, error) from None
    read = read_columns(path)
    if weight not in read.frame.columns and not weight_needed:
        weight = None
    return table_from_frame(
        read.frame,
        path.name,
        first_line=read.first_line,
        inferred=read.text,
        target=target,
        features=features,
        drop=drop,
        weight=weight,
        order=order,
        reading=reading,
    )


@dataclass(frozen=True)
class Columns:
    """A file of named columns, as it stands.

    Attributes:
        frame: The columns; those of a text file all as text, without blanks around the cells.
        first_line: The line of the first row, where every row is a line.
        text: Whether it is a text file, which knows no types.
    """

    frame: pl.DataFrame
    first_line: int | None
    text: bool


def read_columns(path: Path) -> Columns:
    """Read a ``.csv`` or ``.tsv`` (also ``.gz``, ``.zst``) or a ``.parquet`` file.

    Raises:
        DataError: It is not there, is of no known kind, or cannot be read.
    """
    check_exists(path)
    try:
        match [suffix.lower() for suffix in path.suffixes]:
            case [*_, ".csv" | ".tsv" as kind] | [*_, ".csv" | ".tsv" as kind, ".gz" | ".zst"]:
                return Columns(*read_delimited(path, SEPARATORS[kind]), text=True)
            case [*_, ".parquet"]:
                return Columns(read_parquet(path), None, text=False)
            case [*_, ".npz"]:
                remedy = "save the rows as .csv or .parquet, or write a config by hand"
                raise DataError("an archive of arrays, not of columns", where=path.name, remedy=remedy)
    except OSError as error:
        raise _unreadable(path, error) from None
    raise DataError(
        f"unknown kind of file {''.join(path.suffixes) or path.name!r}",
        where=path.name,
        remedy=f"known are {SUFFIXES}, and folders of IDX files",
    )


def _refuse_order(path: Path, order: Mapping[str, str] | None) -> None:
    for key, name in (order or {}).items():
        message = f"`data.split.{key}` names {name!r}, and {path.name} has arrays, not columns"
        raise DataError(message, where=path.name, remedy="give the rows as .csv or .parquet")


def is_arrays(path: Path) -> bool:
    """Whether ``path`` is a folder of arrays, each a ``.npy`` file."""
    try:
        return path.is_dir() and any(file.suffix.lower() == ".npy" for file in path.iterdir())
    except (OSError, ValueError):  # whoever reads it says what is wrong
        return False


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder that may hold IDX files.

    Raises:
        DataError: Nobody can say: its name is too long, or a folder on the way is closed.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode) and not is_arrays(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a null character is no part of a name
        return False
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot be read: {error.strerror or error}", where=str(path), remedy="look at its name and rights"
    )


def check_exists(path: Path) -> None:
    """Refuse what is not there, or is no file, with the nearest name.

    Raises:
        DataError: It is so.
    """
    if is_folder(path):
        raise DataError("a folder, not a file", where=str(path), remedy=f"name one file: {SUFFIXES}")
    if path.exists():
        if is_arrays(path):
            return
        if what := irregular(path.stat().st_mode):
            remedy = "save its content as a file: a table is read more than once"
            raise DataError(f"{what}, not a file", where=str(path), remedy=remedy)
        return
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"no folder {str(folder)!r}", where=str(path), remedy="paths are relative to the config file")
    there = sorted(entry.name for entry in folder.iterdir())
    guess = nearest(path.name, there)
    raise DataError(
        "no such file",
        where=str(path),
        remedy=f"did you mean {guess!r}?" if guess else "look at its spelling and folder",
    )
