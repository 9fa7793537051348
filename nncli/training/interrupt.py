"""Ctrl-C once: end after the batch. The second one is the operating system's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], int]]:
    """Within, SIGINT and SIGTERM only raise a flag: the yielded function returns the signal's number, or 0.

    Outside of the main thread, where Python takes no signals, the flag is never raised.
    """
    seen = 0

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen = number
        signal.signal(number, previous[signal.Signals(number)])

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    # a signal that is ignored (nohup, a background job of a script), or handled by C code, stays as it is
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    previous = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    for number in previous:
        signal.signal(number, take)
    try:
        yield lambda: seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
