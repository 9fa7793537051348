"""What a row of the catalogue says, and the words that rows are written in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import nncli

CONFIG = """\
data: {path: points.csv, target: y}
model:
  layers:
    - {units: 4, activation: tanh}
    - {activation: softmax}
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 3, batch_size: 16, checkpoint: {every: 1 epoch}}
"""
"""c.yaml, as it is right."""
POINTS = [(a, b, "in" if (a - 4.5) * (b - 2.5) > 0 else "out") for b in range(6) for a in range(10)]
TABLE = "".join(["a,b,y\n", *(f"{a},{b},{y}\n" for a, b, y in POINTS)])
"""points.csv, as it is right: point i stands in line i + 2."""

Change: TypeAlias = Callable[[], Any]
"""Makes something bad in the current folder; a file that it returns is closed once the command has ended."""


@dataclass(frozen=True)
class Row:
    """A bad input, and the answer to it.

    Attributes:
        id: What is bad.
        change: What it does to a folder with c.yaml, points.csv and run, the run of a training.
        command: The arguments of nncli.
        says: All that stands on stderr; ``...`` is any text, of any lines.
        code: The exit code.
        prints: The same for stdout.
    """

    id: str
    change: Change
    command: str
    says: str
    code: int = 2
    prints: str = ""


def both(*changes: Change) -> Change:
    """One after the other."""
    return lambda: [change() for change in changes]


def nothing() -> None:
    """It is the command that is bad."""


def writes(name: str, content: str | bytes) -> Change:
    """A file of this content, in place of one that may be there."""
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda: Path(name).write_bytes(raw)


def edits(name: str, old: str, new: str) -> Change:
    """``new`` in place of ``old``, the first time that it stands there."""

    def change() -> None:
        text = Path(name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        Path(name).write_text(text.replace(old, new, 1))

    return change


def line(number: int, text: str, name: str = "points.csv") -> Change:
    """Another line of that number."""

    def change() -> None:
        lines = Path(name).read_text().splitlines()
        lines[number - 1] = text
        Path(name).write_text("\n".join(lines) + "\n")

    return change


def bends(name: str, bend: Callable[[bytes], bytes]) -> Change:
    """Other bytes, made of those that are there."""
    return lambda: Path(name).write_bytes(bend(Path(name).read_bytes()))


def json_with(name: str, *path: str | int, value: Any) -> Change:
    """A JSON file with another value at ``path``."""

    def change() -> None:
        content = inside = json.loads(Path(name).read_text())
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        Path(name).write_text(json.dumps(content))

    return change


def trains(*overrides: str) -> Change:
    """Another run, called other, of c.yaml with these overrides."""
    return lambda: nncli.train(nncli.load_config("c.yaml", overrides), directory="other")


def gone(name: str) -> Change:
    """The file is not there."""
    return lambda: Path(name).unlink()


def large(name: str, size: int = 2**40) -> Change:
    """A file of so many zeros, none of which is stored."""

    def change() -> None:
        with Path(name).open("wb") as file:
            file.truncate(size)

    return change


def pipe(name: str) -> Change:
    """A FIFO, to which nobody ever writes."""

    def change() -> None:
        Path(name).unlink(missing_ok=True)
        os.mkfifo(name)

    return change


def link(name: str, target: str) -> Change:
    """A link, in place of a file or folder that moves to NAME.moved."""

    def change() -> None:
        path = Path(name)
        if path.exists():
            path.rename(f"{name}.moved")
        path.symlink_to(target)

    return change
