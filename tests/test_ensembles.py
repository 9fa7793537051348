"""Several networks in one run: who trains on what, what they predict together, and that nothing of it is lost."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, log_loss, r2_score

import nncli
from nncli.builder import Tables, build_members, load_dataset, member_config, read_tables
from nncli.cli.evaluation import print_evaluation
from nncli.engine import losses
from nncli.errors import DivergedError, NncliError, RunError
from nncli.evaluation import Evaluation
from nncli.export.write import export
from nncli.recording import Interrupted
from nncli.run import Run
from nncli.trained import Ensemble, load_run, pooled
from nncli.training.events import EpochEnded, Event
from runs import ensemble_content

CONFIG = """\
data: {path: points.csv, target: y}
model:
  layers:
    - {units: 4, activation: tanh}
    - {activation: softmax}
optimizer: {name: adam, learning_rate: 0.02}
training: {epochs: 3, batch_size: 16, checkpoint: {every: 1 epoch}}
ensemble: 3
"""
ROWS = 96
REGRESSION = ("data.target=z", "model.layers.1.activation=identity")
TASKS: dict[str, tuple[str, ...]] = {
    "classes": (),
    "two classes by one output": ("data.target=two", "model.layers.1.activation=sigmoid", "loss=binary_cross_entropy"),
    "two classes by a margin": ("data.target=two", "model.layers.1.activation=identity", "loss=hinge"),
    "labels": ("data.target=[two, side]", "model.layers.1.activation=sigmoid", "loss=binary_cross_entropy"),
    "numbers": (*REGRESSION, "loss=mse"),
    "several targets": (*REGRESSION, "data.target=[z, v]", "loss=huber"),
    "means and deviations": (*REGRESSION, "loss=gaussian_nll"),
    "quantiles": (*REGRESSION, "loss={name: quantile, q: [0.1, 0.5, 0.9]}"),
    "float64": ("training.precision=float64",),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal([3, -200, 0], [5, 100, 1], (ROWS, 3)).T
    pl.DataFrame(
        {
            "id": [f"row {i}" for i in range(ROWS)],
            "a": a,
            "b": b,
            "y": [["x", "größer", "y z"][i] for i in (a > 0).astype(int) + (b > -200)],
            "two": (a + noise > 3).astype(int),
            "side": (b > -200).astype(int),
            "z": 5000 + 40 * a + 0.1 * b * a + 20 * noise,
            "v": b * b / 100,
        }
    ).write_csv("points.csv")


def config(*overrides: str) -> Any:
    """With the columns dropped that are neither features nor target."""
    target = ["data.target=y", *(o for o in overrides if o.startswith("data.target="))][-1]
    named = set(target.removeprefix("data.target=").strip("[]").replace(" ", "").split(","))
    dropped = ", ".join(sorted({"id", "y", "two", "side", "z", "v"} - named))
    return nncli.load_config("c.yaml", [*overrides, f"data.drop=[{dropped}]"])


def train(*overrides: str, run: str = "run", **settings: Any) -> Run:
    return nncli.train(config(*overrides), directory=run, **settings)


def members(run: Run | Path) -> list[Path]:
    return sorted((run.path if isinstance(run, Run) else run).glob("members/*"))


def predicted(run: Run | Path, *, probabilities: bool = True) -> pl.DataFrame:
    nncli.predict(
        run if isinstance(run, Run) else Run(run), Path("points.csv"), Path("p.csv"), probabilities=probabilities
    )
    return pl.read_csv("p.csv")


def normalized(P: Any) -> Any:
    """Probabilities at float32 sum to 1 nearly; scikit-learn wants more."""
    return P / P.sum(axis=1, keepdims=True)


# -- who trains on what --------------------------------------------------------------------------------------------


def test_each_row_is_in_the_fold_of_one_member_and_the_test_rows_are_those_of_one_network() -> None:
    one, several = config("ensemble=null"), config()
    tables = read_tables(several)
    alone, together = load_dataset(one, tables), load_dataset(several, tables)
    datasets = [load_dataset(member_config(several, number), tables) for number in range(3)]
    for dataset in (together, *datasets):
        assert dataset.test.rows.tolist() == alone.test.rows.tolist()
    own = {*alone.train.rows.tolist(), *alone.validation.rows.tolist()}
    assert set(together.train.rows.tolist()) == own
    folds = [set(dataset.validation.rows.tolist()) for dataset in datasets]
    assert sorted(row for fold in folds for row in fold) == sorted(own)
    for dataset, fold in zip(datasets, folds, strict=True):
        assert set(dataset.train.rows.tolist()) == own - fold


def test_a_member_is_scaled_by_its_own_training_rows() -> None:
    run = train()
    frame = pl.read_csv("points.csv").select("a", "b").to_numpy()
    for number, path in enumerate(members(run)):
        rows = load_dataset(member_config(config(), number)).train.rows
        shift = json.loads((path / "preprocess.json").read_text())["features"]["groups"][0]["scaling"]["shift"]
        np.testing.assert_allclose(shift, frame[rows].mean(axis=0), rtol=1e-12)


def test_labels_that_can_only_be_learned_by_heart_are_not_known_out_of_fold() -> None:
    """A member that had seen its fold would know it."""
    rng = np.random.default_rng(7)
    columns = {f"x{i}": rng.normal(size=120) for i in range(20)}
    pl.DataFrame(columns | {"y": rng.integers(0, 2, 120)}).write_csv("noise.csv")
    learned = ["data={path: noise.csv, target: y}", "model.layers.0.units=64", "training.epochs=150", "ensemble=4"]
    run = nncli.train(nncli.load_config("c.yaml", learned), directory="run")
    by_heart, out_of_fold = (nncli.evaluate(run, split=split) for split in ("train", "validation"))
    assert by_heart.metrics["accuracy"] > 0.99
    assert out_of_fold.metrics["accuracy"] < 0.65
    assert all(member.metrics["accuracy"] < 0.8 for member in out_of_fold.members)
    assert run.read_json("summary.json")["metrics"]["out_of_fold_accuracy"] == out_of_fold.metrics["accuracy"]


def test_out_of_fold_figures_are_those_of_each_row_by_the_member_that_did_not_train_on_it() -> None:
    run = train()
    frame = pl.read_csv("points.csv")
    truth, said, P = [], [], []
    for number, path in enumerate(members(run)):
        rows = load_dataset(member_config(config(), number)).validation.rows
        told = predicted(path)[rows]
        truth += frame["y"][rows].to_list()
        said += told["prediction"].to_list()
        P.append(told.select(pl.col("^probability_.*$")).to_numpy())
    found = nncli.evaluate(run, split="validation")
    assert found.out_of_fold
    assert found.rows == len(truth)
    assert found.metrics["accuracy"] == accuracy_score(truth, said)
    np.testing.assert_allclose(found.loss, log_loss(truth, normalized(np.concatenate(P))), rtol=1e-5)
    summary = run.read_json("summary.json")
    assert summary["metrics"]["out_of_fold_accuracy"] == accuracy_score(truth, said)


def test_all_rows_by_seeds_of_their_own() -> None:
    run = train("ensemble={members: 2, rows: all}")
    datasets = [load_dataset(nncli.load_config(path / "config.yaml")) for path in members(run)]
    alone = load_dataset(config("ensemble=null"))
    for dataset in datasets:
        for split in ("train", "validation", "test"):
            assert getattr(dataset, split).rows.tolist() == getattr(alone, split).rows.tolist()
    first, second = (Run(path).load_weights("last")["layers.0.weight"] for path in members(run))
    assert np.abs(first - second).min() > 0
    assert "validation_loss" in run.read_json("summary.json")["metrics"]
    assert not nncli.evaluate(run, split="validation").out_of_fold


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        ((), "folds"),
        (("data.split.validation=0",), "all"),
        (("data.validation_path=points.csv",), "all"),
        (("data.split.validation=0", "ensemble={members: 3, rows: folds}"), "folds"),
    ],
)
def test_left_to_us_there_are_folds_where_rows_are_to_validate(overrides: tuple[str, ...], rows: str) -> None:
    assert config(*overrides).resolved()["ensemble"] == {"members": 3, "rows": rows}


# -- the same bits -------------------------------------------------------------------------------------------------


def test_a_member_is_a_run_that_its_own_config_trains_again_in_any_order() -> None:
    run = train()
    for path in reversed(members(run)):
        again = nncli.train(nncli.load_config(path / "config.yaml"), directory=f"again-{path.name}")
        for which in ("best", "last"):
            file = Path("weights") / f"{which}.safetensors"
            assert (again.path / file).read_bytes() == (path / file).read_bytes()
        assert nncli.reproduce(Run(path)).identical


def test_trained_again_an_ensemble_is_the_same_and_reproduce_says_so() -> None:
    run = train()
    assert ensemble_content(train(run="again")) == ensemble_content(run)
    found = nncli.reproduce(run)
    assert (found.identical, found.members, found.epochs) == (True, 3, 9)


def test_reproduce_names_the_member_that_differs() -> None:
    run = train()
    file = members(run)[1] / "metrics.csv"
    lines = file.read_text().splitlines()
    cells = lines[2].split(",")
    cells[4] = "0.5"
    file.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\n")
    found = nncli.reproduce(run)
    assert (found.identical, found.member, found.epoch) == (False, 1, 2)
    assert [*found.figures] == [lines[0].split(",")[4]]


class Stop(Exception):  # noqa: N818
    """What ends a training from without."""


class StopIn:
    """Ends the training of a member at the end of an epoch, by an exception or by a signal."""

    def __init__(self, member: int, epoch: int, number: int | None = None) -> None:
        self.member, self.epoch, self.number, self.at, self.begun = member, epoch, number, -1, list[str]()

    def turn(self, number: int, members: int) -> None:
        self.at = number

    def began(self, experiment: object, run: Run) -> None:
        self.begun.append(run.path.name)

    def observe(self, event: Event) -> None:
        if isinstance(event, EpochEnded) and (self.at, event.epoch) == (self.member, self.epoch):
            if self.number is None:
                raise Stop
            os.kill(os.getpid(), self.number)

    @property
    def told(self) -> dict[str, Any]:
        return {"turn": self.turn, "began": self.began, "observe": self.observe}


def test_stopped_in_a_member_it_goes_on_there_and_finished_ones_are_not_trained_again() -> None:
    whole = ensemble_content(train(run="whole"))
    with pytest.raises(Stop):
        train(**StopIn(1, 2).told)
    assert Run(Path("run")).read_json("summary.json")["status"] == "failed"
    with pytest.raises(RunError, match="has no result yet: its training did not end"):
        nncli.evaluate(Run(Path("run")))
    watching = StopIn(-1, 0)
    run = nncli.resume("run", **watching.told)
    assert watching.begun == ["1", "2"]
    assert ensemble_content(run) == whole
    said: list[str] = []
    nncli.resume("run", warned=said.append, **watching.told)
    assert said == ["run is complete: nothing is left to do; training.epochs=N trains for longer"]
    assert watching.begun == ["1", "2"]


def test_a_signal_ends_the_whole_and_resume_goes_on_to_the_same_bits() -> None:
    whole = ensemble_content(train(run="whole"))
    with pytest.raises(Interrupted, match="interrupted; nncli resume run goes on") as caught:
        train(**StopIn(1, 1, signal.SIGTERM).told)
    assert caught.value.exit_code == 143
    assert Run(Path("run")).read_json("summary.json")["status"] == "interrupted"
    assert ensemble_content(nncli.resume("run")) == whole


def test_ctrl_c_between_two_members_is_no_failure() -> None:
    whole = ensemble_content(train(run="whole"))

    def turn(number: int, members: int) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(turn=turn)
    assert Run(Path("run")).read_json("summary.json") == {"status": "interrupted"}
    assert ensemble_content(nncli.resume("run")) == whole


def test_more_epochs_reach_every_member_even_if_that_is_stopped_again() -> None:
    whole = ensemble_content(train("training.epochs=5", run="whole"))
    train()
    with pytest.raises(Stop):
        nncli.resume("run", ["training.epochs=5"], **StopIn(1, 4).told)
    assert ensemble_content(nncli.resume("run")) == whole


def test_fewer_epochs_than_a_member_has_are_refused_and_change_nothing() -> None:
    whole = ensemble_content(train(run="whole"))
    with pytest.raises(Interrupted):
        train(**StopIn(1, 1, signal.SIGTERM).told)
    files = {path: path.read_bytes() for path in Path("run").rglob("*.yaml")}
    with pytest.raises(NncliError, match=r"training\.epochs: 3 epochs are trained already; take more, or none"):
        nncli.resume("run", ["training.epochs=2"])
    assert {path: path.read_bytes() for path in Path("run").rglob("*.yaml")} == files
    assert ensemble_content(nncli.resume("run")) == whole


def test_what_would_make_another_ensemble_is_refused() -> None:
    train()
    with pytest.raises(NncliError, match=r"ensemble.members: was 3, and a run cannot go on with 4; train anew"):
        nncli.resume("run", ["ensemble.members=4"])


@pytest.mark.parametrize("lost", ["members/1/weights/last.safetensors", "members/2", "preprocess.json", "summary.json"])
def test_what_is_lost_is_made_again_to_the_same_bits(lost: str) -> None:
    whole = ensemble_content(train())
    file = Path("run") / lost
    if file.is_dir():
        file.rename("gone")
    else:
        file.unlink()
    with pytest.raises(RunError, match="nncli resume run"):
        nncli.evaluate(Run(Path("run")))
    assert ensemble_content(nncli.resume("run")) == whole


def test_a_member_that_was_trained_on_by_itself_is_not_taken_for_what_it_was() -> None:
    run = train()
    nncli.resume(members(run)[0], ["training.epochs=4"])
    with pytest.raises(RunError, match=r"run/members/0: is not as it was when the ensemble was done; nncli resume run"):
        nncli.evaluate(run)


def test_a_member_that_diverges_ends_the_ensemble() -> None:
    overrides = (*TASKS["numbers"], "optimizer={name: sgd, learning_rate: 1e18}")
    with pytest.raises(DivergedError, match="run/members/0: training diverged"):
        train(*overrides)
    assert Run(Path("run")).read_json("summary.json")["status"] == "diverged"
    with pytest.raises(RunError, match="run: its training diverged, and would again"):
        nncli.resume("run")


# -- what they predict together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", TASKS.values(), ids=TASKS)
def test_together_they_predict_the_mean_of_what_each_predicts(overrides: tuple[str, ...]) -> None:
    run = train(*overrides)
    together = predicted(run)
    each = [predicted(path) for path in members(run)]
    names = [name for name in together.columns if name.startswith(("probability", "quantile", "prediction_"))]
    if "prediction" in together.columns and together["prediction"].dtype == pl.Float64:
        names.append("prediction")
    for name in names:
        if together[name].dtype == pl.Int64:  # labels: decided by the mean of the probabilities
            mean = np.mean([one[name.replace("prediction", "probability")] for one in each], axis=0)
            np.testing.assert_array_equal(together[name], mean > 0.5)
        else:
            tolerance = 1e-12 if together[name].dtype == pl.Float64 and name[:4] != "prob" else 1e-6
            np.testing.assert_allclose(together[name], np.mean([one[name] for one in each], axis=0), rtol=tolerance)
    if "deviation" in together.columns:
        means, deviations = (np.array([one[name] for one in each]) for name in ("prediction", "deviation"))
        variance = (deviations**2 + means**2).mean(axis=0) - means.mean(axis=0) ** 2
        np.testing.assert_allclose(together["deviation"], np.sqrt(variance), rtol=1e-6)
    probabilities = [name for name in names if name.startswith("probability")]
    if "prediction" in together.columns and len(probabilities) == 3:
        best = together.select(probabilities).to_numpy().argmax(axis=1)
        assert together["prediction"].to_list() == [probabilities[i].removeprefix("probability_") for i in best]


@pytest.mark.parametrize("overrides", TASKS.values(), ids=TASKS)
def test_onnx_and_numpy_say_what_the_ensemble_says(overrides: tuple[str, ...]) -> None:
    run = train(*overrides)
    precision = load_run(run).dtype
    for file in ("m.onnx", "m.py"):
        found = export(run, Path(file))
        assert "14 test rows" in found.agreement.rows
        assert found.agreement.largest <= (1e-5 if precision == np.float32 else 1e-12)
        assert found.agreement.labels == 0


def test_the_mixture_of_distributions_has_the_deviation_of_what_is_drawn_from_it() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(0, 3, (4, 1)), rng.uniform(0.5, 2, (4, 1))
    told = [{"prediction": m[None], "deviation": d[None]} for m, d in zip(means, deviations, strict=True)]
    pooled_told = losses.registry["gaussian_nll"]().pooled(told)
    drawn = rng.normal(means, deviations, (4, 500_000))
    np.testing.assert_allclose(pooled_told["prediction"].item(), drawn.mean(), atol=0.02)
    np.testing.assert_allclose(pooled_told["deviation"].item(), drawn.std(), rtol=5e-3)


@pytest.mark.parametrize("record", list(losses.registry), ids=lambda record: record.name)
def test_outputs_are_the_inverse_of_readings(record: type[losses.Loss]) -> None:
    loss = record(q=[0.1, 0.5, 0.9]) if record.name == "quantile" else record()
    scale, shift = np.array([2.0, 0.1]), np.array([-3.0, 7.0])
    P = np.random.default_rng(0).normal(size=(5, 2 * loss.outputs_per_target))
    np.testing.assert_allclose(loss.outputs(loss.readings(P, scale, shift), scale, shift), P, rtol=1e-12)
    told = loss.readings(P, scale, shift)
    same = loss.pooled([told, told, told])
    assert [*same] == [*told]
    for name, values in told.items():
        np.testing.assert_allclose(same[name], values, rtol=1e-12)


def test_figures_of_classes_are_those_of_the_mean_probabilities() -> None:
    weights = "loss={name: cross_entropy, class_weight: {x: 3}}"
    run = train(weights)
    found = nncli.evaluate(run)
    rows = load_dataset(config()).test.rows
    truth = pl.read_csv("points.csv")["y"][rows].to_list()
    P = np.mean([predicted(path)[rows].select(pl.col("^probability_.*$")).to_numpy() for path in members(run)], axis=0)
    classes = ["größer", "x", "y z"]
    assert found.metrics["accuracy"] == accuracy_score(truth, [classes[i] for i in P.argmax(axis=1)])
    weight = [3.0 if label == "x" else 1.0 for label in truth]
    np.testing.assert_allclose(found.loss, log_loss(truth, normalized(P), sample_weight=weight), rtol=1e-6)
    for member, path in zip(found.members, members(run), strict=True):
        alone = nncli.evaluate(Run(path))
        assert (member.loss, member.metrics["accuracy"]) == (alone.loss, alone.metrics["accuracy"])


def test_figures_of_numbers_are_in_the_units_of_the_target() -> None:
    run = train(*TASKS["means and deviations"])
    found = nncli.evaluate(run)
    frame, scaling = pl.read_csv("points.csv"), json.loads(Path("run/preprocess.json").read_text())["target"]
    dataset = load_dataset(config(*TASKS["means and deviations"]))
    rows = dataset.test.rows
    truth, told = frame["z"][rows].to_numpy(), predicted(run)[rows]
    np.testing.assert_allclose(found.metrics["r2"], r2_score(truth, told["prediction"]), rtol=1e-9)
    np.testing.assert_allclose(scaling["shift"], frame["z"][dataset.train.rows].mean(), rtol=1e-12)
    density = norm.logpdf(truth, told["prediction"], told["deviation"]) + np.log(scaling["scale"])
    np.testing.assert_allclose(found.loss, -density.mean(), rtol=1e-5)


def test_a_new_file_is_evaluated_and_split_by_no_fold() -> None:
    run = train()
    frame = pl.read_csv("points.csv")
    frame.head(20).write_csv("new.csv")
    found = nncli.evaluate(run, data=Path("new.csv"))
    said = predicted(run)["prediction"].head(20)
    assert found.metrics["accuracy"] == accuracy_score(frame["y"].head(20), said)
    assert [member.rows for member in found.members] == [20, 20, 20]


def test_from_tables_in_memory_members_are_built_and_pooled() -> None:
    """What an estimator does: no file, no run."""
    several = config(*TASKS["numbers"])
    tables = Tables(read_tables(several).train)
    run = train(*TASKS["numbers"])
    together = load_run(run)
    assert isinstance(together, Ensemble)
    outputs, fitted = [], []
    for experiment, member in zip(build_members(several, tables), together.members, strict=True):
        assert experiment.dataset.preprocessing.agrees(member.preprocessing)
        P, _ = member.predict(experiment.test)
        outputs.append(P)
        fitted.append(experiment.dataset.preprocessing)
    dataset = load_dataset(several, tables)
    P = pooled(dataset.preprocessing, fitted, together.network.loss, outputs)
    values = dataset.preprocessing.target.invert(P)[:, 0]
    np.testing.assert_allclose(values, predicted(run)["prediction"].to_numpy()[dataset.test.rows], rtol=1e-9)


# -- what is shown of them -----------------------------------------------------------------------------------------


def test_explain_shows_the_first_member_or_the_one_that_is_asked_for() -> None:
    run = train()
    assert nncli.explain_network(run).source == "run/members/0"
    assert nncli.explain_network(run, member=2).source == "run/members/2"
    with pytest.raises(RunError, match="run: has no member 3: they are numbered from 0 to 2"):
        nncli.explain_network(run, member=3)
    with pytest.raises(RunError, match="run/members/0: is one network, without members; leave --member out"):
        nncli.explain_network(Run(members(run)[0]), member=0)


def test_evaluate_shows_each_member_alone(capsys: pytest.CaptureFixture[str]) -> None:
    run = train()
    found: Evaluation = nncli.evaluate(run, split="validation")
    print_evaluation(run, found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"run, last weights of 3 members, {found.rows} rows of validation"
    assert lines[1] == "out of fold: each row by the one member that did not train on it"
    start = lines.index("each member alone")
    shown = [line.split() for line in lines[start + 4 : start + 7]]
    assert [row[0] for row in shown] == ["0", "1", "2"]
    assert [int(row[1]) for row in shown] == [member.rows for member in found.members]
    assert sum(member.rows for member in found.members) == found.rows


def test_a_summary_says_that_there_are_several() -> None:
    found = nncli.summarize(config())
    assert found.to_json()["members"] == 3
    assert found.resolved["ensemble"] == {"members": 3, "rows": "folds"}
    assert found.rows["train"] + found.rows["validation"] == 82
    assert "members" not in nncli.summarize(config("ensemble=null")).to_json()
