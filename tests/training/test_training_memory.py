"""The memory that a training is said to take is what it takes; one that takes more than there is never begins."""

from __future__ import annotations

import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from nncli import machine
from nncli.api import train
from nncli.builder import build
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.engine import optimizers
from nncli.errors import ConfigError
from nncli.text import bytes_text
from nncli.training import memory
from nncli.training.memory import memory_of

CONFIG = """\
data: {{source: {{name: blobs, n_samples: 400, n_features: 20}}}}
model:
  layers:
    - {{units: 700, activation: relu}}
    - {{units: 700, activation: gelu, norm: layer, dropout: 0.1, residual: true}}
    - {{units: 500, activation: tanh, residual: true}}
    - {{activation: softmax}}
optimizer: {optimizer}
training: {{epochs: 1, batch_size: 96, precision: {precision}}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def traced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tracemalloc sees: of the two copies that safetensors makes (by its resident size), one is Rust's own."""
    monkeypatch.setattr(memory, "COPIES_TO_SAVE", memory.COPIES_TO_SAVE - 1)


def config(optimizer: str = "adam", precision: str = "float32", *overrides: str) -> Config:
    Path("c.yaml").write_text(CONFIG.format(optimizer=optimizer, precision=precision))
    return load_config("c.yaml", list(overrides))


def peak_of_training(*overrides: str, optimizer: str = "adam", precision: str = "float32") -> tuple[int, int]:
    """(foretold, measured): bytes that the whole of a training allocates at the most."""
    train(config(optimizer, precision, "model.layers=[{}]", "loss=mse", "training.batch_size=full"))  # imports
    asked = config(optimizer, precision, *overrides)
    foretold = memory_of(build(asked))
    tracemalloc.start()
    try:
        train(asked)
        measured = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return foretold.total, measured


@pytest.mark.parametrize("optimizer", optimizers.registry.names)
def test_the_memory_that_a_training_takes_is_foretold(traced: None, optimizer: str) -> None:
    whole = issubclass(optimizers.registry[optimizer], optimizers.Minimizer)
    overrides = ("model.layers.1.dropout=0", "training.batch_size=full") if whole else ()
    foretold, measured = peak_of_training(*overrides, optimizer=optimizer)
    assert foretold == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(
    "overrides",
    [
        ("training.batch_size=full",),
        ("regularization={l1: 0.1, l2: 0.1}",),
        ("data.split.validation=0", "data.split.test=0"),
        ("training.early_stopping={}", "data.split.validation=0.5"),
        ("training.average={}", "training.accumulate=2", "training.clip_norm=1"),
    ],
    ids=" ".join,
)
def test_so_it_is_for_other_batches_penalties_and_splits(traced: None, overrides: tuple[str, ...]) -> None:
    foretold, measured = peak_of_training(*overrides, precision="float64")
    assert foretold == pytest.approx(measured, rel=0.03)


def test_parameters_are_counted_as_on_paper(home: Path) -> None:
    experiment = build(config("sgd"))
    parts = memory_of(experiment).parts
    vector = 4 * experiment.network.layout.size
    assert parts["parameters"] == 4 * vector  # θ, its gradient, the best ones, the last good ones
    assert parts["optimizer"] == vector  # no state, and what it works in
    assert memory_of(build(config("{name: sgd, momentum: 0.9}"))).parts["optimizer"] == 2 * vector


def test_a_training_that_takes_more_than_the_machine_has_is_refused_at_its_widest_block(home: Path) -> None:
    wide = ("model.layers.0.units=1000000", "model.layers.1.units=1000000", "model.layers.1.residual=false")
    with pytest.raises(ConfigError) as caught:
        train(config("sgd", "float32", *wide))
    (problem,) = caught.value.problems
    assert problem.where == "override 'model.layers.1.units=1000000'  model.layers.1.units"
    assert "TB, this machine has" in problem.message or "TB, this container has" in problem.message
    assert "fewer units" in problem.remedy
    assert not Path("runs").exists()  # nothing was begun


def test_the_batch_is_named_where_a_smaller_one_would_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config("sgd", "float32", "training.batch_size=full", "data.source.n_samples=50000")
    need = memory_of(build(asked)).total
    monkeypatch.setattr(memory, "memory_limit", lambda held: machine.Limit(need - 1, "this machine has"))
    with pytest.raises(ConfigError) as caught:
        train(asked)
    (problem,) = caught.value.problems
    assert problem.where.startswith("c.yaml:5:15  model.layers.1.units")
    assert "a smaller training.batch_size helps (is 35000)" in problem.remedy
    monkeypatch.setattr(memory, "memory_limit", lambda held: machine.Limit(need, "this machine has"))
    memory.refuse_too_large(build(asked))  # what just fits is not refused


@pytest.mark.skipif(sys.platform != "linux", reason="others do not hold a process to its address space")
def test_the_limit_of_the_process_counts(home: Path) -> None:
    """As ``ulimit -v`` sets it: what the process has mapped already is not left to the training."""
    code = (
        "import resource, nncli.machine as machine\n"
        "before = machine.memory_limit()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, resource.RLIM_INFINITY))\n"
        "limit = machine.memory_limit()\n"
        "assert limit.whose == 'this process may take' and 0 < limit.bytes < 2_000_000_000, limit\n"
        "assert machine.memory_limit(held=1000).bytes >= limit.bytes\n"
        "assert limit.bytes < before.bytes\n"
    )
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_limits_of_all_control_groups_around_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    own = next(path for _, controllers, path in groups if controllers in ("", "memory"))
    kind = next(controllers for _, controllers, path in groups if controllers in ("", "memory"))
    root = tmp_path / "memory" if kind else tmp_path
    inner = root / own.lstrip("/") / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "memory.max").write_text("max\n")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path)
    unlimited = machine.memory_limit()
    (root / "memory.max").write_text("1000000\n")
    assert machine.memory_limit() == machine.Limit(1_000_000, "this container has")
    assert unlimited != machine.memory_limit()


def test_bytes_are_said_in_two_digits() -> None:
    small = {0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 9_949: "9.9 kB", 31_400: "31 kB", 999_600: "1.0 MB"}
    large = {4 * 10**12: "4.0 TB", 10**18: "1.0 EB", 2 * 10**22: "20000 EB"}
    for n, text in (small | large).items():
        assert bytes_text(n) == text
