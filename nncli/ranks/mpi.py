"""The processes of MPI: messages between two of them, and nothing else of it.

Sums of MPI's own are added in an order that an implementation chooses, and may change with the number of processes; so
none of them is used. A process that waits asks again and again at first, then sleeps in between: MPI's own waiting
takes a whole core, which on a small machine is that of a process that has work to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import mpi4py
import numpy as np
from numpy.typing import NDArray

mpi4py.rc.thread_level = "funneled"  # one thread of each process speaks to the others

from mpi4py import MPI  # noqa: E402  # it starts MPI

from nncli.ranks.base import END, RankLostError, Ranks, Transfer, children, parent  # noqa: E402

AWAKE = 10e-3
"""Seconds that a process asks without a pause, longer than an update or a stretch of a vector takes. What comes over
TCP comes only while it is asked for: with pauses, 4 MB took 140 ms in place of 4. In between it lets others go before
it: beside another busy program, a step of two ranks would take six times as long."""
PAUSES = (20e-6, 1e-3)
"""Seconds of its shortest and longest pause then; where there are more processes than cores, from the beginning."""
PART = 0.05
"""Of the time that it has waited, which it sleeps."""
LOOK = 0.25
"""Seconds of waiting between two looks at whether the others are still there."""
PATIENCE = 30.0
"""Seconds of waiting after which rank 0 says whom it waits for."""
LAST_WORDS = 0.3
"""Seconds in which mpiexec hands on what was said: what it has not by the time that all are ended is lost."""
MESSAGES, PROBLEMS = 1, 2
"""Tags."""
LONGEST_TEXT = 4096


def library() -> str:
    """Which MPI it is."""
    return " ".join(MPI.Get_library_version().split("\n")[0].replace("\t", " ").split()).replace("Version: ", "")


class MpiRanks(Ranks):
    """All processes of MPI_COMM_WORLD.

    What rank 0 calls goes from rank to rank on a binomial tree: each hands it on before it heeds it.
    """

    def __init__(self) -> None:
        super().__init__()
        # MPICH's mpiexec sends it when a process is gone. MPICH then asks it for more, and is killed over that; here it
        # is found out anyhow, and there is something to say and to save before the end.
        if MPI.get_vendor()[0] == "MPICH" and signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self._warned: Callable[[str], None] = lambda text: None
        self._comm = MPI.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._kept: list[MPI.Prequest] = []
        self._call = np.zeros(3, np.int64)
        self._hear = None if self.rank == 0 else self.receiving(self._call, parent(self.rank))
        self._tell = [self.sending(self._call, child) for child in children(self.rank, self.size)]
        self._control = self._kept.copy()  # these stay
        self._kept.clear()
        self._places = self._exchange_places() if self.size > 1 else []
        self._parent_process = os.getppid()
        host = self._places[self.rank][0] if self._places else ""
        self._near = [
            rank for rank, (other, process) in enumerate(self._places) if other == host and process_state(process)
        ]
        self.here = max(1, len(self._near))
        self._spin = AWAKE if self.here <= (os.cpu_count() or 1) else 0.0

    def _exchange_places(self) -> list[tuple[str, int]]:
        """The machine and the process number of each rank."""
        mine = np.zeros(128, np.uint8)
        text = f"{os.getpid()} {MPI.Get_processor_name()}".encode()[:128]
        mine[: len(text)] = np.frombuffer(text, np.uint8)
        everybody = np.zeros((self.size, 128), np.uint8)
        self._comm.Allgather(mine, everybody)
        pairs = (row.tobytes().rstrip(b"\0").decode(errors="replace").partition(" ") for row in everybody)
        return [(host, int(process)) for process, _, host in pairs]

    # -- messages --------------------------------------------------------------------------------------------------

    def sending(self, array: NDArray[Any], to: int) -> Transfer:
        return self._keep(self._comm.Send_init([array, MPI.BYTE], to, MESSAGES), to)

    def receiving(self, array: NDArray[Any], source: int) -> Transfer:
        return self._keep(self._comm.Recv_init([array, MPI.BYTE], source, MESSAGES), source)

    def _keep(self, request: MPI.Prequest, peer: int) -> Transfer:
        self._kept.append(request)
        return _MpiTransfer(self, request, peer)

    def send(self, array: NDArray[Any], to: int) -> None:
        self.wait(self._comm.Isend([array, MPI.BYTE], to, MESSAGES), to)

    def receive(self, array: NDArray[Any], source: int) -> None:
        self.wait(self._comm.Irecv([array, MPI.BYTE], source, MESSAGES), source)

    def forget(self) -> None:
        for request in self._kept:
            request.Free()
        self._kept.clear()

    def call(self, what: int, *numbers: int) -> None:
        if self.broken:
            return
        self._call[:] = (what, *numbers, *[0] * (2 - len(numbers)))
        self._hand_on()

    def called(self) -> tuple[int, int, int]:
        assert self._hear is not None
        self._hear.start()
        self._hear.wait()
        self._hand_on()
        what, a, b = self._call.tolist()
        return what, a, b

    def _hand_on(self) -> None:
        for child in self._tell:
            child.start()
        for child in self._tell:
            child.wait()

    def report(self, problem: str) -> None:
        self._comm.Send([np.frombuffer(problem.encode()[:LONGEST_TEXT], np.uint8), MPI.BYTE], 0, PROBLEMS)

    def end(self, code: int) -> None:
        if self.rank == 0:
            with suppress(RankLostError):
                self.call(END, code)
        if self.broken:  # to end together takes all of them
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            time.sleep(LAST_WORDS)
        self._kept += self._control
        self.forget()
        if self.broken:
            self._comm.Abort(code)

    def warn_by(self, warned: Callable[[str], None]) -> None:
        self._warned = warned

    # -- waiting ---------------------------------------------------------------------------------------------------

    def wait(self, request: MPI.Request, peer: int) -> None:
        """Until ``request`` is done.

        Raises:
            RankLostError: It will never be.
        """
        try:
            self._wait(request.Test, peer)
        except MPI.Exception as error:
            self.fail(error)

    def _wait(self, test: Callable[[], bool], peer: int) -> None:
        clock, give_way = time.perf_counter, getattr(os, "sched_yield", _nothing)
        if test():
            return
        began = clock()
        while clock() - began < self._spin:
            if test():
                return
            give_way()
        looked, told, now = began, False, clock()
        while not test():
            time.sleep(min(max(PAUSES[0], PART * (now - began)), PAUSES[1]))
            now = clock()
            if now - looked > LOOK:
                looked = now
                self.look()
            if not told and now - began > PATIENCE and self.rank == 0:
                told = True
                self._warned(self._slow(peer))

    def look(self) -> None:
        if self.rank == 0:
            status = MPI.Status()
            if self._comm.Iprobe(MPI.ANY_SOURCE, PROBLEMS, status):
                content = np.zeros(status.Get_count(MPI.BYTE), np.uint8)
                self._comm.Recv([content, MPI.BYTE], status.Get_source(), PROBLEMS)
                self._lose(f"{self._named(status.Get_source())}: {content.tobytes().decode(errors='replace')}")
        elif os.getppid() != self._parent_process:
            self._lose("what had started this process ended")
        for rank in self._near if self.rank == 0 else [0]:  # the others leave it to rank 0 to end them
            if rank in self._near and process_state(self._places[rank][1]) in ("", "Z", "X"):
                self._lose(f"{self._named(rank)} ended before the others")

    def fail(self, error: MPI.Exception) -> NoReturn:
        """What MPI says when it cannot go on: most often that a process is gone."""
        self.look()
        self._lose(f"MPI cannot go on: {error.Get_error_string()}")

    def _lose(self, why: str) -> NoReturn:
        self.broken = True
        raise RankLostError(why)

    def _named(self, rank: int) -> str:
        host, process = self._places[rank]
        return f"rank {rank} (process {process} on {host})"

    def _slow(self, peer: int) -> str:
        stopped = [rank for rank in self._near if process_state(self._places[rank][1]) in ("T", "t")]
        if stopped:
            one = len(stopped) == 1
            return (
                f"{' and '.join(map(self._named, stopped))} {'is' if one else 'are'} stopped (SIGSTOP): all others wait"
            )
        return f"{self._named(peer)}, or one behind it, has not answered for {PATIENCE:g} seconds"


class _MpiTransfer:
    """A persistent request: nothing is allocated when it is started anew."""

    def __init__(self, ranks: MpiRanks, request: MPI.Prequest, peer: int) -> None:
        self._ranks, self._request, self._peer = ranks, request, peer

    def start(self) -> None:
        try:
            self._request.Start()
        except MPI.Exception as error:
            self._ranks.fail(error)

    def wait(self) -> None:
        self._ranks.wait(self._request, self._peer)


def process_state(process: int) -> str:
    """The letter that Linux has for what a process does (R, S, T for stopped, Z for one that ended); "" for none."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read(1024).rpartition(b")")[2].split()[0].decode()
    except FileNotFoundError:
        return ""
    except (OSError, IndexError):
        return "?"


def _nothing() -> None:
    """Where nobody can be let before."""
