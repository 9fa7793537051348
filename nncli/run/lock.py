"""One process at a time in a run: a lock of the operating system, which ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nncli.errors import RunError
from nncli.filekind import irregular
from nncli.run.files import cannot

NAME = ".lock"
LONGEST = 200
"""Characters of what the holder says of itself."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process.

    Raises:
        RunError: Another process holds it; the message names it.
    """
    path = folder / NAME
    with contextlib.suppress(FileNotFoundError):
        if what := irregular(path.lstat().st_mode):  # what a link leads to would be written over
            raise RunError(f"is {what}, not a file", where=str(path), remedy="remove it")
    try:
        # opening must not wipe out the name of who holds it, nor wait for the other end of a pipe
        flags = (getattr(os, name, 0) for name in ("O_CREAT", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC"))
        descriptor = os.open(path, sum(flags, start=os.O_RDWR), 0o666)
    except OSError as error:
        raise cannot("lock", path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RunError("is no file", where=str(path), remedy="remove it")
    file = os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")
    with file:
        try:
            _take(file.fileno())
        except BlockingIOError:
            file.seek(0)
            holder = file.read(LONGEST).strip() or "another process"
            remedy = "wait until it has ended, or stop it"
            raise RunError(f"is in use by {holder}", where=str(folder), remedy=remedy) from None
        except OSError as error:
            raise cannot("lock", path, error) from None
        with contextlib.suppress(OSError):  # on a full disk it holds all the same
            file.truncate(0)
            file.write(f"process {os.getpid()}\n")
            file.flush()
        yield


def _take(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
