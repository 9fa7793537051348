"""What nncli runs and nncli compare print: in terminals of any width, in a pipe, and as JSON."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from nncli import load_config, train
from nncli.seeing.listing import COLUMNS

CONFIGS = Path(__file__).parents[2] / "configs"
NNCLI = [sys.executable, "-m", "nncli.cli.main"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs."""
    home = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for config, changes in (
            ("iris", []),
            ("iris", ["optimizer={name: sgd, learning_rate: 0.1}", "model.layers.0.units=32"]),
            ("diabetes", []),
            ("iris", ["name=a_rather_long_name_of_a_run_that_nobody_would_want_to_type"]),
        ):
            train(load_config(CONFIGS / f"{config}.yaml", ["training.epochs=3", *changes]))
        damaged = home / "other/damaged"
        shutil.copytree(home / "runs/iris", damaged)
        (damaged / "summary.json").write_text("{")
    return home


def piped(home: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [*NNCLI, *arguments], cwd=home, capture_output=True, check=True, env={**os.environ, **environment}
    )
    assert done.stderr == b""
    return done.stdout.decode()


def shown(home: Path, width: int, *arguments: str) -> str:
    """What a terminal of so many columns is sent, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [*NNCLI, *arguments], cwd=home, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm-256color"}
    )
    os.close(theirs)
    sent = io.BytesIO()
    try:
        while part := os.read(ours, 65536):
            sent.write(part)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", sent.getvalue().decode()).replace("\r\n", "\n")


def test_a_pipe_gets_a_line_a_run_with_every_column(home: Path) -> None:
    head, *rows = piped(home, "runs").splitlines()
    assert head.split() == [*COLUMNS]
    assert [row.split()[0] for row in rows][1:] == ["diabetes", "iris-2", "iris"]
    assert len(rows[0].split()[0]) > 50
    cells = dict(zip(COLUMNS, re.split(r" {2,}", rows[1]), strict=True))
    summary = json.loads((home / "runs/diabetes/summary.json").read_text())
    assert cells["score"] == f"{summary['metrics']['test_r2']:.4g}"
    assert (cells["data"], cells["metric"], cells["epochs"]) == ("diabetes", "test_r2", "3")
    (damaged,) = piped(home, "runs", "other").splitlines()[1:]
    assert damaged.endswith("other/damaged/summary.json: is not JSON; nncli resume other/damaged writes it again")


def test_what_one_sorts_by_and_chooses_by_has_a_column(home: Path) -> None:
    head, *rows = piped(home, "runs", "--sort", "test_loss", "--where", "optimizer.name=adam").splitlines()
    assert "test_loss  optimizer.name" in head
    assert len(rows) == 3
    losses = [float(re.split(r" {2,}", row)[6]) for row in rows]
    assert losses == sorted(losses)


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40])
def test_a_terminal_gets_what_there_is_room_for(width: int, home: Path) -> None:
    lines = shown(home, width, "runs").splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[0] == "run"
    assert "score" in lines[0]
    assert lines[3].startswith("diabetes")
    assert "(latest)" in lines[2] or "…" in lines[2]
    left_out = " ".join(lines[6:])
    assert all((column in lines[0]) != (column in left_out) for column in ("status", "data", "epochs", "when"))


def test_a_score_that_all_are_judged_by_heads_its_column(home: Path) -> None:
    lines = shown(home, 80, "runs", "--where", "run=iris*").splitlines()
    assert "test_accuracy" in lines[0]
    assert "metric" not in lines[0]


def test_what_is_wrong_stands_below_the_table(home: Path) -> None:
    text = shown(home, 60, "runs", "other")
    assert "damaged: other/damaged/summary.json: is not JSON;" in text.replace("\n", " ")


def test_as_json_it_is_one_object(home: Path) -> None:
    runs = json.loads(piped(home, "runs", "--json", "--sort", "optimizer.name"))["runs"]
    assert {*COLUMNS, "metrics", "path", "members", "optimizer.name"} <= {*runs[0]}
    assert [run["optimizer.name"] for run in runs] == ["adam", "adam", "adam", "sgd"]
    both = json.loads(piped(home, "compare", "runs/iris", "runs/iris-2", "--json"))
    assert both["config"]["model.layers.0.units"] == {"iris": 16, "iris-2": 32}
    assert {figure["name"] for figure in both["figures"]} >= {"test_loss", "test_accuracy", "seconds"}


def test_who_reads_no_further_is_no_fault(home: Path) -> None:
    for arguments in (["runs"], ["compare", "runs/iris", "runs/iris-2"]):
        process = subprocess.Popen([*NNCLI, *arguments], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 0
        process.stderr.close()


def test_nothing_is_written_to_what_is_listed_or_compared(home: Path) -> None:
    def snapshot() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in home.rglob("*")}

    before = snapshot()
    piped(home, "runs")
    piped(home, "compare", "runs/iris", "runs/iris-2")
    assert snapshot() == before


@pytest.mark.parametrize("width", [120, 80, 40])
def test_a_comparison_is_no_wider_than_the_terminal(width: int, home: Path) -> None:
    lines = shown(home, width, "compare", "runs/iris", "runs/iris-2", "runs/diabetes").splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    units = re.findall(r"^model\.layers\.0\.units +(.*?) *$", text, re.MULTILINE)
    assert " ".join(units).split() == ["16", "32", "16"]
    assert max(text) >= "⠀"  # braille


def test_without_such_letters_curves_are_drawn_in_ascii(home: Path) -> None:
    text = piped(home, "compare", "runs/iris", "runs/iris-2", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    chart = text[text.index("train loss") :]
    assert chart.isascii()
    assert {"1", "2", "+", "|"} <= {*chart}


def test_the_better_one_is_marked_without_colour(home: Path) -> None:
    text = piped(home, "compare", "runs/iris", "runs/iris-2")
    losses = [
        json.loads((home / f"runs/{run}/summary.json").read_text())["metrics"]["test_loss"]
        for run in ("iris", "iris-2")
    ]
    (cells,) = re.findall(r"^test_loss +(\S+) +(\S+)", text, re.MULTILINE)
    assert [cell.endswith("*") for cell in cells] == [loss == min(losses) for loss in losses]
    assert "* the better one" in text


def test_of_many_runs_each_is_a_row(home: Path, tmp_path: Path) -> None:
    for i in range(9):
        shutil.copytree(home / "runs/iris", tmp_path / f"r{i}")
        config = tmp_path / f"r{i}/config.yaml"
        config.write_text(config.read_text().replace("learning_rate: 0.01", f"learning_rate: 0.{i + 1}"))
    text = piped(tmp_path, "compare", *(f"r{i}" for i in range(9)))
    assert re.search(r"^config +optimizer.learning_rate", text, re.MULTILINE)
    for i in range(9):
        assert re.search(rf"^{i + 1} r{i} +0\.{i + 1} *$", text, re.MULTILINE)
    assert "the first 8 runs of 9" in text
