"""Class weights and a column of weights, from the config to the figures of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

import nncli
from nncli.builder import build
from nncli.certify import check_gradients
from nncli.errors import ConfigError, DataError
from nncli.evaluation import evaluate, load_run
from nncli.explain import explain_network

CONFIG = """\
data: {path: t.csv, target: y, weight: w, split: {validation: 0.25, test: 0.25}}
model:
  layers:
    - {units: 6, activation: tanh}
    - {activation: softmax}
loss: cross_entropy
training: {epochs: 3, precision: float64}
"""
N = 200


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    table("t.csv")


def table(file: str, *, weights: bool = True, times: bool = False) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2)).round(3)
    y = np.where(X[:, 0] > 0.8, "rare", np.where(X[:, 1] > 0, "up", "down"))
    w = rng.integers(0, 4, N)
    rows = [f"{a},{b},{c}" + (f",{d}" if weights else "") for a, b, c, d in zip(*X.T, y, w, strict=True)]
    if times:
        rows = np.array(rows).repeat(w).tolist()
    Path(file).write_text("\n".join(["a,b,y" + (",w" if weights else ""), *rows]) + "\n")


def config(*overrides: str) -> nncli.config.schema.Config:
    return nncli.load_config("c.yaml", overrides)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_row_of_weight_2_trains_as_two_rows_do(optimizer: str) -> None:
    """In full batches, the whole training must be that on the table in which each row stands so many times."""
    table("many.csv", weights=False, times=True)
    same = (
        "data.split={validation: 0, test: 0, stratify: false}",
        "training={batch_size: full, epochs: 20, precision: float64}",
        "regularization.l2=0.1",
        f"optimizer={optimizer}",
    )
    weighted = load_run(nncli.train(config(*same)))
    many = load_run(nncli.train(config(*same, "data.weight=null", "data.path=many.csv")))
    np.testing.assert_allclose(weighted.weights.theta, many.weights.theta, rtol=1e-9, atol=1e-12)


def test_the_loss_that_is_reported_is_the_weighted_mean_of_scikit_learn() -> None:
    run = nncli.train(config("loss.class_weight=balanced"))
    summary = json.loads((run.path / "summary.json").read_text())
    experiment, trained = build(config("loss.class_weight=balanced")), load_run(run)
    train = experiment.dataset.train
    for split in ("train", "validation", "test"):
        part, rows = getattr(experiment.dataset, split), getattr(experiment, split)
        predictions, loss = trained.predict(rows)
        by_class = compute_sample_weight("balanced", train.targets)
        w = np.array([by_class[train.targets == code][0] for code in part.targets]) * part.weights
        assert loss == pytest.approx(log_loss(part.targets, predictions, sample_weight=w, labels=[0, 1, 2]), rel=1e-9)
        assert evaluate(run, split=split).loss == pytest.approx(loss, rel=1e-12)
        # metrics count every row the same
        assert evaluate(run, split=split).metrics["accuracy"] == (predictions.argmax(axis=1) == part.targets).mean()
    assert summary["metrics"]["validation_loss"] == pytest.approx(evaluate(run, split="validation").loss)
    assert summary["class_weight"] == experiment.weighing.by_class
    assert experiment.train.weights.mean() == pytest.approx(1)


def test_a_file_without_the_column_is_evaluated_and_that_is_said() -> None:
    run = nncli.train(config("loss.class_weight.rare=3"))
    table("new.csv", weights=False)
    found = evaluate(run, data=Path("new.csv"))
    assert (
        found.loss_weights == "weighted by loss.class_weight; new.csv has no column 'w' of weights: each row counts 1"
    )
    assert evaluate(run).loss_weights == "weighted by data.weight and loss.class_weight"
    assert evaluate(nncli.train(config("data.weight=null", "data.drop=[w]"))).loss_weights is None


def test_the_weights_are_no_feature_and_part_of_the_fingerprint() -> None:
    weighted, dropped = (build(config(*o)).dataset for o in ((), ("data.weight=null", "data.drop=[w]")))
    assert weighted.preprocessing.features.names == ("a", "b")
    assert weighted.fingerprint != dropped.fingerprint


def test_classes_that_are_left_out_count_1_and_one_of_weight_0_is_not_learned() -> None:
    by_class = build(config("loss.class_weight={rare: 0, up: 2}")).weighing.by_class
    assert by_class == {"down": 1.0, "rare": 0.0, "up": 2.0}
    run = nncli.train(config("loss.class_weight={rare: 0}", "training.epochs=200", "data.weight=null"))
    assert evaluate(run).confusion is not None
    assert [row[1] for row in evaluate(run).confusion] == [0, 0, 0]  # never predicted


def test_gradcheck_and_explain_have_the_weights_of_the_config() -> None:
    heavy = config("loss.class_weight={rare: 1e6}")
    assert check_gradients(heavy).verdict == "right"
    walk = explain_network(heavy, rows=5).walk
    np.testing.assert_array_equal(walk.row_weights, build(heavy).train.weights[:5])
    assert walk.loss == pytest.approx(walk.losses.values.mean())


def test_npz_has_an_array_of_weights() -> None:
    rng = np.random.default_rng(0)
    np.savez("t.npz", X=rng.normal(size=(40, 3)), y=rng.integers(0, 2, 40), w=np.arange(40))
    experiment = build(config("data={path: t.npz, weight: w}"))
    np.testing.assert_allclose(
        experiment.train.weights / experiment.train.weights.max(), experiment.dataset.train.rows / 39
    )
    np.savez("t.npz", X=np.ones((4, 3)), y=np.arange(4) % 2, w=np.ones((4, 2)))
    with pytest.raises(DataError, match=r"array 'w' of the weights is float64 \(4, 2\)"):
        build(config("data={path: t.npz, weight: w}"))


def test_an_integer_class_is_named_as_the_data_has_it() -> None:
    Path("i.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    said = config("data={path: i.csv, target: y}", "loss.class_weight={'1': 3}")
    assert build(said).weighing.by_class == {"0": 1.0, "1": 3.0}


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("loss.class_weight.raer=2", ConfigError, "loss.class_weight.raer: unknown class 'raer', did you mean 'rare'"),
        ("loss.class_weight.rare=-1", ConfigError, "loss.class_weight.rare: must be at least 0"),
        ("loss.class_weight.rare=.inf", ConfigError, "loss.class_weight.rare: must be a finite number"),
        ("loss.class_weight=balnced", ConfigError, "did you mean 'balanced'"),
        ("loss={name: mse, class_weight: balanced}", ConfigError, "unknown key, which goes with cross_entropy"),
        ("loss.class_weight={rare: 0, up: 0, down: 0}", DataError, "have the weight 0; some have to count"),
        ("data.weight=W", DataError, "`data.weight`: no column 'W', did you mean 'w'"),
        ("data.weight=y", ConfigError, "data.weight: 'y' is also in data.target"),
        ("data.drop=[w]", ConfigError, "data.weight: 'w' is also in data.drop"),
        ("data={source: iris, weight: w}", ConfigError, "data.weight: goes with data.path"),
    ],
)
def test_weights_that_cannot_be_are_refused_with_their_place(override: str, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        build(config(override))
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0  # one mistake, one line


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("-1", "t.csv line 3, column 'w': the weight -1 is negative; write how often the row counts"),
        ("", "t.csv line 3, column 'w': empty cell; write how often"),
        ("x", "t.csv line 3, column 'w': 'x' is not a number"),
        ("inf", "t.csv line 3, column 'w': inf is not finite"),
    ],
)
def test_a_weight_that_cannot_be_used_is_named_by_its_line(cell: str, message: str) -> None:
    lines = Path("t.csv").read_text().splitlines()
    lines[2] = lines[2].rpartition(",")[0] + f",{cell}"
    Path("t.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        build(config())
    assert message in str(caught.value)


def test_a_column_of_zeros_is_refused() -> None:
    lines = Path("t.csv").read_text().splitlines()
    Path("t.csv").write_text("\n".join([lines[0], *(line.rpartition(",")[0] + ",0" for line in lines[1:])]) + "\n")
    with pytest.raises(DataError, match=r"t\.csv, column 'w': every row has the weight 0"):
        build(config())


def test_the_validation_file_needs_the_column() -> None:
    table("v.csv", weights=False)
    with pytest.raises(DataError, match=r"v\.csv: `data\.weight`: no column 'w'"):
        build(config("data.validation_path=v.csv"))
