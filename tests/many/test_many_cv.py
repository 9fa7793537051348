"""Cross-validations and several seeds: who trains on what, what is written, and that nothing of it is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from commands import called
from sklearn.model_selection import TimeSeriesSplit

import nncli
from nncli.builder import load_dataset, read_tables
from nncli.errors import NncliError
from nncli.many import cross_validate, go_on
from nncli.many.plan import Plan
from nncli.many.series import Watched
from nncli.recording import Interrupted
from nncli.training.events import EpochEnded, Event
from runs import content

CONFIG = """\
data: {path: points.csv, target: y, drop: [who, day], split: {test: 0.2}}
model:
  layers:
    - {units: 4, activation: tanh}
    - {activation: softmax}
optimizer: {name: adam, learning_rate: 0.02}
training: {epochs: 3, batch_size: 16, checkpoint: {every: 1 epoch}}
"""
ROWS = 90
BY_GROUP = ("data.split.group=who", "data.drop=[day]")
BY_TIME = ("data.split.time=day", "data.drop=[who]")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def write(folder: Path) -> None:
    """c.yaml, wide.yaml, and the table that both name."""
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "wide.yaml").write_text(CONFIG.replace("units: 4", "units: 9"))
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(0, 1, (3, ROWS))
    frame = {
        "a": a,
        "b": b,
        "y": np.where(a + b * b + noise > 0.5, "in", "out"),
        "who": [f"p{i // 3}" for i in range(ROWS)],
        "day": rng.permutation(ROWS),
    }
    pl.DataFrame(frame).write_csv(folder / "points.csv")


def config(*overrides: str, file: str = "c.yaml") -> Any:
    return nncli.load_config(file, overrides)


def plan(*overrides: str, folds: int = 5, repeats: int = 3) -> Plan:
    counts = {"folds": folds, "repeats": repeats}
    return Plan("cv", {"c": config(*overrides)}, counts, {}, {})


def parts(plan: Plan) -> dict[tuple[int, int], tuple[set[int], set[int], set[int]]]:
    """Rows to train, to validate and to test, of each repeat and fold."""
    found = {}
    for job in plan.jobs:
        dataset = load_dataset(job.config)
        sets = (set(part.rows.tolist()) for part in (dataset.train, dataset.validation, dataset.test))
        found[job.numbers["repeat"], job.numbers["fold"]] = tuple(sets)
    return found


def trained(path: Path | str) -> dict[str, dict[str, Any]]:
    """All of each run that is the same every time."""
    return {file.parent.relative_to(path).as_posix(): content(file.parent) for file in Path(path).rglob("config.yaml")}


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    for one in result["configs"].values():
        for run in one["runs"]:
            del run["training_seconds"]
    return result


def stops_in(epoch: int, training: int) -> Watched:
    """SIGINT comes in that epoch of that training."""
    number = -1

    def turn(*_: Any) -> None:
        nonlocal number
        number += 1

    def observe(event: Event) -> None:
        if isinstance(event, EpochEnded) and (event.epoch, number) == (epoch, training):
            os.kill(os.getpid(), signal.SIGINT)

    return Watched(observe=observe, turn=turn)


# -- who trains on what ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [(), BY_GROUP, ("data.split.test=0", "data.split.shuffle=false")])
def test_every_row_but_those_of_the_test_validates_exactly_once_in_a_repeat(overrides: tuple[str, ...]) -> None:
    if "data.split.test=0" in overrides:
        tables = read_tables(config(*overrides))
        for job in plan(*overrides, repeats=1).jobs:
            assert load_dataset(job.config, tables).test is None
        return
    found = parts(plan(*overrides))
    alone = load_dataset(config(*overrides))
    (test,) = {frozenset(test) for _, _, test in found.values()}
    assert test == set(alone.test.rows.tolist())  # nncli train has the same test rows
    for repeat in range(3):
        validated = [row for fold in range(5) for row in found[repeat, fold][1]]
        assert sorted(validated) == sorted(set(range(ROWS)) - test)
    for train, validation, _ in found.values():
        assert train == set(range(ROWS)) - test - validation


def test_repeats_cut_the_rows_anew_and_train_by_seeds_of_their_own() -> None:
    found = parts(plan())
    folds = {frozenset(validation) for _, validation, _ in found.values()}
    assert len(folds) == 15
    assert len({job.config.seed for job in plan().jobs}) == 15


def test_classes_are_in_proportion_and_groups_stay_whole() -> None:
    labels = (pl.read_csv("points.csv")["y"] == "in").to_numpy()
    found = parts(plan())
    for repeat in range(3):
        sizes = [int(labels[[*found[repeat, fold][1]]].sum()) for fold in range(5)]
        assert max(sizes) - min(sizes) <= 1
    for each in parts(plan(*BY_GROUP)).values():
        groups = [{row // 3 for row in rows} for rows in each]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_in_time_each_fold_is_later_than_all_that_it_trains_on_as_scikit_learn_has_it() -> None:
    days = pl.read_csv("points.csv")["day"].to_numpy()
    found = parts(plan(*BY_TIME, "data.split.test=0.2", repeats=1, folds=5))
    order = np.argsort(days)[:72]
    for fold, (train, validation) in enumerate(TimeSeriesSplit(n_splits=5).split(order)):
        rows = found[0, fold]
        assert (rows[0], rows[1]) == (set(order[train].tolist()), set(order[validation].tolist()))
        assert days[[*rows[0]]].max() < days[[*rows[1]]].min() <= days[[*rows[1]]].max() < days[[*rows[2]]].min()


def test_rows_of_one_time_are_in_one_fold() -> None:
    frame = pl.read_csv("points.csv").with_columns(pl.col("day") // 4)
    frame.write_csv("points.csv")
    days = frame["day"].to_numpy()
    for train, validation, _ in parts(plan(*BY_TIME, repeats=1)).values():
        assert not set(days[[*train]].tolist()) & set(days[[*validation]].tolist())


# -- what is written -------------------------------------------------------------------------------------------------


def test_each_fold_is_a_run_of_its_own_and_the_figures_come_from_theirs() -> None:
    ended = called("cv", "c.yaml", "--folds", "3", "--repeats", "2", "--run", "out", "--json", "--quiet")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(Path("out/cv.json").read_text())
    assert json.loads(ended.stdout) == {"directory": "out", **result}
    runs = result["configs"]["c"]["runs"]
    assert [run["run"] for run in runs] == [f"repeat-{r}/fold-{f}" for r in range(2) for f in range(3)]
    for name, figure in result["configs"]["c"]["metrics"].items():
        values = [nncli.Run.open(f"out/{run['run']}").read_json("summary.json")["metrics"][name] for run in runs]
        assert (figure["n"], figure["min"], figure["max"]) == (6, min(values), max(values))
        assert (figure["mean"], figure["sd"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
        assert (figure["low"] is None) == name.startswith("test_")
    assert len(nncli.list_runs("out")) == 6
    again = nncli.train(nncli.load_config("out/repeat-1/fold-2/config.yaml"), directory="again")
    assert content(again) == content(Path("out/repeat-1/fold-2"))
    fold = nncli.evaluate(nncli.Run.open("out/repeat-1/fold-2"), split="validation")
    assert fold.metrics["accuracy"] == pytest.approx(runs[5]["metrics"]["validation_accuracy"])


def test_the_same_command_in_another_place_comes_to_the_same() -> None:
    a, b = (cross_validate(config(), folds=2, directory=place) for place in ("a", "b"))
    assert without_seconds(dict(a.result)) == without_seconds(dict(b.result))
    assert trained("a") == trained("b")


def test_two_configs_are_compared_on_the_same_folds() -> None:
    ended = called("cv", "c.yaml", "wide.yaml", "--folds", "3", "--run", "out", "training.epochs=2")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(Path("out/cv.json").read_text())
    assert result["difference"]["of"] == ["wide", "c"]
    for fold in range(3):
        a, b = (nncli.load_config(f"out/{name}/repeat-0/fold-{fold}/config.yaml") for name in ("c", "wide"))
        assert load_dataset(a).validation.rows.tolist() == load_dataset(b).validation.rows.tolist()
        assert (a.model.layers[0].units, b.model.layers[0].units, a.training.epochs) == (4, 9, 2)
    one, other = (
        [run["metrics"]["validation_loss"] for run in result["configs"][name]["runs"]] for name in ("c", "wide")
    )
    found = result["difference"]["metrics"]["validation_loss"]
    assert found["mean"] == pytest.approx(np.mean(np.subtract(other, one)))
    assert (found["n"], found["df"]) == (3, 2)
    assert 0 < found["p"] < 1
    assert "wide minus c, on the same folds" in ended.stdout
    assert "interval and p: approximate, as the folds share rows (Nadeau & Bengio 2003)" in ended.stdout


def test_losses_that_are_other_functions_are_not_compared() -> None:
    found = cross_validate(config(), config("loss={name: cross_entropy, label_smoothing: 0.1}"), folds=2)
    assert [*found.plan.configs] == ["c", "c-2"]
    assert {"validation_loss", "test_loss"}.isdisjoint(found.result["difference"]["metrics"])
    assert "validation_accuracy" in found.result["difference"]["metrics"]
    assert found.path == Path("runs/c-cv")
    assert not Path("runs/latest").exists()


def test_seeds_train_on_the_same_rows() -> None:
    ended = called("train", "c.yaml", "--seeds", "3", "--run", "out", "seed=4")
    assert ended.returncode == 0, ended.stderr
    rows = set()
    for seed in (4, 5, 6):
        own = nncli.load_config(f"out/seed-{seed}/config.yaml")
        assert own.seed == seed
        dataset = load_dataset(own)
        rows.add((tuple(dataset.train.rows), tuple(dataset.validation.rows), tuple(dataset.test.rows)))
    alone = load_dataset(config("seed=4"))
    assert rows == {(tuple(alone.train.rows), tuple(alone.validation.rows), tuple(alone.test.rows))}
    assert len({str(run["summary"]["digests"]) for run in trained("out").values()}) == 3
    figures = json.loads(Path("out/seeds.json").read_text())["configs"]["c"]["metrics"]
    assert figures["test_loss"]["low"] < figures["test_loss"]["mean"] < figures["test_loss"]["high"]
    assert "3 seeds on the same rows" in ended.stdout


# -- stopped ---------------------------------------------------------------------------------------------------------


def test_interrupted_it_goes_on_by_resume_and_by_the_same_command_to_the_same_bits() -> None:
    whole = cross_validate(config(), folds=3, directory="whole")
    for number, place in enumerate(("a", "b")):
        with pytest.raises(Interrupted, match=f"nncli resume {place} goes on"):
            cross_validate(config(), folds=3, directory=place, told=stops_in(2, 1))
        assert json.loads(Path(place, "cv.json").read_text()) == {"status": "interrupted"}
        first = Path(place, "repeat-0/fold-0/summary.json").stat().st_mtime_ns
        turns: list[int] = []
        told = Watched(turn=lambda job, number, jobs, turns=turns: turns.append(number))
        found = go_on(place, told) if number else cross_validate(config(), folds=3, directory=place, told=told)
        assert turns == [1, 2]  # the first is kept as it is
        assert Path(place, "repeat-0/fold-0/summary.json").stat().st_mtime_ns == first
        assert without_seconds(dict(found.result)) == without_seconds(json.loads(Path("whole/cv.json").read_text()))
        assert trained(place) == trained("whole")
    assert whole.path == Path("whole")


def test_stopped_between_two_trainings_it_says_how_to_go_on_and_does() -> None:
    def done(job: Any, summary: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nncli resume out goes on"):
        cross_validate(config(), folds=2, directory="out", told=Watched(done=done))
    assert not Path("out/repeat-0/fold-1/config.yaml").exists()
    assert json.loads(Path("out/cv.json").read_text()) == {"status": "interrupted"}
    go_on("out")
    cross_validate(config(), folds=2, directory="whole")
    assert trained("out") == trained("whole")


def test_a_directory_that_a_killed_process_only_made_is_free() -> None:
    Path("out").mkdir()
    Path("out/.lock").write_text("process 1\n")
    Path("out/.plan.json.x.partial").write_text("{")
    cross_validate(config(), folds=2, directory="out")
    assert not [*Path("out").rglob("*.partial")]


def test_a_fold_whose_weights_are_damaged_is_made_whole_again() -> None:
    cross_validate(config(), folds=2, directory="out")
    before = trained("out")
    Path("out/repeat-0/fold-1/weights/last.safetensors").write_bytes(b"")
    ended = called("resume", "out")
    assert ended.returncode == 0, ended.stderr
    assert trained("out") == before
    assert "2/2  repeat-0/fold-1" in ended.stderr
    ended = called("resume", "out")
    assert ended.stderr == "warning: out is complete: nothing is left to do\n"


def test_data_that_changed_are_refused() -> None:
    with pytest.raises(Interrupted):
        cross_validate(config(), folds=3, directory="out", told=stops_in(2, 1))
    frame = pl.read_csv("points.csv")
    frame.with_columns(pl.col("a") + 1).write_csv("points.csv")
    with pytest.raises(NncliError, match="the data changed since the trainings began; train anew"):
        go_on("out")


def test_processes_come_to_what_one_comes_to() -> None:
    configs = [config(), config(file="wide.yaml")]
    alone = cross_validate(*configs, folds=3, directory="one")
    both = cross_validate(*configs, folds=3, directory="two", jobs=2)
    assert trained("two") == trained("one")
    assert without_seconds(dict(both.result)) == without_seconds(dict(alone.result))


def test_a_training_that_diverges_in_another_process_ends_all_with_3() -> None:
    diverging = ("optimizer={name: sgd, learning_rate: 1e30}", "model.layers.0.activation=relu")
    ended = called("cv", "c.yaml", "--jobs", "2", "--run", "out", *diverging)
    assert (ended.returncode, "training diverged" in ended.stderr) == (3, True)
    assert json.loads(Path("out/cv.json").read_text())["status"] == "diverged"


LONG = ["training.epochs=200", "training.checkpoint.every=50 epochs"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the long trainings come to when nobody touches them."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder)
    cross_validate(nncli.load_config(folder / "c.yaml", LONG), folds=3, directory=folder / "out")
    return trained(folder / "out")


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_stopped_says_how_to_go_on_and_does(signal_: signal.Signals, whole: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "nncli.cli.main"]
    words = [*command, "cv", "c.yaml", "--folds", "3", "--run", "out", *LONG]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 60
        while not Path("out/repeat-0/fold-1/metrics.csv").exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal_)
        said = process.communicate(timeout=60)[1]
    if signal_ == signal.SIGINT:
        assert process.returncode == 130
        assert said.endswith("nncli resume out goes on\n")
    assert called("resume", "out", "--quiet").returncode == 0
    assert trained("out") == whole


def test_a_fold_that_diverges_ends_it_and_is_named() -> None:
    ended = called("cv", "c.yaml", "--folds", "2", "--run", "out", "optimizer={name: sgd, learning_rate: 1e38}")
    assert ended.returncode == 3
    assert "out/repeat-0/fold-0: training diverged" in ended.stderr
    assert json.loads(Path("out/cv.json").read_text())["status"] == "diverged"


# -- told ------------------------------------------------------------------------------------------------------------


def test_a_class_with_fewer_rows_than_folds_is_told() -> None:
    frame = pl.read_csv("points.csv")
    few = pl.Series("y", ["rare"] * 4 + frame["y"].to_list()[4:])
    frame.with_columns(few).write_csv("points.csv")
    ended = called(
        "cv", "c.yaml", "--folds", "6", "data.split.test=0", "training.epochs=1", "metrics=[accuracy, roc_auc]"
    )
    assert ended.returncode == 0, ended.stderr
    assert "warning: the class 'rare' has 4 rows for 6 folds: some validate without it\n" in ended.stderr
    figures = json.loads(Path("runs/c-cv/cv.json").read_text())["configs"]["c"]["metrics"]
    assert figures["validation_roc_auc"]["n"] == 4
    assert "validation roc_auc: from 4 of 6 folds, as in the others it is not defined\n" in ended.stdout
    assert "validation accuracy: from" not in ended.stdout


def test_where_lines_stay_there_is_one_for_each_fold() -> None:
    lines = called("cv", "c.yaml", "--folds", "2", "--run", "out").stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("classification: 2-4-2")
    assert [line.split("  ")[:2] for line in lines[1:]] == [["1/2", "repeat-0/fold-0"], ["2/2", "repeat-0/fold-1"]]


def test_a_debugging_run_is_said_to_be_one() -> None:
    ended = called("cv", "c.yaml", "--folds", "2", "--run", "out", "training.fast_dev_run=1")
    assert "debugging runs (training.fast_dev_run), no result to rely on\n" in ended.stdout
    assert called("resume", "out").stderr == "warning: out is complete: nothing is left to do\n"


def test_early_stopping_is_said_to_have_watched() -> None:
    early = "training.early_stopping={monitor: validation_loss, patience: 2}"
    assert "early stopping, or the schedule, watched the folds" in called("cv", "c.yaml", "--folds", "2", early).stdout
    assert "early stopping" not in called("cv", "c.yaml", "--folds", "2").stdout
