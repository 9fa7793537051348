"""The runs in a folder: which are found, what is told of each, and in which order."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nncli import Run, list_runs, load_config, train
from nncli.errors import NncliError
from nncli.run.lock import locked
from nncli.seeing.listing import Listed, asked_for, judged_by

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: a classification, a regression, an ensemble."""
    home = tmp_path_factory.mktemp("listed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        train(load_config(CONFIGS / "iris.yaml", ["training.epochs=3"]))
        train(load_config(CONFIGS / "diabetes.yaml", ["training.epochs=2"]))
        train(load_config(CONFIGS / "iris.yaml", ["training.epochs=1", "ensemble=2", "name=two"]))
        for i, name in enumerate(("iris", "diabetes", "two")):
            os.utime(home / "runs" / name / "summary.json", (1e9 + i * 60, 1e9 + i * 60))
    return home / "runs"


def made(
    folder: Path, name: str, status: str | None = "completed", config: dict[str, Any] | None = None, **summary: Any
) -> Path:
    """A run that says no more of itself than it must."""
    path = folder / name
    path.mkdir(parents=True)
    Run(path).write_config({"data": {"source": {"name": "iris"}}, **(config or {})})
    if status is not None:
        Run(path).write_json("summary.json", {"status": status, "metrics": {}, **summary})
    return path


def names(runs: list[Listed]) -> list[str]:
    return [run.run for run in runs]


def test_a_row_tells_what_the_summary_does(trained: Path) -> None:
    runs = {run.run: run for run in list_runs(trained)}
    for name, run in runs.items():
        summary = json.loads((trained / name / "summary.json").read_text())
        assert run.metrics == summary["metrics"]
        assert (run.status, run.task, run.parameters) == ("completed", summary["task"], summary["parameters"])
        assert run.seconds == summary["training_seconds"]
        assert run.loss == summary["metrics"]["test_loss"]
        assert run.problem is None
    assert (runs["iris"].metric, runs["iris"].data, runs["iris"].epochs) == ("test_accuracy", "iris", 3)
    assert (runs["diabetes"].metric, runs["diabetes"].score) == ("test_r2", runs["diabetes"].metrics["test_r2"])
    assert (runs["two"].members, runs["two"].epochs, runs["two"].best) == (2, 1, None)


def test_the_newest_come_first_and_the_latest_is_marked(trained: Path) -> None:
    runs = list_runs(trained)
    assert names(runs) == ["two", "diabetes", "iris"]
    assert [run.latest for run in runs] == [True, False, False]
    assert names(list_runs(trained, reverse=True)) == ["iris", "diabetes", "two"]
    json.dumps([run.to_json() for run in runs], allow_nan=False)
    assert runs[2].to_json()["when"] == "2001-09-09T01:46:40+00:00"


def test_runs_are_found_in_folders_and_no_link_is_followed(tmp_path: Path) -> None:
    made(tmp_path, "a")
    made(tmp_path, "sweep/one/b")
    made(tmp_path, "a/members/0")
    made(tmp_path, ".hidden/c")
    (tmp_path / "notes").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "file").touch()
    assert sorted(names(list_runs(tmp_path))) == ["a", "sweep/one/b"]
    assert names(list_runs(tmp_path / "a")) == ["a"]
    assert names(list_runs(tmp_path / "link")) == ["a"]
    assert names(list_runs(tmp_path / "notes")) == []


def test_there_need_be_no_runs_yet_but_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list_runs() == []
    with pytest.raises(NncliError, match="elsewhere: there is no such folder"):
        list_runs("elsewhere")
    Path("runs").touch()
    with pytest.raises(NncliError, match="runs: is a file, and runs lie in a folder"):
        list_runs()


def test_who_runs_and_who_was_killed(tmp_path: Path) -> None:
    path = made(tmp_path, "a", None)
    (path / "summary.json").write_text('{"status": "running"}')
    columns = ("epoch", "step", "seconds", "train_loss", "validation_loss", "validation_accuracy")
    Run(path).metrics.append(*[dict(zip(columns, (i, i, i / 4, 1.0, 2 / i, 0.5), strict=True)) for i in (1, 2)])
    with locked(path):
        assert [run.status for run in list_runs(tmp_path)] == ["running"]
    (run,) = list_runs(tmp_path)
    assert (run.status, run.epochs, run.seconds) == ("killed", 2, 0.5)
    assert (run.metric, run.score, run.loss) == ("validation_accuracy", 0.5, 1.0)
    assert not list(path.glob("*.partial"))


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("no summary", lambda p: (p / "summary.json").unlink(), "summary.json: cannot read it: No such file"),
    ("no config", lambda p: (p / "config.yaml").unlink(), "config.yaml: cannot read it: No such file"),
    ("half a summary", lambda p: (p / "summary.json").write_text('{"sta'), "summary.json: is not JSON"),
    ("a list", lambda p: (p / "summary.json").write_text("[]"), "summary.json: holds no JSON object"),
    ("no status", lambda p: (p / "summary.json").write_text("{}"), ""),
    ("a status of numbers", lambda p: (p / "summary.json").write_text('{"status": 7}'), ""),
    ("an empty config", lambda p: (p / "config.yaml").write_text(""), "config.yaml: holds no mapping"),
    ("bytes", lambda p: (p / "config.yaml").write_bytes(b"a: \xff"), "config.yaml is not UTF-8"),
    ("code", lambda p: (p / "config.yaml").write_text("!!python/name:os.system"), "config.yaml: holds a tag"),
    ("a pipe", lambda p: ((p / "config.yaml").unlink(), os.mkfifo(p / "config.yaml")), "config.yaml: is a pipe"),
    ("a link", lambda p: ((p / "summary.json").unlink(), (p / "summary.json").symlink_to("x")), "is a link"),
    ("1 TB", lambda p: os.truncate(p / "config.yaml", 2**40), "config.yaml: is larger"),
]


@pytest.mark.parametrize(("damage", "says"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_a_damaged_run_says_what_is_wrong_and_the_others_are_listed(
    damage: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    damage(made(tmp_path, "bad"))
    made(tmp_path, "good")
    runs = {run.run: run for run in list_runs(tmp_path)}
    assert runs["good"].status == "completed"
    assert runs["bad"].status == "damaged"
    assert says in (runs["bad"].problem or "")


def test_what_a_stranger_wrote_is_no_figure(tmp_path: Path) -> None:
    metrics = {"test_accuracy": "high", "test_loss": 1e300, "test_r2": True, "x" * 5000: 1, "test_f1": [1]}
    made(tmp_path, "a", metrics=metrics, epochs=-3, best_epoch="x", parameters=1.5, training_seconds=[], task={})
    (run,) = list_runs(tmp_path)
    assert {*run.metrics.values()} == {None, 1.0}
    assert max(map(len, run.metrics)) <= 201
    assert [run.score, run.loss, run.epochs, run.best, run.parameters, run.seconds, run.task] == [None] * 7


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a")
    (tmp_path / "closed").mkdir()
    own = os.scandir

    def scandir(path: Path) -> Any:  # as root, a test is let in everywhere
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return own(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert {run.run: run.problem for run in list_runs(tmp_path)} == {
        "a": None,
        "closed": "cannot be read: Permission denied",
    }


@pytest.mark.parametrize(
    ("config", "metrics", "judge"),
    [
        ({}, {"validation_loss": 1, "validation_accuracy": 1, "test_loss": 1, "test_accuracy": 1}, "test_accuracy"),
        ({}, {"test_loss": 1, "test_rmse": 1, "test_r2": 1}, "test_r2"),
        ({}, {"test_loss": 1, "test_r2": None, "test_rmse": 1}, "test_rmse"),
        ({}, {"out_of_fold_loss": 1, "out_of_fold_accuracy": 1}, "out_of_fold_accuracy"),
        ({}, {"validation_loss": 1, "validation_r2": 1}, "validation_r2"),
        ({"metrics.0.name": "f1"}, {"test_accuracy": 1, "test_f1": 1}, "test_f1"),
        ({"training.early_stopping.monitor": "validation_f1"}, {"test_accuracy": 1, "test_f1": 1}, "test_f1"),
        ({"training.early_stopping.monitor": "validation_loss"}, {"test_loss": 1, "test_accuracy": 1}, "test_accuracy"),
        ({}, {"test_loss": 1}, None),
        ({}, {}, None),
    ],
)
def test_a_run_is_judged_by_what_it_was_trained_for(
    config: dict[str, Any], metrics: dict[str, float | None], judge: str | None
) -> None:
    assert judged_by(config, metrics) == judge


def test_the_best_come_first_whichever_way_they_get_better(tmp_path: Path) -> None:
    draw = random.Random(0)
    values = [draw.random() for _ in range(20)]
    for i, value in enumerate(values):
        made(tmp_path, f"r{i:02}", metrics={"test_accuracy": value, "test_loss": value, "test_rmse": -value})
    made(tmp_path, "none")
    upwards = [f"r{i:02}" for i in sorted(range(20), key=lambda i: values[i])]
    assert names(list_runs(tmp_path, sort="test_loss")) == [*upwards, "none"]
    for key in ("test_accuracy", "score", "test_rmse"):
        assert names(list_runs(tmp_path, sort=key)) == [*upwards[::-1], "none"]
        assert names(list_runs(tmp_path, sort=key, reverse=True)) == [*upwards, "none"]
    assert names(list_runs(tmp_path, sort="run"))[0] == "none"


def test_scores_of_different_metrics_are_not_mixed(tmp_path: Path) -> None:
    for name, metrics in (("a", {"test_r2": 0.9}), ("b", {"test_accuracy": 0.5}), ("c", {"test_r2": 0.95})):
        made(tmp_path, name, metrics=metrics)
    assert names(list_runs(tmp_path, sort="score")) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        (["optimizer.name=adam"], "ac"),
        (["optimizer=adam"], "ac"),
        (["optimizer!=adam"], "b"),
        (["optimizer.momentum=0.90"], "b"),
        (["optimizer.momentum!=0.9"], "ac"),
        (["test_accuracy>0.5"], "bc"),
        (["test_accuracy>=0.5", "test_accuracy<0.9"], "ab"),
        (["test_accuracy = 0.5"], "a"),
        (["status!=completed"], "c"),
        (["run=?"], ""),
        (["run=*"], "abc"),
        (["data=i*s"], "abc"),
        (["training.early_stopping=null"], "a"),
        (["training.early_stopping!=null"], "bc"),
        (["training.shuffle=true"], "b"),
        (["training.shuffle=1"], ""),
        (["status>d"], "c"),
        (["status>5"], "abc"),
        (["epochs<5"], ""),
        (["name==x=y"], "a"),
        (["test_accuracy>" + "9" * 500], ""),
    ],
)
def test_conditions_choose(where: list[str], chosen: str, tmp_path: Path) -> None:
    adam, sgd = {"name": "adam"}, {"name": "sgd", "momentum": 0.9}
    early = {"training": {"early_stopping": None}}
    made(tmp_path, "a", config={"name": "x=y", "optimizer": adam, **early}, metrics={"test_accuracy": 0.5})
    made(
        tmp_path,
        "b",
        config={"optimizer": sgd, "training": {"early_stopping": {"patience": 5}, "shuffle": True}},
        metrics={"test_accuracy": 0.8},
    )
    made(tmp_path, "c", "diverged", config={"optimizer": adam}, metrics={"test_accuracy": 0.9})
    assert names(list_runs(tmp_path, where=where, sort="run")) == [*chosen]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"sort": "scor"}, "--sort: unknown key 'scor', did you mean 'score'?"),
        ({"where": ["test_acuracy>1"]}, "--where: unknown key 'test_acuracy', did you mean 'test_accuracy'?"),
        ({"where": ["optimizr=adam"]}, "--where: unknown key 'optimizr', did you mean 'optimizer'?"),
        ({"where": ["adam"]}, "--where 'adam': is no condition; for example 'test_accuracy>0.9', ..."),
        ({"where": ["=adam"]}, "--where '=adam': is no condition; ..."),
        ({"sort": "zzzzz"}, "--sort: unknown key 'zzzzz', known are run, status, ...; any metric of a summary, ..."),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(arguments: dict[str, Any], says: str, tmp_path: Path) -> None:
    made(tmp_path, "a", config={"optimizer": {"name": "adam"}}, metrics={"test_accuracy": 1})
    with pytest.raises(NncliError) as refused:
        list_runs(tmp_path, **arguments)
    assert re.fullmatch(".*".join(map(re.escape, says.split("..."))), str(refused.value))


def test_what_is_asked_for_beside_the_columns() -> None:
    where = ["epochs>3", "optimizer.name=adam", "test_f1>0"]
    assert asked_for("test_f1", where) == ["test_f1", "optimizer.name"]
