"""One process at a time in a run: a lock of the operating system, which ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nncli.errors import RunError
from nncli.filekind import irregular
from nncli.run.files import cannot, opened

NAME = ".lock"
LONGEST = 200
"""Characters of what the holder says of itself."""
MOST_OF_IT = 2**20
"""Bytes that a file may have that is asked whether it is held."""
PATIENCE = 0.05
"""Seconds that are waited for a lock."""


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
            _take(file.fileno(), patience=PATIENCE)
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


def held(folder: Path) -> bool:
    """Whether a process holds ``folder``. Nothing is written: it may be on a disk that nobody can write to.

    Raises:
        RunError: It cannot be said.
    """
    path = folder / NAME
    if not (path.exists() or path.is_symlink()):
        return False
    with opened(path, MOST_OF_IT) as (file, _):
        try:
            _take(file.fileno(), shared=True)
        except BlockingIOError:
            return True
    return False


def _take(descriptor: int, *, shared: bool = False, patience: float = 0.0) -> None:
    """Take the lock, or wait for it so many seconds: who only asks whether it is held holds it for a moment, too."""
    until = time.monotonic() + patience
    while True:
        try:
            _try(descriptor, shared=shared)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(PATIENCE / 5)
        else:
            return


def _try(descriptor: int, *, shared: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
    else:
        import fcntl

        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
