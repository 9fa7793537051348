"""Tasks end to end: labels, several targets, metrics by name, early stopping on any of them, both precisions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as scikit_learn

import nncli
from nncli.builder import build
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.preprocess import LabelEncoding, Preprocessing
from nncli.errors import ConfigError, DataError
from nncli.evaluation import evaluate, load_run
from nncli.explain import explain_network
from nncli.run import Run
from nncli.training.monitor import Monitor

LABELS = """\
data: {source: {name: multilabel, n_samples: 200, n_classes: 3}}
model: {layers: [{units: 8, activation: relu}, {activation: sigmoid}]}
loss: binary_cross_entropy
training: {epochs: 20}
"""
CLASSES = """\
data: {source: {name: moons, n_samples: 200}}
model: {layers: [{units: 8, activation: relu}, {activation: sigmoid}]}
loss: binary_cross_entropy
training: {epochs: 5}
"""
TARGETS = """\
data: {source: {name: regression, n_samples: 200, n_targets: 2, noise: 5}}
model: {layers: [{units: 8, activation: tanh}, {}]}
loss: mse
optimizer: {learning_rate: 0.01}
training: {epochs: 20}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(text: str, *overrides: str) -> Config:
    Path("c.yaml").write_text(text)
    return load_config("c.yaml", overrides)


def epochs(run: Run) -> list[dict[str, str]]:
    with (run.path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def predictions(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The test rows' targets and the network's outputs, by way of the engine alone."""
    trained, experiment = load_run(run), build(load_config(run.path / "config.yaml"))
    P, _ = trained.predict(experiment.test)
    return experiment.test.targets, P


def refused(text: str, *overrides: str) -> str:
    with pytest.raises((ConfigError, DataError)) as error:
        build(config(text, *overrides))
    return str(error.value)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_labels_are_learned_and_judged_as_scikit_learn_does(precision: str) -> None:
    names = "[accuracy, hamming_loss, f1_micro, f1_macro, roc_auc, label_ranking_loss]"
    run = nncli.train(config(LABELS, f"training.precision={precision}", f"metrics={names}"))
    Y, P = predictions(run)
    assert Y.dtype == P.dtype == precision
    assert set(np.unique(Y)) == {0, 1}
    D = P > 0.5
    expected = {
        "accuracy": (D == Y).all(axis=1).mean(),
        "hamming_loss": (D != Y).mean(),
        "f1_micro": scikit_learn.f1_score(Y, D, average="micro"),
        "f1_macro": scikit_learn.f1_score(Y, D, average="macro"),
        "roc_auc": scikit_learn.roc_auc_score(Y, P),
        "label_ranking_loss": scikit_learn.label_ranking_loss(Y, P),
    }
    found, summary = evaluate(run), run.read_json("summary.json")
    assert summary["task"] == found.task == "multilabel"
    assert found.metrics == pytest.approx(expected, rel=1e-12)
    assert {name: summary["metrics"][f"test_{name}"] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert [report.rows for report in found.labels] == Y.sum(axis=0).tolist()
    report = scikit_learn.classification_report(
        Y, D, target_names=["y1", "y2", "y3"], output_dict=True, zero_division=0
    )
    for each in (*found.labels, *found.averages):
        name = each.name if each.name.startswith("y") else f"{each.name} avg"
        assert each.recall == pytest.approx(report[name]["recall"], rel=1e-12)
        assert each.f1 == pytest.approx(report[name]["f1-score"], rel=1e-12)
    assert found.metrics["hamming_loss"] < 0.35  # labels that are all guessed cost one half


def test_labels_of_a_file_may_be_true_and_false_and_stand_in_any_order() -> None:
    lines = [f"{i % 7},{i % 5},{i % 2},{'true' if i % 3 else 'False'}" for i in range(60)]
    Path("t.csv").write_text("a,b,even,third\n" + "\n".join(lines))
    text = LABELS.replace(
        "{source: {name: multilabel, n_samples: 200, n_classes: 3}}", "{path: t.csv, target: [even, third]}"
    )
    run = nncli.train(config(text))
    assert json.loads((run.path / "preprocess.json").read_text())["target"] == {"labels": ["even", "third"]}
    swapped = [",".join(np.array(line.split(","))[[3, 1, 0, 2]]) for line in lines]
    Path("new.csv").write_text("third,b,a,even\n" + "\n".join(swapped))
    evaluation = evaluate(run, data=Path("new.csv"))
    assert [report.rows for report in evaluation.labels] == [30, 40]
    Path("wrong.csv").write_text("a,b,even,third\n1,2,0,1\n1,2,2,0.5\n")
    with pytest.raises(DataError) as error:
        evaluate(run, data=Path("wrong.csv"))
    assert "wrong.csv line 3, column 'even': 2 is neither 0 nor 1; labels are 0 and 1, or true and false" in str(
        error.value
    )
    assert "wrong.csv line 3, column 'third': 0.5 is neither 0 nor 1" in str(error.value)


def test_label_encodings_come_back_from_json() -> None:
    fitted = build(config(LABELS)).dataset.preprocessing
    assert fitted.task == "multilabel"
    assert Preprocessing.from_json(json.loads(json.dumps(fitted.to_json()))).target == fitted.target
    for wrong in ({"labels": ["a"]}, {"labels": ["a", "a"]}, {"labels": "ab"}, {}):
        with pytest.raises(DataError, match="take the file as nncli wrote it"):
            LabelEncoding.from_json(wrong, "p.json")


def test_labels_are_refused_what_makes_no_sense_for_them() -> None:
    softmax = ("model.layers.1.activation=softmax",)
    assert "loss: cross_entropy is for one class a row, and the target has 3 columns; binary_cross_entropy" in refused(
        LABELS, "loss=cross_entropy", *softmax
    )
    assert "softmax makes its outputs sum to 1, but each label applies or not on its own" in refused(LABELS, *softmax)
    assert "several labels are no classes to stratify by" in refused(LABELS, "data.split.stratify=true")
    assert "must be 3 (is 2): the target has 3 columns" in refused(LABELS, "model.layers.1.units=2")


def test_labels_are_proven_and_explained() -> None:
    assert nncli.check_gradients(config(LABELS)).passed
    explained = explain_network(config(LABELS), rows=3)
    assert explained.task == "multilabel"
    np.testing.assert_array_equal(explained.targets, explained.walk.targets)
    np.testing.assert_array_equal(explained.predictions, explained.walk.predictions > 0.5)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_each_target_of_several_is_reported_in_its_own_units(precision: str) -> None:
    run = nncli.train(config(TARGETS, f"training.precision={precision}"))
    trained, experiment = load_run(run), build(load_config(run.path / "config.yaml"))
    assert trained.weights.theta.dtype == experiment.train.inputs.dtype == precision
    P = trained.preprocessing.target.invert(trained.predict(experiment.test)[0])
    table, rows = experiment.dataset.test.table, experiment.dataset.test.rows
    Y = table.target[rows]
    found = evaluate(run)
    rmse = scikit_learn.root_mean_squared_error(Y, P, multioutput="raw_values")
    assert [each.rmse for each in found.targets] == pytest.approx(rmse.tolist(), rel=1e-12)
    assert [each.r2 for each in found.targets] == pytest.approx(
        scikit_learn.r2_score(Y, P, multioutput="raw_values").tolist(), rel=1e-12
    )
    assert [each.mae for each in found.targets] == pytest.approx(np.abs(P - Y).mean(axis=0).tolist(), rel=1e-12)
    assert found.metrics == pytest.approx(
        {"rmse": rmse.mean(), "mae": np.abs(P - Y).mean(), "r2": scikit_learn.r2_score(Y, P)}, rel=1e-12
    )
    assert found.metrics["r2"] > 0.5


def test_probabilities_are_asked_of_outputs_that_are_some() -> None:
    metrics = "metrics=[brier, log_loss]"
    for good in ((), ("loss=mse",), ("model.layers.1={units: 2, activation: softmax}", "loss=cross_entropy")):
        assert build(config(CLASSES, metrics, *good)).kind.probabilities
    for bad in (("loss=mse", "model.layers.1.activation=tanh"), ("model.layers.1.units=2",)):
        message = refused(CLASSES, metrics, *bad)
        assert "metrics.0: brier needs probabilities, which these outputs are not; softmax gives them" in message
        assert "metrics.1: log_loss needs probabilities" in message


def test_the_figure_of_a_fused_loss_and_log_loss_are_the_same() -> None:
    for text in (CLASSES, CLASSES.replace("sigmoid", "softmax").replace("binary_", "")):
        result = nncli.train(config(text, "metrics=[log_loss]")).read_json("summary.json")["metrics"]
        assert result["test_log_loss"] == pytest.approx(result["test_loss"], rel=1e-5)


def test_a_metric_that_is_not_defined_is_null_and_an_empty_cell(recwarn: pytest.WarningsRecorder) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i % 9},{'x' if i % 4 else 'z'}\n" for i in range(40)))
    Path("one.csv").write_text("a,y\n1,x\n2,x\n3,x\n")
    text = CLASSES.replace(
        "{source: {name: moons, n_samples: 200}}", "{path: t.csv, target: y, validation_path: one.csv}"
    )
    names = "metrics=[accuracy, roc_auc, f1, precision, cohen_kappa, matthews_corrcoef]"
    run = nncli.train(config(text, names))
    assert {row["validation_roc_auc"] for row in epochs(run)} == {""}
    assert {row["validation_accuracy"] for row in epochs(run)} != {""}
    assert run.read_json("summary.json")["metrics"]["validation_roc_auc"] is None
    assert evaluate(run, data=Path("one.csv")).to_json()["metrics"]["roc_auc"] is None
    assert not recwarn.list
    early = "training.early_stopping.monitor=validation_roc_auc"
    assert "roc_auc is not defined on the validation rows: it needs rows with and without each class" in refused(
        text, early
    )


def test_a_monitored_metric_is_measured_and_the_best_epoch_is_where_it_is_highest() -> None:
    early = "training.early_stopping={monitor: validation_f1_macro, patience: 100}"
    run = nncli.train(config(CLASSES, early, "training.epochs=30"))
    scores = [float(row["validation_f1_macro"]) for row in epochs(run)]
    assert run.read_json("summary.json")["best_epoch"] == int(np.argmax(scores)) + 1 > 1
    assert "accuracy" in evaluate(run).metrics
    lowest = nncli.train(config(CLASSES, early.replace("patience", "mode: min, patience"), "training.epochs=30"))
    assert lowest.read_json("summary.json")["best_epoch"] == int(np.argmin(scores)) + 1
    assert epochs(lowest)[-1]["validation_f1_macro"] == epochs(run)[-1]["validation_f1_macro"]


def test_an_epoch_whose_figure_is_not_defined_is_no_better_than_one_that_was() -> None:
    early = "training.early_stopping={monitor: validation_precision, patience: 3}"
    monitor = Monitor(build(config(CLASSES, early)))
    figures = [None, None, 0.2, None, 0.3, 0.3, None, None]
    best = [monitor.is_best(epoch, {"validation_precision": x}) for epoch, x in enumerate(figures, start=1)]
    assert best == [True, True, True, False, True, False, False, False]  # the newest, until there is something to go by
    assert (monitor.best_epoch, monitor.gives_up) == (5, True)


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (CLASSES, "metrics=[rmse]", "metrics.0: rmse is for regression, and this is a classification"),
        (
            TARGETS,
            "metrics=[f1_macro]",
            "metrics.0: f1_macro is for classification and multilabel, and this is a regression",
        ),
        (LABELS, "metrics=[precision]", "metrics.0: precision is for classification, and this is a multilabel class"),
        (CLASSES, "metrics=[f1_makro]", "metrics.0: unknown name 'f1_makro', did you mean 'f1_macro'?"),
        (TARGETS, "metrics=[mean_absolute_error]", "unknown name 'mean_absolute_error', did you mean 'mae'?"),
        (CLASSES, "metrics=[f1, f1]", "metrics.1: asks for f1 twice"),
        (CLASSES, "metrics=f1", "metrics: must be auto or a list (is 'f1'); write [f1]"),
        (
            CLASSES,
            "metrics=[top_k_accuracy]",
            "metrics.0: top_k_accuracy with k = 2 is always 1 where there are 2 classes",
        ),
        (CLASSES, "training.early_stopping.monitor=f1", "unknown figure 'f1', did you mean 'validation_f1'?"),
        (CLASSES, "training.early_stopping.monitor=validation_f1_makro", "did you mean 'validation_f1_macro'?"),
        (CLASSES, "training.early_stopping.monitor=validation_mae", "monitor: mae is for regression, and this is"),
        (CLASSES, "training.early_stopping.monitor=validation_roc_auc_score", "did you mean 'validation_roc_auc'?"),
        (CLASSES, "training.early_stopping.mode=up", "mode: unknown name 'up', known are auto, min, max"),
    ],
)
def test_what_is_asked_for_in_vain_is_said_with_its_place(text: str, override: str, message: str) -> None:
    answer = refused(text, override)
    assert message in answer
    assert len(answer.splitlines()) == 1


def test_linnerud_is_three_targets_of_twenty_men() -> None:
    experiment = build(config(TARGETS, "data={source: linnerud}"))
    assert experiment.network.outputs == 3
    assert experiment.dataset.preprocessing.target.names == ("Weight", "Waist", "Pulse")
    assert len(experiment.dataset.train.table) == 20
