"""The command line, called in this process: for what a command says and does, where the process itself proves nothing.

A Python that starts, and loads what nncli needs, takes a second; most commands take a tenth of one.
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from dataclasses import dataclass
from unittest import mock

from nncli.cli.main import main


@dataclass(frozen=True)
class Ended:
    """What a process would have left behind; its fields are named as those of ``subprocess.CompletedProcess``."""

    returncode: int
    stdout: str
    stderr: str


def called(*arguments: str) -> Ended:
    """``nncli ARGUMENTS`` in the current folder. What would be a traceback is raised, and fails the test."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code, interrupt = 0, signal.getsignal(signal.SIGINT)
    try:
        with (
            mock.patch.object(sys, "argv", ["nncli", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        signal.signal(signal.SIGINT, interrupt)
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    return Ended(code, *said)
