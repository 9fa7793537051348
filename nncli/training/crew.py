"""Threads that do the pieces of a step side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread

from nncli.engine.buffers import Step


class Crew:
    """Some threads, the caller's among them, to each of which some of the pieces of a job are given.

    A piece always goes to the same thread, in whose core's cache its arrays are then. NumPy, BLAS and the compiled
    loops let other threads run while they compute. A thread that waits sleeps: beside another busy program the job
    takes as long as it would on the cores that are left, and not many times longer, as with threads of BLAS, which
    wait for each other awake.

    Args:
        threads: How many, at least 1; they start with the first job.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._jobs: list[SimpleQueue[tuple[Step, ...] | None]] = []
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self, pieces: Sequence[Step]) -> None:
        """Do all of them, and return when they are done; what one of them raises comes out."""
        if self.threads == 1:
            for piece in pieces:
                piece()
            return
        if not self._jobs:
            self._start()
        for i, job in enumerate(self._jobs, start=1):
            job.put(tuple(pieces[i :: self.threads]))
        problem: BaseException | None = None
        try:
            for piece in pieces[:: self.threads]:
                piece()
        finally:  # after an exception, too, such as Ctrl-C: the others work on the same arrays
            for _ in self._jobs:
                problem = self._ended.get() or problem
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Let the threads end."""
        for job in self._jobs:
            job.put(None)
        self._jobs = []

    def _start(self) -> None:
        for _ in range(1, self.threads):
            job: SimpleQueue[tuple[Step, ...] | None] = SimpleQueue()
            # a context holds the caller's np.errstate, which a new thread would not know of
            Thread(target=self._work, args=(job, copy_context()), daemon=True).start()
            self._jobs.append(job)

    def _work(self, job: SimpleQueue[tuple[Step, ...] | None], context: Context) -> None:
        def do(pieces: tuple[Step, ...]) -> None:
            for piece in pieces:
                piece()

        while (pieces := job.get()) is not None:
            problem: BaseException | None = None
            try:
                context.run(do, pieces)
            except BaseException as error:  # noqa: BLE001  # it is raised where the job was given
                problem = error
            self._ended.put(problem)
