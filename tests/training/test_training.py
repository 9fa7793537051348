"""The trainer and the run directory: repeatable, honest about how it ended."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.engine.network import Bound
from nncli.errors import ConfigError, DataError, DivergedError, GradientError, RunError
from nncli.evaluation import evaluate
from nncli.recording import Interrupted
from nncli.run import Run
from nncli.training.events import Ended, EpochEnded
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
training: {epochs: 5, batch_size: 16}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def config(*overrides: str) -> nncli.config.schema.Config:
    return nncli.load_config("c.yaml", overrides)


def summary(run: Run) -> dict:
    return json.loads((run.path / "summary.json").read_text())


def rows(run: Run) -> list[dict[str, str]]:
    with (run.path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_config_gives_the_same_bits_and_another_seed_others() -> None:
    digests = [summary(nncli.train(config(f"seed={seed}")))["digests"]["last"] for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


DROPOUT = "model.layers=[{units: 8, activation: tanh, norm: layer, dropout: 0.3}, {activation: sigmoid}]"


def test_dropout_follows_the_seed_and_is_off_where_nothing_is_trained() -> None:
    first, second = (nncli.train(config(DROPOUT)) for _ in range(2))
    assert summary(first)["digests"] == summary(second)["digests"]
    assert summary(first)["digests"] != summary(nncli.train(config(DROPOUT, "seed=1")))["digests"]
    # twice the same figures: nothing is drawn for them
    assert (
        evaluate(first).loss == evaluate(first).loss == pytest.approx(summary(first)["metrics"]["test_loss"], rel=1e-6)
    )


def test_dropout_draws_anew_for_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[bytes] = []
    right = Bound.forward

    def forward(self: Bound) -> None:
        if self.n == 16:
            masks.append(self.stages[3].wires.noise[0].tobytes())
        right(self)

    monkeypatch.setattr(Bound, "forward", forward)
    for _ in Trainer(build(config(DROPOUT, "training.epochs=2", "data.split.validation=0"))).run():
        pass
    assert len(masks) > 10
    assert len(set(masks)) == len(masks)


def test_the_resolved_config_of_a_run_trains_the_same_weights() -> None:
    first = nncli.train(config("training.epochs=3", "seed=7"))
    again = nncli.train(nncli.load_config(first.path / "config.yaml"))
    assert summary(first)["digests"] == summary(again)["digests"]
    assert (first.path / "config.yaml").read_bytes() == (again.path / "config.yaml").read_bytes()


def test_every_row_is_seen_once_an_epoch_in_an_order_of_seed_and_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[float]] = []
    forward = Bound.forward

    def spy(self: Bound) -> None:
        seen.append(self.inputs[:, 0].tolist())
        forward(self)

    monkeypatch.setattr(Bound, "forward", spy)
    experiment = build(config("training.epochs=2", "data.split.validation=0"))
    assert len(experiment.train.inputs) == 173
    list(Trainer(experiment).run())
    per_epoch = -(-173 // 16)
    epochs = [[x for batch in seen[i * per_epoch : (i + 1) * per_epoch] for x in batch] for i in (0, 1)]
    assert len(seen) == 2 * per_epoch
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(experiment.train.inputs[:, 0].tolist())
    assert epochs[0] != epochs[1]


def test_the_short_last_batch_counts_by_its_rows() -> None:
    """At a learning rate of nearly nothing, the mean over batches must be the loss over all rows at once."""
    tiny = ("optimizer={name: sgd, learning_rate: 1e-30}", "training.epochs=1", "training.precision=float64")
    short = rows(nncli.train(config(*tiny, "training.batch_size=50")))
    whole = rows(nncli.train(config(*tiny, "training.batch_size=full")))
    assert float(short[0]["train_loss"]) == pytest.approx(float(whole[0]["train_loss"]), rel=1e-12)


def test_a_training_learns_and_says_what_it_did() -> None:
    run = nncli.train(config("training.epochs=60"))
    result, table = summary(run), rows(run)
    assert result["status"] == "completed"
    assert result["metrics"]["test_accuracy"] > 0.85
    assert [row["epoch"] for row in table] == [str(i) for i in range(1, 61)]
    assert result["steps"] == int(table[-1]["step"]) == 60 * -(-143 // 16)
    assert result["rows"] == {"train": 143, "validation": 30, "test": 30}
    assert result["parameters"] == 2 * 8 + 8 + 8 + 1
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert environment["threadpools"][0]["num_threads"] == 1


def test_early_stopping_restores_the_weights_of_the_best_epoch() -> None:
    run = nncli.train(
        config("training.epochs=400", "training.early_stopping.patience=5", "optimizer.learning_rate=0.1")
    )
    result, table = summary(run), rows(run)
    losses = [float(row["validation_loss"]) for row in table]
    assert result["status"] == "stopped_early"
    assert result["best_epoch"] == int(np.argmin(losses)) + 1 == len(table) - 5
    assert result["weights"] == "best"
    assert evaluate(run, split="validation").loss == pytest.approx(min(losses), rel=1e-6)


def test_a_monitored_score_is_better_when_it_is_higher() -> None:
    early = "training.early_stopping={monitor: validation_accuracy, patience: 100}"
    run = nncli.train(config(early, "training.epochs=30"))
    scores = [float(row["validation_accuracy"]) for row in rows(run)]
    assert summary(run)["best_epoch"] == int(np.argmax(scores)) + 1


def test_zero_epochs_write_the_initial_weights() -> None:
    run = nncli.train(config("training.epochs=0"))
    result = summary(run)
    assert (result["status"], result["epochs"], result["steps"]) == ("completed", 0, 0)
    weights = run.load_weights("last")
    assert np.all(weights["layers.0.bias"] == 0)
    assert np.any(weights["layers.0.weight"] != 0)


def test_without_validation_and_test_rows_what_needs_them_is_left_out() -> None:
    run = nncli.train(config("data.split={validation: 0, test: 0}"))
    assert summary(run)["metrics"] == {}
    assert not [key for key in rows(run)[0] if key.startswith("validation")]
    with pytest.raises(RunError, match=r"has no test rows; set data\.split\.test"):
        evaluate(run)
    assert evaluate(run, split="train").rows == 203


def test_a_divergence_names_epoch_batch_and_tensor_and_keeps_the_last_good_weights() -> None:
    exploding = ("optimizer={name: sgd, learning_rate: 1e30}", "loss=mse", "model.layers.1.activation=identity")
    with pytest.raises(DivergedError) as error:
        nncli.train(config(*exploding))
    assert error.value.exit_code == 3
    assert "training diverged: epoch 1, batch" in str(error.value)
    assert "is not finite; a smaller optimizer.learning_rate helps most often" in str(error.value)
    run = Run.open("latest")
    assert summary(run)["status"] == "diverged"
    assert all(np.isfinite(tensor).all() for tensor in run.load_weights("last").values())
    assert np.isfinite(evaluate(run).loss)


def test_ctrl_c_once_ends_after_the_batch_and_saves() -> None:
    pressed = threading.Event()

    def observe(event: object) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 3 and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as interrupted:
        nncli.train(config("training.epochs=100000"), observe=observe)
    assert interrupted.value.exit_code == 130
    run = interrupted.value.run
    assert summary(run)["status"] == "interrupted"
    assert summary(run)["steps"] == 3 * -(-143 // 16)  # the signal came at the end of the third epoch
    assert len(rows(run)) == 3
    assert np.isfinite(evaluate(run).loss)


def test_the_events_tell_the_whole_story() -> None:
    before = np.geterr()
    events = [event for event in Trainer(build(config())).run() if np.geterr() == before]
    assert [e.epoch for e in events if isinstance(e, EpochEnded)] == [1, 2, 3, 4, 5]
    assert isinstance(events[-1], Ended)
    assert events[-1].status == "completed"


def test_a_penalty_is_reported_on_its_own() -> None:
    run = nncli.train(config("regularization={l1: 0.1, l2: 0.2}", "training.epochs=1", "training.precision=float64"))
    weights = [w for name, w in run.load_weights("last").items() if name.endswith("weight")]
    expected = sum(0.1 * np.abs(w).sum() + 0.1 * (w**2).sum() for w in weights)
    assert float(rows(run)[0]["penalty"]) == pytest.approx(expected, rel=1e-12)


def test_an_existing_run_is_never_written_over() -> None:
    runs = [nncli.train(config("training.epochs=0")) for _ in range(3)]
    assert [run.path.name for run in runs] == ["c", "c-2", "c-3"]
    assert Run.open("latest").path.name == "c-3"
    with pytest.raises(RunError, match=r"runs/c: exists already; a run is never written over"):
        nncli.train(config(), directory="runs/c")


def test_damaged_weights_are_refused() -> None:
    run = nncli.train(config("training.epochs=1"))
    path = run.path / "weights" / "last.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-4], whole[:20], b"", whole[:-1] + bytes([whole[-1] ^ 1]), b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"last\.safetensors"):
            evaluate(run)


def test_units_that_contradict_the_target_are_refused_with_their_position() -> None:
    Path("c.yaml").write_text(CONFIG.replace("{activation: sigmoid}", "{units: 3, activation: sigmoid}"))
    with pytest.raises(ConfigError, match=r"c\.yaml:5:15  model\.layers\.1\.units: must be 1 or 2 \(is 3\)") as error:
        build(config())
    assert "the target has 2 classes" in str(error.value)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse"])
@pytest.mark.parametrize("units", [1, 2])
def test_two_classes_train_with_one_output_or_two(loss: str, units: int) -> None:
    run = nncli.train(config(f"loss={loss}", f"model.layers.1.units={units}", "training.epochs=80"))
    assert summary(run)["metrics"]["test_accuracy"] > 0.8


def test_an_output_that_cannot_reach_the_target_is_refused() -> None:
    regression = ("data.source={name: friedman1}", "loss=mse")
    with pytest.raises(ConfigError, match="sigmoid gives values from 0 to 1, but the standardized target runs from -"):
        build(config(*regression))
    with pytest.raises(ConfigError, match="softmax makes its outputs sum to 1, but the target is a number"):
        build(config(*regression, "model.layers.1.activation=softmax"))


def test_evaluation_on_data_that_changed_is_refused(tmp_path: Path) -> None:
    table = "a,b,y\n" + "".join(f"{i},{i * i % 7},{'x' if i % 3 else 'z'}\n" for i in range(40))
    Path("t.csv").write_text(table)
    text = CONFIG.replace("{source: {name: moons, n_samples: 203, noise: 0.2}}", "{path: t.csv, target: y}")
    Path("c.yaml").write_text(text)
    run = nncli.train(config("training.epochs=1"))
    assert evaluate(run).rows == 6
    Path("t.csv").write_text(table + "3,4,x\n")
    with pytest.raises(DataError, match="the data changed since the training"):
        evaluate(run)
    assert evaluate(run, data=Path("t.csv")).rows == 41


def test_regression_figures_are_in_the_target_s_own_units_and_scikit_learn_s() -> None:
    text = """\
data: {source: diabetes}
model: {layers: [{units: 4, activation: tanh}, {}]}
loss: mse
"""
    Path("c.yaml").write_text(text)
    run = nncli.train(config("training.epochs=30"))
    result, found = summary(run)["metrics"], evaluate(run)
    figures = found.metrics
    assert figures["rmse"] == pytest.approx(result["test_rmse"], rel=1e-5)
    assert figures["r2"] == pytest.approx(result["test_r2"], rel=1e-5)
    # the target of diabetes runs from 25 to 346 with a deviation of 77
    assert 40 < figures["rmse"] < 80
    test = build(config()).dataset.test
    truth = test.table.target[test.rows]
    assert figures["r2"] == pytest.approx(1 - figures["rmse"] ** 2 / np.var(truth), rel=1e-12)


@pytest.mark.parametrize("monitor", ["validation_r2", "validation_rmse"])
def test_a_monitor_that_the_task_does_not_have_is_refused(monitor: str) -> None:
    with pytest.raises(ConfigError, match=f"monitor: {monitor[11:]} is for regression, and this is a classification; "):
        build(config(f"training.early_stopping.monitor={monitor}"))


def test_without_validation_rows_the_last_epoch_is_the_best_known() -> None:
    result = summary(nncli.train(config("data.split.validation=0", "optimizer.learning_rate=0.5", "training.epochs=9")))
    assert result["best_epoch"] == 9
    assert result["digests"]["best"] == result["digests"]["last"]


def test_a_training_on_wrong_gradients_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(self: object, Z: np.ndarray, A: np.ndarray, D: np.ndarray, buffers: object) -> tuple:
        return lambda: np.tanh(Z, out=A), lambda: np.multiply(D, 1 - A, out=D)

    assert nncli.train(config("training.epochs=0"), gradcheck=True).read_json("gradcheck.json")["passed"]
    monkeypatch.setattr("nncli.engine.activations.Tanh.bind", faulty)
    with pytest.raises(GradientError, match=r"the gradient of layers\.0\.bias, layers\.0\.weight, input is wrong"):
        nncli.train(config(), gradcheck=True)
    run = Run.open("latest")
    assert summary(run)["status"] == "failed"
    assert not run.read_json("gradcheck.json")["passed"]


def test_a_run_on_built_in_data_is_evaluated_on_a_file_with_the_same_columns() -> None:
    from nncli.data.sources import Iris

    Path("c.yaml").write_text("data: {source: iris}\nmodel: {layers: [{activation: softmax}]}\n")
    run = nncli.train(config("training.epochs=1", "data.split={validation: 0, test: 0}"))
    table = Iris().load()
    lines = [",".join([*table.feature_names, *table.target_names])]
    lines += [",".join([*map(str, x), y]) for x, y in zip(table.features.tolist(), table.target.tolist(), strict=True)]
    Path("flowers.csv").write_text("\n".join(lines))
    from_file, from_split = evaluate(run, data=Path("flowers.csv")), evaluate(run, split="train")
    assert from_file.rows == 150
    assert from_file.metrics == from_split.metrics
    assert from_file.loss == pytest.approx(from_split.loss, rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_narrow_relu_networks_are_proven_though_their_biases_start_at_the_kink(seed: int) -> None:
    narrow = ("model.layers.0={units: 6, activation: relu}", "data.source.noise=0.1", f"seed={seed}")
    assert nncli.check_gradients(config(*narrow)).passed


def test_a_stop_in_an_epoch_keeps_the_last_whole_epoch_as_the_best_known() -> None:
    experiment = build(config("data.split={validation: 0, test: 0}"))
    trainer, asked = Trainer(experiment), iter(range(10**6))
    kept: list[np.ndarray] = []
    for event in trainer.run(lambda: next(asked) == 15):
        if isinstance(event, EpochEnded):
            kept.append(trainer.weights.theta.copy())
    assert isinstance(event, Ended)
    assert (event.status, event.best_epoch, len(kept)) == ("interrupted", 1, 1)
    np.testing.assert_array_equal(trainer.best.theta, kept[0])
    assert not np.array_equal(trainer.weights.theta, kept[0])


def test_a_stop_after_a_step_into_infinity_is_a_divergence() -> None:
    trainer = Trainer(build(config("optimizer={name: sgd, learning_rate: 1e39}")))  # beyond float32
    with np.errstate(all="ignore"):
        *_, ended = trainer.run(lambda: True)
    assert isinstance(ended, Ended)
    assert ended.status == "diverged"
    assert np.isfinite(trainer.weights.theta).all()


def test_min_delta_counts_for_patience_and_not_for_the_best() -> None:
    run = nncli.train(config("training.early_stopping={patience: 1000, min_delta: 0.05}", "training.epochs=60"))
    losses = [float(row["validation_loss"]) for row in rows(run)]
    assert summary(run)["best_epoch"] == int(np.argmin(losses)) + 1
    short = nncli.train(config("training.early_stopping={patience: 3, min_delta: 10}", "training.epochs=60"))
    assert summary(short)["epochs"] == 4  # the first gains on nothing, the next three not enough


def test_a_failure_outside_leaves_a_run_that_says_so() -> None:
    def observe(event: object) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        nncli.train(config(), observe=observe)
    assert summary(Run.open("latest")) == {"status": "failed", "problem": "no space"}


def test_weights_of_another_run_are_refused() -> None:
    runs = [nncli.train(config("training.epochs=1", f"seed={seed}")) for seed in (0, 1)]
    weights = "weights/last.safetensors"
    (runs[0].path / weights).write_bytes((runs[1].path / weights).read_bytes())
    with pytest.raises(RunError, match="its weights are not those that it was trained to"):
        evaluate(runs[0])


def test_odd_places_for_runs_are_answered() -> None:
    assert nncli.train(config("name=latest", "training.epochs=0")).path.name == "latest-2"
    Run.open("latest").path.rename("elsewhere")
    with pytest.raises(RunError, match="the newest run was removed; name another"):
        Run.open("latest")
    Path("runs").rename("gone")
    Path("runs").symlink_to("nowhere")
    with pytest.raises(RunError, match="runs: cannot make it"):
        nncli.train(config())
