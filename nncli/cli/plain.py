"""What a command says in plain text, and as JSON. It loads no rich, which draws: see ``console``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def printable(text: str) -> str:
    r"""``text`` as one line in which nothing moves a terminal's cursor: names may come from strangers.

    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_lines(*lines: str) -> None:
    """Lines on stdout, written at once: a pipe that is closed says so here, and not when the program has ended."""
    _write("".join(f"{printable(line)}\n" for line in lines))


def print_json(content: Mapping[str, Any]) -> None:
    """One strict JSON object on stdout."""
    _write(json.dumps(content, allow_nan=False, ensure_ascii=True, indent=2) + "\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def figure(name: str, value: float | None) -> str:
    """``value`` of the metric, for a person; a dash for one that is not defined."""
    if value is None:
        return "–"
    if name.endswith("accuracy"):
        return f"{value:.4f}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)


def count(n: int, noun: str, style: str = "") -> str:
    """``1 row``, ``2 rows``; ``2,000 rows`` with the format ``,``."""
    return f"{n} {noun}" if n == 1 else f"{n:{style}} {noun}s"
