"""A table from a file, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nncli.data.delimited import read_delimited
from nncli.data.frame import table_from_frame
from nncli.data.npz import read_npz
from nncli.data.table import Table
from nncli.errors import DataError
from nncli.registry import nearest

if TYPE_CHECKING:
    import polars as pl

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

    Raises:
        DataError: The file is not there, is of no known kind, or holds what cannot be used; every message says where
            and what to do.
    """
    _check_exists(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    try:
        match suffixes:
            case [*_, ".csv" | ".tsv" as kind] | [*_, ".csv" | ".tsv" as kind, ".gz" | ".zst"]:
                frame, first_line = read_delimited(path, SEPARATORS[kind])
                inferred = True
            case [*_, ".parquet"]:
                frame, first_line = _read_parquet(path), None
                inferred = False
            case [*_, ".npz"]:
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
        raise DataError(
            f"cannot be read: {error.strerror or error}", where=str(path), remedy="look at its rights"
        ) from None
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
    )


def _check_exists(path: Path) -> None:
    if path.is_dir():
        raise DataError("a folder, not a file", where=str(path), remedy=f"name one file: {SUFFIXES}")
    if path.is_file():
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


def _read_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # it panics at some damaged files
        reason = str(error).partition("\n")[0]
        raise DataError(f"not a whole parquet file: {reason}", where=path.name, remedy="write it again") from None
