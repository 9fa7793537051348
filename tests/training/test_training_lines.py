"""When a training prints a line where nobody watches: by its epochs, and by a clock, which is handed in."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nncli.training.events import Ended, EpochEnded, Progress
from nncli.training.lines import Log


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ended(epoch: int) -> EpochEnded:
    return EpochEnded(epoch, epoch * 10, 0.0, 0.1, 0.25, None, {"validation_loss": 0.5}, True)


@pytest.mark.parametrize(
    ("epochs", "told"),
    [(3, [1, 2, 3]), (39, list(range(1, 40))), (41, [*range(2, 41, 2), 41]), (100, list(range(5, 101, 5)))],
)
def test_a_quick_training_tells_the_same_epochs_every_time(epochs: int, told: list[int]) -> None:
    log = Log(epochs, Clock())
    lines = [log.line(ended(epoch)) for epoch in range(1, epochs + 1)]
    assert [line for line in lines if line] == [f"epoch {i}/{epochs}  loss 0.25  val_loss 0.5" for i in told]


def test_a_slow_one_also_tells_an_epoch_after_more_than_ten_seconds() -> None:
    clock, told = Clock(), []
    log = Log(1000, clock)
    for epoch in range(1, 101):
        clock.now += 3.0
        if log.line(ended(epoch)):
            told.append((epoch, clock.now))
    # every fourth is late (12 s), every 50th is told anyway, and the clock begins anew with each
    assert [epoch for epoch, _ in told] == [*range(4, 49, 4), 50, *range(54, 99, 4), 100]
    assert max(b - a for (_, a), (_, b) in pairwise(told)) == 12.0


def test_within_a_long_epoch_there_is_a_sign_of_life() -> None:
    clock = Clock()
    log = Log(10, clock)
    lines = []
    for quarter in range(1, 130):
        clock.now = quarter / 4
        lines.append(log.line(Progress(3, quarter * 100, 23437, 7)))
    assert [line for line in lines if line] == [
        "epoch 3/10, batch 4100 of 23437, 17 %",
        "epoch 3/10, batch 8200 of 23437, 35 %",
        "epoch 3/10, batch 12300 of 23437, 52 %",
    ]
    assert log.line(ended(3)) == "epoch 3/10  loss 0.25  val_loss 0.5"


def test_an_iteration_of_a_minimizer_has_no_batches_to_count() -> None:
    clock = Clock()
    log = Log(10, clock)
    clock.now = 10.1
    assert log.line(Progress(4, 0, 1, 3)) == "epoch 4/10, not over yet"


def test_the_end_is_told_elsewhere() -> None:
    clock = Clock()
    log = Log(10, clock)
    clock.now = 60.0
    assert log.line(Ended("completed", 10, 100, 60.0, 10)) == ""
