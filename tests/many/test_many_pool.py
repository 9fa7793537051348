"""Workers that die again and again: what they die of is found out, and nothing else is given up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from nncli.many.pool import DEATHS, Local, Pool, carry_out, pool
from nncli.many.work import STOP, Done, Task
from nncli.resumption import Told


class Mortal(Pool):
    """Two workers. Whoever has ``deadly`` dies, and takes with it what is done beside it, as in a broken pool."""

    def __init__(self, deadly: str) -> None:
        self._deadly, self._at = deadly, list[Task]()
        self.beside: list[list[str]] = []

    @property
    def size(self) -> int:
        return 2

    def submit(self, task: Task) -> None:
        self._at.append(task)

    def next(self) -> list[tuple[Task, Done | None]]:
        tasks, self._at = self._at, []
        broken = any(task.path == self._deadly for task in tasks)
        if broken:
            self.beside.append([task.path for task in tasks if task.path != self._deadly])
        return [(task, None if broken else Done("ended")) for task in tasks]


def test_what_kills_every_worker_is_given_up_alone_and_the_others_are_done(tmp_path: Path) -> None:
    left = [Task(str(tmp_path), f"trial-{number}", {}) for number in range(6)]
    told: dict[str, Done] = {}
    workers = Mortal("trial-2")
    number = carry_out(
        workers,
        tmp_path,
        lambda: left.pop(0) if left else None,
        lambda task, done: told.update({task.path: done}),
        lambda text: None,
    )
    assert number == 0
    assert {path: done.status for path, done in told.items()} == {
        f"trial-{number}": "failed" if number == 2 else "ended" for number in range(6)
    }
    assert f"{DEATHS} workers died of it" in told["trial-2"].problem
    assert len(workers.beside) == DEATHS
    assert workers.beside[-1] == []  # its last try had nothing beside it to die of
    assert not (tmp_path / STOP).exists()


def test_no_more_processes_are_started_than_there_is_work_for() -> None:
    for jobs, pieces, size in ((40, 3, 3), (2, 3, 2), (2, 1, 1)):
        with pool(jobs, None, pieces, 1, lambda task: Told(), lambda text: None) as workers:
            assert workers.size == size


def test_a_worker_that_dies_while_nobody_looks_takes_nothing_with_it(tmp_path: Path) -> None:
    """Neither what had come to its end, nor what is handed in next."""
    first, second = (Task(str(tmp_path / "nowhere"), f"trial-{number}", {}) for number in range(2))
    workers = Local(2, 1)
    try:
        workers.submit(first)
        (ended,) = workers._at
        ended.result(60)
        executor = workers._executor
        os.kill(next(iter(executor._processes)), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while executor._flags.broken is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        workers.submit(second)
        found: dict[str, Done | None] = {}
        while len(found) < 2:
            assert time.monotonic() < deadline
            found |= {task.path: done for task, done in workers.next()}
    finally:
        workers.close()
    assert [found[task.path].status for task in (first, second)] == ["hindered"] * 2  # there is no such folder
