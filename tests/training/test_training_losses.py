"""Every loss from a config to a run: what it asks of data and network, and what its outputs come to mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.config.schema import Config
from nncli.errors import ConfigError, DataError, NncliError
from nncli.evaluation import evaluate, load_run

CONFIG = """\
data: {path: t.csv, target: y, features: [a, b]}
model: {layers: [{units: 12, activation: tanh}, {}]}
loss: mse
optimizer: {name: adam, learning_rate: 0.01}
training: {epochs: 120, precision: float64}
"""


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """y with a noise that grows with b, counts, shares of three, two classes and three."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 600))
    y = 100 + 40 * a + rng.normal(size=600) * np.exp(2 * b)
    counts = rng.poisson(np.exp(1 + a - b))
    weights = np.exp([2 * a, 2 * b, 0 * a])
    shares = np.round(weights / weights.sum(axis=0), 3)
    lines = ["a,b,y,count,s1,s2,s3,three,two"]
    for i in range(600):
        three, two = "xyz"[int(shares[:, i].argmax())], "no" if a[i] + b[i] < 0 else "yes"
        lines.append(",".join(map(str, [a[i], b[i], y[i], counts[i], *shares[:, i], three, two])))
    Path("t.csv").write_text("\n".join(lines) + "\n")
    Path("c.yaml").write_text(CONFIG)


def config(*overrides: str) -> Config:
    return nncli.load_config("c.yaml", overrides)


def test_means_and_deviations_are_learned_and_told_in_the_target_s_own_units() -> None:
    run = nncli.train(config("loss=gaussian_nll"))
    found, experiment = evaluate(run), build(config("loss=gaussian_nll"))
    assert found.metrics["r2"] > 0.9
    assert found.metrics["rmse"] == pytest.approx(run.read_json("summary.json")["metrics"]["test_rmse"], rel=1e-9)
    trained = load_run(run)
    outputs, loss = trained.predict(experiment.test)
    scaling = experiment.dataset.preprocessing.target
    told = trained.network.loss.readings(outputs, scaling.scale, scaling.shift)
    part = experiment.dataset.test
    b = part.table.features[part.rows, 1]
    # the noise of the data has the deviation exp(2b), the same at both ends to a factor of 50
    ratio = told["deviation"][:, 0] / np.exp(2 * b)
    assert 0.5 < np.median(ratio[b < 0]) < 2
    assert 0.5 < np.median(ratio[b > 0]) < 2
    y = part.table.target[part.rows].reshape(-1)
    z = (y - told["prediction"][:, 0]) / told["deviation"][:, 0]
    # the loss is in units of the scaled target: log of its deviation is what lies between
    own = (np.log(2 * np.pi) / 2 + np.log(told["deviation"][:, 0]) + z**2 / 2).mean()
    assert loss == pytest.approx(own - np.log(scaling.scale[0]), rel=1e-9)


def test_quantiles_cover_what_they_say() -> None:
    """At the bottom, the bias of each output has so many training rows below it: Koenker & Bassett (1978)."""
    descent = ("training.epochs=1500", "training.batch_size=full", "optimizer.learning_rate=0.003")
    run = nncli.train(config("loss={name: quantile, q: [0.1, 0.5, 0.9]}", *descent))
    experiment = build(load_run(run).config)
    outputs, _ = load_run(run).predict(experiment.train)
    below = (experiment.train.targets < outputs).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.05)
    assert evaluate(run).metrics["r2"] > 0.9


@pytest.mark.parametrize("output", ["softplus", "exponential"])
def test_counts_are_taken_as_they_are_and_rates_are_learned(output: str) -> None:
    run = nncli.train(config("loss=poisson", "data.target=count", f"model.layers.1.activation={output}"))
    trained = load_run(run)
    assert trained.preprocessing.target.method == "none"
    experiment = build(trained.config)
    outputs, _ = trained.predict(experiment.test)
    a, b = experiment.dataset.test.table.features[experiment.dataset.test.rows].T
    assert np.corrcoef(outputs[:, 0], np.exp(1 + a - b))[0, 1] > 0.97
    assert evaluate(run).metrics["r2"] > 0.3


def test_shares_are_learned() -> None:
    run = nncli.train(config("loss=kl_divergence", "data.target=[s1, s2, s3]", "model.layers.1.activation=softmax"))
    found = evaluate(run)
    assert found.task == "regression"
    assert found.metrics["rmse"] < 0.03


@pytest.mark.parametrize(
    ("loss", "target", "last"),
    [
        ("hinge", "two", "{}"),
        ("hinge", "two", "{units: 2}"),
        ("hinge", "three", "{}"),
        ("squared_hinge", "two", "{}"),
        ("squared_hinge", "three", "{}"),
        ("focal", "three", "{activation: softmax}"),
        ("focal", "two", "{activation: softmax}"),
        ("{name: binary_focal, alpha: 0.4}", "two", "{activation: sigmoid}"),
        ("{name: cross_entropy, label_smoothing: 0.1}", "three", "{activation: softmax}"),
        ("{name: binary_cross_entropy, label_smoothing: 0.1}", "two", "{activation: sigmoid}"),
        ("kl_divergence", "three", "{activation: softmax}"),
        ("huber", "three", "{}"),
    ],
)
def test_classes_are_learned_with_every_loss_for_them(loss: str, target: str, last: str) -> None:
    layers = f"model.layers=[{{units: 12, activation: tanh}}, {last}]"
    run = nncli.train(config(f"loss={loss}", f"data.target={target}", layers, "training.epochs=60"))
    found = evaluate(run)
    assert found.metrics["accuracy"] > 0.85
    assert found.metrics["accuracy"] == run.read_json("summary.json")["metrics"]["test_accuracy"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=poisson", "data.target=count"], "poisson needs outputs above 0 .* which identity does not give"),
        (["loss=poisson", "model.layers.1.activation=relu"], "fitting are softplus, exponential, sigmoid$"),
        (
            ["loss=poisson", "data.target=count", "model.layers.1.activation=sigmoid"],
            "sigmoid gives values from 0 to 1, but the target runs from 0 to .*; use softplus or exponential",
        ),
        (
            ["loss=poisson", "model.layers.1.activation=softplus", "data.preprocess.target=standardize"],
            "data.preprocess.target: poisson takes the target as it stands in the data",
        ),
        (
            ["loss=poisson", "data.target=s1", "data.drop=[]", "model.layers.1.activation=softmax"],
            "free of each other, which softmax does not give",
        ),
        (["loss=hinge", "data.target=two", "model.layers.1.activation=sigmoid"], "outputs on both sides of 0"),
        (["loss=gaussian_nll", "model.layers.1.activation=tanh"], "needs outputs without bounds"),
        (
            ["loss=gaussian_nll", "model.layers.1.units=1"],
            r"must be 2 \(is 1\): .* gaussian_nll takes 2 outputs for each",
        ),
        (["loss=gaussian_nll", "data.target=three"], "gaussian_nll goes with a target of numbers"),
        (["loss={name: quantile, q: 1.0}"], "loss.q: must be less than 1"),
        (["loss={name: cross_entropy, label_smoothing: 1}"], "loss.label_smoothing: must be less than 1"),
    ],
)
def test_what_does_not_go_together_is_refused_with_a_remedy(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(config(*overrides))


def test_rows_that_are_no_counts_or_no_shares_are_named() -> None:
    Path("t.csv").write_text("a,b,y,z\n" + "0,1,0.5,0.5\n1,0,3,0\n" * 20 + "1,1,-2,3\n")
    whole = ("data.split={validation: 0, test: 0}",)
    with pytest.raises(
        DataError, match=r"line 42: the loss takes counts: numbers that are not negative; this row has -2"
    ):
        build(config("loss=poisson", "model.layers.1.activation=softplus", *whole))
    with pytest.raises(NncliError, match=r"sum to 1 \(within 0.01\); this row has 3, 0; .*\n(.*\n)*and 16 more"):
        build(config("loss=kl_divergence", "data.target=[y, z]", "model.layers.1.activation=softmax", *whole))
