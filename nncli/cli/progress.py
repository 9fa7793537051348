"""A bar on stderr for what takes its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from nncli.cli.console import Screen


@contextmanager
def progress(text: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr, for what takes more than a second; the yielded function is told the share that is done."""
    console = Screen(stderr=True)
    bar = Progress(
        TextColumn(text),
        BarColumn(bar_width=max(5, min(30, console.width // 4))),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=1.0)

    def observe(share: float) -> None:
        if share < 1 and bar.get_time() - started > 1:
            bar.start()
        bar.update(task, completed=share)

    started = bar.get_time()
    try:
        yield observe
    finally:
        bar.stop()
