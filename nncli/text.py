"""Text for a screen: what comes from strangers, made fit for it, and numbers of bytes."""

from __future__ import annotations

import math

LONGEST = 4000
"""Characters of a message that anybody reads."""


def printable(text: str) -> str:
    r"""``text`` as one line that only says something: what moves a cursor, colours, hides or turns around is spelled.

    Names of columns, classes and files come from strangers. An escape sequence in one could rewrite what the terminal
    shows, a mark for right-to-left writing what a person reads. They are spelled as Python does, so that a name looks
    the same with quotes around it and without.

    >>> print(printable("\x1b[31mred\n"))
    \x1b[31mred\n
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shortened(text: str, longest: int) -> str:
    """``text``, in no more characters: without its middle, because names often differ at their end.

    >>> shortened("a rather long name of a class", 16)
    'a rather…a class'
    """
    if len(text) <= longest:
        return text
    tail = max(1, (longest - 1) // 2)
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def abridged(text: str) -> str:
    """``text``, without its middle where it is longer than a message may be."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 200]} ... {text[-100:]}"


def bytes_text(n: int) -> str:
    """``n`` bytes as a person says it: ``824 bytes``, ``4.0 TB``.

    >>> bytes_text(4_000_000_000_000), bytes_text(31_400)
    ('4.0 TB', '31 kB')
    """
    size, unit = float(n), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB", "EB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" or size >= 9.95 else f"{size:.1f} {unit}"


def count(n: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def figure(name: str, value: float | None) -> str:
    """``value`` of the metric, for a person; a dash for one that is not defined."""
    if value is None:
        return "–"
    if name.endswith("accuracy"):
        return f"{value:.4f}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)
