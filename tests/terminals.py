"""Programs in a terminal, and what a person sees there: a pseudoterminal behind a terminal emulator."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from pty import openpty

import pyte

AWAY = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "LC_ALL", "LC_CTYPE", "LANG")
DRAWN_ANEW = re.compile(rb"(?=\r\x1b\[2K)")
"""Where a display goes back to draw itself again: what is before it is a whole picture."""


class Terminal:
    """``nncli`` in a terminal of so many columns.

    Attributes:
        raw: What it wrote.
        screen: What stands there.
    """

    def __init__(self, *arguments: str, cwd: Path, columns: int, rows: int = 40, **environment: str) -> None:
        self.columns, self.rows = columns, rows
        self.screen = pyte.Screen(columns, rows)
        self._emulator = pyte.ByteStream(self.screen)
        self.raw = b""
        self._ours, theirs = openpty()
        self._tell_size(theirs)
        kept = {key: value for key, value in os.environ.items() if key not in AWAY}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nncli.cli.main", *arguments],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def read(self, until: Callable[[bytes], bool] = lambda raw: False) -> None:
        """Read until what was written is enough, or to the end."""
        with contextlib.suppress(OSError):  # Linux ends a terminal whose other side is gone with an error
            while not until(self.raw) and (piece := os.read(self._ours, 1 << 16)):
                self._take(piece)

    def _take(self, piece: bytes) -> None:
        self.raw += piece
        self._emulator.feed(piece)

    @property
    def discards(self) -> bool:
        """Whether Ctrl-C discards what is on its way to it, as a rule of terminals."""
        return not termios.tcgetattr(self._ours)[3] & termios.NOFLSH

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def end(self) -> int:
        """Read to the end; the exit code."""
        self.read()
        return self.process.wait(timeout=60)

    @property
    def lines(self) -> list[str]:
        """What a person sees, without the empty lines."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def resize(self, columns: int) -> None:
        """Make it wider or narrower while the program draws nothing, and wrap what stands there, as most do."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
        # what was written is handed over by the kernel when it has the time: a picture is not to be wrapped half
        while select.select([self._ours], [], [], 0.5)[0]:
            self._take(os.read(self._ours, 1 << 16))
        cursor = self.screen.cursor.y
        wrapped = [
            line[i : i + columns]
            for line in (text.rstrip() for text in self.screen.display[: cursor + 1])
            for i in range(0, max(1, len(line)), columns)
        ]
        self.columns = columns
        self.screen.resize(columns=columns)
        self.screen.erase_in_display(2)
        self.screen.cursor_position()
        self._emulator.feed("\r\n".join(wrapped).encode())
        self._tell_size(self._ours)
        os.kill(self.process.pid, signal.SIGCONT)

    def _tell_size(self, file: int) -> None:
        fcntl.ioctl(file, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))


def pictures(raw: bytes) -> int:
    """How many whole pictures a display has drawn."""
    return len(DRAWN_ANEW.findall(raw))


def frames(raw: bytes, columns: int, rows: int = 40) -> Iterator[list[str]]:
    """What a person sees, whenever a display is complete."""
    screen = pyte.Screen(columns, rows)
    emulator = pyte.ByteStream(screen)
    for piece in DRAWN_ANEW.split(raw)[:-1]:
        emulator.feed(piece)
        yield [line.rstrip() for line in screen.display if line.strip()]


def written(raw: bytes) -> list[str]:
    """The lines as they were written, before any terminal wraps them."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw.decode()))
