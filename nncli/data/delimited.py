"""Text tables: comma- or tab-separated, plain or compressed."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nncli.data.columns import listed
from nncli.data.table import SHOWN, shortened
from nncli.errors import DataError, Problem

if TYPE_CHECKING:
    import polars as pl


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
    import polars as pl

    text = _Text.of(path.name, separator, _content(path))
    header = text.header()
    try:
        # Text first: what is a number is decided with every row seen, and the cells that are none can be named.
        frame = pl.read_csv(io.BytesIO(text.data), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        text.refuse_broken_rows(header)
        reason = str(error).partition("\n")[0]
        raise DataError(f"not a table: {reason}", where=path.name, remedy="look at its quotes and separators") from None
    if frame.is_empty():
        raise DataError("a header and no rows", where=path.name, remedy="a training needs some")
    if frame.width != len(header):
        raise DataError("its header cannot be told apart", where=path.name, remedy="look at its quotes and separators")
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
                with gzip.open(path) as file:
                    return file.read()
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                remedy = "compress or download it again"
                raise DataError(f"not a whole gzip file: {error}", where=path.name, remedy=remedy) from None
        case ".zst":
            return _zstd(path)
        case _:
            content = path.read_bytes()
            for magic, kind in ARCHIVES.items():
                if content.startswith(magic):
                    raise DataError(f"it is {kind}, not text", where=path.name, remedy="unpack it, or name it so")
            return content


def _zstd(path: Path) -> bytes:
    """Decompress with polars, a line a row: Python's own library knows zstd only from 3.14 on."""
    import polars as pl

    again = "compress it again, as UTF-8"
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"\x28\xb5\x2f\xfd":  # polars would read plain text as it is
        raise DataError(f"not a zstd file: it begins with {magic.hex(' ') or 'nothing'}", where=path.name, remedy=again)
    try:
        lines = pl.read_csv(path, has_header=False, separator="\x1f", quote_char=None, infer_schema=False)
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
    def of(cls, origin: str, separator: str, content: bytes) -> _Text:
        """Refuse an empty content and one that is not UTF-8."""
        content = content.removeprefix(b"\xef\xbb\xbf")
        data = content.lstrip(b"\r\n")
        first_line = 1 + content[: len(content) - len(data)].count(b"\n")
        text = cls(origin, separator, data.rstrip(b"\r\n"), first_line)
        if not text.data:
            raise DataError("the file is empty", where=origin, remedy="give it a header line and rows")
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
        if len(names) == 1 and (other := next((sign for sign in ";\t,|" if sign in names[0]), None)):
            raise DataError(
                f"a single column {names[0]!r}: it seems to be separated by {other!r}, not by {self.separator!r}",
                where=where,
                remedy="save it with commas as .csv, or with tabs as .tsv",
            )
        index = "name it in the header, or leave it out (pandas writes its index so, and not with `index=False`)"
        problems = [Problem(f"column {i + 1} has no name", where, index) for i, name in enumerate(names) if not name]
        counts = {name: names.count(name) for name in dict.fromkeys(names) if name}
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
