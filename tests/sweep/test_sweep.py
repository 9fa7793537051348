"""Sweeps: the same trials to the same bits whoever trains them, nothing lost when somebody dies, and the best a run."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import called
from terminals import Terminal, written

import nncli
from nncli.errors import NncliError
from nncli.many.work import Task, do
from nncli.sweep import Watched, go_on, load_sweep, run_sweep
from nncli.sweep.pictures import pictures
from nncli.sweep.proposing import STARTUP, Model
from nncli.sweep.search import Search
from nncli.sweep.trial import Trial
from runs import content

CONFIG = """\
data: {path: rings.npz}  # which a worker reads without what it would take a second to load
model:
  layers:
    - {units: 4, activation: tanh, dropout: 0.1}
    - {activation: sigmoid}
loss: binary_cross_entropy
training: {epochs: 12, batch_size: 16, checkpoint: {every: 1 epoch}}
report: {plots: false}
"""
SWEEP = """\
config: c.yaml
space:
  optimizer.name: [adam, sgd]
  optimizer.learning_rate: {log_uniform: [1e-3, 1e-1]}
  optimizer.momentum: {uniform: [0.1, 0.9], when: {optimizer.name: sgd}}
  model.layers.0.units: {integer: [2, 9]}
trials: 8
"""
LONG = "set={training.epochs: 300, training.checkpoint.every: 50 epochs}"
COMMAND = [sys.executable, "-m", "nncli.cli.main"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps")
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "s.yaml").write_text(SWEEP)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    inside = np.hypot(*X.T) + rng.normal(0, 0.3, 120) < 1
    np.savez(folder / "rings.npz", X=X, y=np.where(inside, "in", "out"))
    return folder


@pytest.fixture(autouse=True)
def _inside(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in home.glob("*.*"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)


def swept(path: Path | str) -> dict[str, Any]:
    """All of a sweep that is the same every time."""
    path = Path(path)
    result = json.loads((path / "sweep.json").read_text())
    for trial in (*result["trials"], result["best"] or {}):
        trial.pop("training_seconds", None)
    runs = {run.name: content(run) for run in sorted(path.glob("trial-*"))}
    return {"result": result, "runs": runs, "best": content(path / "best")}


@pytest.fixture(scope="module")
def long(home: Path) -> dict[str, Any]:
    """What the long sweep comes to when one process does it, and nobody touches that."""
    run_sweep(load_sweep(home / "s.yaml", [LONG]), directory=home / "long")
    return swept(home / "long")


def start(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], **(pipes | settings))


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(path: str) -> int:
    """How many trials have come to their end."""
    found = 0
    for file in Path(path).glob("trial-*/summary.json"):
        found += '"completed"' in file.read_text()
    return found


def workers(parent: int) -> list[int]:
    """The processes that train for ``parent``."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if lines.get("PPid") == str(parent) and b"LokyProcess" in command:
            found.append(int(status.parent.name))
    return found


# -- which trials ----------------------------------------------------------------------------------------------------


def test_the_trials_follow_from_the_file_alone_and_more_of_them_are_the_same_and_others() -> None:
    values = [
        [trial.values for trial in Search(load_sweep("s.yaml", [f"trials={n}"]), Path(), "", [], lambda _: None).trials]
        for n in (8, 8, 20)
    ]
    assert values[0] == values[1] == values[2][:8]
    assert len({json.dumps(one) for one in values[2]}) == 20
    for one in values[2]:
        assert ("optimizer.momentum" in one) == (one["optimizer.name"] == "sgd")


def test_a_run_of_a_trial_has_its_values_and_the_best_is_a_run_like_any_other() -> None:
    found = run_sweep(load_sweep("s.yaml"), directory="all")
    for trial in found.result["trials"]:
        config = nncli.load_config(Path("all") / trial["run"] / "config.yaml")
        for key, value in trial["values"].items():
            at: Any = config.resolved()
            for part in key.split("."):
                at = at[int(part)] if isinstance(at, list) else at[part]
            assert at == value
    values = {trial["trial"]: trial["value"] for trial in found.result["trials"]}
    best = min(values, key=lambda number: values[number])
    assert found.result["best"]["trial"] == best
    assert content(Path("all/best")) == content(Path(f"all/trial-{best}"))
    assert called("evaluate", "all/best", "--split", "validation", "--json").returncode == 0
    assert called("resume", "all/best", "training.epochs=14").returncode == 0
    with Path("all/leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_loss"]) for row in rows] == sorted(values.values())
    assert [int(row["trial"]) for row in rows] == sorted(values, key=lambda number: values[number])


def test_more_trials_go_on_where_fewer_ended() -> None:
    run_sweep(load_sweep("s.yaml", ["trials=3"]), directory="few")
    before = {path: path.stat().st_mtime_ns for path in Path("few").glob("trial-*/weights")}
    assert len(before) == 3
    run_sweep(load_sweep("s.yaml"), directory="few")
    run_sweep(load_sweep("s.yaml"), directory="many")
    assert swept("few") == swept("many")
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_a_trial_that_diverges_is_the_worst_and_ends_nothing() -> None:
    text = (
        "config: c.yaml\nmethod: grid\nspace: {optimizer.learning_rate: [1e-2, 1e30]}\n"
        "set: {optimizer: sgd, model.layers.0.activation: relu}\n"
    )
    Path("d.yaml").write_text(text)
    found = run_sweep(load_sweep("d.yaml"), directory="d")
    assert found.result["states"] == {"completed": 1, "diverged": 1}
    assert found.result["best"]["values"] == {"optimizer.learning_rate": 1e-2}
    assert go_on("d").result == found.result  # in the same words
    Path("e.yaml").write_text(text.replace("1e-2", "2e30"))
    ended = called("sweep", "e.yaml", "--run", "e")
    assert ended.returncode == 3
    why = json.loads(Path("e/sweep.json").read_text())["trials"][0]["problem"]
    assert re.fullmatch(r"epoch 1, batch \d+: .* is not finite", why)  # no path: it is the same wherever it was trained
    assert f"1/2  trial-0  diverged: {why}\n" in ended.stderr
    assert f"e: none of 2 trials came to a result: trial-0 diverged: {why}; narrow the space" in ended.stderr


def test_what_hinders_one_trial_hinders_all_and_is_no_fault_of_theirs() -> None:
    whole = run_sweep(load_sweep("s.yaml", ["trials=3"]), directory="whole")
    run_sweep(load_sweep("s.yaml", ["trials=2"]), directory="s")
    data = dict(np.load("rings.npz"))
    before = Path("rings.npz").read_bytes()
    np.savez("rings.npz", X=data["X"] + 1, y=data["y"])
    with pytest.raises(NncliError, match=r"the data changed since .*; then nncli resume s goes on"):
        run_sweep(load_sweep("s.yaml", ["trials=3"]), directory="s")
    assert json.loads(Path("s/sweep.json").read_text())["states"] == {"completed": 2, "waiting": 1}
    Path("rings.npz").write_bytes(before)
    assert go_on("s").result["states"] == whole.result["states"]
    assert swept("s") == swept("whole")


@pytest.mark.parametrize(
    "space", ["{data.preprocess.numeric: [standardize, none]}", "{data: [{path: rings.npz}, {path: ./rings.npz}]}"]
)
def test_data_that_changed_are_found_out_where_the_space_varies_them(space: str) -> None:
    over = ["method=grid", "trials=null", f"space={space}"]
    found = run_sweep(load_sweep("s.yaml", over), directory="s")
    assert found.result["states"] == {"completed": 2}
    assert go_on("s").result == found.result
    with np.load("rings.npz") as data:
        np.savez("rings.npz", X=data["X"] + 1, y=data["y"])
    with pytest.raises(NncliError, match="the data changed since the trainings began"):
        go_on("s")


def test_a_key_within_another_that_the_space_has_too_is_laid_over_it() -> None:
    space = "space={optimizer.momentum: [0.5], optimizer: [sgd, {name: sgd, nesterov: true}]}"
    sweep = load_sweep("s.yaml", [space, "method=grid", "trials=null"])
    configs = [sweep.config(values).resolved()["optimizer"] for values in sweep.space.grid()]
    assert [(one["momentum"], one["nesterov"]) for one in configs] == [(0.5, False), (0.5, True)]


def test_an_override_names_a_key_of_the_space_as_the_file_does() -> None:
    sweep = load_sweep("s.yaml", ["space.optimizer.learning_rate=[0.5]", "set.training.epochs=7", "trials=1"])
    assert {d.key: d.values for d in sweep.space.dimensions}["optimizer.learning_rate"] == (0.5,)
    assert len(sweep.space.dimensions) == 4
    assert sweep.base.training.epochs == 7


def test_comparisons_fit_the_longest_of_the_trials() -> None:
    over = ["method=grid", "trials=null", "pruning=median"]
    assert load_sweep("s.yaml", [*over, "space={training.epochs: [2, 40]}"]).rungs == (10, 20, 30)


# -- who ends early --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pruning", "rungs", "share"), [("{name: halving, first: 2}", (2, 6), 1 / 3), ("median", (3, 6, 9), 0.5)]
)
def test_those_go_on_that_are_the_best_of_all_that_came_so_far(
    pruning: str, rungs: tuple[int, ...], share: float
) -> None:
    sweep = load_sweep("s.yaml", [f"pruning={pruning}", "trials=9"])
    assert sweep.rungs == rungs
    found = run_sweep(sweep, directory="early")
    losses = {}
    for trial in found.result["trials"]:
        with (Path("early") / trial["run"] / "metrics.csv").open() as file:
            losses[trial["trial"]] = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    left = set(losses)
    for rung in rungs:
        for number in left:
            assert len(losses[number]) >= rung
        order = sorted(left, key=lambda number: (min(losses[number][:rung]), number))
        keep = set(order[: -int(-len(order) * share // 1)])
        for number in left - keep:
            assert len(losses[number]) == rung
            assert json.loads((Path("early") / f"trial-{number}" / "summary.json").read_text())["status"] == "pruned"
        left = keep
    assert {trial["trial"] for trial in found.result["trials"] if trial["state"] == "completed"} == left
    assert {len(losses[number]) for number in left} == {12}
    alone = nncli.train(nncli.load_config(f"early/trial-{min(left)}/config.yaml"), directory="alone")
    assert content(alone) == content(Path(f"early/trial-{min(left)}"))  # to pause left no trace


def test_two_processes_let_the_same_trials_go_on_as_one() -> None:
    early = ["pruning={name: halving, first: 2}", "trials=12"]
    for directory, jobs in (("one", 1), ("two", 2)):
        run_sweep(load_sweep("s.yaml", early), directory=directory, jobs=jobs)
    assert swept("one") == swept("two")


# -- by a model ------------------------------------------------------------------------------------------------------


def test_a_model_looks_where_it_was_good_and_goes_on_as_if_it_had_not_been_stopped() -> None:
    """Of a loss that only the learning rate decides, the later half of the trials is nearer to the best than chance."""
    over = ["method=tpe", "trials=30", "set={training.epochs: 3}"]
    whole = run_sweep(load_sweep("s.yaml", over), directory="whole")

    def stop(trial: Trial, best: Trial | None, over: int, trials: int) -> None:
        if over == 13:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Exception, match="interrupted; nncli resume half goes on") as stopped:
        run_sweep(load_sweep("s.yaml", over), directory="half", told=Watched(ended=stop))
    assert stopped.value.exit_code == 130  # type: ignore[attr-defined]
    go_on("half")
    assert swept("half") == swept("whole")
    values = np.array([trial["value"] for trial in whole.result["trials"]])
    assert np.median(values[15:]) < np.median(values[:10])


def test_a_model_learns_from_what_diverges() -> None:
    """The figure gets better up to where all trainings diverge."""
    sweep = load_sweep("s.yaml", ["method=tpe", "trials=60", "space={optimizer.learning_rate: {uniform: [0.001, 1]}}"])
    model, trials = Model(sweep), list[Trial]()
    for number in range(60):
        trial = Trial(number, model.propose(trials))
        rate = trial.values["optimizer.learning_rate"]
        trial.state, trial.value = ("completed", 1 - rate) if rate < 0.4 else ("diverged", None)
        trials.append(trial)
    diverged = [trial.state == "diverged" for trial in trials]
    assert sum(diverged[:STARTUP]) > STARTUP / 3  # as it is at random
    assert sum(diverged[30:]) < 20  # all 30 of them, if it is told nothing
    assert max(trial.values["optimizer.learning_rate"] for trial in trials if trial.state == "completed") > 0.38


def test_without_optuna_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NncliError, match=r"method: tpe: needs Optuna.*pip install 'nncli\[sweep\]'"):
        run_sweep(load_sweep("s.yaml", ["method=tpe"]), directory="tpe")


# -- whoever does the work -------------------------------------------------------------------------------------------


def test_workers_that_are_killed_lose_nothing(long: dict[str, Any]) -> None:
    process = start("sweep", "s.yaml", LONG, "--run", "killed", "--jobs", "2")
    for so_far in (1, 3):
        until(lambda: ended("killed") >= so_far and workers(process.pid))  # noqa: B023
        os.kill(workers(process.pid)[0], signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "a worker died at trial-" in said
    assert swept("killed") == long


def test_a_sweep_that_is_killed_goes_on_and_leaves_no_worker_behind(long: dict[str, Any]) -> None:
    process = start("sweep", "s.yaml", LONG, "--run", "killed", "--jobs", "2")
    until(lambda: ended("killed") >= 2)
    left = workers(process.pid)
    process.kill()
    process.communicate()
    resumed = start("resume", "killed", "--json")
    out, said = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, said
    assert json.loads(out)["status"] == "completed"
    assert swept("killed") == long
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in left))


def test_a_signal_saves_what_all_workers_are_at(long: dict[str, Any]) -> None:
    def interruptible() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    process = start("sweep", "s.yaml", LONG, "--run", "s", "--jobs", "2", preexec_fn=interruptible)
    until(lambda: ended("s") >= 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert said.splitlines()[-1] == "interrupted; nncli resume s goes on"
    states = {json.loads(path.read_text())["status"] for path in Path("s").glob("trial-*/summary.json")}
    assert states <= {"completed", "interrupted"}
    go_on("s")
    assert swept("s") == long


QUIET: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
LOCAL = """\
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, *(worker.pid for worker in cluster.workers.values()), flush=True)
        sys.stdin.read()
"""


@contextmanager
def separate() -> Iterator[tuple[str, int, int]]:
    """The address of a scheduler, and the numbers of a worker, of which there are two, and of its process."""
    dask = str(Path(sys.executable).parent / "dask")
    about = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", "address.json"]
    processes = [subprocess.Popen([dask, "scheduler", *about], **QUIET)]
    try:
        until(lambda: Path("address.json").exists() and Path("address.json").read_text().rstrip().endswith("}"))
        address = json.loads(Path("address.json").read_text())["address"]
        worker = [dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        processes += [subprocess.Popen(worker, **QUIET) for _ in range(2)]
        yield address, processes[1].pid, processes[0].pid
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait()


@contextmanager
def local() -> Iterator[tuple[str, int, int]]:
    """The same of a cluster whose workers have nannies, by which a dead one is followed by another."""
    Path("local.py").write_text(LOCAL)
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, "local.py"], **pipes) as process:
        assert process.stdout is not None
        address, first, _ = process.stdout.readline().split()
        yield address, int(first), process.pid
        process.communicate()


@pytest.mark.parametrize("cluster", [separate, local])
def test_on_a_cluster_whose_worker_is_killed_nothing_is_lost(cluster: Any, long: dict[str, Any]) -> None:
    """They talk over the loopback."""
    with cluster() as (address, worker, _):
        process = start("sweep", "s.yaml", LONG, "--run", "far", "--scheduler", address)
        until(lambda: ended("far") >= 2)
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert swept("far") == long


def test_a_scheduler_that_is_killed_is_said_to_be_gone_and_the_sweep_goes_on_without_it(long: dict[str, Any]) -> None:
    with separate() as (address, _, scheduler):
        process = start("sweep", "s.yaml", LONG, "--run", "far", "--scheduler", address, "--quiet")
        until(lambda: ended("far") >= 2)
        os.kill(scheduler, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
        remedy = "what was done is kept: start it again, or go on without it, by nncli resume"
        assert (process.returncode, said) == (2, f"--scheduler {address}: is gone; {remedy}\n")
    assert called("resume", "far", "--quiet").returncode == 0
    assert swept("far") == long


def test_a_worker_that_sees_another_folder_or_is_another_version_says_so(tmp_path: Path) -> None:
    config = nncli.load_config("c.yaml").resolved()
    elsewhere = do(Task(str(tmp_path / "nowhere"), "trial-0", config))
    assert (elsewhere.status, "all workers need the same folder at the same path" in elsewhere.problem) == (
        "hindered",
        True,
    )
    run_sweep(load_sweep("s.yaml", ["trials=1"]), directory="s")
    other = do(Task(str(tmp_path / "s"), "trial-1", config, version="0.0.9"))
    assert (other.status, "and the trainings began with 0.0.9" in other.problem) == ("hindered", True)
    assert not Path("s/trial-1").exists()


def test_where_no_scheduler_answers_it_is_said_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nncli.many.pool.ANSWER", 1)
    for command in ("sweep s.yaml", "cv c.yaml --folds 2", "train c.yaml --seeds 2"):
        ended = called(*command.split(), "--run", "far", "--scheduler", "tcp://127.0.0.1:9")
        assert ended.returncode == 2
        assert "--scheduler tcp://127.0.0.1:9: no scheduler answers" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not Path("far").exists()


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_what_is_printed() -> None:
    ended = called("sweep", "s.yaml", "--run", "s")
    assert ended.stderr.splitlines()[0] == "s: 8 trials at random over 4 keys, for the lowest validation loss"
    lines = [line for line in ended.stderr.splitlines() if "/8  trial-" in line]
    assert len(lines) == 8
    best = json.loads(Path("s/sweep.json").read_text())["best"]
    assert lines[-1].endswith(f"best {best['value']:.4g}")
    assert ended.stdout.startswith("s: 8 trials: 8 completed; ")
    first = next(line for line in ended.stdout.splitlines() if line.startswith("1 "))
    assert first.split()[:4] == ["1", best["run"], f"{best['value']:.4g}", "12"]
    assert ended.stdout.splitlines()[-1] == f"best: s/best ({best['run']})"


@pytest.mark.parametrize("command", [("sweep", "s.yaml", "trials=2"), ("cv", "c.yaml", "--folds", "2")])
def test_in_a_narrow_terminal_lines_break_between_words(command: tuple[str, ...], tmp_path: Path) -> None:
    with Terminal(*command, "--run", "narrow", cwd=tmp_path, columns=40) as terminal:
        assert terminal.end() == 0
    lines = written(terminal.raw)
    assert any(len(line) > 30 for line in lines)
    assert [line for line in lines if len(line) > 40 and " " in line.strip()] == []


def test_pictures_tell_what_matters() -> None:
    """Of trials whose figure follows from one of three keys, that one is found."""
    Path("t.yaml").write_text(
        "config: c.yaml\ntrials: 60\nspace:\n  optimizer.learning_rate: {log_uniform: [1e-3, 1]}\n"
        "  model.layers.0.units: {integer: [2, 9]}\n  model.layers.0.activation: [tanh, relu]\n"
    )
    sweep = load_sweep("t.yaml")
    trials = Search(sweep, Path(), "", [], lambda _: None).trials
    for trial in trials:
        trial.state, trial.value = "completed", float(np.log10(trial.values["optimizer.learning_rate"])) ** 2
    parallel, importance = pictures(sweep, trials)
    best = min(trials, key=lambda trial: trial.value or 0)
    assert f"optimizer.learning_rate {best.values['optimizer.learning_rate']:.4g}" in parallel.alt
    assert importance.alt.split(": ")[1].startswith("optimizer.learning_rate")
    assert len(parallel.figure.axes[0].lines) >= 60
    trials[0].value = 1e30  # one that is far off leaves room for the others
    parallel, *_ = pictures(sweep, trials)
    ends = [float(text.get_text().replace("−", "-")) for text in parallel.figure.axes[0].texts[-5:]]
    assert max(ends) < 30
