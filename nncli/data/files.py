"""A table from a file, by its suffix."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from nncli.data.delimited import read_delimited
from nncli.data.frame import Reading, table_from_frame
from nncli.data.npz import read_npz
from nncli.data.parquet import read_parquet
from nncli.data.table import Table
from nncli.errors import DataError
from nncli.filekind import irregular
from nncli.registry import nearest

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = ".csv, .tsv (each also .gz or .zst), .parquet, .npz"


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
        path: A ``.csv`` or ``.tsv`` (also ``.gz``, ``.zst``), ``.parquet`` or ``.npz`` file.
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
    check_exists(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    try:
        match suffixes:
            case [*_, ".csv" | ".tsv" as kind] | [*_, ".csv" | ".tsv" as kind, ".gz" | ".zst"]:
                frame, first_line = read_delimited(path, SEPARATORS[kind])
                inferred = True
            case [*_, ".parquet"]:
                frame, first_line = read_parquet(path), None
                inferred = False
            case [*_, ".npz"]:
                _refuse_order(path, order)
                return read_npz(
                    path, target=target, features=features, drop=drop, weight=weight, weight_needed=weight_needed
                )
            case _:
                raise DataError(
                    f"unknown kind of file {''.join(path.suffixes) or path.name!r}",
                    where=path.name,
                    remedy=f"known are {SUFFIXES}, and folders of IDX files",
                )
    except OSError as error:
        raise _unreadable(path, error) from None
    if weight not in frame.columns and not weight_needed:
        weight = None
    return table_from_frame(
        frame,
        path.name,
        first_line=first_line,
        inferred=inferred,
        target=target,
        features=features,
        drop=drop,
        weight=weight,
        order=order,
        reading=reading,
    )


def _refuse_order(path: Path, order: Mapping[str, str] | None) -> None:
    for key, name in (order or {}).items():
        message = f"`data.split.{key}` names {name!r}, and {path.name} has arrays, not columns"
        raise DataError(message, where=path.name, remedy="give the rows as .csv or .parquet")


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder, which may hold IDX files.

    Raises:
        DataError: Nobody can say: its name is too long, or a folder on the way is closed.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
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
        if what := irregular(path.stat().st_mode):
            remedy = "save its content as a file: a table is read more than once"
            raise DataError(f"{what}, not a file", where=str(path), remedy=remedy)
        return
    if path.exists():  # reading it could last for ever
        raise DataError("a pipe or a device, not a file", where=str(path), remedy=f"name a file: {SUFFIXES}")
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
