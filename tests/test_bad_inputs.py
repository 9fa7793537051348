"""The catalogue of bad inputs: each is answered by a line that names the place, the fault and the remedy.

The tables are in ``bad_inputs``; what all their rows have in common is asserted here: no traceback, nothing that moves
a terminal's cursor, no hang, no memory for what a file only declares, and, of a command that is refused, no trace.
"""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from bad_inputs import of_config, of_data, of_init, of_listing, of_many, of_runs, of_sweep, of_weights, of_yaml
from bad_inputs.row import CONFIG, TABLE, Row

from nncli.cli.main import main

ROWS = [
    *of_yaml.ROWS,
    *of_config.ROWS,
    *of_data.ROWS,
    *of_weights.ROWS,
    *of_runs.ROWS,
    *of_init.ROWS,
    *of_listing.ROWS,
    *of_many.ROWS,
    *of_sweep.ROWS,
]
LONGEST = 10
"""Seconds that a command may take: what waits for a pipe would wait for ever."""
MEMORY = 2**31
"""Bytes that it may take beyond what the tests have: what reads a device would take them all."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with c.yaml, points.csv, and run: a training that went well."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        Path("c.yaml").write_text(CONFIG)
        Path("points.csv").write_text(TABLE)
        assert nncli("train c.yaml --run run --quiet") == 0
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it of one's own, which is the current folder."""
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace(str(trained), str(Path.cwd())))
    return Path.cwd()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_bad_input_is_answered(row: Row, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    held = row.change()
    before = snapshot(home)
    code = nncli(row.command)
    if isinstance(held, TextIOWrapper):
        held.close()
    out, err = capfd.readouterr()
    assert like(err.replace(str(home), "HOME"), row.says), err
    assert like(out, row.prints), out
    assert code == row.code
    assert "Traceback" not in out + err
    assert all(character.isprintable() for character in (out + err).replace("\n", ""))
    if code == 2:
        assert snapshot(home) == before  # what is refused leaves no trace


def test_columns_in_another_order_give_the_same_figures(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [line.split(",") for line in TABLE.splitlines()]
    figures = []
    for name, order in (("same.csv", (0, 1, 2)), ("other.csv", (2, 1, 0))):
        Path(name).write_text("".join(",".join(row[i] for i in order) + "\n" for row in rows))
        assert nncli(f"evaluate run --data {name} --json") == 0
        figures.append(json.loads(capfd.readouterr().out) | {"data": "a file"})
    assert figures[0]["rows"] == 60
    assert figures[0] == figures[1]


@pytest.mark.parametrize("name", ["summary.json", "preprocess.json"])
def test_what_is_said_to_be_written_again_is(name: str, home: Path) -> None:
    file = Path("run", name)
    right = json.loads(file.read_text())
    file.write_text("{")
    assert nncli("evaluate run") == 2
    assert nncli("resume run --quiet") == 0
    assert without_seconds(json.loads(file.read_text())) == without_seconds(right)
    assert nncli("evaluate run") == 0


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def nncli(command: str) -> int:
    """The exit code of the command line, run in this process."""
    with pytest.MonkeyPatch.context() as patch, within_bounds():
        patch.setattr(sys, "argv", ["nncli", *shlex.split(command)])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@contextmanager
def within_bounds() -> Iterator[None]:
    """What lasts too long, or takes too much memory, fails."""

    def late(*_: object) -> None:
        pytest.fail(f"no answer within {LONGEST} s")

    interrupt = signal.getsignal(signal.SIGINT)
    before = signal.signal(signal.SIGALRM, late)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, limits[1]))
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, interrupt)


def without_seconds(content: dict[str, Any]) -> dict[str, Any]:
    """What is the same every time."""
    return {key: value for key, value in content.items() if key != "training_seconds"}


def like(text: str, pattern: str) -> bool:
    """Whether ``text`` is ``pattern`` and an end of line, or both are empty."""
    wanted = ".*".join(re.escape(part) for part in pattern.split("..."))
    return re.fullmatch(wanted, text.removesuffix("\n"), re.DOTALL) is not None


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file; whoever looks into a run may hold its lock."""
    states = {str(path): path.lstat() for path in folder.rglob("*") if path.name != ".lock" and not path.is_dir()}
    return {name: (state.st_size, state.st_mtime_ns) for name, state in states.items()}
