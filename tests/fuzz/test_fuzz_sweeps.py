"""Any sweep is one, whose trials are configs, or is refused in words, and soon."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz.configs import broken
from fuzz.fuzzing import counted, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nncli.config.schema import Config
from nncli.errors import ConfigError
from nncli.sweep.json_schema import sweep_schema
from nncli.sweep.proposing import fixed
from nncli.sweep.reading import load_sweep, sweep_of

SLOW = 5
"""Seconds of the processor that no sweep should take."""
CONFIG = """\
data: {source: iris}
model: {layers: [{units: 4, activation: relu}, {activation: softmax}]}
optimizer: {name: sgd, momentum: 0.5}
training: {epochs: 8}
"""
RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "optimizer.learning_rate": st.sampled_from([{"log_uniform": [1e-4, 0.1]}, {"uniform": [0.1, 1], "steps": 3}]),
    "optimizer.name": st.just(["adam", "sgd"]),
    "optimizer.momentum": st.just({"uniform": [0, 0.9], "steps": 2, "when": {"optimizer.name": "sgd"}}),
    "model.layers.0.units": st.sampled_from([[4, 8], {"integer": [2, 5]}, {"log_integer": [1, 64]}]),
    "seed": st.just([1, 2]),
    "data.split.validation": st.just({"uniform": [0.1, 0.3], "steps": 2}),
}
REST: dict[str, st.SearchStrategy[Any]] = {
    "set": st.sampled_from([{}, {"training.epochs": 30}, {"optimizer": "adam"}]),
    "method": st.sampled_from(["grid", "random", "tpe"]),
    "monitor": st.sampled_from(["validation_loss", "validation_accuracy"]),
    "pruning": st.sampled_from(
        ["median", "halving", {"name": "halving", "factor": 1.5}, {"name": "median", "every": 3}]
    ),
    "seed": st.integers(0, 5),
}
SWEEPS = st.fixed_dictionaries(
    {"config": st.just("c.yaml"), "space": st.fixed_dictionaries({}, optional=RIGHT), "trials": st.integers(1, 9)},
    optional=REST,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "c.yaml").write_text(CONFIG)
        yield Path(name)


def test_any_sweep_is_one_or_is_refused(folder: Path) -> None:
    ends: Counter[str] = Counter()
    schema = Draft202012Validator(sweep_schema())

    def one(content: Any) -> None:
        (folder / "s.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
        began = time.process_time()
        with counted(ends):
            sweep = load_sweep(folder / "s.yaml")
            assert schema.is_valid(content), content
            assert sweep_of(sweep.to_json(), "plan.json").to_json() == sweep.to_json()
            trials = [] if sweep.method == "tpe" else fixed(sweep)
            assert len(trials) in (0, sweep.trials)
            for values in trials[:5]:
                with suppress(ConfigError):  # which the check of a sweep tells
                    assert isinstance(sweep.config(values), Config)
            ends["tried"] += len(trials) > 0
        assert time.process_time() - began < SLOW

    fuzzed(150)(given(content=SWEEPS | broken(SWEEPS))(one))()
    print(f"sweeps: {dict(ends)}")
    assert ends["accepted"]
    assert ends["refused"]
    assert ends["tried"]
