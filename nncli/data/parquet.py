"""Parquet files, which are tried in a process of their own first.

Of a damaged one polars may believe a length, ask for more memory than any machine has, and abort: its process ends
there and then, and no exception comes. A third of a second before each parquet file is the price of a message.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nncli.data.room import ON_DISK, refuse_too_large, refuse_too_many_columns
from nncli.errors import DataError
from nncli.machine import memory_limit

if TYPE_CHECKING:
    import polars as pl

CELL = 8  # bytes of a number; a column of equal ones takes none of them in the file
TRIAL = """\
import json, sys
import polars as pl
path, most = sys.argv[1], int(sys.argv[2])
if sys.platform == "linux" and most:
    import resource
    with open("/proc/self/statm") as file:
        most += int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
def tell(**found):
    print(json.dumps(found), flush=True)
try:
    described = pl.scan_parquet(path, glob=False)
    columns, rows = described.collect_schema().len(), described.select(pl.len()).collect().item()
    tell(columns=columns, rows=rows)
    wanted = int(sys.stdin.readline() or -1)
    if wanted > 0:
        for _ in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=wanted):
            pass
    elif not wanted:
        pl.read_parquet(path, glob=False)
    tell(problem="")
except BaseException as error:
    tell(problem=str(error) or type(error).__name__)
"""


def read_parquet(path: Path) -> pl.DataFrame:
    """Read all of the file.

    Raises:
        DataError: It is damaged, no parquet file, or there is no room for what it holds.
    """
    _try(path)
    import polars as pl

    return pl.read_parquet(path, glob=False)


def read_parquet_blocks(path: Path, rows: int) -> Iterator[pl.DataFrame]:
    """Read so many rows of the file at a time, or fewer.

    Raises:
        DataError: As `read_parquet` does.
    """
    _try(path, rows)
    import polars as pl

    # slices would unpack a large group of rows once for each of them
    for frame in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=rows, maintain_order=True):
        if len(frame):
            yield frame


def _try(path: Path, rows: int = 0) -> None:
    """Have another process read it, all of it at once, unless so many ``rows`` at a time.

    What it says of its size is held against what there is before it does.
    """
    limit = memory_limit()
    # -P: nothing is imported from the folder that we are in
    command = [sys.executable, "-P", "-c", TRIAL, str(path), str(limit.bytes if limit else 0)]
    with subprocess.Popen(  # noqa: S603  # our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as trial:
        assert trial.stdin is not None
        assert trial.stdout is not None
        try:
            size = _told(path, trial.stdout.readline())
            at_once = min(rows, size["rows"]) if rows else size["rows"]
            refuse_too_large(CELL * size["columns"] * at_once, path.name, limit, helps=ON_DISK)
            refuse_too_many_columns(size["columns"], path.name)
            said, _ = trial.communicate(f"{rows}\n")
        except BaseException:
            trial.kill()
            raise
        _told(path, said)


def _told(path: Path, line: str) -> dict[str, int]:
    """What the other process says of the file; a DataError for a problem, and for silence, which is its end."""
    found = json.loads(line or '{"problem": "polars breaks off where it reads it"}')
    if found.get("problem"):
        _damaged(path, found["problem"])
    return {key: int(value) for key, value in found.items() if value != ""}


def _damaged(path: Path, problem: str) -> NoReturn:
    reason = problem.partition("\n")[0]
    raise DataError(f"not a whole parquet file: {reason}", where=path.name, remedy="write it again")
