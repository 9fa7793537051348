"""A file of named columns, a block of rows at a time: in the same memory, however many rows there are."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from nncli.data.delimited import read_blocks
from nncli.data.files import SEPARATORS, check_exists
from nncli.data.parquet import read_parquet_blocks
from nncli.errors import DataError

if TYPE_CHECKING:
    import polars as pl

ROWS = 65_536
"""About the rows of a block."""


@dataclass(frozen=True)
class Block:
    """Some rows of a table.

    Attributes:
        frame: Its columns, as text or as they are typed.
        first_line: The line of the first of them, where every row is a line.
        first_row: How many rows of the table lie before it.
    """

    frame: pl.DataFrame
    first_line: int | None
    first_row: int


def frames_of(path: Path) -> Iterator[tuple[pl.DataFrame, int | None]]:
    """The rows of ``path`` as they come, each time with the line of the first of them, where lines tell.

    Raises:
        DataError: It is not there, is of a kind that cannot be read so, or holds what cannot be read.
        OSError: The operating system does not let it be read.
    """
    check_exists(path)
    match [suffix.lower() for suffix in path.suffixes]:
        case [*_, ".csv" | ".tsv" as kind]:
            return _text(path, SEPARATORS[kind])
        case [*_, ".csv" | ".tsv" as kind, ".gz"]:
            return _unzipped(path, SEPARATORS[kind])
        case [*_, ".parquet"]:
            return ((frame, None) for frame in read_parquet_blocks(path, ROWS))
    raise DataError(
        f"{''.join(path.suffixes) or path.name!r} cannot be read row by row",
        where=str(path),
        remedy="take .csv, .tsv (each also .gz) or .parquet",
    )


def numbered(frames: Iterator[tuple[pl.DataFrame, int | None]]) -> Iterator[Block]:
    """The same with the number of rows that lie before each."""
    row = 0
    for frame, first_line in frames:
        yield Block(frame, first_line, row)
        row += len(frame)


def blocks_of(path: Path) -> Callable[[], Iterator[Block]]:
    """What goes through the rows of ``path``, from the first, each time that it is called; see ``frames_of``."""
    return lambda: numbered(frames_of(path))


def _text(path: Path, separator: str) -> Iterator[tuple[pl.DataFrame, int | None]]:
    with path.open("rb") as file:
        yield from read_blocks(file, path.name, separator)


def _unzipped(path: Path, separator: str) -> Iterator[tuple[pl.DataFrame, int | None]]:
    try:
        with gzip.open(path) as file:
            yield from read_blocks(cast(BinaryIO, file), path.name, separator)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        remedy = "compress or download it again"
        raise DataError(f"not a whole gzip file: {error}", where=path.name, remedy=remedy) from None
