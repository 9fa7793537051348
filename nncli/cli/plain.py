"""What a command says in plain text, and as JSON. It loads no rich, which draws: see ``console``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from nncli.text import printable


def print_lines(*lines: str, errors: bool = False) -> None:
    """Lines on stdout (or stderr), written at once: a closed pipe says so here, and not when the program has ended.

    Names from strangers may be in them: what is not printable is spelled out.
    """
    stream = sys.stderr if errors else sys.stdout
    stream.write("".join(f"{printable(line)}\n" for line in lines))
    stream.flush()


def print_json(content: Mapping[str, Any]) -> None:
    """One strict JSON object on stdout."""
    print_lines(*json.dumps(content, allow_nan=False, ensure_ascii=True, indent=2).splitlines())


def count(n: int, noun: str, style: str = "") -> str:
    """``1 row``, ``2 rows``; ``2,000 rows`` with the format ``,``."""
    return f"{n} {noun}" if n == 1 else f"{n:{style}} {noun}s"
