"""Who does the work: this process, some processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from nncli.errors import NncliError
from nncli.machine import memory_limit
from nncli.many.work import STOP, Done, Task, do
from nncli.resumption import Told
from nncli.text import bytes_text
from nncli.training.interrupt import stop_on_signal

if TYPE_CHECKING:
    from distributed import Client

MOST_JOBS = 1024
DEATHS = 5
"""A piece of work that so many workers died of is given up; the last of them had nothing else beside it to die of."""
COUNTED = 1.0
"""Seconds between two looks at how many workers there are."""
ANSWER = 10
"""Seconds that a scheduler has to answer."""
WAIT = 0.2
"""Seconds after which a signal is looked for."""
GRACE = 600.0
"""Seconds that workers have to save what they are at."""
LAST_WORDS = 3.0
"""Seconds that a worker has for it whose parent was killed."""


class Pool(ABC):
    """Does pieces of work, several at a time, and hands over each as it ends.

    Attributes:
        here: Whether it is this process that does them, so that a signal to one is one to all.
    """

    here = False

    @property
    @abstractmethod
    def size(self) -> int:
        """How many pieces are done at a time."""

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Begin it."""

    @abstractmethod
    def next(self) -> list[tuple[Task, Done | None]]:
        """What has ended since, if anything has within ``WAIT``; None where the worker died."""


class Alone(Pool):
    """This process, which does a piece of work while it is waited for.

    Args:
        told: Is asked before each for who is told of it.
    """

    here = True

    def __init__(self, told: Callable[[Task], Told]) -> None:
        self._told = told
        self._tasks: deque[Task] = deque()

    @property
    def size(self) -> int:
        return 1

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def next(self) -> list[tuple[Task, Done | None]]:
        task = self._tasks.popleft()
        return [(task, do(task, self._told(task)))]


class Local(Pool):
    """Some processes of this machine: joblib's workers.

    Args:
        jobs: How many.
        threads: That each of them has for matrix products, as far as a config does not say.
    """

    def __init__(self, jobs: int, threads: int) -> None:
        self._jobs, self._threads = jobs, threads
        self._executor: Any = None
        self._at: dict[Any, Task] = {}
        self._lost: list[Task] = []

    @property
    def size(self) -> int:
        return self._jobs

    def submit(self, task: Task) -> None:
        from concurrent.futures.process import BrokenProcessPool

        try:
            future = self._submitted(task)
        except BrokenProcessPool:  # a worker has died since they were looked at
            self._break()
            future = self._submitted(task)
        self._at[future] = task

    def _submitted(self, task: Task) -> Any:
        if self._executor is None:
            from joblib.externals.loky import ProcessPoolExecutor

            threads = {f"{name}_NUM_THREADS": str(self._threads) for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
            self._executor = ProcessPoolExecutor(
                self._jobs, env=threads, initializer=_begin_worker, initargs=(os.getpid(),)
            )
        return self._executor.submit(do, task, None, os.getpid())

    def next(self) -> list[tuple[Task, Done | None]]:
        from concurrent.futures import FIRST_COMPLETED, wait
        from concurrent.futures.process import BrokenProcessPool

        found: list[tuple[Task, Done | None]] = []
        if not self._lost:
            ended, _ = wait(self._at, WAIT, FIRST_COMPLETED)
            for future in ended:
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    self._break()
                    break
                if error is not None:
                    raise error
                found.append((self._at.pop(future), future.result()))
        found += [(task, None) for task in self._lost]
        self._lost.clear()
        return found

    def _break(self) -> None:
        """With one worker loky ends all, so that all is lost that they did; what had come to its end is not."""
        kept = {future: task for future, task in self._at.items() if future.done() and future.exception() is None}
        self._lost += [task for future, task in self._at.items() if future not in kept]
        self._at = kept
        self.close()

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)
            self._executor = None


def _begin_worker(parent: int) -> None:
    """Ctrl-C reaches every process of a terminal; the parent tells its workers, and an orphan ends itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        time.sleep(LAST_WORDS)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class Cluster(Pool):
    """The workers of a Dask cluster, as many as there are at any moment.

    Args:
        client: Connected to its scheduler.
        warned: Is told that there are none.
    """

    def __init__(self, client: Client, warned: Callable[[str], None]) -> None:
        self._client, self._warned = client, warned
        self._address = client.scheduler.address
        self._at: dict[Any, Task] = {}
        self._size, self._due, self._lonely = 1, 0.0, False

    @property
    def size(self) -> int:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + COUNTED
            with self._reached():
                workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
            if not workers and not self._lonely:
                self._warned("the scheduler has no workers: they are waited for")
            self._lonely = not workers
            self._size = max(1, sum(int(worker["nthreads"]) for worker in workers))
        return self._size

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What is asked of the scheduler within; which may have ended, or its machine."""
        with suppress(OSError):
            yield
            if self._client.status == "running":
                return
        remedy = "what was done is kept: start it again, or go on without it, by nncli resume"
        raise NncliError("is gone", where=f"--scheduler {self._address}", remedy=remedy)

    def submit(self, task: Task) -> None:
        self._at[self._client.submit(do, task, pure=False)] = task

    def next(self) -> list[tuple[Task, Done | None]]:
        from distributed import KilledWorker, wait

        with self._reached(), suppress(TimeoutError, CancelledError):  # what was cancelled is found below
            wait(list(self._at), timeout=WAIT, return_when="FIRST_COMPLETED")
        found: list[tuple[Task, Done | None]] = []
        for future in [future for future in self._at if future.done()]:
            task = self._at.pop(future)
            if future.status == "error":
                error = future.exception()
                if not isinstance(error, KilledWorker):
                    raise _of_worker(error)
                found.append((task, None))
            elif future.status == "finished":
                found.append((task, self._result(future)))
            else:  # lost or cancelled, with the worker that had it
                found.append((task, None))
        return found

    def _result(self, future: Any) -> Done | None:
        with self._reached(), suppress(CancelledError):  # it was there a moment ago
            return cast("Done", future.result())
        return None


def _of_worker(error: BaseException) -> NncliError:
    if isinstance(error, ImportError):
        remedy = "install nncli where the workers run, of the version that is here"
        return NncliError(f"cannot load nncli: {error}", where="a worker of the cluster", remedy=remedy)
    return NncliError(f"{type(error).__name__}: {error}", where="a worker of the cluster")


def refuse_workers(jobs: int, scheduler: str | None) -> None:
    """Refuse a number of processes, or the address of a scheduler, that cannot be; nobody is called yet.

    Raises:
        NncliError: It is one, or Dask is not installed.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise NncliError(f"must be between 1 and {MOST_JOBS}", where=f"--jobs {jobs}")
    if scheduler is None:
        return
    try:
        from distributed.comm import get_address_host_port
    except ImportError:
        remedy = "pip install 'nncli[sweep]'"
        raise NncliError("needs Dask, which is not installed", where="--scheduler", remedy=remedy) from None
    try:
        get_address_host_port(scheduler)
    except ValueError as error:
        remedy = "write it as dask scheduler tells it: tcp://host:8786"
        raise NncliError(f"is no address: {error}", where=f"--scheduler {scheduler}", remedy=remedy) from None


def refuse_silence(scheduler: str | None) -> None:
    """Refuse a scheduler that does not answer, before anything is written for its workers.

    Raises:
        NncliError: It is one.
    """
    if scheduler is not None:
        with _connected(scheduler):
            pass


def refuse_crowd(jobs: int, pieces: int, each: int) -> None:
    """Refuse more processes than there is memory for, of ``each`` so many bytes; there are no more than ``pieces``.

    Raises:
        NncliError: With the number that there is room for.
    """
    limit, crowd = memory_limit(), min(jobs, pieces)
    if limit is not None and crowd > 1 and crowd * each > limit.bytes:
        need = f"{crowd} trainings at a time need {bytes_text(crowd * each)}"
        remedy = f"take --jobs {max(1, limit.bytes // each)}"
        raise NncliError(f"{need}, {limit.whose} {bytes_text(limit.bytes)}", where=f"--jobs {jobs}", remedy=remedy)


@contextmanager
def pool(
    jobs: int,
    scheduler: str | None,
    pieces: int,
    threads: int,
    told: Callable[[Task], Told],
    warned: Callable[[str], None],
) -> Iterator[Pool]:
    """Workers for the time within.

    Args:
        jobs: Processes of this machine; 1 for this one.
        scheduler: Of a Dask cluster, in their place: ``tcp://host:8786``.
        pieces: Of work, at most: more processes would be started for nothing.
        threads: That each process has for matrix products.
        told: Who is told of a training that this process does.
        warned: Is told what is out of the ordinary.

    Raises:
        NncliError: There is no such cluster.
    """
    with ExitStack() as around:
        if scheduler is not None:
            yield Cluster(around.enter_context(_connected(scheduler)), warned)
        elif jobs > 1:
            workers = Local(min(jobs, pieces), threads)
            around.callback(workers.close)
            yield workers
        else:
            yield Alone(told)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    for name in ("distributed.client", "distributed.core", "distributed.utils"):  # what ends is said in our words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        remedy = "dask scheduler starts one, and tells its address"
        raise NncliError(f"no scheduler answers: {reason}", where=f"--scheduler {address}", remedy=remedy) from None
    try:
        with client.as_current():
            yield client
    finally:
        with suppress(OSError):  # which has gone before
            client.close()


def carry_out(
    workers: Pool,
    home: Path,
    ask: Callable[[], Task | None],
    tell: Callable[[Task, Done], None],
    warned: Callable[[str], None],
) -> int:
    """Have all that is asked for done; the order in which it ends is nobody's.

    A worker that dies takes nothing with it but time: what it was at is done again, from its last checkpoint.

    Args:
        workers: Who does it.
        home: The directory of all trainings.
        ask: Gives the next piece of work; None where there is none, or none before something else has ended.
        tell: Is told how each ended.
        warned: Is told what is out of the ordinary.

    Returns:
        The signal that ended it, or 0. Then all that had begun is saved.
    """
    flag = home / STOP
    flag.unlink(missing_ok=True)
    again: deque[Task] = deque()
    deaths: Counter[str] = Counter()
    busy = stopping = 0
    alone = False  # whether a piece of work is at its last try, with nothing beside it
    until = math.inf

    def following() -> Task | None:
        if not again:
            return ask()
        return again.popleft() if deaths[again[0].path] < DEATHS - 1 or not busy else None

    def ended(task: Task, done: Done | None) -> None:
        nonlocal stopping
        lost = done is None or done.status == "interrupted"
        if done is not None and lost and workers.here:
            stopping = stopping or done.signal
        if not lost or stopping:
            tell(task, done or Done("interrupted"))
            return
        if done is None:
            deaths[task.path] += 1
            warned(f"a worker died at {task.path}, which is done again")
        if deaths[task.path] < DEATHS:
            again.append(task)
        else:
            tell(task, Done("failed", f"{DEATHS} workers died of it: it may take more memory than there is"))

    with stop_on_signal() as signalled, _stopped(flag):
        while True:
            stopping = stopping or signalled()
            while not (stopping or alone) and busy < workers.size and (task := following()) is not None:
                workers.submit(task)
                busy += 1
                alone = deaths[task.path] >= DEATHS - 1
            if not busy:
                return stopping
            for task, done in workers.next():
                busy -= 1
                alone = False
                ended(task, done)
            stopping = stopping or signalled()
            if stopping and busy and until == math.inf:
                flag.touch()
                until = time.monotonic() + GRACE
            if time.monotonic() > until:
                return stopping


@contextmanager
def _stopped(flag: Path) -> Iterator[None]:
    """Whatever ends this process lets workers stop that it cannot end itself."""
    try:
        yield
    except BaseException:
        flag.touch()
        raise
    flag.unlink(missing_ok=True)
