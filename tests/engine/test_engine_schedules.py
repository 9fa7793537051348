"""Schedules against the learning rates that PyTorch gave (published/), and against their papers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nncli.engine import schedules
from nncli.engine.schedules import Cosine, CosineRestarts, Coslog, OneCycle, ReduceOnPlateau, Schedule, Step

RECORDED = json.loads((Path(__file__).parent / "published/pytorch_schedules.json").read_text())
STEPS, EPOCHS = RECORDED["steps"], RECORDED["epochs"]


def rates(schedule: Schedule, base: float, steps: int, epochs: int, figures: list[float] | None = None) -> list[float]:
    memory = dict(schedule.memory)
    rate = schedule.bind(base, steps, epochs, memory)
    found = []
    for t in range(1, steps * epochs + 1):
        found.append(rate(t))
        if figures and t % steps == 0:
            schedule.remember(memory, figures[t // steps - 1], False)
    return found


@pytest.mark.parametrize("run", RECORDED["runs"], ids=lambda run: f"{run['call']} {run['nncli']}")
def test_rates_are_those_of_pytorch(run: dict[str, Any]) -> None:
    settings = dict(run["nncli"])
    schedule = schedules.registry[settings.pop("name")](**settings)
    found = rates(schedule, RECORDED["base"], STEPS, EPOCHS, RECORDED["figures"].get(run["by"]))
    # PyTorch multiplies its rates forth from update to update, which rounds at each
    assert found == pytest.approx(run["rates"], rel=1e-12, abs=1e-15)


def test_restarts_come_when_the_paper_s_figure_has_them() -> None:
    """Loshchilov & Hutter 2017, figure 1: with T_mult = 2, T₀ = 10 restarts at 10, 30, 70, T₀ = 1 at 1, 3, 7, 15..."""
    for first, epochs in ((10, [0, 10, 30, 70, 150]), (1, [0, 1, 3, 7, 15, 31, 63, 127])):
        found = rates(CosineRestarts(period=first, factor=2.0), 0.05, 5, 200)
        assert [t // 5 for t, rate in enumerate(found) if rate == 0.05] == epochs
    halfway = rates(CosineRestarts(), 0.05, 4, 10)[20]
    assert halfway == pytest.approx(0.025)


def test_a_cosine_is_at_half_of_its_way_at_half_of_its_time() -> None:
    found = rates(Cosine(minimum=0.2), 1.0, 10, 10)
    assert found[0] == 1
    assert found[50] == pytest.approx(0.6)
    assert found[25] == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)


def test_one_cycle_begins_peaks_and_ends_where_its_settings_say() -> None:
    found = rates(OneCycle(), 1.0, 10, 10)
    assert found[0] == pytest.approx(1 / 25)
    assert found[29] == max(found) == 1  # update 30 of 100
    assert found[-1] == pytest.approx(1 / 25 / 10_000)


def test_milestones_are_epochs_of_the_training_and_every_counts_from_the_end_of_the_warm_up() -> None:
    epochs_end = slice(3, None, 4)
    milestones = rates(Step(milestones=[3, 5], factor=0.5, warmup_epochs=2), 1.0, 4, 6)[epochs_end]
    assert milestones[2:] == [1, 0.5, 0.5, 0.25]
    every = rates(Step(every=2, factor=0.5, warmup_epochs=1), 1.0, 4, 6)[epochs_end]
    assert every[1:] == [1, 1, 0.5, 0.5, 0.25]


def test_a_schedule_by_epochs_begins_with_a_whole_epoch_behind_the_warm_up() -> None:
    found = rates(Step(every=1, factor=0.5, warmup_steps=6), 1.0, 4, 4)
    assert found[6:] == [1, 1] + [1] * 4 + [0.5] * 4


def test_a_plateau_below_zero_is_one() -> None:
    """A log-likelihood may be negative: PyTorch's best·(1 − threshold) takes one that stands still for a gain."""
    schedule = ReduceOnPlateau(patience=1, factor=0.5, threshold=0.01)
    assert rates(schedule, 1.0, 1, 5, [-2.0] * 5) == [1, 1, 1, 0.5, 0.5]
    assert rates(schedule, 1.0, 1, 5, [-2.0, -2.03, -2.06, -2.1, -2.2]) == [1] * 5


def test_the_memory_of_a_plateau_goes_on_where_it_stopped() -> None:
    schedule, figures = (
        ReduceOnPlateau(patience=1, factor=0.5, cooldown=1),
        [3.0, 2.0, 2.0, 2.5, 2.4, 2.2, 2.1, 2.3, 2.0],
    )
    whole, memory = dict(schedule.memory), dict(schedule.memory)
    for figure in figures:
        schedule.remember(whole, figure, False)
    for figure in figures:
        memory = dict(memory)  # as from a checkpoint
        schedule.remember(memory, figure, False)
    assert memory == whole
    assert all(isinstance(value, int | float) for value in memory.values())
    assert schedule.bind(1.0, 1, 20, memory)(10) == whole["share"] < 1


def test_a_milestone_right_behind_a_warm_up_that_ends_within_an_epoch_comes_when_it_is_due() -> None:
    """4 updates an epoch, a warm-up of 6: the rest of the second epoch has the whole rate, the third a tenth of it."""
    found = rates(Step(milestones=[2], warmup_epochs=1.5), 1.0, 4, 4)
    assert found[6:10] == pytest.approx([1, 1, 0.1, 0.1])


@pytest.mark.parametrize("record", list(schedules.registry), ids=lambda record: record.name)
def test_a_start_of_a_warm_up_that_is_none_is_refused(record: type[Schedule]) -> None:
    settings = {"every": 2} if record is Step else {}
    said = [objection.setting for objection in record(warmup_start=0.5, **settings).objections(5)]
    assert said == ["warmup_start"]
    assert list(record(**settings).objections(5)) == []


def test_coslog_has_waves_each_twice_as_long_as_the_one_before() -> None:
    """(1 − cos(2π·log₂(1 + 15 k/K)))/2: of 15 parts, the 4 waves have 1, 2, 4 and 8."""
    found = rates(Coslog(), 1.0, 100, 15)
    for nothing in (0, 100, 300, 700):
        assert found[nothing] == pytest.approx(0, abs=1e-12)
    for top in (1, 3, 7, 15):  # where log₂(1 + 15 k/K) is half-way, 1 + 15 k/K is √2, √8, √32, √128
        k = round(100 * (math.sqrt(top + 1) * math.sqrt((top + 1) / 2) - 1))
        assert found[k] == pytest.approx(1, abs=1e-3)
    assert rates(Coslog(cycles=1), 1.0, 100, 15)[round(1500 * (math.sqrt(2) - 1))] == pytest.approx(1, abs=1e-5)
