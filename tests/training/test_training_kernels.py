"""Compiled loops: chosen by the length of a training, written down, and without an effect on any bit."""

from __future__ import annotations

from pathlib import Path

import pytest

import nncli
from nncli.builder import build
from nncli.engine import kernels
from nncli.errors import ConfigError
from nncli.training.memory import memory_of

CONFIG = """\
data: {source: wine}
model:
  layers:
    - {units: 40, activation: relu, dropout: 0.1}
    - {units: 9, activation: relu, norm: layer}
    - {activation: softmax}
loss: cross_entropy
training: {epochs: 6, batch_size: 16}
"""
OPTIMIZERS = [
    ("adam", {"adam"}),
    ("{name: adamw, weight_decay: 0.1}", {"adam"}),
    ("rmsprop", {"rmsprop"}),
    ("sgd", {"sgd"}),
    ("momentum", {"momentum"}),
    ("nesterov", {"nesterov"}),
    ("{name: rmsprop, momentum: 0.9, centered: true}", set()),
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def config(*overrides: str) -> nncli.config.schema.Config:
    return nncli.load_config("c.yaml", overrides)


@pytest.mark.parametrize(("optimizer", "loop"), OPTIMIZERS, ids=[name for name, _ in OPTIMIZERS])
def test_compiled_loops_train_the_same_bits(optimizer: str, loop: set[str]) -> None:
    summaries = {}
    for how in ("numpy", "numba"):
        run = nncli.train(config(f"optimizer={optimizer}", f"training.kernels={how}", "training.precision=float32"))
        summaries[how] = run.read_json("summary.json")
        environment = run.read_json("environment.json")
        assert environment["kernels"] == how
        assert ("numba" in environment["packages"]) == (how == "numba")
    classifier = {
        "rows gathered",
        "relu",
        "relu, backward",
        "softmax, shifted",
        "cross-entropy",
        "cross-entropy, backward",
    }
    assert summaries["numpy"]["compiled"] == []
    assert set(summaries["numba"]["compiled"]) == classifier | loop
    for key in ("digests", "metrics", "steps"):
        assert summaries["numpy"][key] == summaries["numba"][key]


def test_only_a_long_training_is_compiled() -> None:
    assert build(config()).kernels == "numpy"
    assert build(config("training.epochs=100000")).kernels == "numba"
    assert build(config("training.epochs=100000", "training.kernels=numpy")).kernels == "numpy"


def test_without_numba_nothing_is_compiled_and_asking_for_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert build(config("training.epochs=100000")).kernels == "numpy"
    with pytest.raises(ConfigError, match=r"training\.kernels: numba is not installed.*nncli\[fast\]"):
        build(config("training.kernels=numba"))


def test_the_gradients_of_the_compiled_loops_are_proven() -> None:
    assert nncli.check_gradients(config("training.kernels=numba")).passed


def test_what_compiled_loops_take_is_counted() -> None:
    parts = {how: memory_of(build(config(f"training.kernels={how}"))).parts["batch"] for how in ("numpy", "numba")}
    assert parts["numba"] < parts["numpy"]
