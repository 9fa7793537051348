"""Trainings on rows that lie on disk: the same bits every time, whatever happened to the process or to the rows."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from commands import called

from nncli import machine
from nncli.data import maps
from nncli.data.stored import windows
from nncli.run import Run
from nncli.training import judging

CONFIG = """\
data: {path: table.csv, target: kind, stored: true}
model: {layers: [{units: 8, activation: relu, dropout: 0.1}, {activation: softmax}]}
training: {epochs: 3, batch_size: 32, checkpoint: {every: 20 steps}}
report: {plots: false}
"""
BLOCK, WINDOW = 1 << 10, 1 << 13
"""So small that an epoch goes through several windows."""
WHOLE = ["contents.json", "tables", "test", "train", "validation"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a config, and ``whole``, a training that nothing happened to."""
    home = tmp_path_factory.mktemp("stored")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 3))
    kinds = np.where(X[:, 0] + X[:, 1] > 0, "in", "out")
    rows = [f"{a:.4f},{b:.4f},{c:.4f},{kind}" for (a, b, c), kind in zip(X, kinds, strict=True)]
    (home / "table.csv").write_text("\n".join(["a,b,c,kind", *rows]) + "\n")
    (home / "c.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(windows, "BLOCK", BLOCK)
        patch.setattr(windows, "WINDOW", WINDOW)
        ended = called("train", "c.yaml", "--run", "whole")
        assert ended.returncode == 0, ended.stderr
        (home / "said").write_text(ended.stderr)
    return home


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(windows, "BLOCK", BLOCK)
    monkeypatch.setattr(windows, "WINDOW", WINDOW)


def bits(run: str) -> list[bytes]:
    """The weights, and the prepared rows."""
    found = [Path(run, "weights", f"{which}.safetensors").read_bytes() for which in ("best", "last")]
    return found + [path.read_bytes() for path in sorted(Path(run, "cache").rglob("*.npy"))]


def figures(run: str) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in Run(Path(run)).metrics.rows()]


def test_it_is_said_where_the_rows_are_and_how_many_bytes() -> None:
    size = sum(path.stat().st_size for path in Path("whole/cache").rglob("*.npy"))
    said = Path("said").read_text()
    assert f"prepared rows: {size / 1000:.0f} kB in whole/cache, which may be removed: nncli resume makes" in said
    assert said.startswith("table.csv (156 kB) is being prepared on disk, in .cache-")
    assert sorted(path.name for path in Path("whole/cache").iterdir()) == WHOLE
    assert not [*Path().glob(".cache-*")]
    assert yaml.safe_load(Path("whole/config.yaml").read_text())["data"]["stored"] is True


def test_the_figures_are_those_of_all_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """nncli evaluate has all predictions in memory; a training judges block by block."""
    metrics = json.loads(Path("whole/summary.json").read_text())["metrics"]
    for split in ("validation", "test"):
        found = json.loads(called("evaluate", "whole", "--split", split, "--json").stdout)
        assert found["metrics"]["accuracy"] == metrics[f"{split}_accuracy"]
        assert found["loss"] == pytest.approx(metrics[f"{split}_loss"], rel=1e-6)
    monkeypatch.setattr(judging, "BYTES", 1)
    called("train", "c.yaml", "--run", "in-blocks", "-q")
    assert figures("in-blocks")[-1]["validation_accuracy"] == figures("whole")[-1]["validation_accuracy"]
    assert bits("in-blocks") == bits("whole")


def test_a_loss_on_numbers_and_weights_lie_on_disk_too() -> None:
    changes = ["loss={name: binary_cross_entropy, class_weight: balanced}", "model.layers.1.activation=sigmoid"]
    assert called("train", "c.yaml", *changes, "--run", "binary", "-q").returncode == 0
    there = {path.name for path in Path("binary/cache/train").iterdir()}
    assert there == {"inputs.npy", "targets.npy", "rows.npy", "numbers.npy", "weights.npy"}
    targets = np.load("binary/cache/train/targets.npy")
    assert np.array_equal(np.load("binary/cache/train/numbers.npy"), targets[:, np.newaxis])


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (lambda cache: None, ""),
        (shutil.rmtree, "contents.json is not there"),
        (lambda cache: (cache / "test" / "rows.npy").unlink(), "rows.npy is not there"),
        (lambda cache: flip(cache / "train" / "inputs.npy"), "train/inputs.npy is damaged"),
        (lambda cache: (cache / "contents.json").write_text("{"), "not whole: Expecting"),
    ],
    ids=["nothing", "removed", "a file removed", "a bit flipped", "no list of contents"],
)
def test_a_killed_training_goes_on_to_the_same_bits(
    happened: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    """Killed in the midst of its second epoch, several windows into it."""
    run = str(tmp_path / "run")
    killed = f"""\
import os, signal, sys
from nncli.data.stored import windows
from nncli.training import reading
from nncli.cli.main import main
windows.BLOCK, windows.WINDOW = {BLOCK}, {WINDOW}
real, seen = reading.in_batches, []
def counted(*arguments):
    for batch in real(*arguments):
        seen.append(batch)
        if len(seen) == 170:  # of 132 in an epoch
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch
reading.in_batches = counted
sys.argv = ["nncli", "train", "c.yaml", "--run", {run!r}, "-q"]
main()
"""
    ended = subprocess.run([sys.executable, "-c", killed], check=False)
    assert ended.returncode == -signal.SIGKILL
    happened(Path(run) / "cache")
    resumed = called("resume", run)
    assert resumed.returncode == 0, resumed.stderr
    anew = f"warning: the prepared rows are made anew: {run}/cache: {told}"
    assert (anew in resumed.stderr) if told else ("warning" not in resumed.stderr)
    assert bits(run) == bits("whole")
    assert figures(run) == figures("whole")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_while_rows_are_prepared_leaves_nothing_that_stays(sign: signal.Signals) -> None:
    """Ctrl-C removes what was made; what a kill leaves, the next training beside it does."""
    stops = """\
import os, signal, sys
from nncli.data.stored import preparing
from nncli.cli.main import main
real = preparing.fingerprint
def stopped(**tables):
    os.kill(os.getpid(), signal.{sign})
    return real(**tables)
preparing.fingerprint = stopped
sys.argv = ["nncli", "train", "c.yaml", "--run", "stopped"]
main()
""".replace("{sign}", sign.name)
    ended = subprocess.run([sys.executable, "-c", stops], check=False, capture_output=True, text=True)
    assert ended.returncode == (-sign if sign == signal.SIGKILL else 130)
    assert not Path("stopped").exists()
    if sign == signal.SIGINT:
        assert ended.stderr.endswith("interrupted\n")
    else:
        assert len([*Path().glob(".cache-*/train/inputs.npy")]) == 1
        assert called("validate", "c.yaml").returncode == 0  # prepares in runs/, and keeps nothing
        assert called("train", "c.yaml", "--run", "after-it", "-q").returncode == 0
    assert not [*Path().glob(".cache-*")]
    assert not [*Path().glob("runs/.cache-*")]


def test_rows_that_another_process_prepares_are_left_alone() -> None:
    waits = """\
import sys, time
from nncli.builder import stored
folder, around = stored._begin(stored.Path("."))
print(folder, flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        folder = Path(other.stdout.readline().strip())
        assert called("train", "c.yaml", "--run", "beside-it", "-q").returncode == 0
        assert folder.is_dir()
        other.communicate("\n")
    assert called("train", "c.yaml", "--run", "behind-it", "-q").returncode == 0
    assert not folder.exists()


def test_auto_is_on_disk_where_memory_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it came to is in the run's config; what would not fit and has to be in memory is told what helps."""
    monkeypatch.setattr(machine, "_limits", lambda held: iter([machine.Limit(700_000, "this container has")]))
    ended = called("train", "c.yaml", "data.stored=auto", "--run", "auto", "training.batch_size=8")
    assert "prepared rows:" in ended.stderr, ended.stderr
    monkeypatch.setattr(machine, "_limits", lambda held: iter([machine.Limit(200_000, "this container has")]))
    ended = called("train", "c.yaml", "data.stored=false", "--run", "refused")
    assert ended.stderr == (
        "table.csv: it holds 156 kB or more, and has to be in memory 2 times; this container has 200 kB; "
        "if it is no mistake, have its rows on disk with data.stored: true, or take fewer rows or columns\n"
    )


def test_a_full_disk_is_refused_before_it_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(maps.shutil, "disk_usage", lambda folder: usage(0, 0, 150_000))
    ended = called("train", "c.yaml", "--run", "full", "-q")
    assert ended.returncode == 2
    assert ended.stderr.endswith(
        ": the prepared rows need 216 kB on the disk, and 150 kB are free; make room, or name a run on another disk "
        "with --run\n"
    )
    assert not [*Path().glob(".cache-*")]


def test_a_run_is_reproduced_and_explained_and_its_first_batches_can_be_overfitted() -> None:
    assert called("reproduce", "whole").returncode == 0
    assert "row 3" in called("explain", "whole", "--row", "3").stdout
    ended = called("train", "c.yaml", "training.overfit_batches=2", "--run", "overfit")
    assert "64 rows to train on, 64 to validate" in ended.stderr
    assert called("evaluate", "overfit", "--split", "train").returncode == 0


def test_memory_is_told_without_the_rows_and_the_disk_with_them() -> None:
    told = json.loads(called("validate", "c.yaml", "--json").stdout)["configs"][0]
    assert told["memory"]["data"] == 0
    assert told["memory"]["disk"] == sum(path.stat().st_size for path in Path("whole/cache").rglob("*.npy"))
    assert told["config"]["data"]["stored"] is True
