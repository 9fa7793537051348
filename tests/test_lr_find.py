"""The learning rate range test: against theory, against the training itself, and as a command."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Ended, called

import nncli
from nncli.builder import build
from nncli.engine.network import Bound
from nncli.errors import DivergedError, NncliError
from nncli.lr_find import RangeTest, find_learning_rate
from nncli.plots.canvas import save
from nncli.plots.learning_rates import draw_range_test
from nncli.training.trainer import Trainer

MOONS = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
schedule: {name: cosine, warmup_epochs: 1}
training: {epochs: 5, batch_size: 16}
"""
LINEAR = """\
data: {source: {name: regression, n_samples: 200, n_features: 5, n_informative: 5, noise: 10}}
model: {layers: [{}]}
loss: mse
optimizer: {name: sgd, learning_rate: 0.01}
training: {batch_size: full, precision: float64}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("moons.yaml").write_text(MOONS)
    Path("linear.yaml").write_text(LINEAR)


def config(name: str, *overrides: str) -> nncli.config.schema.Config:
    return nncli.load_config(f"{name}.yaml", overrides)


def test_gradient_descent_bursts_behind_twice_the_inverse_of_the_largest_curvature() -> None:
    """A linear network's squared error is a parabola: descent converges below 2/λ, and grows beyond it."""
    X = build(config("linear")).train.inputs  # its last column is that of the bias
    bound = 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X)).max()
    found = find_learning_rate(config("linear"), low=1e-5, high=100, steps=400)
    assert found.ended == "burst"
    assert bound < found.points[-1].rate < 10 * bound
    assert found.lowest is not None
    assert found.suggestion is not None
    assert bound / 10 < found.lowest < found.points[-1].rate  # at the bottom, what grows begins with rounding
    assert found.suggestion < bound
    assert found.suggestion == pytest.approx(found.lowest / 10, rel=0.06)
    assert found.steepest is not None
    assert found.steepest < found.lowest


def test_at_a_rate_that_hardly_rises_the_test_is_the_training_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    right = Bound.loss

    def loss(self: Bound) -> np.floating:
        losses.append(float(right(self)))
        return right(self)

    constant = config("moons", "schedule=constant", "data.split.validation=0", "training.epochs=4")
    with monkeypatch.context() as patched:
        patched.setattr(Bound, "loss", loss)
        list(Trainer(build(constant)).run())
    found = find_learning_rate(constant, low=0.01, high=0.01 * (1 + 1e-9), steps=30)
    # the loss of a batch is that behind the updates by all batches before it: the first has none
    assert [point.loss for point in found.points] == pytest.approx(losses[1:31], rel=1e-6)
    assert {point.rows for point in found.points} == {16, 173 % 16}


def test_rates_rise_by_one_factor_and_the_average_is_the_exponential_one_of_rows() -> None:
    found = find_learning_rate(config("moons"), low=1e-6, high=1, steps=61)
    rates = np.array([point.rate for point in found.points])
    np.testing.assert_allclose(rates, np.geomspace(1e-6, 1, 61)[: len(rates)], rtol=1e-10)
    for i in (0, 1, 25, len(rates) - 1):
        weights = [0.9 ** (i - j) * found.points[j].rows for j in range(i + 1)]
        losses = [found.points[j].loss for j in range(i + 1)]
        assert found.points[i].smoothed == pytest.approx(np.average(losses, weights=weights), rel=1e-10)


def test_a_network_learns_at_the_suggested_rate() -> None:
    found = find_learning_rate(config("moons"))
    assert found.configured == 0.01
    assert found.suggestion is not None
    plain = ("schedule=constant", "training.epochs=30")
    ends = []
    for rate in (found.suggestion, found.suggestion / 1000):
        run = nncli.train(config("moons", *plain, f"optimizer.learning_rate={rate}"))
        ends.append(json.loads((run.path / "summary.json").read_text())["metrics"]["validation_loss"])
    assert ends[0] < 0.35 < 0.5 < ends[1]


def test_nothing_is_suggested_where_nothing_falls_and_it_is_said_why() -> None:
    flat = find_learning_rate(config("moons"), low=1e-12, high=1e-9)
    assert (flat.suggestion, flat.steepest, flat.ended, len(flat.points)) == (None, None, "done", 200)
    assert "does not fall by more than it differs from batch to batch" in flat.why_none
    still = find_learning_rate(config("linear"), low=1e-12, high=1e-9)  # full batches do not differ at all
    assert still.suggestion is None
    burst = find_learning_rate(config("linear"), low=1e5, high=1e6)
    assert burst.suggestion is None
    assert "a smaller --from helps" in burst.why_none
    for seed in range(5):  # labels that the features say nothing about
        noise = "data.source={name: classification, flip_y: 1.0, n_samples: 1000}"
        blind = find_learning_rate(config("moons", noise, f"seed={seed}"), low=1e-7, high=1e-2)
        assert blind.suggestion is None
    save(draw_range_test(burst), Path("burst.png"))
    json.dumps(burst.to_json(), allow_nan=False)
    with pytest.raises(DivergedError, match=r"linear: the loss is not finite at a learning rate of 1e\+29; a smaller"):
        find_learning_rate(config("linear", "training.precision=float32"), low=1e29, high=1e30)


@pytest.mark.parametrize(
    "asked", [{"low": 1.0, "high": 1.0}, {"low": 0.0}, {"high": float("inf")}, {"steps": 19}], ids=str
)
def test_a_range_that_makes_no_sense_is_refused(asked: dict) -> None:
    with pytest.raises(NncliError, match=r"no range of learning rates|too few"):
        find_learning_rate(config("moons"), **asked)


def test_nothing_is_written_and_no_picture_is_loaded_for_the_figures_alone() -> None:
    find = "nncli.find_learning_rate(nncli.load_config('moons.yaml'))"
    script = f"import sys, nncli; {find}; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
    assert sorted(path.name for path in Path().iterdir()) == ["linear.yaml", "moons.yaml"]


def test_the_picture_shows_losses_and_rates_with_their_names() -> None:
    found = find_learning_rate(config("moons"))
    axes = draw_range_test(found).axes[0]
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss of a batch")
    assert axes.get_title("left") == "moons: learning rate range test of adam"
    raw, smoothed, suggested = axes.get_lines()[:3]
    np.testing.assert_array_equal(raw.get_ydata(), [point.loss for point in found.points])
    np.testing.assert_array_equal(smoothed.get_ydata(), [point.smoothed for point in found.points])
    assert list(suggested.get_xdata()) == [found.suggestion] * 2
    low, high = axes.get_ylim()
    assert low < min(point.smoothed for point in found.points)
    assert high < max(point.loss for point in found.points)  # the burst leaves it


# -- the command ---------------------------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "nncli.cli.main", "lr-find"]


def lr_find(*arguments: str) -> Ended:
    return called("lr-find", *arguments)


def test_the_command_prints_a_table_and_a_suggestion_and_draws() -> None:
    result = lr_find("moons.yaml", "seed=3")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("moons, adam: ")
    assert 10 <= sum("e-" in line or "e+" in line for line in lines) <= 15
    suggestion = float(lines[-2].split("optimizer.learning_rate=")[1].split()[0])
    assert suggestion == find_learning_rate(config("moons", "seed=3")).suggestion
    assert lines[-1] == "picture: lr-find.png"
    assert Path("lr-find.png").read_bytes().startswith(b"\x89PNG")
    assert not Path("runs").exists()


def test_json_has_every_point() -> None:
    result = lr_find("moons.yaml", "--from", "1e-5", "--to", "1", "--steps", "50", "-o", "pictures", "--json")
    report = json.loads(result.stdout)
    assert report["picture"] == "pictures/lr-find.png"
    assert Path(report["picture"]).exists()
    expected: RangeTest = find_learning_rate(config("moons"), low=1e-5, high=1, steps=50)
    assert {**report, "picture": 0} == {**expected.to_json(), "picture": 0}


def test_a_picture_is_written_over_ours_and_over_nothing_else() -> None:
    assert lr_find("moons.yaml", "-o", "a.png").returncode == 0
    first = Path("a.png").stat().st_ino
    assert lr_find("moons.yaml", "-o", "a.png").returncode == 0
    assert Path("a.png").stat().st_ino != first
    for content in (b"my thesis", Path("a.png").read_bytes().replace(b"nncli", b"paint")):
        Path("b.png").write_bytes(content)
        result = lr_find("moons.yaml", "-o", "b.png")
        assert result.returncode == 2
        assert result.stderr == "b.png: exists, and is no picture of nncli's; choose another name with -o\n"
        assert Path("b.png").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["moon.yaml"], "moon.yaml: no such file; did you mean moons.yaml?"),
        (["moons.yaml", "--from", "1", "--to", "0.1"], "from 1 to 0.1 is no range of learning rates; --from has to be"),
        (["moons.yaml", "--steps", "3"], "3 steps are too few to see anything; take --steps 200"),
        (["moons.yaml", "optimizer.learning_rat=1"], "unknown key, did you mean 'learning_rate'?"),
        (["moons.yaml", "-o", "a.pdf"], "a.pdf: a picture is a PNG file; write a.png"),
        (["moons.yaml", "-o", "/proc/nowhere"], "/proc/nowhere/lr-find.png: cannot be written: No such file"),
    ],
)
def test_a_wrong_command_gets_a_line(arguments: list[str], says: str) -> None:
    result = lr_find(*arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_ctrl_c_ends_it_with_130_and_leaves_nothing() -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "moons.yaml", "--to", "1e-6", "--steps", "100000000"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    shown = b""
    while b"lr-find" not in shown:  # the bar shows after a second
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # Linux ends a terminal whose other side is gone with an error
        while piece := os.read(ours, 4096):
            shown += piece
    assert process.wait(timeout=60) == 130
    os.close(ours)
    assert b"Traceback" not in shown
    assert sorted(path.name for path in Path().iterdir()) == ["linear.yaml", "moons.yaml"]
