"""``nncli resume`` and ``nncli reproduce``, as a shell sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nncli

COMMAND = [sys.executable, "-m", "nncli.cli.main"]
CONFIG = """\
data: {source: {name: moons, n_samples: 60}, split: {validation: 0}}
model:
  layers:
    - {units: 3, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
training: {epochs: 3}
"""


@pytest.fixture(autouse=True)
def _a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    nncli.train(nncli.load_config("c.yaml"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_resume_says_how_it_goes_on_and_prints_the_result() -> None:
    done = run("resume", "latest", "training.epochs=5")
    assert done.returncode == 0
    assert "epoch 4/5" in done.stderr
    assert "epoch 3/5" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("completed after 5 epochs")
    assert lines[-1].endswith("runs/c")
    again = run("resume", "runs/c", "--json")
    assert again.stderr == "warning: runs/c is complete: nothing is left to do; training.epochs=N trains for longer\n"
    assert json.loads(again.stdout)["epochs"] == 5


def test_reproduce_prints_that_it_is_identical() -> None:
    done = run("reproduce", "latest", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "identical: 3 epochs and all weights, bit for bit\n",
        "",
    )
    assert json.loads(run("reproduce", "runs/c", "-q", "--json").stdout)["identical"] is True
    assert not list(Path().glob("nncli-reproduce-*"))
    assert [path.name for path in Path("runs").iterdir() if not path.is_symlink()] == ["c"]


def test_reproduce_names_what_differs_and_fails() -> None:
    file = Path("runs/c/config.yaml")
    file.write_text(file.read_text().replace("learning_rate: 0.001", "learning_rate: 0.01"))
    done = run("reproduce", "latest", "--quiet")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == ["not identical", "first in epoch 1:"]
    assert any(line.startswith("  train_loss: was 0.") for line in lines)
    assert any(line.startswith("last: layers.0.weight: 6 numbers differ, by ") for line in lines)


def test_what_cannot_be_resumed_is_refused_with_the_remedy() -> None:
    assert run("resume", "runs/d").stderr == "runs/d: no such run; did you mean runs/c?\n"
    done = run("resume", "latest", "seed=1")
    assert done.returncode == 2
    assert done.stderr == "override 'seed=1'  seed: was 0, and a run cannot go on with 1; train anew for that\n"
