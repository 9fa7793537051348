"""The characters that a terminal can take: blocks and arrows, or ASCII in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """What a display is drawn with.

    Attributes:
        ticks: From the lowest value of a sparkline to the highest.
        done, rest: Of a bar.
        up, down, equal: How a figure stands to the best one.
        dot: Between two remarks.
        dash: Where there is no figure.
        cut: Where a text was cut off.
    """

    ticks: str
    done: str
    rest: str
    up: str
    down: str
    equal: str
    dot: str
    dash: str
    cut: str

    @property
    def all(self) -> str:
        """Every one of them."""
        return "".join(vars(self).values())


BLOCKS = Glyphs("▁▂▃▄▅▆▇█", "━", "─", "↑", "↓", "=", "·", "–", "…")
ASCII = Glyphs("_.-:=+*#", "#", ".", "^", "v", "=", "|", "-", "~")


def glyphs(encoding: str | None, environment: Mapping[str, str]) -> Glyphs:
    """The richest set that the terminal can take.

    Args:
        encoding: Of the stream.
        environment: Its variables. Under LANG=C, Python writes UTF-8 all the same (PEP 538 and 540), and sets
            LC_CTYPE to a UTF-8 locale itself: that LC_CTYPE says nothing about the terminal.
    """
    said = environment.get("LC_ALL") or environment.get("LC_CTYPE", "")
    if said in ("", "C.UTF-8", "C.utf8", "UTF-8") and not environment.get("LC_ALL"):
        said = environment.get("LANG", "")
    if said in ("C", "POSIX"):
        return ASCII
    try:
        BLOCKS.all.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS
