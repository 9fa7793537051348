"""The command line as a user meets it: real processes, what they print where, and their exit codes."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from commands import called

from nncli.gradcheck.pieces import count_pieces, pieces
from nncli.gradcheck.self_test import count_faults, planted

CONFIGS = Path(__file__).parents[2] / "configs"
ALL = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def nncli(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nncli.cli.main", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the shipped configs."""
    shutil.copytree(CONFIGS, tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_idx(folder: Path, train: int, test: int) -> None:
    """A folder like MNIST's: each class lights up its own band of the image."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, n in (("train", train), ("t10k", test)):
        labels = np.arange(n) % 10
        images = rng.integers(0, 60, (n, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 150
        for name, magic, array in (("images-idx3", 2051, images), ("labels-idx1", 2049, labels)):
            header = struct.pack(f">i{array.ndim}i", magic, *array.shape)
            with gzip.open(folder / f"{part}-{name}-ubyte.gz", "wb") as file:
                file.write(header + array.astype(np.uint8).tobytes())


@pytest.mark.parametrize("name", ALL)
def test_shipped_config_trains_evaluates_and_passes_gradcheck(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["training.epochs=3"]
    if name.startswith("mnist"):
        write_idx(home / "stand-in", 400, 50)
        overrides.append("data.path=stand-in")
        # as wide as they are, their million weights are for the machine that trains on the real images
        blocks = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())["model"]["layers"]
        overrides += [f"model.layers.{i}.units=32" for i in range(len(blocks) - 1)]
    trained = called("train", f"configs/{name}.yaml", *overrides, "--json")
    assert trained.returncode == 0, trained.stderr
    summary = json.loads(trained.stdout)
    assert summary["epochs"] == 3
    assert summary["run"] == f"runs/{name}"
    evaluated = called("evaluate", "latest", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["loss"] == pytest.approx(summary["metrics"]["test_loss"], rel=1e-6)
    if name == "residual":  # every one of its 13,000 weights takes 20 s; half as wide it has the same blocks
        half = [f"model.layers.{i}.units={units}" for i, units in enumerate((32, 32, 16))]
        assert called("train", f"configs/{name}.yaml", *overrides, *half).returncode == 0
    # at the places where the config would be checked, and at the trained weights
    proven = called("gradcheck", "latest", "--json")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    report = json.loads(proven.stdout)
    assert report["passed"]
    by_complex_step = [c for check in report["checks"] for t in check["tensors"] for c in t["comparisons"][:1]]
    assert {comparison["method"] for comparison in by_complex_step} == {"complex_step"}
    assert all(comparison["error"] <= 1e-12 for comparison in by_complex_step)
    places = dict.fromkeys(check["place"].removesuffix(", as it predicts") for check in report["checks"])
    assert [*places] == ["initial weights", "after 5 steps", "trained weights"]


@pytest.mark.parametrize("name", ["iris", "blocks"])
def test_a_config_is_checked_where_its_run_is_before_it_was_trained(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert called("train", f"configs/{name}.yaml", "training.epochs=3").returncode == 0
    of_config, of_run = (
        json.loads(called("gradcheck", *what, "--json").stdout)
        for what in ([f"configs/{name}.yaml", "training.epochs=3"], ["latest"])
    )
    assert of_config["passed"]
    assert of_config["checks"] == [c for c in of_run["checks"] if not c["place"].startswith("trained weights")]


def test_training_talks_to_stderr_and_its_result_goes_to_stdout(home: Path) -> None:
    trained = nncli("train", "configs/iris.yaml", "training.epochs=40", cwd=home)
    assert trained.returncode == 0
    lines = trained.stderr.splitlines()
    assert lines[0] == "classification: 4-16-3, 131 parameters; 120 rows to train on, 0 to validate, 30 to test"
    assert len(lines) == 1 + 20
    assert lines[-1].startswith("epoch 40/40  loss ")
    assert trained.stdout.splitlines()[-1] == "run: runs/iris"
    assert "\x1b" not in trained.stdout + trained.stderr
    quiet = nncli("train", "configs/iris.yaml", "training.epochs=1", "--quiet", cwd=home)
    assert quiet.stderr == ""


def test_evaluation_shows_classes_and_confusion(home: Path) -> None:
    called("train", "configs/iris.yaml")
    evaluated = called("evaluate", "latest")
    assert evaluated.returncode == 0
    assert "confusion matrix" in evaluated.stdout
    assert "versicolor" in evaluated.stdout
    report = json.loads(called("evaluate", "runs/iris", "--json", "--split", "train").stdout)
    assert np.sum(report["confusion"]) == report["rows"] == 120
    assert np.trace(report["confusion"]) == pytest.approx(report["metrics"]["accuracy"] * 120)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "configs/irs.yaml"], "configs/irs.yaml: no such file; did you mean configs/iris.yaml?"),
        (["train", "configs"], "configs: is a directory; name a file in it:"),
        (["train", "configs/iris.yaml", "optimizer.learning_rate=-1"], "must be greater than 0 (is -1)"),
        (["train", "configs/mnist.yaml"], "configs/mnist"),
        (["evaluate", "latest"], "runs/latest: there is no run yet; nncli train CONFIG makes one"),
        (["evaluate", "configs"], "configs: not a run directory: it has no config.yaml"),
        (["evaluate", "nowhere"], "nowhere: no such run"),
        (["gradcheck", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (
            ["gradcheck", "configs/iris.yaml", "--inject", "sing_flip"],
            "unknown fault 'sing_flip', did you mean 'sign_flip'?",
        ),
        (["gradcheck", "configs/iris.yaml", "--inject", "wrong_relu_mask"], "needs a rectifier"),
        (["gradcheck", "--inject", "sign_flip"], "--inject: needs a network; name a CONFIG or RUN"),
        (["gradcheck", "configs/iris.yaml", "--self-test"], "--self-test: goes alone"),
        (["trian"], "No such command 'trian'"),
    ],
)
def test_a_wrong_command_gets_a_line_and_exit_code_2(
    home: Path, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = called(*arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_five_mistakes_are_answered_by_five_lines_with_positions(home: Path) -> None:
    text = (home / "configs/iris.yaml").read_text()
    for old, new in [("iris\n", "irsi\n"), ("units", "unit"), ("tanh", "tahn"), ("0.01", "-1"), ("100", "many")]:
        assert old in text
        text = text.replace(old, new, 1)
    (home / "wrong.yaml").write_text(text)
    result = called("train", "wrong.yaml")
    positions = [line.split("  ")[0] for line in result.stderr.splitlines() if "needs units" not in line]
    assert result.returncode == 2
    assert len(positions) == 5
    assert all(position.startswith("wrong.yaml:") for position in positions)


def said_twice(patch: pytest.MonkeyPatch, checks: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """The JSON and the table of a command: what the function ``checks`` gives is worked out once for both."""
    module, _, name = checks.rpartition(".")
    work, done = getattr(sys.modules[module], name), []
    patch.setattr(checks, lambda: (done.append(check) or check for check in work()))
    report = called(*arguments, "--json")
    patch.setattr(checks, lambda: iter(done))
    table = called(*arguments)
    assert (report.returncode, table.returncode) == (0, 0)
    return json.loads(report.stdout), table.stdout


def test_gradcheck_without_a_network_proves_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """That each is right is for tests/gradcheck to show; here one in twelve is looked at, and told of."""
    some = [*pieces()][::12]
    monkeypatch.setattr("nncli.gradcheck.pieces.pieces", lambda: iter(some))
    report, table = said_twice(monkeypatch, "nncli.gradcheck.pieces.check_pieces", "gradcheck")
    assert report["passed"]
    assert {piece["kind"] for piece in report["pieces"]} >= {"activation", "loss", "norm", "optimizer"}
    expected = [(piece.kind, piece.piece, "right") for piece in some]
    assert [(piece["kind"], piece["piece"], piece["verdict"]) for piece in report["pieces"]] == expected
    assert count_pieces() == len(expected)
    assert f"all {len(report['pieces'])} pieces are right" in table


def test_the_self_test_finds_every_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """That all are found is for the table in docs/gradcheck.md to show; here one in five is planted, and told of."""
    some = [*planted()][::5]
    monkeypatch.setattr("nncli.gradcheck.self_test.planted", lambda: iter(some))
    report, table = said_twice(monkeypatch, "nncli.gradcheck.self_test.self_test", "gradcheck", "--self-test")
    assert report["passed"]
    assert all(len(fault["found_by"]) >= 2 for fault in report["faults"])
    expected = [(one.fault, one.variant) for one in some]
    assert [(fault["fault"], fault["variant"]) for fault in report["faults"]] == expected
    assert count_faults() == len(expected)
    assert f"all {len(report['faults'])} planted faults were found" in table
    assert "MISSED" not in table


def test_a_planted_fault_fails_with_the_guilty_tensor_named_first(home: Path) -> None:
    result = called("gradcheck", "configs/iris.yaml", "--inject", "factor_1.001")
    assert result.returncode == 1
    assert "found by: complex step, differences, Taylor, autograd" in result.stdout
    assert "backpropagation first goes wrong at layers.1.bias; then layers.1.weight" in result.stdout
    assert "the fault factor_1.001 was found, as it should be" in result.stdout
    report = json.loads(called("gradcheck", "configs/iris.yaml", "--inject", "sign_flip", "--json").stdout)
    assert not report["passed"]
    assert report["wrong"][0] == "layers.0.bias"


def test_a_training_with_gradcheck_leaves_its_certificate(home: Path) -> None:
    assert called("train", "configs/iris.yaml", "training.epochs=2", "--gradcheck").returncode == 0
    certificate = json.loads((home / "runs/iris/gradcheck.json").read_text())
    assert certificate["passed"]
    assert {check["place"] for check in certificate["checks"]} == {"initial weights", "after 5 steps"}
    assert {check["rows"] for check in certificate["checks"]} == {1, 8}
    assert {check["term"] for check in certificate["checks"]} == {"loss", "penalty", "both"}
    assert json.loads(called("gradcheck", "latest", "--json").stdout)["checks"][-1]["place"] == "trained weights"


def test_without_autograd_it_is_said_that_it_was_not_asked(home: Path) -> None:
    (home / "sitecustomize.py").write_text("import sys\nsys.modules['autograd'] = None\n")
    result = nncli("gradcheck", "configs/iris.yaml", cwd=home, PYTHONPATH=str(home))
    assert result.returncode == 0, result.stderr
    assert "autograd is not installed, and was not asked: pip install 'nncli[check]'" in result.stdout
    assert "every gradient is right" in result.stdout


def test_an_output_that_cannot_take_every_character_is_no_fault(home: Path) -> None:
    result = nncli("gradcheck", "configs/iris.yaml", cwd=home, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert "4?16" in result.stdout
    assert "every gradient is right" in result.stdout


def in_a_terminal(columns: int, *arguments: str, cwd: Path) -> str:
    """What a person sees in a terminal of so many columns, without the colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    command = [sys.executable, "-m", "nncli.cli.main", *arguments]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "TERM")}
    process = subprocess.Popen(command, cwd=cwd, stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal whose other side is gone with an error
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_in_a_narrow_terminal_the_verdict_stays(home: Path, columns: int) -> None:
    lines = in_a_terminal(columns, "gradcheck", "configs/iris.yaml", cwd=home).splitlines()
    row = next(line for line in lines if line.strip().startswith("layers.0.w"))
    assert " ok " in row
    assert len(row.rstrip()) <= columns
    assert any("autograd" in line for line in lines[: lines.index(row)]) == (columns == 200)


def test_a_divergence_exits_with_3(home: Path) -> None:
    result = called("train", "configs/two_layers.yaml", "optimizer.learning_rate=1e200")
    assert result.returncode == 3
    assert "runs/two_layers: training diverged: epoch 1, batch" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_exits_with_its_code(home: Path, number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "nncli.cli.main", "train", "configs/iris.yaml", "training.epochs=100000000"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = home / "runs/iris/metrics.csv"
    while not metrics.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert "interrupted; nncli resume runs/iris goes on" in stderr
    assert json.loads((home / "runs/iris/summary.json").read_text())["status"] == "interrupted"
    assert called("evaluate", "latest").returncode == 0


WIDE = "model.layers=[{units: 600, activation: relu}, {units: 600, activation: tanh}, {activation: softmax}]"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143)])
def test_a_signal_ends_the_gradcheck_before_a_training(home: Path, number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "nncli.cli.main", "train", "configs/digits.yaml", WIDE, "--gradcheck"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (home / "runs/digits/summary.json").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert json.loads((home / "runs/digits/summary.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize("arguments", [["gradcheck", "configs/iris.yaml"], ["explain", "configs/iris.yaml"]], ids=str)
def test_a_full_disk_behind_the_output_is_said_in_a_line(home: Path, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "nncli.cli.main", *arguments]
        result = subprocess.run(command, cwd=home, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "output: No space left on device\n"


def test_a_closed_pipe_behind_a_table_is_no_failed_check(home: Path) -> None:
    network = "configs/residual.yaml model.layers.0.units=16 model.layers.1.units=16 model.layers.2.units=8"
    command = f"set -o pipefail; {sys.executable} -m nncli.cli.main gradcheck {network} | head -1"
    result = subprocess.run(["bash", "-c", command], cwd=home, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_a_closed_pipe_is_no_fault(home: Path) -> None:
    nncli("train", "configs/iris.yaml", "training.epochs=1", cwd=home)
    command = f"{sys.executable} -m nncli.cli.main evaluate latest --json | head -c 1"
    result = subprocess.run(command, shell=True, cwd=home, capture_output=True, text=True, check=False)
    assert result.stdout == "{"
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_resolved_config_is_plain_yaml_with_every_default(home: Path) -> None:
    nncli("train", "configs/penguins.yaml", "training.epochs=1", cwd=home)
    content = yaml.safe_load((home / "runs/penguins/config.yaml").read_text())
    assert content["optimizer"] == {
        "name": "adam",
        "learning_rate": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }
    assert Path(content["data"]["path"]).is_absolute()
