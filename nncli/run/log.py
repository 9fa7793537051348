"""metrics.csv, and what else grows with a training: row by row, none twice and with no gap."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.errors import RunError
from nncli.run.files import cannot, opened, read

MOST = 2**32
"""Bytes that it may have."""
END = 2**16
"""Bytes in which its last row stands, or its first."""


class Log:
    """The CSV file at ``path``, written row by row.

    Args:
        path: Where it is; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] | None = None
        self._bytes, self._digest = 0, hashlib.sha256()

    def append(self, *rows: Mapping[str, float | int | str | None]) -> None:
        """Add these; the first one of all decides the columns, what is missing or None stays empty.

        Raises:
            RunError: It cannot be written.
        """
        text = io.StringIO()
        first = self._columns is None
        columns = self._columns = self._columns or list(rows[0])
        writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
        if first:
            writer.writeheader()
        writer.writerows(rows)
        raw = text.getvalue().encode()
        try:
            with self._path.open("ab", buffering=0) as file:
                _write_all(file.fileno(), raw)
        except OSError as error:
            raise cannot("write", self._path, error) from None
        self._bytes += len(raw)
        self._digest.update(raw)

    def position(self) -> dict[str, Any]:
        """What a checkpoint remembers of it: its length and digest. By then it is on the disk.

        Raises:
            RunError: It cannot be written there.
        """
        if self._bytes:
            try:
                with self._path.open("rb+") as file:
                    os.fsync(file.fileno())
            except OSError as error:
                raise cannot("write", self._path, error) from None
        return {"bytes": self._bytes, "sha256": self._digest.hexdigest()}

    def cut(self, position: Mapping[str, Any]) -> None:
        """Go on from ``position``: what was written behind it is written again.

        Raises:
            RunError: What was written before it is not there any more.
        """
        length = position.get("bytes")
        if not isinstance(length, int) or length < 0:
            raise RunError("where it was is not told", where=str(self._path))
        content = read(self._path, MOST)[:length] if length else b""
        digest = hashlib.sha256(content)
        if len(content) < length or digest.hexdigest() != position.get("sha256"):
            raise RunError("is not as the training left it", where=str(self._path))
        try:
            if length:
                os.truncate(self._path, length)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot("write", self._path, error) from None
        self._columns = content.decode().splitlines()[0].split(",") if length else None
        self._bytes, self._digest = length, digest

    def rows(self) -> list[dict[str, str]]:
        """What it holds, cell by cell as written; nothing if there is no file.

        Raises:
            RunError: It cannot be read.
        """
        if not self._path.exists():
            return []
        try:
            text = read(self._path, MOST).decode()
            return list(csv.DictReader(io.StringIO(text, newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise RunError(f"is no table of metrics ({error})", where=str(self._path), remedy="train again") from None

    def last_row(self) -> dict[str, float]:
        """The last whole row, as far as its cells are finite numbers, without all the others being read.

        Raises:
            RunError: It cannot be read.
        """
        if not self._path.exists():
            return {}
        with opened(self._path, MOST) as (file, size):
            head = file.readline(END)
            file.seek(max(len(head), size - END))
            lines = file.read(END).split(b"\n")[:-1]  # what no line end follows may still be written
        if not lines or not head.endswith(b"\n"):
            return {}
        try:
            names, cells = (next(csv.reader([line.decode()])) for line in (head, lines[-1]))
        except (UnicodeDecodeError, csv.Error) as error:
            raise RunError(f"is no table of metrics ({error})", where=str(self._path), remedy="train again") from None
        found = {name: _floats([cell]) for name, cell in zip(names, cells, strict=False)}
        return {name: value[0] for name, value in found.items() if value and math.isfinite(value[0])}

    def numbers(self) -> dict[str, Array]:
        """Its columns that are numbers, float64, NaN where a cell is empty; nothing if there is no file.

        Raises:
            RunError: It cannot be read.
        """
        rows = self.rows()
        cells = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
        return {name: np.array(found) for name, column in cells.items() if (found := _floats(column)) is not None}


def _floats(cells: Sequence[str | None]) -> list[float] | None:
    """The cells as numbers, if they are: an empty one, or one that the end of a file cut off, is NaN."""
    try:
        return [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        return None


def _write_all(descriptor: int, raw: bytes) -> None:
    while raw:  # on a disk that is almost full, a part may be taken
        raw = raw[os.write(descriptor, raw) :]
