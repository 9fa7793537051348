"""Estimators of several networks: the members of ``nncli train``, what they say together, and the way to a run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV

import nncli
from nncli import MLPClassifier, MLPRegressor, Run
from nncli.errors import DataError, DivergedError
from nncli.evaluation import evaluate
from nncli.export.write import export
from nncli.trained import load_run
from runs import ensemble_content

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
FRAME = pl.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
WEIGHTS = RNG.integers(1, 4, len(X)).astype(float)
TARGETS: dict[str, pl.DataFrame] = {
    "classes": pl.DataFrame({"y": np.where(X[:, 0] > 0.5, "high", np.where(X[:, 1] > 0, "middle", "low"))}),
    "labels": pl.DataFrame({"p": (X[:, 0] > 0).astype(int), "q": (X[:, 1] > 0).astype(int)}),
    "numbers": pl.DataFrame({"p": X[:, 0] * X[:, 1], "q": 100 + X[:, 2]}),
}
LOSSES = {"classes": "cross_entropy", "labels": "binary_cross_entropy", "numbers": "mse"}
OUTPUTS = {"classes": "softmax", "labels": "sigmoid", "numbers": "identity"}
ROWS: dict[str, Any] = {
    "all": {"ensemble": 3},
    "folds": {"ensemble": {"members": 3, "rows": "folds"}},
    "early": {"ensemble": 3, "epochs": 12, "early_stopping": {"patience": 1}, "optimizer__learning_rate": 0.1},
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def y_of(case: str) -> Any:
    return TARGETS[case]["y"] if TARGETS[case].width == 1 else TARGETS[case]


def made(case: str, rows: str = "all", **params: Any) -> Any:
    kind = MLPRegressor if case == "numbers" else MLPClassifier
    start: dict[str, Any] = {"units": (8,), "epochs": 5, "optimizer": {"name": "adam", "learning_rate": 0.01}}
    estimator = kind(**start, random_state=7)
    return estimator.set_params(**ROWS[rows]).set_params(**params)


def fitted(case: str, rows: str = "all", **params: Any) -> Any:
    pl.concat([FRAME, TARGETS[case]], how="horizontal").write_csv("t.csv")
    return made(case, rows, **params).fit(FRAME, y_of(case))


def bits(estimator: Any) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in estimator.weights_.items()}


def foretold(run: Run) -> np.ndarray:
    nncli.predict(
        run, Path("t.csv"), Path("p.csv"), probabilities=run.read_json("summary.json")["task"] != "regression"
    )
    told = pl.read_csv("p.csv")
    probabilities = told.select("^probability_.*$")
    return (probabilities if probabilities.width else told).to_numpy()


def told(estimator: Any) -> np.ndarray:
    said = estimator.predict(FRAME) if isinstance(estimator, MLPRegressor) else estimator.predict_proba(FRAME)
    return np.asarray(said)


@pytest.mark.parametrize("case", TARGETS)
@pytest.mark.parametrize(
    ("ensemble", "split"),
    [("3", 0), ("{members: 3, rows: folds}", 0), ("3", 0.2)],
    ids=["all rows", "folds", "folds by auto"],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["float64", "float32, weighted"])
def test_its_members_have_the_bits_of_nncli_train(case: str, ensemble: str, split: float, weighted: bool) -> None:
    weight = pl.DataFrame({"sample_weight": WEIGHTS} if weighted else {})
    pl.concat([FRAME, TARGETS[case], weight], how="horizontal").write_csv("t.csv")
    targets, precision = TARGETS[case].columns, "float32" if weighted else "float64"
    Path("c.yaml").write_text(f"""\
seed: 7
data:
  path: t.csv
  target: {targets if len(targets) > 1 else targets[0]}
  weight: {"sample_weight" if weighted else "null"}
  split: {{validation: {split}, test: 0.1}}
model: {{layers: [{{units: 8, activation: relu, dropout: 0.1}}, {{activation: {OUTPUTS[case]}}}]}}
loss: {LOSSES[case]}
optimizer: {{name: adam, learning_rate: 0.01}}
training: {{epochs: 5, precision: {precision}}}
ensemble: {ensemble}
""")
    run = nncli.train(nncli.load_config("c.yaml"), directory="run")
    estimator = made(case, split={"validation": split, "test": 0.1}, dropout=0.1, precision=precision)
    estimator.set_params(ensemble=3 if ensemble == "3" else {"members": 3, "rows": "folds"})
    estimator.fit(FRAME, y_of(case), sample_weight=WEIGHTS if weighted else None)
    trained = load_run(run)
    assert bits(estimator) == {
        f"members.{number}.{name}": tensor.tobytes()
        for number, member in enumerate(trained.members)
        for name, tensor in member.network.tensors(member.weights).items()
    }
    assert np.array_equal(told(estimator), foretold(run).astype(told(estimator).dtype))
    mine, theirs = ensemble_content(estimator.to_run("mine")), ensemble_content(run)
    assert mine == theirs
    assert run.read_json("preprocess.json") == Run.open("mine").read_json("preprocess.json")


@pytest.mark.parametrize("rows", ROWS)
def test_what_it_says_is_the_mean_of_what_its_members_say(rows: str) -> None:
    estimator = fitted("classes", rows)
    assert len(estimator.estimators_) == 3
    P = np.mean([member.predict_proba(FRAME) for member in estimator.estimators_], axis=0)
    np.testing.assert_allclose(estimator.predict_proba(FRAME), P, rtol=1e-12)
    assert np.array_equal(estimator.predict(FRAME), estimator.classes_[P.argmax(axis=1)])
    assert estimator.score(FRAME, y_of("classes")) == accuracy_score(y_of("classes"), estimator.predict(FRAME))
    numbers = fitted("numbers", rows)
    mean = np.mean([member.predict(FRAME) for member in numbers.estimators_], axis=0)
    np.testing.assert_allclose(numbers.predict(FRAME), mean, rtol=1e-9)


def test_what_several_networks_of_a_deviation_say_is_that_of_their_mixture() -> None:
    estimator = made("numbers", loss="gaussian_nll").fit(X, 5 + X[:, 0])
    said = [member.predict_readings(X) for member in estimator.estimators_]
    mean = np.mean([each["prediction"] for each in said], axis=0)
    # the law of total variance
    variance = np.mean([each["deviation"] ** 2 + each["prediction"] ** 2 for each in said], axis=0) - mean**2
    readings = estimator.predict_readings(X)
    np.testing.assert_allclose(readings["prediction"], mean, rtol=1e-9)
    np.testing.assert_allclose(readings["deviation"], np.sqrt(variance), rtol=1e-6)


def test_the_curve_is_the_mean_over_the_members_that_went_the_epoch() -> None:
    estimator = fitted("classes", "early")
    curves = [member.loss_curve_ for member in estimator.estimators_]
    lengths = sorted(map(len, curves))
    assert lengths[0] < lengths[-1]  # they stop at different epochs
    assert estimator.n_iter_ == lengths[-1]
    for epoch, loss in enumerate(estimator.loss_curve_):
        assert loss == pytest.approx(np.mean([curve[epoch] for curve in curves if epoch < len(curve)]))
    assert [row["epoch"] for row in estimator.history_] == [*range(1, lengths[-1] + 1)]


def test_its_members_know_the_classes_and_columns_as_they_were_handed_over() -> None:
    frame = pl.DataFrame({f"x{i}": X[:, i] for i in range(3)})
    truth = X[:, 0] > 0
    estimator = made("classes").fit(frame, truth)
    member = estimator.estimators_[0]
    assert member.classes_.dtype == bool
    assert member.feature_names_in_.tolist() == ["x0", "x1", "x2"]
    assert set(member.predict(frame)) <= {True, False}
    with pytest.raises(AttributeError, match="MLPClassifier is one network, without estimators_: ensemble=5 trains"):
        _ = made("classes", ensemble=None).fit(frame, truth).estimators_
    assert not hasattr(MLPClassifier(ensemble=3), "estimators_")


def test_clone_pickle_and_grid_search() -> None:
    estimator = fitted("classes", "folds")
    assert bits(clone(estimator).fit(FRAME, y_of("classes"))) == bits(estimator)
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(told(again), told(estimator))
    assert again.history_ == estimator.history_
    search = GridSearchCV(estimator, {"ensemble__members": [2, 4]}, cv=2).fit(X, y_of("classes").to_numpy())
    assert len(search.best_estimator_.estimators_) == search.best_params_["ensemble__members"]
    search = GridSearchCV(made("classes"), {"ensemble": [None, 2]}, cv=2).fit(X, y_of("classes").to_numpy())
    assert hasattr(search.best_estimator_, "estimators_") == (search.best_params_["ensemble"] == 2)


@pytest.mark.parametrize(
    ("case", "rows"), [("classes", "all"), ("labels", "folds"), ("numbers", "all"), ("numbers", "folds")]
)
def test_so_many_calls_of_partial_fit_are_a_fit_of_so_many_epochs(case: str, rows: str) -> None:
    whole, parts = made(case, rows, schedule="cosine").fit(X, y_of(case)), made(case, rows, schedule="cosine")
    for call in range(5):
        parts.partial_fit(X, y_of(case), **({"classes": np.unique(y_of(case))} if case != "numbers" else {}))
        assert parts.n_iter_ == call + 1
    assert bits(whole) == bits(parts)
    assert whole.loss_curve_ == parts.loss_curve_


def test_the_first_rows_need_not_have_all_classes() -> None:
    y = y_of("classes").to_numpy()
    low = y == "low"
    estimator = made("classes").partial_fit(X[low], y[low], classes=np.unique(y))
    for _ in range(60):
        estimator.partial_fit(X, y)
    assert estimator.n_iter_ == 61
    assert estimator.score(X, y) > 0.9


def test_a_warm_start_begins_at_the_weights_of_each_member() -> None:
    y = y_of("classes").to_numpy()
    estimator = made("classes", batch_size="full", warm_start=True).fit(X, y)
    losses = [
        member.predict_proba(X)[np.arange(90), np.searchsorted(member.classes_, y)] for member in estimator.estimators_
    ]
    estimator.fit(X, y)
    # in full batches, the loss of the first epoch is that of the weights at its beginning
    assert estimator.loss_curve_[5] == pytest.approx(-np.mean([np.log(p).mean() for p in losses]))
    assert estimator.n_iter_ == 10
    with pytest.raises(
        ValueError,
        match=r"^ensemble: asks for 2 networks, and the training before was of 3 networks; "
        r"fit a new estimator: sklearn\.base\.clone makes one$",
    ):
        estimator.set_params(ensemble=2).fit(X, y)
    with pytest.raises(ValueError, match=r"^ensemble: asks for 1 network, and the training before was of 3 networks; "):
        estimator.set_params(ensemble=None).partial_fit(X, y)


@pytest.mark.parametrize("case", TARGETS)
@pytest.mark.parametrize("rows", ROWS)
def test_an_estimator_of_a_run_is_the_one_that_wrote_it(case: str, rows: str) -> None:
    estimator = fitted(case, rows)
    run = estimator.to_run("run")
    assert np.array_equal(foretold(run), told(estimator))
    again = run.estimator()
    assert type(again) is type(estimator)
    assert np.array_equal(told(again), told(estimator))
    assert again.loss_curve_ == estimator.loss_curve_
    assert ensemble_content(again.to_run("second")) == ensemble_content(run)
    fresh = type(again)(**again.get_params(deep=False)).fit(FRAME, y_of(case))
    assert bits(fresh) == bits(estimator)
    if rows != "early":
        assert bits(again.partial_fit(FRAME, y_of(case))) == bits(estimator.partial_fit(FRAME, y_of(case)))


def test_every_command_reads_its_run() -> None:
    estimator = fitted("classes", "folds", split={"test": 0.1})
    run = estimator.to_run("run", data="t.csv")
    assert nncli.reproduce(run).identical
    assert evaluate(run, split="test").rows == 9
    seen = evaluate(run, split="validation")
    assert seen.out_of_fold
    assert seen.metrics["accuracy"] == run.read_json("summary.json")["metrics"]["out_of_fold_accuracy"]
    assert evaluate(run, data=Path("t.csv")).metrics["accuracy"] == estimator.score(FRAME, y_of("classes"))
    assert export(run, Path("model.py")).agreement.largest <= 1e-12
    pl.read_csv("t.csv")[:-1].write_csv("other.csv")
    with pytest.raises(DataError, match=r"other\.csv: its rows are not those of the training; it has to have"):
        estimator.to_run("other", data="other.csv")
    assert not Path("other").exists()


def test_a_run_that_partial_fit_has_not_brought_to_its_end_predicts_and_goes_on() -> None:
    estimator = made("numbers", epochs=4)
    whole = fitted("numbers", epochs=4)
    for _ in range(2):
        estimator.partial_fit(FRAME, y_of("numbers"))
    run = estimator.to_run("run", data="t.csv")
    assert run.read_json("summary.json")["status"] == "interrupted"
    assert np.array_equal(foretold(run), told(estimator))
    nncli.resume("run")
    assert np.array_equal(told(run.estimator()), told(whole))
    assert run.read_json("summary.json")["status"] == "completed"


def test_a_run_that_began_at_other_weights_says_why_it_is_not_repeated() -> None:
    run = fitted("classes", warm_start=True).fit(FRAME, y_of("classes")).to_run("run", data="t.csv")
    found = nncli.reproduce(run)
    assert not found.identical
    assert found.differences == (
        "an estimator began it at the weights of an earlier training, or trained it on other rows, too",
    )


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"ensemble": 1}, "ensemble: must be at least 2 or a mapping (is 1)"),
        ({"ensemble": {"members": 1}}, "ensemble__members: must be at least 2 (is 1)"),
        ({"ensemble": {"members": 3, "row": "all"}}, "ensemble__row: unknown key, did you mean 'rows'?"),
        (
            {"ensemble": {"members": 99, "rows": "folds"}},
            "ensemble: 90 rows cannot be cut into 99 folds; take fewer folds, or add rows",
        ),
        (
            {"split": {"fold": {"of": 3, "number": 0}}},
            "split__fold: is for one network, and ensemble trains several; leave one out",
        ),
    ],
)
def test_a_wrong_ensemble_is_named_with_what_is_wrong_and_what_to_do(params: dict[str, Any], says: str) -> None:
    estimator = made("classes").set_params(**params)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        estimator.fit(X, y_of("classes"))
    assert str(caught.value) == says
    assert not hasattr(estimator, "_fitted")


def test_a_member_that_diverges_is_named() -> None:
    estimator = made("numbers", optimizer={"name": "sgd", "learning_rate": 1e200})
    with pytest.raises(ValueError, match=r"^member 0: training diverged: epoch 1, batch 2: .*; a smaller") as caught:
        estimator.fit(X, y_of("numbers"))
    assert isinstance(caught.value, DivergedError)


def test_nothing_is_printed_unless_it_is_verbose(capfd: pytest.CaptureFixture[str]) -> None:
    estimator = made("classes", epochs=1).fit(X, y_of("classes"))
    assert capfd.readouterr() == ("", "")
    losses = [member.loss_ for member in estimator.set_params(verbose=True).fit(X, y_of("classes")).estimators_]
    lines = capfd.readouterr().err.splitlines()
    assert lines[::3] == ["member 0 (1 of 3)", "member 1 (2 of 3)", "member 2 (3 of 3)"]
    assert lines[2::3] == [f"epoch 1/1  loss {loss:.4g}" for loss in losses]
