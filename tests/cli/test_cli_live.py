"""What a training shows in a terminal, as a person sees it there."""

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
from pathlib import Path

import pytest
from terminals import Terminal, frames, pictures, written

CONFIGS = Path(__file__).parents[2] / "configs"
ENDLESS = ("training.epochs=100000000", "training.early_stopping.patience=100000000")
CTRL_C = b"\x03"
BLOCKS = "▁▂▃▄▅▆▇█"


OPENING = "classification: 64-64-32-10, 6,570 parameters; 1257 rows to train on, 270 to validate, 270 to test"


def unwrapped(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    return tmp_path


def digits(home: Path, columns: int, *overrides: str, **environment: str) -> Terminal:
    overrides = overrides or ENDLESS
    return Terminal("train", "configs/digits.yaml", *overrides, cwd=home, columns=columns, **environment)


def figures(run: Path) -> list[dict[str, float]]:
    with (run / "metrics.csv").open() as file:
        return [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def shown(frame: list[str]) -> tuple[int, dict[str, str]]:
    """The epoch that goes on, and what stands beside each figure."""
    (head,) = (line for line in frame if line.startswith("epoch"))
    begun = re.match(r"epoch +(\d+)/\d+ ", head)
    assert begun is not None, head
    names = ("train loss", "val loss", "val accuracy")
    return int(begun[1]), {n: line.removeprefix(n).strip() for n in names for line in frame if line.startswith(n)}


def in_words(values: list[float], higher_is_better: bool) -> str:
    """How the newest one stands to the best, by the plainest search."""
    best = max(values) if higher_is_better else min(values)
    epoch = values.index(best) + 1
    if epoch == len(values):
        return "↑ best" if higher_is_better else "↓ best"
    if values[-1] == best:
        return f"= as the best, epoch {epoch}"
    arrow, side = ("↓", "below") if higher_is_better else ("↑", "above")
    return f"{arrow} {abs(values[-1] - best):.2g} {side} the best, epoch {epoch}"


def assert_true(frame: list[str], rows: list[dict[str, float]]) -> None:
    """That what is shown is in metrics.csv."""
    begun, beside = shown(frame)
    past = rows[: begun - 1]
    assert list(beside) == ["train loss", "val loss", "val accuracy"]
    for name, key, style, higher in (
        ("train loss", "train_loss", ".4g", False),
        ("val loss", "validation_loss", ".4g", False),
        ("val accuracy", "validation_accuracy", ".4f", True),
    ):
        values = [row[key] for row in past]
        value, said = beside[name].split(maxsplit=1)
        assert value == f"{values[-1]:{style}}"
        assert said.rstrip(f" {BLOCKS}") == in_words(values, higher)
        assert (said[-1] in BLOCKS) == name.endswith("loss")
    losses = [row["validation_loss"] for row in past]
    waited = len(losses) - 1 - losses.index(min(losses))
    assert ("no better" in frame[-1]) == (waited > 0)
    if waited:
        assert frame[-1].removesuffix("^C").endswith(f"no better for {waited} of 100000000 epochs")
    assert "learning rate 0.003" in frame[-1]


def test_the_figures_are_those_of_metrics_csv_also_after_a_stop(home: Path) -> None:
    with digits(home, 120) as terminal:
        terminal.read(lambda raw: pictures(raw) >= 6)
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    first = figures(home / "runs/digits")
    seen = list(frames(terminal.raw, 120))
    assert len(seen) >= 6
    for frame in seen:
        assert_true(frame, first)
    with Terminal("resume", "runs/digits", cwd=home, columns=120) as terminal:
        terminal.read(lambda raw: pictures(raw) >= 3)
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    both = figures(home / "runs/digits")
    assert both[: len(first)] == first
    for frame in frames(terminal.raw, 120):
        assert shown(frame)[0] > len(first)
        assert_true(frame, both)


@pytest.mark.parametrize("columns", [16, 80])
def test_it_fits_and_leaves_nothing_behind(home: Path, columns: int) -> None:
    began = time.monotonic()
    with digits(home, columns) as terminal:
        terminal.read(lambda raw: pictures(raw) >= 4)
        took = time.monotonic() - began
        assert pictures(terminal.raw) <= took / 0.2 + 2
        assert not [line for line in written(terminal.raw) if len(line) > columns - 1 and "/100000000" in line]
        terminal.press(CTRL_C)
        assert terminal.end() == 130
        assert not terminal.screen.cursor.hidden
    seen = list(frames(terminal.raw, columns))
    opening = next(i for i, line in enumerate(seen[0]) if "/100000000" in line)
    for frame in seen[:-1]:
        assert frame[:opening] == seen[0][:opening]
        assert len([line for line in frame if "/100000000" in line]) == 1
        assert len(frame) <= opening + 5
    assert unwrapped(seen[0][:opening]) == OPENING
    assert terminal.lines[:opening] == seen[0][:opening]
    said = "interrupted; nncli resume runs/digits goes on"
    assert "".join(terminal.lines[opening:]).replace(" ", "") == said.replace(" ", "")


def test_after_the_end_a_table_and_where_things_lie(home: Path) -> None:
    with digits(home, 80, "training.epochs=300", "training.early_stopping=null") as terminal:
        assert terminal.end() == 0
    assert pictures(terminal.raw) >= 1
    summary = json.loads((home / "runs/digits/summary.json").read_text())
    found, speed = summary["metrics"], summary["steps"] / summary["training_seconds"]
    best, epochs = summary["best_epoch"], 300
    assert best != epochs
    lines = terminal.lines
    assert unwrapped(lines[:-7]) == (
        f"{OPENING} completed after 300 epochs in {summary['training_seconds']:.1f} s; best epoch {best}; "
        f"{speed:,.0f} steps a second"
    )
    assert [line.split() for line in lines[-7:]] == [
        ["validation", "test"],
        ["loss", f"{found['validation_loss']:.4g}", f"{found['test_loss']:.4g}"],
        ["accuracy", f"{found['validation_accuracy']:.4f}", f"{found['test_accuracy']:.4f}"],
        ["run:", "runs/digits"],
        ["next:", "nncli", "evaluate", "runs/digits"],
        ["nncli", "report", "runs/digits"],
        ["nncli", "predict", "runs/digits", "new.csv", "-o", "predictions.csv"],
    ]


@pytest.mark.parametrize("columns", [12, 18])
def test_where_there_is_no_room_for_a_table_the_figures_are_lines(home: Path, columns: int) -> None:
    with digits(home, columns, "training.epochs=2") as terminal:
        assert terminal.end() == 0
    found = json.loads((home / "runs/digits/summary.json").read_text())["metrics"]
    seen = "".join(terminal.lines).replace(" ", "")
    for name, value in found.items():
        assert f"{name.replace('_', '')}{value:{'.4f' if name.endswith('accuracy') else '.4g'}}" in seen


def test_an_ensemble_says_which_member_it_is_at(home: Path) -> None:
    command = ("train", "configs/digits.yaml", "ensemble=3", "training.epochs=200", "training.early_stopping=null")
    with Terminal(*command, cwd=home, columns=100) as terminal:
        assert terminal.end() == 0
    heads = [re.search(r"member (\d)/3  epoch +(\d+)/200 .* (\d+)%", "\n".join(f)) for f in frames(terminal.raw, 100)]
    assert {head[1] for head in heads if head} == {"1", "2", "3"}
    for head in heads:
        assert head is not None
        member, begun, percent = map(int, head.groups())
        # of the epoch that goes on, some is done
        assert (member - 1 + (begun - 1) / 200) / 3 - 0.006 <= percent / 100 <= (member - 1 + begun / 200) / 3 + 0.006
    summary = json.loads((home / "runs/digits/summary.json").read_text())
    losses = [member["metrics"]["test_loss"] for member in summary["members"]]
    words = [line.split() for line in terminal.lines]
    assert ["completed:", "3", "members", "in", f"{summary['training_seconds']:.1f}", "s"] in words
    assert words[-8][-1] == f"{summary['metrics']['test_loss']:.4g}"
    assert words[-7][-3:] == [f"{min(losses):.4g}", "to", f"{max(losses):.4g}"]


def test_without_colour_there_is_none(home: Path) -> None:
    def colours(**environment: str) -> list[bytes]:
        with digits(home, 100, "training.epochs=200", "training.early_stopping=null", **environment) as terminal:
            assert terminal.end() == 0
        assert pictures(terminal.raw) >= 1
        codes = [code for codes in re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw) for code in codes.split(b";")]
        return [code for code in codes if code not in (b"", b"0", b"1", b"2")]  # bold and dim are no colours

    assert colours()
    assert colours(NO_COLOR="1") == []


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TTY_INTERACTIVE": "0"}], ids=str)
def test_a_terminal_that_cannot_redraw_gets_the_plain_lines(home: Path, environment: dict[str, str]) -> None:
    plain = ("training.epochs=200", "training.early_stopping=null")  # for longer than nothing is drawn
    with digits(home, 120, *plain, **environment) as terminal:
        assert terminal.end() == 0
    lines = [line for line in written(terminal.raw) if line.startswith("epoch")]
    assert b"\x1b[1A" not in terminal.raw
    assert "epoch 200/200  loss" in lines[-1]
    if environment == {"TERM": "dumb"}:
        assert b"\x1b" not in terminal.raw
        piped = subprocess.run(
            [sys.executable, "-m", "nncli.cli.main", "train", "configs/digits.yaml", *plain],
            cwd=home,
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(lines) == 20
        assert lines == piped.stderr.splitlines()[1:]


@pytest.mark.parametrize("environment", [{"LC_ALL": "POSIX"}], ids=str)
def test_a_terminal_without_the_block_characters_gets_ascii(home: Path, environment: dict[str, str]) -> None:
    with digits(home, 100, **environment) as terminal:
        terminal.read(lambda raw: pictures(raw) >= 3)
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    assert terminal.raw.isascii()
    assert re.search(rb"val loss.*[v^=] .*[#_]", terminal.raw)


@pytest.mark.parametrize("columns", [61])
def test_a_terminal_that_is_resized_shows_one_display(home: Path, columns: int) -> None:
    with digits(home, 100) as terminal:
        terminal.read(lambda raw: pictures(raw) >= 3)
        terminal.resize(columns)
        before = pictures(terminal.raw)
        terminal.read(lambda raw: pictures(raw) >= before + 3)
        terminal.press(CTRL_C)
        assert terminal.end() == 130
        said, shown = f"{OPENING} interrupted; nncli resume runs/digits goes on", "".join(terminal.lines)
        assert said.replace(" ", "").endswith(shown.replace(" ", ""))
        assert "nncliresumeruns/digits" in shown.replace(" ", "")
        assert "classification" in shown


def test_ctrl_c_cuts_off_no_picture_and_the_terminal_is_left_as_it_was(home: Path) -> None:
    """Of a picture that was cut off, lines above it would be erased, too."""
    with digits(home, 100) as terminal:
        assert terminal.discards
        terminal.read(lambda raw: pictures(raw) >= 2)
        assert not terminal.discards
        terminal.press(CTRL_C)
        assert terminal.end() == 130
        assert terminal.discards


def test_a_training_outlives_its_terminal(home: Path) -> None:
    command = [sys.executable, "-m", "nncli.cli.main", "train", "configs/digits.yaml", "training.epochs=300"]
    ours, theirs = os.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"TERM": "xterm"}
    with (home / "out").open("w") as out:
        process = subprocess.Popen(
            [*command, "training.early_stopping=null"],
            cwd=home,
            stdout=out,
            stderr=theirs,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
    os.close(theirs)
    while b"/300" not in os.read(ours, 1 << 16):
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert (home / "out").read_text().splitlines()[-1] == "run: runs/digits"
    assert json.loads((home / "runs/digits/summary.json").read_text())["status"] == "completed"


def test_a_path_is_shown_as_a_shell_takes_it_and_moves_no_cursor(home: Path) -> None:
    arguments = ("train", "configs/iris.yaml", "training.epochs=2", "--run", "my [bold]run[/]\x1b[31m")
    with Terminal(*arguments, cwd=home, columns=100) as terminal:
        assert terminal.end() == 0
    assert b"\x1b[31m" not in terminal.raw
    assert [line.split(maxsplit=1) for line in terminal.lines[-4:]] == [
        ["run:", r"my [bold]run[/]\x1b[31m"],
        ["next:", r"nncli evaluate 'my [bold]run[/]\x1b[31m'"],
        ["nncli", r"report 'my [bold]run[/]\x1b[31m'"],
        ["nncli", r"predict 'my [bold]run[/]\x1b[31m' new.csv -o predictions.csv"],
    ]
