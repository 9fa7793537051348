"""Whether there is room for what a file holds: a few bytes can declare, or unpack to, more than any memory takes."""

from __future__ import annotations

from nncli.errors import DataError
from nncli.machine import Limit
from nncli.text import bytes_text

COPIES = 2
"""What is read is there at least twice: as it stands in the file, and as a table."""
DEFLATE_RATIO = 1032
"""No deflate stream grows by more (https://zlib.net/zlib_tech.html)."""
ON_DISK = "have its rows on disk with data.stored: true, or "
"""What helps with a file that can be read a block of rows at a time."""
MOST_COLUMNS = 1_000_000
"""Each has a name of its own. A layer has no more units either."""


def refuse_too_large(size: int, origin: str, limit: Limit | None, *, helps: str = "") -> None:
    """Refuse ``size`` bytes of content that would not find room within ``limit``; ``helps`` is what helps at once.

    Raises:
        DataError: They would not.
    """
    if limit is not None and COPIES * size > limit.bytes:
        raise DataError(
            f"it holds {bytes_text(size)} or more, and has to be in memory {COPIES} times; "
            f"{limit.whose} {bytes_text(limit.bytes)}",
            where=origin,
            remedy=f"if it is no mistake, {helps}take fewer rows or columns",
        )


def refuse_too_many_columns(columns: int, origin: str) -> None:
    """Refuse a table that is wider than a network can be.

    Raises:
        DataError: It is.
    """
    if columns > MOST_COLUMNS:
        message = f"{columns:,} columns, and a network takes {MOST_COLUMNS:,} at most"
        raise DataError(message, where=origin, remedy="look at its shape: a row is an example")
