"""overfit_batches, fast_dev_run, and the loss before the first epoch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.engine.network import Bound
from nncli.errors import ConfigError
from nncli.evaluation import evaluate
from nncli.run import Run
from nncli.training.sanity import first_loss, warning
from nncli.training.trainer import Trainer

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(
    path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("mnist")
)  # its images are not there


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(name: str, *overrides: str) -> nncli.config.schema.Config:
    return nncli.load_config(CONFIGS / f"{name}.yaml", overrides)


def summary(run: Run) -> dict:
    return json.loads((run.path / "summary.json").read_text())


def seen(experiment: nncli.builder.Experiment, monkeypatch: pytest.MonkeyPatch) -> list[list[list[float]]]:
    """The training rows of each epoch, batch by batch."""
    batches: list[list[float]] = []
    right = Bound.backward

    def spy(self: Bound) -> None:
        batches.append(self.inputs.tolist())
        right(self)

    monkeypatch.setattr(Bound, "backward", spy)
    list(Trainer(experiment).run())
    monkeypatch.undo()
    each = len(batches) // experiment.config.training.epochs
    return [[row for batch in batches[i : i + each] for row in batch] for i in range(0, len(batches), each)]


def test_overfitting_sees_the_first_batches_in_every_epoch_and_validates_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = seen(build(config("moons", "training.epochs=1")), monkeypatch)[0]
    experiment = build(config("moons", "training.epochs=3", "training.overfit_batches=2"))
    epochs = seen(experiment, monkeypatch)
    assert len(epochs) == 3
    for rows in epochs:
        assert sorted(rows) == sorted(whole[:64])
    np.testing.assert_array_equal(experiment.validation.inputs, experiment.train.inputs)


def test_a_network_that_can_learn_learns_two_batches_by_heart() -> None:
    run = nncli.train(config("wine", "training.overfit_batches=2", "regularization.l2=0", "training.epochs=300"))
    found = summary(run)
    assert found["overfit_batches"] == 2
    assert found["rows"]["train"] == found["rows"]["validation"] == 32
    assert found["metrics"]["validation_loss"] < 0.01
    assert evaluate(run, split="train").loss == pytest.approx(found["metrics"]["validation_loss"], rel=1e-5)


@pytest.mark.parametrize(("said", "batches"), [("true", 1), ("3", 3)])
def test_a_fast_run_goes_the_whole_way_with_a_few_batches(said: str, batches: int) -> None:
    run = nncli.train(config("penguins", f"training.fast_dev_run={said}"))
    found = summary(run)
    assert (found["status"], found["epochs"], found["steps"]) == ("completed", 1, batches)
    assert found["fast_dev_run"] == batches
    assert found["rows"]["validation"] == found["rows"]["test"] > 20
    assert {"validation_loss", "test_accuracy"} <= set(found["metrics"])
    assert evaluate(run).rows == found["rows"]["test"]
    again = nncli.train(nncli.load_config(run.path / "config.yaml"))
    assert summary(again)["digests"] == found["digests"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("schedule={name: cosine, warmup_epochs: 5}",),
        ("schedule.warmup_steps=50",),
        ("training.accumulate=4",),
        ("optimizer=lbfgs", "training.batch_size=full"),
        ("training.batch_size=auto",),
    ],
)
def test_a_fast_run_may_be_shorter_than_what_it_tries_out(overrides: tuple[str, ...]) -> None:
    found = summary(nncli.train(config("wine", "training.fast_dev_run=true", *overrides)))
    assert (found["status"], found["epochs"], found["steps"]) == ("completed", 1, 1)


def test_without_them_nothing_is_said() -> None:
    found = summary(nncli.train(config("iris", "training.epochs=1")))
    assert not {"overfit_batches", "fast_dev_run", "class_weight"} & set(found)


def test_both_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="choose one of them"):
        config("iris", "training.fast_dev_run=true", "training.overfit_batches=1")


def first(*arguments: str) -> tuple[float, float, str | None]:
    experiment = build(config(*arguments))
    found = first_loss(experiment, Trainer(experiment).weights)
    return found.value, found.expected, warning(experiment, found)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_config_begins_out_of_the_ordinary(name: str) -> None:
    for seed in range(10):
        assert first(name, f"seed={seed}")[2] is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("wine",), np.log(3)),
        (("digits",), np.log(10)),
        (("moons",), np.log(2)),
        (("breast_cancer", "loss.class_weight=balanced"), np.log(2)),
        (("wine", "loss.class_weight={class_0: 50}"), np.log(3)),
        (("diabetes",), 1.0),  # the variance of the standardized target
    ],
)
def test_what_a_network_that_knows_nothing_has(arguments: tuple[str, ...], expected: float) -> None:
    assert first(*arguments)[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("wine", "data.preprocess.numeric=none"), "data.preprocess.numeric: standardize"),
        (("breast_cancer", "data.preprocess.numeric=none"), "data.preprocess.numeric: standardize"),
        (("wine", "model.layers.0.initializer={name: normal, std: 5}"), "model.layers.0.initializer: auto"),
        (("moons", "model.layers.1.initializer={name: normal, std: 20}"), "model.layers.1.initializer: auto"),
        (("diabetes", "model.layers.1.initializer={name: normal, std: 5}"), "model.layers.1.initializer: auto"),
    ],
)
def test_a_start_far_from_undecided_is_said_with_the_figures_and_what_to_do(
    arguments: tuple[str, ...], remedy: str
) -> None:
    value, expected, text = first(*arguments)
    assert text is not None
    assert f"{value:.3g}" in text
    assert f"{expected:.3g}" in text
    assert text.endswith(remedy)


def test_counts_may_be_far_from_where_a_network_begins() -> None:
    counts = ("loss=poisson", "model.layers.1.activation=exponential", "data.preprocess.target=none")
    for seed in range(10):
        assert first("diabetes", *counts, f"seed={seed}")[2] is None


@pytest.mark.parametrize("loss", ["squared_hinge", "gaussian_nll"])
def test_a_loss_that_a_few_large_outputs_blow_up_is_not_held_against_its_start(loss: str) -> None:
    layers = "model.layers=[{units: 32, activation: relu}, {units: 16, activation: relu}, {activation: identity}]"
    name = "diabetes" if loss == "gaussian_nll" else "iris"
    starts = [first(name, f"loss={loss}", layers, f"seed={seed}") for seed in range(15)]
    assert max(value / expected for value, expected, _ in starts) > 12
    assert {text for *_, text in starts} == {None}


def test_the_first_loss_is_in_the_summary_and_the_warning_comes_before_the_first_epoch() -> None:
    said: list[str] = []
    raw = config("wine", "data.preprocess.numeric=none", "training.epochs=1")
    run = nncli.train(raw, warned=said.append, observe=lambda event: said.append(type(event).__name__))
    assert said[0].startswith("the loss of the untrained network is ")
    assert "log 3" in said[0]
    assert said[1:] == ["EpochEnded", "Ended"]
    found = summary(run)
    assert found["initial_loss"] == pytest.approx(first("wine", "data.preprocess.numeric=none")[0])
    assert found["initial_loss_expected"] == pytest.approx(np.log(3), rel=1e-6)
