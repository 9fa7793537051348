"""Killed and resumed, a training is told whole; and it is told to nobody but to those that were named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trackers.watching import CONFIG, at_float32, client, curves, event_curves, runs_of, table, without_seconds

import nncli
from nncli.run import Run

pytest.importorskip("tensorboard", reason="tensorboard is not installed")
pytest.importorskip("mlflow", reason="mlflow is not installed")

ALONE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("called:", event, arguments, flush=True)
sys.addaudithook(refuse)
from nncli.cli.main import main
sys.argv = ["nncli", "train", "c.yaml", "report.mlflow=tracked", "report.tensorboard=true", "--run", "run", "-q"]
sys.argv += ["training.epochs=100000"]
main()
"""
"""A training that tells of every attempt to reach anybody."""
QUIET = ("PYTEST_CURRENT_TEST", "CI", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")
"""Under which MLflow would send nothing by itself."""


def test_killed_it_goes_on_without_an_epoch_twice_or_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    Path("c.yaml").write_text(CONFIG)
    plain = {name: value for name, value in os.environ.items() if name not in QUIET}
    process = subprocess.Popen([sys.executable, "-c", ALONE], stdout=subprocess.PIPE, text=True, env=plain)
    deadline, sent = time.monotonic() + 60, Path("tracked")
    while not [file for file in sent.glob("*/*/metrics/train_loss") if file.read_text().count("\n") > 10]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    assert out == ""
    run, config = Run(Path("run")), Path("run/config.yaml")
    done = len(run.metrics.rows())
    config.write_text(config.read_text().replace("epochs: 100000", f"epochs: {done + 20}"))
    nncli.resume("run")
    assert event_curves(run.path) == at_float32(table(run.path))
    assert len(runs_of(client())) == 1
    assert without_seconds(curves(client(), run.path)) == without_seconds(table(run.path))
    assert [epoch for epoch, _ in curves(client(), run.path)["train_loss"]] == list(range(1, done + 21))
