"""MLflow reads what a training tells it, and finds in it what the run has; and a training outlives its server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from trackers.watching import CONFIG, Stop, client, curves, id_of, runs_of, stop_in_epoch, table, without_seconds

import nncli
from nncli.cli.main import main
from runs import content, ensemble_content

pytest.importorskip("mlflow", reason="mlflow is not installed")
ON = "report.mlflow=tracked"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # for what the tests read
    Path("c.yaml").write_text(CONFIG)


def files(client: Any, run_id: str, folder: str | None = None) -> set[str]:
    found = client.list_artifacts(run_id, folder)
    return {path for f in found for path in (files(client, run_id, f.path) if f.is_dir else {f.path})}


def test_it_has_the_config_the_epochs_the_figures_and_the_files() -> None:
    run = nncli.train(nncli.load_config("c.yaml", [ON]), directory="run")
    mlflow = client()
    (found,) = runs_of(mlflow)
    assert (found.info.run_id, found.info.run_name, found.info.status) == (id_of(run.path), "run", "FINISHED")
    assert curves(mlflow, run.path) == table(run.path)
    params = found.data.params
    assert params["optimizer.learning_rate"] == "0.01"
    assert params["model.layers.0.activation.name"] == "tanh"
    assert "report.mlflow" not in params
    summary, made_in = run.read_json("summary.json"), run.read_json("environment.json")
    figures = found.data.metrics
    assert {name: figures[name] for name in ("test_loss", "test_accuracy")} == {
        name: summary["metrics"][name] for name in ("test_loss", "test_accuracy")
    }
    assert figures["final_validation_loss"] == summary["metrics"]["validation_loss"]
    assert figures["best_epoch"] == summary["best_epoch"]
    tags = found.data.tags
    assert (tags["nncli.status"], tags["nncli.task"]) == ("completed", "classification")
    assert tags["nncli.version"] == made_in["packages"]["nncli"]
    assert tags["nncli.data"] == str(made_in["data"])
    kept = {"config.yaml", "environment.json", "summary.json", "preprocess.json", "metrics.csv", "distributions.csv"}
    assert files(mlflow, id_of(run.path)) == kept | {"weights/best.safetensors", "weights/last.safetensors"}
    folder = Path(mlflow.download_artifacts(id_of(run.path), ""))
    for name in kept | {"weights/best.safetensors"}:
        assert (folder / name).read_bytes() == (run.path / name).read_bytes()


def test_resumed_it_is_the_same_run_without_an_epoch_twice_or_a_gap() -> None:
    with pytest.raises(Stop):
        nncli.train(nncli.load_config("c.yaml", [ON]), directory="run", observe=stop_in_epoch(5))
    before, mlflow = id_of(Path("run")), client()
    assert mlflow.get_run(before).info.status == "FAILED"
    # the last checkpoint is of epoch 4, and MLflow knows of epoch 5
    assert [epoch for epoch, _ in curves(mlflow, Path("run"))["train_loss"]] == [1, 2, 3, 4, 5]
    run = nncli.resume("run", ["training.epochs=9"])
    assert id_of(run.path) == before
    (found,) = runs_of(mlflow)
    assert found.info.status == "FINISHED"
    assert without_seconds(curves(mlflow, run.path)) == without_seconds(table(run.path))
    assert found.data.params["training.epochs"] == "6"  # MLflow lets no parameter change
    assert found.data.tags["changed.training.epochs"] == "9"


def test_asked_for_when_it_is_resumed_or_deleted_there_it_begins_anew_with_all_epochs() -> None:
    with pytest.raises(Stop):
        nncli.train(nncli.load_config("c.yaml"), directory="run", observe=stop_in_epoch(4))
    run, mlflow = nncli.resume("run", [ON]), client()
    assert curves(mlflow, run.path) == table(run.path)
    first = id_of(run.path)
    mlflow.delete_run(first)
    nncli.resume("run", ["training.epochs=8"])
    assert id_of(run.path) != first
    assert curves(mlflow, run.path) == table(run.path)


def test_the_members_of_an_ensemble_are_runs_within_its_run() -> None:
    untracked = ensemble_content(nncli.train(nncli.load_config("c.yaml", ["ensemble=2"]), directory="untracked"))
    run = nncli.train(nncli.load_config("c.yaml", ["ensemble=2", ON]), directory="run")
    assert ensemble_content(run) == untracked
    mlflow = client()
    parent, *members = runs_of(mlflow)
    assert parent.info.run_id == id_of(run.path)
    assert parent.data.metrics["test_loss"] == run.read_json("summary.json")["metrics"]["test_loss"]
    assert [member.info.run_name for member in members] == ["run 0", "run 1"]
    for number, member in enumerate(members):
        assert member.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert member.info.run_id == id_of(run.member(number).path)
        assert curves(mlflow, run.member(number).path) == table(run.member(number).path)


def test_more_epochs_than_fit_into_a_batch_are_all_there() -> None:
    run = nncli.train(nncli.load_config("c.yaml", [ON, "training.epochs=200"]), directory="run")
    assert curves(client(), run.path) == table(run.path)
    assert len(table(run.path)["train_loss"]) == 200


@pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")  # of MLflow's own queries
def test_what_it_takes_by_itself_is_a_database_and_stdout_is_ours(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(sys, "argv", ["nncli", "train", "c.yaml", "report.mlflow=true", "--run", "run", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out, err = capfd.readouterr()
    assert json.loads(out)["status"] == "completed"
    assert not [line for line in err.splitlines() if not line.startswith(("classification: ", "epoch "))]
    kept = json.loads(Path("run/mlflow.json").read_text())
    assert kept["tracking_uri"] == f"sqlite:///{Path.cwd()}/mlflow.db"
    assert curves(client(kept["tracking_uri"]), Path("run")) == table(Path("run"))


def test_a_store_that_goes_away_ends_no_training_and_is_said_once() -> None:
    whole = content(nncli.train(nncli.load_config("c.yaml"), directory="whole"))
    said: list[str] = []

    def observe(event: Any) -> None:
        if event.epoch == 2 and Path("tracked").exists():
            Path("tracked").rename("gone")
            Path("tracked").write_text("in the way")

    run = nncli.train(nncli.load_config("c.yaml", [ON]), directory="run", observe=observe, warned=said.append)
    assert content(run) == whole
    (line,) = said
    assert line.startswith("report.mlflow failed, and is told no more; the training is not touched: ")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("redis://localhost", "redis://localhost cannot be used: "),
        ("http://127.0.0.1:{closed}", "http://127.0.0.1:{closed} cannot be used: Connection refused"),
        ("http://127.0.0.1:{silent}", "http://127.0.0.1:{silent} cannot be used: it does not answer"),
        ("c.yaml", "{folder}/c.yaml cannot be used: Not a directory"),
    ],
)
def test_what_cannot_be_used_is_said_before_any_work(
    said: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)  # it takes calls, and never says a word
        closed.bind(("127.0.0.1", 0))
        names = {"closed": closed.getsockname()[1], "silent": silent.getsockname()[1], "folder": tmp_path}
        config = nncli.load_config("c.yaml", [f"report.mlflow={said.format(**names)}"])
        with pytest.raises(nncli.NncliError) as caught:
            nncli.train(config, directory="run")
    assert f"  report.mlflow: {message.format(**names)}" in str(caught.value)
    assert str(caught.value).endswith("; name another, or train with report.mlflow=false")
    assert caught.value.exit_code == 2
    assert not Path("run").exists()


def test_a_missing_package_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    config = nncli.load_config("c.yaml", [ON])
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(nncli.NncliError) as caught:
        nncli.train(config, directory="run")
    assert str(caught.value) == (
        "override 'report.mlflow=tracked'  report.mlflow: mlflow is not installed; pip install 'nncli[mlflow]'"
    )
    assert not Path("run").exists()


# -- a server ----------------------------------------------------------------------------------------------------------


def healthy(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """MLflow's own, which has its database in the current folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///server.db"]
    line += ["--artifacts-destination", "kept", "--port", str(port), "--workers", "1"]
    with Path("server.log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not healthy(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, Path("server.log").read_text()
            assert time.monotonic() < deadline, Path("server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def told_after(process: subprocess.Popen[bytes], epoch: int, number: int) -> Any:
    """What sends a signal to a server, and all that it started, once."""
    sent: list[int] = []

    def observe(event: Any) -> None:
        if event.epoch == epoch and not sent:
            sent.append(number)
            os.killpg(process.pid, number)

    return observe


@pytest.mark.skipif(find_spec("flask") is None, reason="mlflow-skinny has no server: pip install mlflow")
def test_a_server_has_the_same_and_a_training_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = content(nncli.train(nncli.load_config("c.yaml", ["training.epochs=300"]), directory="whole"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with server() as (uri, process):
        on = [f"report.mlflow={uri}", "training.epochs=300"]
        run = nncli.train(nncli.load_config("c.yaml", on), directory="run")
        assert content(run) == whole
        assert curves(client(uri), run.path) == table(run.path)
        assert "weights/best.safetensors" in files(client(uri), id_of(run.path))
        with pytest.raises(Stop):
            nncli.train(nncli.load_config("c.yaml", on), directory="stopped", observe=stop_in_epoch(151))
        before = id_of(Path("stopped"))
        nncli.resume("stopped")
        assert id_of(Path("stopped")) == before
        assert without_seconds(curves(client(uri), Path("stopped"))) == without_seconds(table(Path("stopped")))
        for name, number in (("hangs", signal.SIGSTOP), ("killed", signal.SIGKILL)):
            said: list[str] = []
            told = {"observe": told_after(process, 100, number), "warned": said.append}
            began = time.monotonic()
            run = nncli.train(nncli.load_config("c.yaml", on), directory=name, **told)
            assert content(run) == whole
            assert len(said) == 1
            assert said[0].startswith("report.mlflow failed, and is told no more")
            print(f"with a server that is {name}, a training took {time.monotonic() - began:.1f} s")
            if number == signal.SIGSTOP:
                os.killpg(process.pid, signal.SIGCONT)
