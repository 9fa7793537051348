"""Trainings with batch norm, learned slopes, noise, limits: repeatable, saved whole, refused where they cannot work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build, build_network
from nncli.cli.explanation import page
from nncli.engine.network import INPUT
from nncli.engine.randomness import Purpose, Streams
from nncli.engine.summary import blocks_of
from nncli.errors import ConfigError
from nncli.evaluation import evaluate, load_run
from nncli.run import Run
from nncli.training.events import Ended, EpochEnded
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  input: {noise: 0.05, dropout: 0.1}
  layers:
    - {units: 8, activation: prelu, norm: batch, noise: 0.1, dropout: 0.25}
    - {units: 6, activation: tanh, norm: layer, residual: true, max_norm: 0.7, l2: 0.1}
    - {activation: sigmoid, l1: 0}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
regularization: {l1: 0.001, l2: 0.01}
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


def test_the_same_config_gives_the_same_bits_and_another_seed_others() -> None:
    runs = [nncli.train(config(f"seed={seed}")) for seed in (0, 0, 1)]
    digests = [summary(run)["digests"]["last"] for run in runs]
    assert digests[0] == digests[1] != digests[2]
    again = nncli.train(nncli.load_config(runs[0].path / "config.yaml"))
    assert summary(again)["digests"] == summary(runs[0])["digests"]


def test_a_run_that_is_read_back_predicts_what_the_training_predicted() -> None:
    run = nncli.train(
        config("training.early_stopping={patience: 5}", "training.epochs=200", "optimizer.learning_rate=0.05")
    )
    with (run.path / "metrics.csv").open(newline="") as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    result = summary(run)
    assert result["best_epoch"] == int(np.argmin(losses)) + 1 < len(losses)
    # the validation loss of an epoch was measured with its running statistics, which best.safetensors keeps
    assert evaluate(run, split="validation").loss == min(losses)
    assert evaluate(run, split="test").loss == result["metrics"]["test_loss"]
    trained, best, last = load_run(run), run.load_weights("best"), run.load_weights("last")
    for name in ("running_mean", "running_var"):
        assert not np.array_equal(best[f"layers.0.{name}"], last[f"layers.0.{name}"])
    np.testing.assert_array_equal(trained.weights.statistics[:8], best["layers.0.running_mean"])
    np.testing.assert_array_equal(trained.weights.statistics[8:], best["layers.0.running_var"])
    # a dense layer without bias, a scale, a shift and a slope; one with, its norm and its projection; the output
    assert result["parameters"] == (2 * 8 + 3 * 8) + (8 * 6 + 6 + 12 + 8 * 6) + (6 + 1)


def test_a_tampered_statistic_is_noticed() -> None:
    from safetensors.numpy import load, save

    run = nncli.train(config("training.epochs=1"))
    path = run.path / "weights" / "last.safetensors"
    tensors = load(path.read_bytes())
    tensors["layers.0.running_var"][0] *= 2
    path.write_bytes(save(tensors, {"format": "nncli-1", "sha256": summary(run)["digests"]["last"]}))
    with pytest.raises(nncli.errors.RunError, match="damaged"):
        load_run(run)


def test_running_statistics_are_those_of_the_one_full_batch() -> None:
    """From mean 0 and variance 1 by a tenth, at the initial weights, before the update."""
    quiet = ("model.input={}", "training.batch_size=full", "training.epochs=1", "training.precision=float64")
    experiment = build(config(*quiet))
    trainer = Trainer(experiment)
    weight = experiment.network.tensors(trainer.weights.copy())["layers.0.weight"]
    list(trainer.run())
    Z = experiment.train.inputs[:, :-1] @ weight
    np.testing.assert_allclose(trainer.weights.statistics[:8], 0.1 * Z.mean(axis=0), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(trainer.weights.statistics[8:], 0.9 + 0.1 * Z.var(axis=0, ddof=1), rtol=1e-9)


QUIET = ("model.input={}", "model.layers.0.noise=0", "model.layers.0.dropout=0", "model.layers.1.max_norm=null")


def test_under_a_minimizer_running_statistics_follow_every_iteration() -> None:
    """They are those of all rows, at the parameters where the iteration ended: it predicts as it trains."""
    experiment = build(config(*QUIET, "optimizer=lbfgs", "training={epochs: 4, precision: float64}"))
    trainer = Trainer(experiment)
    for event in trainer.run():
        if isinstance(event, EpochEnded):
            weight = experiment.network.tensors(trainer.weights)["layers.0.weight"]
            Z = experiment.train.inputs[:, :-1] @ weight
            wanted = [*Z.mean(axis=0), *Z.var(axis=0, ddof=1)]
            np.testing.assert_allclose(trainer.weights.statistics, wanted, rtol=1e-9, atol=1e-15)
    assert trainer.steps == 4


def test_an_average_of_the_parameters_predicts_by_the_average_of_their_running_statistics() -> None:
    made = config("training={epochs: 5, batch_size: full, precision: float64, average: {decay: 0.3}}")
    trainer = Trainer(build(made))
    mean = trainer.weights.copy()
    for event in trainer.run():
        if isinstance(event, EpochEnded):
            decay = min(0.3, (1 + event.step) / (10 + event.step))
            for average, vector in ((mean.theta, trainer.weights.theta), (mean.statistics, trainer.weights.statistics)):
                average[...] = decay * average + (1 - decay) * vector
            np.testing.assert_allclose(trainer.last.statistics, mean.statistics, rtol=1e-12)
            np.testing.assert_allclose(trainer.last.theta, mean.theta, rtol=1e-9, atol=1e-14)
    run = nncli.train(made)
    np.testing.assert_array_equal(run.load_weights("last")["layers.0.running_var"], trainer.last.statistics[8:])
    assert evaluate(run, split="test").loss == summary(run)["metrics"]["test_loss"]


def test_a_minimizer_that_finds_nothing_to_do_leaves_statistics_of_all_rows() -> None:
    made = ("optimizer={name: lbfgs, gtol: 1e9}", "training={epochs: 4, precision: float64}")
    experiment = build(config(*QUIET, *made))
    trainer = Trainer(experiment)
    list(trainer.run())
    Z = experiment.train.inputs[:, :-1] @ experiment.network.tensors(trainer.weights)["layers.0.weight"]
    assert trainer.steps == 0
    np.testing.assert_allclose(trainer.weights.statistics[8:], Z.var(axis=0, ddof=1), rtol=1e-9)


def test_a_network_with_batch_norm_predicts_what_a_minimizer_has_trained() -> None:
    run = nncli.train(config(*QUIET, "optimizer=lbfgs", "training={epochs: 20, precision: float64}"))
    rows = (run.path / "metrics.csv").read_text().splitlines()
    reported = float(dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))["train_loss"])
    assert evaluate(run, split="train").loss == pytest.approx(reported, rel=0.05)  # the unbiased variance is the rest


def test_running_statistics_follow_every_batch_that_is_gathered_for_an_update() -> None:
    """Two halves of the rows for one update, at the same weights."""
    made = ("training.precision=float64", "training.epochs=1", "training.accumulate=2", "training.batch_size=72")
    experiment = build(config(*QUIET, *made))
    trainer = Trainer(experiment)
    weight = experiment.network.tensors(trainer.weights.copy())["layers.0.weight"]
    order = Streams(0, Purpose.ORDER).of(1).permutation(143)
    list(trainer.run())
    mean = np.zeros(8)
    for rows in (order[:72], order[72:]):
        mean = 0.9 * mean + 0.1 * (experiment.train.inputs[rows, :-1] @ weight).mean(axis=0)
    np.testing.assert_allclose(trainer.weights.statistics[:8], mean, rtol=1e-9, atol=1e-15)


def test_a_divergence_puts_the_statistics_back_with_the_parameters() -> None:
    trainer = Trainer(build(config("optimizer={name: sgd, learning_rate: 1e30}", "training.epochs=50")))
    kept = [trainer.weights.copy()]
    with np.errstate(all="ignore"):
        for event in trainer.run():
            if isinstance(event, EpochEnded):
                kept.append(trainer.weights.copy())
    assert isinstance(event, Ended)
    assert event.status == "diverged"
    np.testing.assert_array_equal(trainer.weights.theta, kept[-1].theta)
    np.testing.assert_array_equal(trainer.weights.statistics, kept[-1].statistics)


def test_max_norm_holds_after_every_training_and_without_it_does_not() -> None:
    def longest(*overrides: str) -> dict[str, float]:
        tensors = nncli.train(config("optimizer.learning_rate=0.1", *overrides)).load_weights("last")
        names = ("layers.1.weight", "layers.1.projection")
        return {name: float(np.linalg.norm(tensors[name].astype(float), axis=0).max()) for name in names}

    assert max(longest("model.layers.1.max_norm=0.1").values()) <= 0.1 * (1 + 1e-6)
    assert min(longest("model.layers.1.max_norm=null").values()) > 0.15


def test_a_block_s_own_penalty_stands_in_place_of_the_common_one() -> None:
    experiment = build(config())
    found = {name: (penalty.l1, penalty.l2) for name, penalty in experiment.network.penalties()}
    assert found == {
        "layers.0.weight": (0.001, 0.01),
        "layers.1.weight": (0.001, 0.1),
        "layers.1.projection": (0.001, 0.1),
        "layers.2.weight": (0, 0.01),
    }


def test_the_layers_of_a_block_stand_in_their_order_and_those_of_the_input_in_front() -> None:
    experiment = build(config())
    found = [stage.name for stage in experiment.network.stages]
    assert found[:2] == [f"{INPUT}.noise", f"{INPUT}.dropout"]
    assert found[2:7] == [f"layers.0.{kind}" for kind in ("dense", "norm", "activation", "noise", "dropout")]
    again = build_network(config(), experiment.dataset.preprocessing)
    assert list(again.layout) == list(experiment.network.layout)


def test_a_summary_tells_what_stands_in_front_of_the_first_block_with_the_input() -> None:
    blocks = {block.name: block for block in blocks_of(build(config()).network, 16, np.float32)}
    assert [*blocks] == ["input", "layers.0", "layers.1", "layers.2", "loss", "penalty"]
    assert blocks["input"].made_of == ("noise 0.05", "dropout 0.1")
    assert blocks["layers.0"].made_of == ("dense", "batch norm", "prelu", "noise 0.1", "dropout 0.25")
    assert blocks["layers.0"].parameters == 2 * 8 + 3 * 8
    assert blocks["layers.0"].multiply_adds == 2 * 8


def test_the_certificate_is_about_the_network_as_it_trains_and_as_it_predicts() -> None:
    """As it trains with noise drawn once, and never on a row alone, of which batch norm leaves nothing."""
    proof = nncli.check_gradients(config())
    assert proof.passed
    places = [(check.place, check.rows) for check in proof.checks if check.term == "loss"]
    assert places == [
        (f"{place}{suffix}", rows)
        for place in ("initial weights", "after 5 steps")
        for suffix, rows in (("", 8), (", as it predicts", 8), (", as it predicts", 1))
    ]
    assert not nncli.check_gradients(config(), fault="evaluated_as_trained").passed


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.batch_size=142",
            "training.batch_size: model.layers.0.norm needs at least 2 rows in a batch, and the last of 143 training "
            "rows has 1; use norm: layer, or a batch_size that fits, such as 143",
        ),
        (
            "training.batch_size=1",
            "model.layers.0.norm needs at least 2 rows in a batch, and it has 1; "
            "use norm: layer, or a batch_size that fits, such as 3",
        ),
        (
            "model.layers.0.bias=true",
            "model.layers.0.bias: batch norm takes out again what is added to all rows alike; its shift is the bias; "
            "leave it out",
        ),
        (
            "model.layers.2.noise=0.1",
            "model.layers.2.noise: the output block's values are the predictions: they are no place for noise; "
            "set it on the block before, or leave it out",
        ),
        (
            "optimizer=lbfgs",
            "model.layers.1.max_norm: puts weights right after updates, and lbfgs has none: it moves by a line search; "
            "leave it out",
        ),
        ("model.input.dropout=1", "model.input.dropout: must be less than 1"),
        ("model.layers.0.max_norm=0", "model.layers.0.max_norm: must be greater than 0"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(config(override))
    assert message in str(error.value)


def test_a_bias_in_front_of_batch_norm_is_left_out_and_elsewhere_it_is_not() -> None:
    experiment = build(config())
    assert "layers.0.bias" not in experiment.network.layout
    assert "layers.1.bias" in experiment.network.layout
    assert "layers.0.bias" in build(config("model.layers.0.norm=layer")).network.layout
    assert "layers.1.bias" not in build(config("model.layers.1.bias=false")).network.layout


def test_explain_shows_the_network_as_it_predicts_with_what_batch_norm_has_seen() -> None:
    run = nncli.train(config())
    found = nncli.explain_network(run, rows=2)
    tensors, walk = run.load_weights("last"), found.walk
    assert [layer.number for layer in walk.layers] == [0, 1, 2, 3]
    assert walk.layers[1].does == (
        "dense, batch norm (epsilon = 1e-05, momentum = 0.1), prelu (initial_slope = 0.25), noise, dropout"
    )
    shown = {q.symbol: q.values for layer in walk.layers for q in (*layer.parameters, *layer.statistics)}
    np.testing.assert_allclose(shown["running_var1"], tensors["layers.0.running_var"], rtol=1e-7)
    X, signals = walk.inputs.values, {q.symbol: q.values for layer in walk.layers for q in layer.forward}
    np.testing.assert_array_equal(signals["dropout0"], X)
    X_hat = (X @ shown["W1"] - shown["running_mean1"]) / np.sqrt(shown["running_var1"] + 1e-5)
    norm = shown["scale1"] * X_hat + shown["shift1"]
    np.testing.assert_allclose(signals["norm1"], norm, rtol=1e-12)
    np.testing.assert_allclose(signals["A1"], np.where(norm > 0, norm, shown["slope1"] * norm), rtol=1e-12)
    slopes = {q.symbol: q for layer in walk.layers for q in layer.backward}
    below = slopes["∂C/∂A1"].values * np.minimum(norm, 0)
    np.testing.assert_allclose(slopes["∂C/∂slope1"].values, below.sum(axis=0), rtol=1e-12)
    assert slopes["∂C/∂slope1"].formula == "Σ_rows ∂C/∂A1 ⊙ min(norm1, 0)"
    assert found.to_json()["layers"][1]["statistics"]["running_mean"]["tensor"] == "layers.0.running_mean"
    text = list(page(found, 80))
    assert "2-8-6-1" in text[0]
    assert any(line.startswith("forward, layer 0 (input): 2 → 2, noise, dropout") for line in text)
    assert any("running_mean1 (8,)" in line for line in text)
