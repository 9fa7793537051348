"""The directory of several runs."""

from __future__ import annotations

from pathlib import Path

from nncli.errors import RunError
from nncli.run import PLAN
from nncli.run.files import cannot
from nncli.run.lock import NAME as LOCK


def refuse_taken(path: Path) -> None:
    """Refuse a directory that holds something; one that a killed process made, and wrote nothing to, is free.

    Raises:
        RunError: It holds something, or is none.
    """
    if not path.is_dir() or any(
        found.name != LOCK and not found.name.startswith(f".{PLAN}") for found in path.iterdir()
    ):
        remedy = "nothing is written over: choose another --run"
        raise RunError("exists already", where=str(path), remedy=remedy)


def made(path: Path) -> Path:
    """``path``, which is there by now.

    Raises:
        RunError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot("make", path, error) from None
    return path
