"""Every registered schedule, without being told of it: what holds for whatever course a learning rate takes."""

from __future__ import annotations

import pytest

from nncli.engine import schedules
from nncli.engine.schedules import Schedule

RECORDS = list(schedules.registry)
BASE, STEPS, EPOCHS = 0.3, 7, 40


def by_name(record: type[Schedule]) -> str:
    return record.name


def rates(schedule: Schedule, steps: int = STEPS, epochs: int = EPOCHS) -> list[float]:
    rate = schedule.bind(BASE, steps, epochs, dict(schedule.memory))
    return [rate(t) for t in range(1, steps * epochs + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_rates_lie_between_0_and_the_optimizer_s(record: type[Schedule]) -> None:
    for steps, epochs in ((STEPS, EPOCHS), (1, 1), (1, 2), (2, 1), (1, 10), (10, 1)):
        assert all(0 <= rate <= BASE * (1 + 1e-15) for rate in rates(record(), steps, epochs))


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_a_rate_follows_from_the_number_of_the_update_alone(record: type[Schedule]) -> None:
    schedule = record(warmup_epochs=1.5)
    rate = schedule.bind(BASE, STEPS, EPOCHS, dict(schedule.memory))
    backwards = [rate(t) for t in range(STEPS * EPOCHS, 0, -1)]
    assert backwards[::-1] == rates(schedule)


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_the_rate_moves_when_the_record_says(record: type[Schedule]) -> None:
    found = rates(record())
    within = {tuple(set(found[i : i + STEPS])) for i in range(0, len(found), STEPS)}
    assert any(len(epoch) > 1 for epoch in within) == (record.moves == "by steps")
    if record.moves == "never":
        assert set(found) == {BASE}


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_a_warm_up_is_a_straight_line_in_front_of_the_schedule(record: type[Schedule]) -> None:
    warm = rates(record(warmup_epochs=2, warmup_start=0.2))
    line = [BASE * (0.2 + 0.8 * i / (2 * STEPS)) for i in range(2 * STEPS)]
    assert warm[: 2 * STEPS] == pytest.approx(line, rel=1e-14)
    assert warm[2 * STEPS :] == pytest.approx(rates(record(), epochs=EPOCHS - 2), rel=1e-14)
    assert rates(record(warmup_steps=2 * STEPS, warmup_start=0.2)) == warm


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_only_what_watches_a_figure_remembers(record: type[Schedule]) -> None:
    schedule = record()
    assert bool(schedule.memory) == (schedule.watches is not None)
    if schedule.watches is None:
        with pytest.raises(NotImplementedError):
            schedule.remember({}, 0.0, False)
