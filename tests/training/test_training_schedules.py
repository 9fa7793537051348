"""Schedules in a config and in a training: what is refused and where, and which rates the updates really take."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.engine import optimizers, schedules
from nncli.errors import ConfigError
from nncli.run import Run
from nncli.training.events import EpochEnded
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
schedule: SCHEDULE
training: {epochs: 6, batch_size: 16}
"""
STEPS = 9  # 143 rows to train on


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(schedule: str, *overrides: str) -> nncli.config.schema.Config:
    Path("c.yaml").write_text(CONFIG.replace("SCHEDULE", schedule))
    return nncli.load_config("c.yaml", overrides)


def column(run: Run, name: str = "learning_rate") -> list[float]:
    with (run.path / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("marked", "overrides", "says"),
    [
        ("^cosin", [], "schedule: unknown name 'cosin', did you mean 'cosine'?"),
        ("{name: cosine, minimum: ^1}", [], "schedule.minimum: must be less than 1 (is 1)"),
        ("{name: cosine, ^warmup: 1}", [], "schedule.warmup: unknown key, did you mean 'warmup_steps'?"),
        ("{name: cosine, warmup_epochs: ^7}", [], "a warm-up of 7 epochs is longer than the training, which has 6"),
        ("{name: cosine, warmup_steps: ^55}", [], "a warm-up of 55 steps is longer than the training, which has 54"),
        ("{name: cosine, warmup_epochs: 1, warmup_steps: ^9}", [], "goes without warmup_epochs; give one of the two"),
        ("{name: one_cycle, warmup_epochs: ^1}", [], "one_cycle is its own warm-up"),
        ("^step", [], "schedule: step needs either every or milestones, neither is given; every: 30"),
        ("^{name: step, every: 2, milestones: [3]}", [], "both are given"),
        ("{name: step, milestones: ^[3, 2, 3]}", [], "must increase (is [3, 2, 3]); write [2, 3]"),
        ("{name: step, milestones: [^0, 2]}", [], "schedule.milestones.0: must be at least 1 (is 0)"),
        ("{name: step, milestones: ^[1, 4], warmup_epochs: 2}", [], "epoch 1 lies within the warm-up of 2 epochs"),
        ("{name: reduce_on_plateau, monitor: ^validation_los}", [], "did you mean 'validation_loss'?"),
        ("^reduce_on_plateau", ["data.split.validation=0"], "validation_loss needs validation rows; set data.split"),
        (
            "{name: reduce_on_plateau, monitor: ^validation_r2}",
            [],
            "r2 is for regression, and this is a classification",
        ),
        ("{name: reduce_on_plateau, monitor: ^accuracy}", [], "did you mean 'validation_accuracy'?"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(marked: str, overrides: list[str], says: str) -> None:
    """The ``^`` stands in front of what is wrong."""
    with pytest.raises(ConfigError) as refused:
        build(config(marked.replace("^", ""), *overrides))
    assert len(refused.value.problems) == 1
    column = len("schedule: ") + marked.index("^") + 1
    assert f"c.yaml:8:{column}  schedule" in str(refused.value)
    assert says in str(refused.value)


def test_an_optimizer_without_a_learning_rate_takes_no_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config("{name: cosine}")
    from nncli.config.checks import cross_check

    fields = type(loaded.optimizer).model_fields
    monkeypatch.setattr(type(loaded.optimizer), "model_fields", {"name": fields["name"]})
    assert [str(p) for p in cross_check(loaded)] == [
        "c.yaml:8:11  schedule: adam has no learning rate that could move; leave it out"
    ]
    assert not list(cross_check(loaded.model_copy(update={"schedule": config("constant").schedule})))


def test_every_update_takes_the_rate_of_its_number_and_the_metrics_have_each_epoch_s_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[float] = []
    bind = optimizers.Adam.bind

    def spy(self, *arguments):
        update = bind(self, *arguments)

        def noted(t: int, rate: float) -> None:
            taken.append(rate)
            assert t == len(taken)
            update(t, rate)

        return noted

    monkeypatch.setattr(optimizers.Adam, "bind", spy)
    run = nncli.train(config("{name: cosine, minimum: 0.1, warmup_epochs: 2, warmup_start: 0.5}"))
    warm = [0.01 * (0.5 + 0.5 * i / 18) for i in range(18)]
    falling = [0.01 * (0.1 + 0.9 * (1 + math.cos(math.pi * i / 36)) / 2) for i in range(36)]
    assert taken == pytest.approx(warm + falling, rel=1e-12)
    assert column(run) == pytest.approx((warm + falling)[STEPS - 1 :: STEPS], rel=1e-12)


def test_sgd_under_a_schedule_is_sgd_with_the_rates_written_out() -> None:
    """Halving the rate halves the step: two trainings, one after the other, against one with a milestone."""
    sgd = ("optimizer={name: sgd, learning_rate: 0.5}", "training.precision=float64", "training.batch_size=full")
    trainer = Trainer(build(config("{name: step, milestones: [1], factor: 0.5}", *sgd, "training.epochs=2")))
    start, thetas = trainer.weights.theta.copy(), []
    for event in trainer.run():
        if isinstance(event, EpochEnded):
            thetas.append(trainer.weights.theta.copy())
    plain = Trainer(build(config("constant", *sgd, "training.epochs=2")))
    plains = [plain.weights.theta.copy() for event in plain.run() if isinstance(event, EpochEnded)]
    np.testing.assert_array_equal(thetas[0], plains[0])
    np.testing.assert_allclose(thetas[1] - thetas[0], 0.5 * (plains[1] - plains[0]), rtol=1e-9)
    assert (start != thetas[0]).any()


def test_a_plateau_in_the_validation_lowers_the_rate_of_the_epochs_after_it() -> None:
    run = nncli.train(
        config(
            "{name: reduce_on_plateau, patience: 2, factor: 0.5}", "optimizer.learning_rate=0.1", "training.epochs=60"
        )
    )
    rates, losses = column(run), column(run, "validation_loss")
    best, waiting, rate = math.inf, 0, 0.1
    for epoch, loss in enumerate(losses):
        assert rates[epoch] == pytest.approx(rate)
        best, waiting = (loss, 0) if loss < best * (1 - 1e-4) else (best, waiting + 1)
        if waiting > 2:
            rate, waiting = rate / 2, 0
    assert rate < 0.1


def test_a_plateau_of_a_figure_that_should_rise_and_epochs_of_the_warm_up_do_not_count() -> None:
    """At a rate of 1e-30 nothing gets better: the first epoch looked at sets the mark, the next ones are bad."""
    schedule = "{name: reduce_on_plateau, monitor: validation_accuracy, patience: 0, warmup_epochs: 2, warmup_start: 1}"
    run = nncli.train(config(schedule, "optimizer={name: sgd, learning_rate: 1e-30}"))
    assert column(run) == pytest.approx([1e-30, 1e-30, 1e-30, 1e-30, 1e-31, 1e-32])


def test_a_figure_that_only_the_schedule_watches_is_measured_and_the_undefined_gains_nothing() -> None:
    tiny = "optimizer={name: sgd, learning_rate: 1e-30}"
    run = nncli.train(config("{name: reduce_on_plateau, monitor: validation_f1, patience: 1}", tiny))
    assert len(column(run, "validation_f1")) == 6
    assert column(run) == pytest.approx([1e-30, 1e-30, 1e-30, 1e-31, 1e-31, 1e-32])
    schedule = schedules.ReduceOnPlateau(patience=1)
    memory = dict(schedule.memory)
    for _ in range(2):
        schedule.remember(memory, None, True)
    assert memory["share"] == pytest.approx(0.1)
    schedule.remember(memory, 0.5, True)
    assert (memory["best"], memory["waiting"]) == (-0.5, 0)


def test_the_resolved_config_has_the_schedule_and_trains_the_same_weights() -> None:
    first = nncli.train(config("{name: step, milestones: [2, 4]}"))
    again = nncli.train(nncli.load_config(first.path / "config.yaml"))
    digests = [json.loads((run.path / "summary.json").read_text())["digests"] for run in (first, again)]
    assert digests[0] == digests[1]
    assert column(first) == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001])


def test_no_training_is_no_reason_to_refuse_a_schedule() -> None:
    run = nncli.train(config("{name: one_cycle}", "training.epochs=0"))
    assert json.loads((run.path / "summary.json").read_text())["steps"] == 0
