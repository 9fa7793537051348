"""Names from a stranger's table on the way to a terminal: no command of them prints what is not printable."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Ended, called

HOSTILE = (
    "\x1b[31mred",
    "[bold]x[/bold]",
    "=cmd()",
    "n" * 150,
    "\u202eright to left\u200f",
    ":heart: \x9b2J",
    "[/]\\",
    "two\nlines",
)
"""Of columns and of classes."""
SHOWN = ("[bold]x[/bold]", "=cmd()", r"\x1b[31mred", r"\u202eright to left\u200f", r":heart: \x9b2J", r"two\nlines")
COMMANDS = {
    "train": ("train", "c.yaml", "--run", "run"),
    "evaluate": ("evaluate", "run"),
    "validate": ("validate", "c.yaml"),
    "explain": ("explain", "run", "--row", "2"),
    "gradcheck": ("gradcheck", "run"),
    "profile": ("profile", "c.yaml", "--steps", "20"),
    "lr-find": ("lr-find", "c.yaml", "--steps", "20"),
    "resume": ("resume", "run"),
    "reproduce": ("reproduce", "run"),
    "runs": ("runs", ".", "--sort", "data.drop"),
    "compare": ("compare", "run", "less"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, its table, and its run."""
    folder = tmp_path_factory.mktemp("home")
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*HOSTILE, "\x1b]0;title\x07"])
        for i in range(64):
            writer.writerow([*((i * (j + 3)) % 7 for j in range(len(HOSTILE))), HOSTILE[i % len(HOSTILE)]])
    config = {
        "name": "hostile",
        "data": {"path": "t.csv", "target": "\x1b]0;title\x07"},
        "model": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]},
        "training": {"epochs": 2, "kernels": "numpy"},
    }
    (folder / "c.yaml").write_text(json.dumps(config))
    ended = nncli("train", "c.yaml", "--run", "run", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    config["data"] |= {"drop": [HOSTILE[0], HOSTILE[1]]}
    (folder / "less.yaml").write_text(json.dumps(config))
    assert nncli("train", "less.yaml", "--run", "less", cwd=folder).returncode == 0
    return folder


def nncli(*arguments: str, cwd: Path) -> Ended:
    with contextlib.chdir(cwd):
        return called(*arguments)


def in_a_terminal(*arguments: str, cwd: Path) -> str:
    """What it writes to one, drawn without colours."""
    here, there = pty.openpty()
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "120", "LINES": "40", "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-m", "nncli.cli.main", *arguments], cwd=cwd, stdout=there, stderr=there, env=environment
    )
    os.close(there)
    written = b""
    try:
        while part := os.read(here, 1 << 16):
            written += part
    except OSError:  # Linux says so at the end
        pass
    os.close(here)
    assert process.wait(timeout=120) == 0, written
    return written.decode()


def raw(text: str) -> list[str]:
    """The lines that hold what is not printable."""
    return [line for line in text.split("\n") if not line.isprintable()]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "train"])
def test_no_command_prints_what_is_not_printable(home: Path, command: str) -> None:
    ended = nncli(*COMMANDS[command], cwd=home)
    assert ended.returncode == 0, ended.stderr
    assert raw(ended.stdout + ended.stderr) == []


@pytest.mark.parametrize("command", ["evaluate", "explain", "validate", "runs", "compare"])
def test_a_terminal_is_told_no_more_than_a_file(home: Path, command: str) -> None:
    written = in_a_terminal(*COMMANDS[command], cwd=home).replace("\r\n", "\n")
    assert raw(written) == []


def test_names_are_shown_as_they_are_spelled(home: Path) -> None:
    evaluated = nncli("evaluate", "run", cwd=home).stdout
    for name in SHOWN:
        assert name in evaluated
    for command in ("runs", "compare"):
        told = nncli(*COMMANDS[command], cwd=home).stdout
        assert r"[\x1b[31mred, [bold]x[/bold]]" in told
    explained = nncli("explain", "run", cwd=home).stdout
    assert r"\x1b[31mred" in explained
    assert "[bold]x[/bold]" in explained
    assert ":heart:" in explained


def test_a_resolved_config_stays_one_that_names_the_same_column(home: Path) -> None:
    import yaml

    shown = nncli("validate", "c.yaml", cwd=home).stdout
    assert yaml.safe_load(shown)["data"]["target"] == "\x1b]0;title\x07"


def test_errors_about_such_names_are_lines(home: Path) -> None:
    (home / "\x1b[2Je.csv").write_text('"\x1b[31mred",y\n"\x1b[5m",1\n2,2\n3,3\n')
    config = json.loads((home / "c.yaml").read_text())
    config["data"] = {"path": "\x1b[2Je.csv", "target": "\x9by"}
    (home / "wrong.yaml").write_text(json.dumps(config))
    for overrides in ([], ["data.target=y"], ["data.path=\x1b[2Jmissing.csv"], ["\x1b[31mred.x=1"]):
        ended = nncli("train", "wrong.yaml", *overrides, cwd=home)
        assert ended.returncode == 2
        assert raw(ended.stderr) == []
        assert "Traceback" not in ended.stderr
        assert r"\x" in ended.stderr
    ended = nncli("evaluate", "run", "--data", "\x1b[2Je.csv", cwd=home)
    assert (ended.returncode, raw(ended.stderr)) == (2, [])
