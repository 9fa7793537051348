"""What fit, partial_fit and warm_start come to: the trainings of ``nncli train``, to the bit."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nncli
from nncli import MLPClassifier, MLPRegressor
from nncli.evaluation import load_run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
CLASSES = np.where(X[:, 0] > 0.5, "high", np.where(X[:, 1] > 0, "middle", "low"))
NUMBERS = np.column_stack([X[:, 0] * X[:, 1], 100 + 10 * X[:, 2]])
LABELS = (X[:, :2] > 0).astype(int)
WEIGHTS = RNG.integers(0, 4, len(X)).astype(float)


def theta(estimator: Any) -> np.ndarray:
    return np.concatenate([tensor.ravel() for tensor in estimator.weights_.values()])


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(tensor, b.weights_[name]) for name, tensor in a.weights_.items())


CONFIGS = {
    "classes": ("data: {path: t.csv, target: y, SPLIT}", "softmax", "cross_entropy", CLASSES[:, None], {}),
    "labels": ("data: {path: t.csv, target: [y0, y1], SPLIT}", "sigmoid", "binary_cross_entropy", LABELS, {}),
    "numbers": ("data: {path: t.csv, target: [y0, y1], SPLIT}", "identity", "mse", NUMBERS, {}),
    "weighted": (
        "data: {path: t.csv, target: y, weight: sample_weight, SPLIT}",
        "softmax",
        "cross_entropy",
        CLASSES[:, None],
        {"sample_weight": WEIGHTS},
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_same_config_seed_and_rows_give_the_bits_of_nncli_train(
    case: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, output, loss, Y, also = CONFIGS[case]
    monkeypatch.chdir(tmp_path)
    targets = ["y"] if Y.shape[1] == 1 else ["y0", "y1"]
    columns = {f"x{i}": X[:, i] for i in range(3)} | {name: Y[:, i] for i, name in enumerate(targets)} | also
    pl.DataFrame(columns).write_csv("t.csv")
    Path("c.yaml").write_text(f"""\
seed: 7
{data.replace("SPLIT", "split: {validation: 0.2, test: 0}")}
model: {{layers: [{{units: 8, activation: tanh, dropout: 0.1}}, {{activation: {output}}}]}}
loss: {loss}
optimizer: {{name: adam, learning_rate: 0.01}}
schedule: {{name: cosine, warmup_epochs: 1}}
regularization: {{l2: 0.001}}
training: {{epochs: 12, batch_size: 16, precision: {precision}, early_stopping: {{patience: 3}}, clip_norm: 1}}
""")
    run = nncli.train(nncli.load_config("c.yaml"), directory="run")
    kind = MLPRegressor if case == "numbers" else MLPClassifier
    estimator = kind(
        (8,),
        "tanh",
        0.1,
        learning_rate=0.01,
        schedule={"name": "cosine", "warmup_epochs": 1},
        l2=0.001,
        epochs=12,
        batch_size=16,
        precision=precision,
        early_stopping={"patience": 3},
        clip_norm=1,
        split={"validation": 0.2, "test": 0},
        random_state=7,
    ).fit(X, Y[:, 0] if Y.shape[1] == 1 else Y, **also)
    trained = load_run(run)
    tensors = trained.network.tensors(trained.weights)
    assert {name: tensor.tobytes() for name, tensor in tensors.items()} == {
        name: tensor.tobytes() for name, tensor in estimator.weights_.items()
    }
    assert [row["train_loss"] for row in run.metrics.rows()] == [str(x) for x in estimator.loss_curve_]
    assert run.read_json("environment.json")["data"] == estimator._fitted.environment["data"]


@pytest.mark.parametrize("y", [CLASSES, LABELS, NUMBERS], ids=["classes", "labels", "numbers"])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_so_many_calls_of_partial_fit_are_a_fit_of_so_many_epochs(y: np.ndarray, optimizer: str) -> None:
    kind = MLPRegressor if y is NUMBERS else MLPClassifier
    settings = {"units": (8,), "optimizer": optimizer, "dropout": 0.2, "schedule": "cosine"}
    whole = kind(**settings, epochs=5).fit(X, y)
    parts = kind(**settings, epochs=5)
    first = {} if y is NUMBERS else {"classes": np.arange(2) if y is LABELS else np.unique(y)}
    for call in range(5):
        parts.partial_fit(X, y, **(first if call == 0 else {}))
        assert parts.n_iter_ == call + 1
    assert same(whole, parts)
    assert whole.loss_curve_ == parts.loss_curve_
    assert same(whole.partial_fit(X, y), pickle.loads(pickle.dumps(parts)).partial_fit(X, y))


def test_the_first_rows_need_not_have_all_classes() -> None:
    low = CLASSES == "low"
    estimator = MLPClassifier((8,), learning_rate=0.01).partial_fit(X[low], CLASSES[low], classes=np.unique(CLASSES))
    for _ in range(60):
        estimator.partial_fit(X, CLASSES)
    assert estimator.score(X, CLASSES) > 0.9
    with pytest.raises(ValueError, match="the class 'other' is in no training row; known are high, low, middle"):
        estimator.partial_fit(X[:2], ["other", "low"])


def test_a_warm_start_begins_at_the_weights_that_there_are() -> None:
    estimator = MLPClassifier((8,), epochs=8, batch_size="full", warm_start=True).fit(X, CLASSES)
    before, P = theta(estimator), estimator.predict_proba(X)
    estimator.fit(X, CLASSES)
    # in full batches, the loss of the first epoch is that of the weights at its beginning
    assert estimator.loss_curve_[8] == pytest.approx(log_loss(CLASSES, P), rel=1e-12)
    assert estimator.n_iter_ == 16
    assert not np.array_equal(before, theta(estimator))
    kept = estimator.predict_proba(X)
    assert np.array_equal(estimator.set_params(epochs=0).fit(X, CLASSES).predict_proba(X), kept)
    assert same(
        clone(estimator).set_params(epochs=8).fit(X, CLASSES),
        MLPClassifier((8,), epochs=8, batch_size="full").fit(X, CLASSES),
    )
    with pytest.raises(ValueError, match="the network is another than that whose weights are there"):
        estimator.set_params(units=(9,)).fit(X, CLASSES)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("y", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_a_row_of_weight_k_trains_as_k_rows_do_in_full_batches(y: np.ndarray, optimizer: str) -> None:
    kind = MLPRegressor if y is NUMBERS else MLPClassifier
    settings = {"units": (8,), "activation": "tanh", "optimizer": optimizer, "l2": 0.1, "epochs": 30}
    k = WEIGHTS.astype(int)
    weighted = kind(**settings, batch_size="full").fit(X, y, sample_weight=WEIGHTS)
    copies = kind(**settings, batch_size="full").fit(X.repeat(k, axis=0), y.repeat(k, axis=0))
    np.testing.assert_allclose(theta(weighted), theta(copies), rtol=1e-6, atol=1e-9)


def test_frames_booleans_and_columns_of_names() -> None:
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
    estimator = MLPClassifier((8,), epochs=60, learning_rate=0.01).fit(frame, pl.Series("big", X[:, 0] > 0))
    assert estimator.classes_.dtype == bool
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    assert estimator.config_["data"]["target"] == "big"
    assert (estimator.predict(frame) == (X[:, 0] > 0)).mean() > 0.95
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame.select("b", "a", "c"))


def test_a_target_that_is_called_as_a_feature_gets_another_name() -> None:
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate(["y", "y_", "sample_weight"])})
    data = MLPClassifier((4,), epochs=1).fit(frame, CLASSES, sample_weight=WEIGHTS).config_["data"]
    assert (data["target"], data["weight"]) == ("y__", "sample_weight_")


def test_a_pipeline_and_a_grid_search_in_two_processes() -> None:
    Z, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(epochs=20, batch_size=8))
    grid = {"mlpclassifier__optimizer__learning_rate": [1e-5, 0.01]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=StratifiedKFold(2, shuffle=True, random_state=0)).fit(Z, y)
    assert search.best_params_["mlpclassifier__optimizer__learning_rate"] == 0.01
    assert search.best_estimator_[-1].optimizer == {"name": "adam", "learning_rate": 0.01}
    assert search.best_score_ > 0.9


def test_a_pickle_holds_plain_data_and_predicts_the_same() -> None:
    estimator = MLPClassifier((8,), epochs=3).fit(X, CLASSES)
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert again.history_ == estimator.history_
    # parameters, best and good ones, and Adam's two moments
    assert len(pickle.dumps(estimator)) < 5 * theta(estimator).nbytes + 20_000


def test_nothing_is_printed_unless_it_is_verbose(capfd: pytest.CaptureFixture[str]) -> None:
    estimator = MLPRegressor((8,), epochs=3).fit(X, NUMBERS)
    estimator.predict(X)
    estimator.partial_fit(X, NUMBERS)
    assert capfd.readouterr() == ("", "")
    losses = estimator.set_params(verbose=True).fit(X, NUMBERS).loss_curve_
    head, *lines = capfd.readouterr().err.splitlines()
    assert head == "regression: 3-8-2, 50 parameters; 90 rows to train on, 0 to validate, 0 to test"
    assert lines == [f"epoch {i}/3  loss {loss:.4g}" for i, loss in enumerate(losses, 1)]


def test_a_minimizer_that_did_not_converge_is_told_in_scikit_learn_s_way() -> None:
    with pytest.warns(ConvergenceWarning, match="not converged after 2 iterations: .*; more epochs may help"):
        MLPRegressor((8,), optimizer="lbfgs", epochs=2).fit(X, NUMBERS)
    exact = MLPRegressor((), optimizer="lbfgs").fit(X, 3 * X[:, 0] - X[:, 1])
    np.testing.assert_allclose(exact.predict(X), 3 * X[:, 0] - X[:, 1], atol=1e-4)


def test_what_a_loss_says_beside_the_prediction() -> None:
    y = NUMBERS[:, 1]
    told = MLPRegressor((8,), loss={"name": "quantile", "q": [0.1, 0.5, 0.9]}, epochs=100).fit(X, y)
    readings = told.predict_readings(X)
    assert [*readings] == ["prediction", "quantile 0.1", "quantile 0.5", "quantile 0.9"]
    assert np.array_equal(told.predict(X), readings["quantile 0.5"])
    assert np.mean(readings["quantile 0.1"] < y) > 0.7


def test_outputs_that_are_no_probabilities_are_not_given_for_such() -> None:
    assert hasattr(MLPClassifier(), "predict_proba")
    assert not hasattr(MLPClassifier(loss="hinge"), "predict_proba")
    assert MLPClassifier((8,), loss="hinge", epochs=60, learning_rate=0.01).fit(X, CLASSES).score(X, CLASSES) > 0.9


def test_one_output_of_two_classes_has_two_probabilities() -> None:
    layers = [{"units": 8, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}]
    estimator = MLPClassifier(layers=layers, loss="binary_cross_entropy", epochs=60).fit(X, X[:, 0] > 0)
    P = estimator.predict_proba(X)
    assert P.shape == (90, 2)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert np.array_equal(estimator.predict(X), P[:, 1] > 0.5)


def test_the_best_epoch_s_weights_are_those_of_early_stopping() -> None:
    estimator = MLPClassifier((32,), early_stopping={"patience": 5}, learning_rate=0.05, random_state=1).fit(X, CLASSES)
    assert estimator.config_["data"]["split"]["validation"] == 0.15
    losses = [row["validation_loss"] for row in estimator.history_]
    assert estimator.n_iter_ == np.argmin(losses) + 1 + 5
    assert estimator._fitted.summary["best_epoch"] == np.argmin(losses) + 1
    assert estimator._fitted.summary["metrics"]["validation_loss"] == pytest.approx(min(losses))


def test_a_generator_as_random_state_draws_another_seed_every_time() -> None:
    generator = np.random.RandomState(0)
    a, b, c = (MLPClassifier((4,), epochs=1, random_state=s).fit(X, CLASSES) for s in (generator, generator, 0))
    assert len({a.config_["seed"], b.config_["seed"], c.config_["seed"]}) == 3
    assert c.config_["seed"] == 0
