"""A training that goes on from a state has the bits of one that was never stopped, wherever that was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import Experiment, build
from nncli.config.schema import Checkpoint
from nncli.run import State
from nncli.training import checkpointing
from nncli.training.checkpointing import Due
from nncli.training.events import Ended, EpochEnded, Event, Progress
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 80, noise: 0.2}}
model:
  layers:
    - {units: 5, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
training: {epochs: 4, batch_size: 16}
"""

DROPOUT = "model.layers=[{units: 5, activation: tanh, dropout: 0.3, noise: 0.1}, {activation: sigmoid}]"
BATCH_NORM = "model.layers=[{units: 5, activation: tanh, norm: batch}, {activation: sigmoid}]"
KINDS: dict[str, tuple[str, ...]] = {
    "adam": (),
    "plain descent": ("optimizer={name: sgd, learning_rate: 0.1}",),
    "nadam, which carries a product": ("optimizer.name=nadam",),
    "dropout and noise, drawn from a stream": (DROPOUT,),
    "running statistics": (BATCH_NORM,),
    "gradients that wait for others": ("training.accumulate=3",),
    "an average": ("training.average={decay: 0.9}",),
    "an average of running statistics": (BATCH_NORM, "training.average={decay: 0.9}"),
    "a schedule that remembers": (
        "schedule={name: reduce_on_plateau, patience: 1, factor: 0.5}",
        "optimizer.learning_rate=1",
    ),
    "a schedule by the step": ("schedule={name: cosine, warmup_epochs: 1}",),
    "early stopping": ("training.early_stopping={patience: 1}", "optimizer.learning_rate=1"),
    "penalties, clipping, float64": (
        "regularization.l2=0.01",
        "training.clip_norm=0.1",
        "training.precision=float64",
    ),
    "shards with dropout and noise": ("training.shards=3", "training.threads=2", DROPOUT),
    "shards with running statistics": ("training.shards=3", BATCH_NORM),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    with np.errstate(all="ignore"):
        yield


def experiment(*overrides: str) -> Experiment:
    return build(nncli.load_config("c.yaml", list(overrides)))


def timeless(event: Event) -> Event:
    """``event`` as it is the same every time."""
    if isinstance(event, EpochEnded | Ended):
        return type(event)(**{**vars(event), "seconds": 0.0})
    return event


def told(events: Iterator[Event]) -> list[Event]:
    return [timeless(event) for event in events if not isinstance(event, Progress)]


def written_and_read(state: State) -> State:
    """As a file would give it back: arrays of their own, numbers through strict JSON."""
    numbers = json.loads(json.dumps(state.numbers, allow_nan=False))
    return State({name: vector.copy() for name, vector in state.vectors.items()}, numbers)


@pytest.mark.parametrize("overrides", KINDS.values(), ids=KINDS)
def test_from_every_batch_it_goes_on_to_the_same_bits(overrides: tuple[str, ...]) -> None:
    this = experiment(*overrides)
    whole = Trainer(this)
    states: list[tuple[int, State]] = []
    events: list[Event] = []
    for event in whole.run(every=1):
        if isinstance(event, Ended):
            events.append(timeless(event))
            continue
        if isinstance(event, EpochEnded):
            events.append(timeless(event))
        states.append((len(events), written_and_read(whole.state())))
    # a state for every batch (where they accumulate, for those behind an update) and for every end of an epoch
    assert len(states) >= 12
    for seen, state in states:
        again = Trainer(this)
        again.restore(state)
        assert told(again.run()) == events[seen:]
        for name, vector in whole.vectors.items():
            assert again.vectors[name].tobytes() == vector.tobytes(), name
        assert again.state().numbers["descent"] == whole.state().numbers["descent"]


@pytest.mark.parametrize("overrides", [KINDS["dropout and noise, drawn from a stream"], KINDS["adam"]])
def test_stopped_after_any_number_of_batches_it_goes_on_to_the_same_bits(overrides: tuple[str, ...]) -> None:
    this = experiment(*overrides)
    whole = Trainer(this)
    expected = told(whole.run())
    for batches in range(1, 16):
        asked = 0

        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked == batches  # noqa: B023

        first = Trainer(this)
        before = told(first.run(stop))
        second = Trainer(this)
        second.restore(written_and_read(first.state()))
        assert before[:-1] + told(second.run()) == expected
        assert second.weights.theta.tobytes() == whole.weights.theta.tobytes()


def test_a_state_of_another_training_is_refused() -> None:
    other = Trainer(experiment("model.layers.0.units=6"))
    for overrides in ((), ("optimizer.name=sgd",), ("training.precision=float64", "model.layers.0.units=6")):
        with pytest.raises(ValueError, match="another network, optimizer or precision"):
            Trainer(experiment(*overrides)).restore(other.state())


@pytest.mark.parametrize("missing", ["epoch", "monitor", "pass", "descent", "noise"])
def test_a_state_with_something_missing_is_refused(missing: str) -> None:
    this = experiment()
    state = Trainer(this).state()
    numbers = {key: value for key, value in state.numbers.items() if key != missing}
    with pytest.raises(ValueError, match=missing):
        Trainer(this).restore(State(state.vectors, numbers))


def test_seconds_count_on() -> None:
    this = experiment()
    first = Trainer(this)
    with closing(first.run()) as events:
        next(event for event in events if isinstance(event, EpochEnded) and event.epoch == 2)
        state = first.state()
    second = Trainer(this)
    second.restore(State(state.vectors, {**state.numbers, "seconds": 1000.0}))
    assert all(1000 < event.seconds < 1100 for event in second.run() if isinstance(event, EpochEnded))


def test_a_minimizer_says_that_it_has_no_state() -> None:
    assert not Trainer(experiment("optimizer=lbfgs", "training.batch_size=full")).resumable
    assert Trainer(experiment()).resumable


# -- when one is due -----------------------------------------------------------------------------------------------


def epoch_ended(epoch: int, step: int) -> EpochEnded:
    return EpochEnded(epoch, step, 0.0, 0.1, 1.0, None, {}, best=True)


def test_one_is_due_every_so_many_epochs() -> None:
    due = Due(Checkpoint(every="2 epochs"))
    assert due.steps == 0
    events: list[Event] = [Progress(1, 1, 5, 1), *(epoch_ended(i, 5 * i) for i in range(1, 5))]
    assert [due.at(event) for event in events] == [False, False, True, False, True]


def test_one_is_due_every_so_many_steps_and_once_for_each() -> None:
    due = Due(Checkpoint(every="5 steps"))
    assert due.steps == 5
    events: list[Event] = [Progress(1, 3, 5, 3), Progress(1, 5, 5, 5), epoch_ended(1, 5), Progress(2, 5, 5, 10)]
    assert [due.at(event) for event in events] == [False, True, False, True]


def test_one_is_due_every_so_many_minutes_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpointing.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpointing.time, "time", lambda: pytest.fail("a clock that jumps was asked"))
    due = Due(Checkpoint(every="2 minutes"))
    found = []
    for seconds in (60, 59, 2, 1, 119, 1):
        now[0] += seconds
        found.append(due.at(Progress(1, 1, 2, 1)))
    assert found == [False, False, True, False, True, False]


def test_without_a_checkpoint_none_is_due() -> None:
    assert not Due(None).at(epoch_ended(1, 1))
    assert not Due(Checkpoint(every="1 epoch")).at(Ended("completed", 1, 1, 0.0, 1))
