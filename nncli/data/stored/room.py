"""Whether a table would fit into memory, told from its file before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nncli.filekind import irregular
from nncli.machine import memory_limit

CELL = 40
"""Bytes of memory that a cell of a text file takes on its way to a network, and COPY those that a byte of the file
does: measured, see docs/scale_data.md."""
COPY = 2
NUMBER = 32
"""The same of a number in a parquet file or an archive."""
UNPACKED = 4
"""About how much longer a text is than its compressed file."""
HEAD = 1 << 20


def fits_into_memory(path: Path) -> bool:
    """Whether the rows of ``path`` can be prepared in memory; yes where nobody can tell.

    What cannot be read is not told here: whoever reads it says what is wrong.
    """
    limit = memory_limit()
    try:
        if limit is None or (
            irregular(path.stat().st_mode) and not path.is_dir()
        ):  # opening a pipe would wait for its other end
            return True
        return bytes_in_memory(path) <= limit.bytes
    except (OSError, ValueError, zipfile.BadZipFile):
        return True


def bytes_in_memory(path: Path) -> int:
    """About what the table in ``path`` takes at the most while it is read, split and prepared in memory.

    Raises:
        OSError, ValueError: It cannot be said.
    """
    if path.is_dir():
        return sum(file.stat().st_size for file in path.glob("*.npy")) * NUMBER // 8
    suffixes = [suffix.lower() for suffix in path.suffixes]
    match suffixes:
        case [*_, ".npz"]:
            with zipfile.ZipFile(path) as archive:
                return sum(info.file_size for info in archive.infolist()) * NUMBER // 8
        case [*_, ".parquet"]:
            import polars as pl

            described = pl.scan_parquet(path, glob=False)
            try:
                columns, rows = described.collect_schema().len(), described.select(pl.len()).collect().item()
            except pl.exceptions.PolarsError as error:
                raise ValueError(str(error)) from None
            return int(columns * rows * NUMBER)
    size = path.stat().st_size
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        return size * UNPACKED * (COPY + CELL // 8)  # of a cell and what separates it, about 8 bytes
    with path.open("rb") as file:
        head = file.read(HEAD)
    cells = head.count(b",") + head.count(b"\t") + head.count(b"\n")
    return size * COPY + size * cells * CELL // max(1, len(head))
