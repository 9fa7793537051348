"""The display of a training in a terminal: a few lines at its foot, drawn anew a few times a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from nncli.cli.console import Screen, plainly
from nncli.cli.course import Course, Speed
from nncli.cli.glyphs import glyphs
from nncli.cli.layout import compose


class Display:
    """The display on stderr. It has no thread: who owns it calls ``draw``.

    Args:
        clock: Seconds, from anywhere.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._console = Screen(stderr=True)
        self._glyphs = glyphs(self._console.encoding, os.environ)
        self._course: Course | None = None
        self._speed = Speed(None, None)
        self._drawn: list[int] = []  # how wide each line is that stands there
        self._width = self._console.width
        # what else is written to stderr goes above it; stdout may be a file
        self._while_drawn = ExitStack()
        self._live = Live(self, console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)

    @property
    def possible(self) -> bool:
        """Whether the terminal can move its cursor: as rich has it, who knows TERM and TTY_INTERACTIVE."""
        return self._console.is_terminal and self._console.is_interactive and not self._console.is_dumb_terminal

    def draw(self, course: Course) -> None:
        """Show how ``course`` stands."""
        self._course, self._speed = course, course.speed(self._clock())
        if self._live.is_started:
            self._settle()
            self._live.refresh()
        else:
            self._while_drawn.enter_context(_written_to_its_end())
            self._live.start(refresh=True)

    def say(self, text: str) -> None:
        """A line above it."""
        self._settle()
        self._console.print(plainly(text))

    def stop(self) -> None:
        """Take it away."""
        with self._while_drawn:
            self._settle()
            self._live.stop()

    def _settle(self) -> None:
        """After the terminal became narrower: its lines were wrapped, and go before their place is drawn anew.

        So do most terminals (those on VTE, kitty, tmux, Windows Terminal, iTerm2).
        """
        width = self._console.width
        if width < self._width:
            more = sum(max(0, -(-columns // width) - 1) for columns in self._drawn)
            self._console.control(Control(*((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * more))
        self._width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its lines at the size that the terminal has by now; the last column stays free, where some wrap."""
        if self._course is None:
            return
        width, height = max(1, options.size.width - 1), max(1, options.size.height - 1)
        lines = compose(self._course, self._speed, self._glyphs, width, height)
        self._drawn = [sum(len(text) for text, _ in line) for line in lines]
        for line in lines:
            yield console.render_str("".join(map(markup, line)))


@contextmanager
def _written_to_its_end() -> Iterator[None]:
    """Ctrl-C as a rule discards what is on its way to the terminal.

    Of a picture that is cut off, more lines would be erased than there are: those above it, too.
    """
    if sys.platform == "win32":
        yield
        return
    import termios

    terminal = sys.stderr.fileno()

    def is_ours() -> bool:
        """Who is in the background is stopped where it changes a terminal."""
        return os.tcgetpgrp(terminal) == os.getpgrp()

    before: list[Any] | None = None
    with suppress(OSError, termios.error):  # it is no terminal after all, or is gone
        if is_ours():
            before = termios.tcgetattr(terminal)
            keeps = [*before[:3], before[3] | termios.NOFLSH, *before[4:]]
            termios.tcsetattr(terminal, termios.TCSADRAIN, keeps)
    try:
        yield
    finally:
        with suppress(OSError, termios.error):
            if before is not None and is_ours():
                termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def markup(piece: tuple[str, str]) -> str:
    """A piece of a line as rich is told it."""
    text, style = piece
    return f"[{style}]{plainly(text)}[/]" if style else plainly(text)
