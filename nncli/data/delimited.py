"""Text tables: comma- or tab-separated, plain or compressed."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nncli.data.cells import SHOWN
from nncli.data.columns import listed
from nncli.data.room import COPIES, ON_DISK, refuse_too_large, refuse_too_many_columns
from nncli.data.table import shortened
from nncli.data.zstd import MAGIC, most_content
from nncli.errors import DataError, Problem
from nncli.machine import memory_limit

if TYPE_CHECKING:
    import polars as pl

BLOCK = 1 << 20
PIECE = 1 << 22  # of a table that is read piece by piece
LONGEST_ROW = 1 << 28
SEPARATED = "look at its quotes and separators"
CELL = 16  # bytes that polars keeps for a cell of text, besides what is in it


ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed (.gz)",
    b"\x28\xb5\x2f\xfd": "compressed (.zst)",
    b"PAR1": "a parquet file",
}
"""What such files begin with."""


def read_delimited(path: Path, separator: str) -> tuple[pl.DataFrame, int | None]:
    """Read a text table; its header is its first line that is not empty.

    Returns:
        The columns, all of them as text, blanks around cells and names taken off, empty cells null; and the line of
        row 0, or None if some cell spans lines, so that rows and lines go apart.

    Raises:
        DataError: The file is empty, not UTF-8, has no rows, an unusable header, ragged or empty rows, broken quotes.
        OSError: The file cannot be read.
    """
    text = _Text.of(path.name, separator, _content(path))
    return _frame(text, text.header())


def read_blocks(file: BinaryIO, origin: str, separator: str) -> Iterator[tuple[pl.DataFrame, int | None]]:
    """Read a text table a block of rows at a time, so that it takes the same memory however many there are.

    Args:
        file: Uncompressed.
        origin: What messages call it.
        separator: Between two cells.

    Yields:
        As `read_delimited` returns it, for the next rows.

    Raises:
        DataError: As `read_delimited` does, once it comes to the place.
    """
    blocks = _blocks(file, origin)
    first = next(blocks, b"")
    _refuse_archive(first, origin)
    text = _Text.of(origin, separator, first)
    if len(list(islice(text.records(), 2))) < 2:  # the header alone
        first += next(blocks, b"")
        text = _Text.of(origin, separator, first)
    header = text.header()
    yield _frame(text, header)
    # a header of one line, whatever the first one looks like, so that lines can be counted
    names = separator.join(f"c{i}" for i in range(len(header))).encode() + b"\n"
    line = 1 + first.count(b"\n")
    for block in blocks:
        if block.strip(b"\r\n"):
            yield _frame(_Text.of(origin, separator, names + block, first_line=line - 1), header)
        line += block.count(b"\n")


def _blocks(file: BinaryIO, origin: str) -> Iterator[bytes]:
    """The content of ``file`` in pieces that end where a row does: at a line end with all quotes before it closed."""
    begun = b""
    while more := file.read(PIECE):
        data = begun + more
        end = data.rfind(b"\n")
        quotes = data.count(b'"', 0, max(end, 0))
        while end >= 0 and quotes % 2:
            before = data.rfind(b"\n", 0, end)
            quotes -= data.count(b'"', max(before, 0), end)
            end = before
        if end >= 0:
            yield data[: end + 1]
        elif len(data) > LONGEST_ROW:
            remedy = "look for a quote that is not closed"
            raise DataError(f"a row of more than {LONGEST_ROW:,} bytes", where=origin, remedy=remedy)
        begun = data[end + 1 :]
    if begun:
        yield begun


def _frame(text: _Text, header: list[str]) -> tuple[pl.DataFrame, int | None]:
    """The columns of ``text`` under the names of ``header``; see `read_delimited`."""
    import polars as pl

    limit = memory_limit()
    if limit is not None and COPIES * CELL * len(header) * (1 + text.data.count(b"\n")) > limit.bytes:
        text.refuse_broken_rows(header)  # rows that are too short would be filled up to the width of the header
    try:
        # Text first: what is a number is decided with every row seen, and the cells that are none can be named.
        frame = pl.read_csv(io.BytesIO(text.data), separator=text.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        text.refuse_broken_rows(header)
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"not a table: {reason}", where=text.origin, remedy="look at its quotes and separators"
        ) from None
    if frame.is_empty():
        raise DataError("a header and no rows", where=text.origin, remedy="a training needs some")
    if frame.width != len(header):
        raise DataError(
            "its header cannot be told apart", where=text.origin, remedy="look at its quotes and separators"
        )
    frame.columns = header
    if frame[header[-1]].has_nulls():  # a row that is too short ends in nulls, as one whose last cell is empty does
        text.refuse_broken_rows(header)
    stripped = pl.all().str.strip_chars()
    frame = frame.select(pl.when(stripped != "").then(stripped).name.keep())
    one_line_a_row = text.data.count(b"\n") == len(frame)
    return frame, text.first_line + 1 if one_line_a_row else None


def _content(path: Path) -> bytes:
    """The bytes of the file, decompressed by its suffix."""
    match path.suffix.lower():
        case ".gz":
            try:
                return _gunzip(path)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                remedy = "compress or download it again"
                raise DataError(f"not a whole gzip file: {error}", where=path.name, remedy=remedy) from None
        case ".zst":
            return _zstd(path)
        case _:
            refuse_too_large(path.stat().st_size, path.name, memory_limit(), helps=ON_DISK)
            content = path.read_bytes()
            _refuse_archive(content, path.name)
            return content


def _refuse_archive(content: bytes, origin: str) -> None:
    for magic, kind in ARCHIVES.items():
        if content.startswith(magic):
            raise DataError(f"it is {kind}, not text", where=origin, remedy="unpack it, or name it so")


def _gunzip(path: Path) -> bytes:
    """Decompress, as long as there is room for more."""
    limit, blocks, size = memory_limit(), [], 0
    with gzip.open(path) as file:
        while block := file.read(BLOCK):
            blocks.append(block)
            size += len(block)
            refuse_too_large(size, path.name, limit, helps=ON_DISK)
    return b"".join(blocks)


def _zstd(path: Path) -> bytes:
    """Decompress with polars, a line a row: Python's own library knows zstd only from 3.14 on."""
    import polars as pl

    again = "compress it again, as UTF-8"
    with path.open("rb") as file:
        magic = file.read(len(MAGIC))
        file.seek(0)
        refuse_too_large(most_content(file), path.name, memory_limit())
    if magic != MAGIC:  # polars would read plain text as it is
        raise DataError(f"not a zstd file: it begins with {magic.hex(' ') or 'nothing'}", where=path.name, remedy=again)
    try:
        lines = pl.read_csv(path, has_header=False, separator="\x1f", quote_char=None, infer_schema=False, glob=False)
    except pl.exceptions.NoDataError:
        return b""
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"not a whole zstd file of text: {reason}", where=path.name, remedy=again) from None
    return "\n".join(lines.to_series().fill_null("").to_list()).encode()


@dataclass(frozen=True)
class _Text:
    """The content of a file, and its slow second reader, which knows lines: for the header, and for what is wrong."""

    origin: str
    separator: str
    data: bytes  # without byte-order mark, without empty lines before the header and at the end
    first_line: int  # of the header

    @classmethod
    def of(cls, origin: str, separator: str, content: bytes, first_line: int = 1) -> _Text:
        """Refuse an empty content and one that is not UTF-8; it begins on line ``first_line`` of its file."""
        content = content.removeprefix(b"\xef\xbb\xbf")
        data = content.lstrip(b"\r\n")
        first_line += content[: len(content) - len(data)].count(b"\n")
        text = cls(origin, separator, data.rstrip(b"\r\n"), first_line)
        if not text.data:
            raise DataError("the file is empty", where=origin, remedy="give it a header line and rows")
        if text.data.startswith(b"x\x01"):  # it may even be UTF-8, and polars would unpack it
            raise DataError("it begins as a zlib file does", where=origin, remedy="unpack it first")
        if not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError as error:
                line = text.place(1 + data.count(b"\n", 0, error.start))
                raise DataError(
                    f"not UTF-8: byte {data[error.start]:#04x}", where=line, remedy="save the file as UTF-8"
                ) from None
        if b"\0" in data:
            line = text.place(1 + data.count(b"\n", 0, data.index(b"\0")))
            raise DataError("a NUL character, which no text has", where=line, remedy="save the file as UTF-8")
        return text

    def place(self, line: int) -> str:
        """The place of a line counted from the header's, which is 1."""
        return f"{self.origin} line {self.first_line - 1 + line}"

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Every record with the line that it begins on."""
        lines = io.TextIOWrapper(io.BytesIO(self.data), encoding="utf-8", newline="")
        reader = csv.reader(lines, delimiter=self.separator, strict=True)
        line = 1
        for record in reader:
            yield line, record
            line = reader.line_num + 1

    def header(self) -> list[str]:
        """The names of the columns: every one there, and none twice."""
        where = self.place(1)
        try:
            _, cells = next(self.records())
        except csv.Error as error:
            raise DataError(f"the header cannot be read: {error}", where=where, remedy="look at its quotes") from None
        names = [cell.strip() for cell in cells]
        refuse_too_many_columns(len(names), where)
        if len(names) == 1 and (other := next((sign for sign in ";\t,|" if sign in names[0]), None)):
            raise DataError(
                f"a single column {names[0]!r}: it seems to be separated by {other!r}, not by {self.separator!r}",
                where=where,
                remedy="save it with commas as .csv, or with tabs as .tsv",
            )
        index = "name it in the header, or leave it out (pandas writes its index so, and not with `index=False`)"
        problems = [Problem(f"column {i + 1} has no name", where, index) for i, name in enumerate(names) if not name]
        counts = Counter(filter(None, names))
        problems += [
            Problem(f"the header names {name!r} {count} times", where, "give every column a name of its own")
            for name, count in counts.items()
            if count > 1
        ]
        if problems:
            raise DataError(shortened(problems, len(problems)))
        return names

    def refuse_broken_rows(self, header: list[str]) -> None:
        """Raise for empty lines, for rows with too few or too many cells, and for quotes that do not close."""
        problems: list[Problem] = []
        total = 0
        line = 0
        cells = f"a row needs one for each of {listed(header)}; a cell that contains {self.separator!r} needs quotes"
        try:
            for line, record in self.records():
                if len(record) == len(header):
                    continue
                total += 1
                if len(problems) < SHOWN and not record:
                    problems.append(Problem("empty line", self.place(line), "delete it"))
                elif len(problems) < SHOWN:
                    counts = f"a row of {len(record)}, and the header has {len(header)} columns"
                    problems.append(Problem(counts, self.place(line), cells))
        except csv.Error as error:
            total += 1
            problems.append(
                Problem(
                    f"the row after it cannot be read: {error}",
                    self.place(line),
                    "close its quotes; a quote within quotes is written twice",
                )
            )
        if problems:
            raise DataError(shortened(problems, total))
