"""Files that are written whole or not at all, and read only if they are what they should be."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nncli.errors import RunError
from nncli.filekind import irregular
from nncli.machine import memory_limit
from nncli.text import bytes_text

COPIES = 2
"""What is read is there at least twice: its bytes, and what they mean."""
SMALL = 2**20
"""Bytes that any memory has room for."""
MARK = ".partial"
"""At the end of the name of what is being written."""
RUBBISH = re.compile(rf"\..+{re.escape(MARK)}|\.tmp\w{{6}}")
"""What a killed process leaves behind: of ours, and of safetensors, which writes to a name of its own, too."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Within, an empty file of a unique name beside ``path``, to be filled; behind it, ``path`` is that file.

    What was written goes to the disk, then takes its place in one step, then the folder goes to the disk, too: after a
    crash at any instant ``path`` is the old file or the new one. An exception leaves the old one.

    Raises:
        RunError: It cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=MARK, dir=path.parent)
        temporary = Path(name)
        try:
            os.close(descriptor)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):  # the folder may have gone
                temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)
    except OSError as error:
        raise cannot("write", path, error) from None


def write(path: Path, text: str) -> None:
    """Write all of ``text`` to ``path``, or leave what is there: see ``replaced``.

    Raises:
        RunError: It cannot be written.
    """
    with replaced(path) as temporary:
        # a name of bytes that are no UTF-8 is written as JSON and YAML escape it
        temporary.write_bytes(text.encode(errors="backslashreplace"))


def sync(folder: Path) -> None:
    """Have the names in ``folder`` on the disk, where a folder can be asked for that."""
    with contextlib.suppress(PermissionError, IsADirectoryError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what a killed process was writing in ``folder``. Nobody else may be writing there."""
    with contextlib.suppress(OSError):  # it is no fault if rubbish stays
        for path in folder.iterdir():
            if RUBBISH.fullmatch(path.name):
                path.unlink(missing_ok=True)


def read(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes.

    Raises:
        RunError: As ``opened`` says.
    """
    with opened(path, most) as (file, size):
        return file.read(size)


@contextmanager
def opened(path: Path, most: int) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file of at most ``most`` bytes, and its size; no link, by which a run would lead out of itself.

    Raises:
        RunError: It is not there, is a link, a pipe, a device or a folder, or larger.
    """
    if path.is_symlink():
        raise RunError("is a link", where=str(path), remedy="put the file itself there")
    try:
        # without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever
        flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_NOFOLLOW"))
        descriptor = os.open(path, sum(flags, start=os.O_RDONLY))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if what := irregular(found.st_mode):
                raise RunError(f"is {what}, not a file", where=str(path), remedy="put the file itself there")
            if found.st_size > most:
                message = f"is larger ({found.st_size:,} bytes) than it can be ({most:,} bytes)"
                raise RunError(message, where=str(path))
            limit = memory_limit() if found.st_size > SMALL else None  # asking takes longer than reading a small one
            if limit is not None and COPIES * found.st_size > limit.bytes:
                has = f"{limit.whose} {bytes_text(limit.bytes)}"
                raise RunError(f"is too large ({bytes_text(found.st_size)}) to be read: {has}", where=str(path))
            yield file, found.st_size
    except OSError as error:
        raise cannot("read", path, error) from None


def cannot(verb: str, path: Path, error: OSError) -> RunError:
    """What the operating system says, as an error of a run."""
    return RunError(f"cannot {verb} it: {error.strerror or error}", where=str(path))


def _umask() -> int:
    """What the user keeps from others; mkstemp keeps everything."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
