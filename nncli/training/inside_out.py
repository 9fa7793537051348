"""A minimizer turned inside out: it asks, and whoever trains answers when it suits.

A minimizer calls functions and comes back when all is done, while a training is a generator that yields in between. So
the minimizer runs in a thread of its own, and never at the same time as the other: one of the two always waits. Only
its own algebra is done there; what it asks for is computed where the generator runs, under the caller's settings.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.optimizers import Convergence, Minimizer


@dataclass(frozen=True, eq=False)
class Evaluate:
    """Asks for (value, gradient) at ``x``."""

    x: Array


@dataclass(frozen=True, eq=False)
class Iterate:
    """Tells that an iteration ended at ``x``; any answer will do."""

    x: Array


Question: TypeAlias = Evaluate | Iterate
Conversation: TypeAlias = Generator[Question, tuple[float, Array] | None, Convergence]


class _Closed(BaseException):
    """Nobody will answer any more; no ``Exception``, so that no handler of a minimizer takes it for one of its own."""


def conversation(minimizer: Minimizer, start: Array, iterations: int) -> Conversation:
    """Yield the questions of ``minimizer``, to be answered by ``send``; return how it ended.

    Closing the generator ends the minimizer. What that raises comes out here.
    """
    asked: SimpleQueue[Any] = SimpleQueue()
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask(question: Question) -> Any:
        asked.put(question)
        answer = answers.get()
        if answer is _Closed:
            raise _Closed
        return answer

    def work() -> None:
        with np.errstate(all="ignore"):  # a thread has settings of its own
            try:
                asked.put(minimizer.minimize(lambda x: ask(Evaluate(x)), start, iterations, lambda x: ask(Iterate(x))))
            except _Closed:
                pass
            except BaseException as error:  # noqa: BLE001  # it is raised on the other side
                asked.put(error)

    worker = threading.Thread(target=work, name=minimizer.name, daemon=True)
    worker.start()
    try:
        while True:
            question = asked.get()
            if isinstance(question, Convergence):
                return question
            if isinstance(question, BaseException):
                raise question
            answers.put((yield question))
    finally:
        answers.put(_Closed)
        worker.join()
