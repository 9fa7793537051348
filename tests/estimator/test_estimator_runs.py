"""From an estimator to a run that the commands read, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import nncli
from nncli import MLPClassifier, MLPRegressor, Run
from nncli.cli.main import app
from nncli.errors import ConfigError, DataError, RunError
from nncli.evaluation import evaluate
from nncli.explain import explain_network
from runs import content

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
FRAME = pl.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
TARGETS: dict[str, pl.DataFrame] = {
    "classes": pl.DataFrame({"y": np.where(X[:, 0] > 0.5, "high", np.where(X[:, 1] > 0, "middle", "low"))}),
    "truth": pl.DataFrame({"y": X[:, 0] > 0}),
    "digits": pl.DataFrame({"y": RNG.integers(3, 6, 90)}),
    "labels": pl.DataFrame({"p": (X[:, 0] > 0).astype(int), "q": (X[:, 1] > 0).astype(int)}),
    "numbers": pl.DataFrame({"p": X[:, 0] * X[:, 1], "q": 100 + X[:, 2]}),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fitted(case: str, **params: Any) -> Any:
    target = TARGETS[case]
    kind = MLPRegressor if case == "numbers" else MLPClassifier
    pl.concat([FRAME, target], how="horizontal").write_csv("t.csv")
    y = target["y"] if target.width == 1 else target
    return kind(**({"units": (8,), "epochs": 5, "learning_rate": 0.01} | params)).fit(FRAME, y)


@pytest.mark.parametrize("case", TARGETS)
def test_a_run_predicts_the_bits_of_its_estimator(case: str) -> None:
    estimator = fitted(case)
    estimator.to_run("run")
    nncli.predict(Run.open("run"), Path("t.csv"), Path("p.csv"), probabilities=case != "numbers")
    told = pl.read_csv("p.csv")
    if case == "numbers":
        assert np.array_equal(told.to_numpy(), estimator.predict(FRAME))
        return
    assert np.array_equal(told.select("^probability_.*$").to_numpy(), estimator.predict_proba(FRAME))
    predicted = told.select("^prediction.*$").to_numpy().squeeze()
    assert np.array_equal(predicted, estimator.predict(FRAME))


@pytest.mark.parametrize("case", TARGETS)
def test_an_estimator_of_a_run_is_the_one_that_wrote_it(case: str) -> None:
    estimator = fitted(case)
    again = estimator.to_run("run").estimator()
    assert type(again) is type(estimator)
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]
    predicted = estimator.predict(FRAME)
    if case == "truth":  # a run has the words for them
        predicted = np.where(predicted, "true", "false")
    assert np.array_equal(again.predict(FRAME), predicted)
    assert again.loss_curve_ == estimator.loss_curve_
    assert content(again.to_run("second")) == content(Run.open("run"))
    # it goes on as the first one does, and its parameters ask for the same training
    y = TARGETS[case] if TARGETS[case].width > 1 else TARGETS[case]["y"]
    if case != "truth":
        fresh = type(again)(**again.get_params(deep=False)).fit(FRAME, y)
        assert np.array_equal(fresh.predict(FRAME), estimator.predict(FRAME))
        after = (one.partial_fit(FRAME, y).predict(FRAME) for one in (again, estimator))
        assert np.array_equal(*after)


def test_an_estimator_of_a_run_of_nncli_train() -> None:
    estimator = fitted("classes")
    Path("c.yaml").write_text("""\
data: {path: t.csv, target: y, split: {validation: 0.2, test: 0.2}}
model: {layers: [{units: 8, activation: relu, norm: batch}, {activation: softmax}]}
training: {epochs: 20, early_stopping: {patience: 3}}
""")
    run = nncli.train(nncli.load_config("c.yaml"))
    estimator = run.estimator()
    nncli.predict(run, Path("t.csv"), Path("p.csv"), probabilities=True)
    told = pl.read_csv("p.csv")
    assert np.array_equal(told["prediction"].to_numpy(), estimator.predict(FRAME))
    assert np.array_equal(told.select("^probability_.*$").to_numpy().astype(np.float32), estimator.predict_proba(FRAME))
    assert estimator.layers[0]["norm"]["name"] == "batch"
    assert estimator.score(FRAME, TARGETS["classes"]["y"]) == evaluate(run, data=Path("t.csv")).metrics["accuracy"]


def test_a_run_that_knows_a_file_with_its_rows_is_one_of_nncli_train() -> None:
    run = fitted("classes", split={"validation": 0.2}).to_run("run", data="t.csv")
    assert nncli.reproduce(run).identical
    assert evaluate(run, split="validation").rows == 18
    assert explain_network(run).training_rows == 72
    pl.read_csv("t.csv")[:-1].write_csv("other.csv")
    estimator = fitted("classes")
    with pytest.raises(DataError, match=r"other\.csv: its rows are not those of the training; it has to have"):
        estimator.to_run("other", data="other.csv")
    assert not Path("other").exists()


def test_a_run_that_knows_no_file_says_what_to_do() -> None:
    run = fitted("classes").to_run("run")
    expected = (
        "data.memory: the rows came from a program that trained an estimator, and no file of the run has them; "
        "nncli evaluate takes others: --data FILE; nncli resume RUN data.path=FILE tells it a file with the same"
    )
    for command in (["evaluate", "run"], ["explain", "run"], ["resume", "run", "training.epochs=9"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2 or isinstance(result.exception, ConfigError)
        said = result.stderr if result.exception is None else str(result.exception)
        assert expected in said.replace("\n", " ") or expected in result.output.replace("\n", " ")
    assert evaluate(run, data=Path("t.csv")).rows == 90
    again = fitted("classes")
    with pytest.raises(RunError, match="exists already"):
        again.to_run("run")


def test_a_run_goes_on_on_a_file_with_the_same_rows() -> None:
    fitted("classes", epochs=5).to_run("run")
    nncli.resume("run", ["data.path=t.csv", "training.epochs=9"])
    longer = fitted("classes", epochs=9)
    assert np.array_equal(Run.open("run").estimator().predict_proba(FRAME), longer.predict_proba(FRAME))
    assert nncli.reproduce(Run.open("run")).figures == {}


def test_a_run_that_began_at_other_weights_says_why_it_is_not_repeated() -> None:
    estimator = fitted("classes", warm_start=True)
    run = estimator.fit(FRAME, TARGETS["classes"]["y"]).to_run("run", data="t.csv")
    found = nncli.reproduce(run)
    assert not found.identical
    assert found.differences == (
        "an estimator began it at the weights of an earlier training, or trained it on other rows, too",
    )


def test_what_a_run_says_is_strict_json_and_whole() -> None:
    run = fitted("labels", split={"test": 0.2, "validation": 0.2}).to_run("run")
    summary = json.loads((run.path / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert summary["rows"] == {"train": 54, "validation": 18, "test": 18}
    assert {"validation_loss", "test_loss"} <= {*summary["metrics"]}
    assert len(run.metrics.rows()) == 5
