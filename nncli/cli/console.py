"""Where rich draws: results to stdout; and the console of what is drawn to stderr."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from nncli.text import printable

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


class Screen(Console):
    """A console on which names from strangers stay names.

    Everything that is drawn goes through ``render_str``, as long as it is a str: no Text is made elsewhere.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, soft_wrap=True, emoji=False)

    def render_str(self, text: str, *arguments: Any, **settings: Any) -> Text:
        """Spell out what is not printable, before it is measured."""
        return super().render_str(printable(text), *arguments, **settings)


class _Stdout(Screen):
    """A console that leaves a closed pipe to ``main``, which knows what it means."""

    def on_broken_pipe(self) -> None:
        """Whoever read has gone."""
        raise BrokenPipeError


def stdout() -> Console:
    """Where results are drawn."""
    width = None if sys.stdout.isatty() else WIDE  # a file has no margin
    return _Stdout(width=width)


def plainly(text: str) -> str:
    """Markup that shows ``text`` as it is: names may come from strangers."""
    return escape(printable(text))
