"""What a command says in plain text, and as JSON. It loads no rich, which draws: see ``console``."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from nncli.text import printable


def print_lines(*lines: str, errors: bool = False) -> None:
    """Lines on stdout (or stderr), written at once: a closed pipe says so here, and not when the program has ended.

    Names from strangers may be in them: what is not printable is spelled out.
    """
    stream = sys.stderr if errors else sys.stdout
    try:
        stream.write("".join(f"{printable(line)}\n" for line in lines))
        stream.flush()
    except BrokenPipeError:
        raise BrokenPipeError from None  # without the number by which typer would know it, and call it a failure


def print_json(content: Mapping[str, Any]) -> None:
    """One strict JSON object on stdout."""
    print_lines(*json.dumps(content, allow_nan=False, ensure_ascii=True, indent=2).splitlines())


def count(n: int, noun: str, style: str = "") -> str:
    """``1 row``, ``2 rows``; ``2,000 rows`` with the format ``,``."""
    return f"{n} {noun}" if n == 1 else f"{n:{style}} {noun}s"


def is_drawn_on(stream: TextIO) -> bool:
    """Whether it is a terminal that can do more than print line after line, as far as that is known without rich."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def fitted(lines: Iterable[str], stream: TextIO, indent: str = "") -> Iterator[str]:
    """The lines; in a terminal at its width, broken between words, and what goes on is indented so far."""
    if not is_drawn_on(stream):
        yield from lines
        return
    columns = os.get_terminal_size(stream.fileno()).columns or 80  # some are not told how wide they are
    for line in lines:
        parts = textwrap.wrap(line, columns, break_long_words=False, break_on_hyphens=False, subsequent_indent=indent)
        yield from parts or [""]
