"""The JSON Schema of sweeps says what the loader says, by the word of a validator that knows nothing of nncli."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import called
from jsonschema import Draft202012Validator

from nncli.config.document import parse_document, read_document
from nncli.errors import ConfigError
from nncli.sweep import load_sweep
from nncli.sweep.json_schema import sweep_schema
from nncli.sweep.running import check

SWEEPS = Path(__file__).parents[2] / "configs/sweeps"
FILES = sorted(SWEEPS.glob("*.yaml"))
VALIDATOR = Draft202012Validator(sweep_schema())
CONFIG = """\
data: {source: iris, split: {seed: 0}}
model: {layers: [{units: 8, activation: relu}, {activation: softmax}]}
optimizer: sgd
"""


def test_the_schema_is_one_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(sweep_schema())
    assert sweep_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]


def test_the_schema_that_is_shipped_is_the_schema_and_what_the_command_prints() -> None:
    shipped = (SWEEPS / "nncli.sweep.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == sweep_schema(), "run python docs/make_config_reference.py"
    assert called("sweep", "--schema").stdout == shipped


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_sweep_names_the_schema_and_passes_it(path: Path) -> None:
    assert path.read_text(encoding="utf-8").splitlines()[0] == "# yaml-language-server: $schema=nncli.sweep.schema.json"
    assert [*VALIDATOR.iter_errors(read_document(path).value)] == []


RIGHT = {
    "choices of all kinds": "space: {optimizer: [adam, {name: sgd, momentum: 0.9}], training.batch_size: [8, full]}",
    "whole layers": "space: {model.layers: [[{activation: softmax}], [{units: 4}, {activation: softmax}]]}",
    "a key of an entry": "space: {model.layers.0.units: [2, 9], model.layers.0.activation.negative_slope: [0.1]}",
    "a choice that depends": "space: {seed: [1, 2], optimizer.momentum: {choice: [0, 0.9], when: {seed: [1]}}}",
    "null and a mapping": "space: {training.early_stopping: [null, {patience: 3}], training.clip_norm: [null, 1]}",
    "a grid": "space: {optimizer.learning_rate: {log_uniform: [1e-3, 1], steps: 3}}\nmethod: grid\ntrials: null",
    "a pruning by its name": "space: {seed: [1, 2]}\npruning: median",
    "a pruning with settings": "space: {seed: [1, 2]}\npruning: {name: halving, factor: 2}",
    "a metric": "space: {seed: [1, 2]}\nmonitor: validation_accuracy\nset: {metrics: [accuracy]}",
    "a name that anybody may choose": "space: {loss.class_weight.setosa: [1, 2]}\nmonitor: validation_accuracy",
}


@pytest.mark.parametrize("line", RIGHT.values(), ids=RIGHT)
def test_what_may_be_written_passes_both(line: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG.replace("relu", "leaky_relu"))
    text = f"config: c.yaml\n{line}\n{'' if 'trials' in line else 'trials: 2'}\n"
    (tmp_path / "s.yaml").write_text(text)
    check(load_sweep(tmp_path / "s.yaml"))
    assert [*VALIDATOR.iter_errors(parse_document(text, "s").value)] == []


WRONG = {
    "an unknown key": "space: {seed: [1, 2]}\nmonitr: validation_loss",
    "no space": "",
    "an empty space": "space: {}",
    "an unknown key of the config": "space: {optimizer.learning_rte: [0.1, 0.2]}",
    "an unknown key of an entry": "space: {model.layers.0.unts: [1, 2]}",
    "an entry that is no number": "space: {model.layers.first.units: [1, 2]}",
    "a choice out of bounds": "space: {optimizer.learning_rate: [0.1, -1]}",
    "a choice of another type": "space: {training.epochs: [1, many]}",
    "an unknown name": "space: {optimizer.name: [adam, sdg]}",
    "a choice that is wrong in a mapping": "space: {optimizer.learning_rate: {choice: [0.1, -1]}}",
    "no values": "space: {seed: []}",
    "a value for a list": "space: {seed: 1}",
    "two kinds": "space: {optimizer.learning_rate: {choice: [1, 2], uniform: [1, 2]}}",
    "no kind": "space: {optimizer.learning_rate: {steps: 2}}",
    "an unknown kind": "space: {optimizer.learning_rate: {log: [1, 2]}}",
    "a range with one end": "space: {optimizer.learning_rate: {uniform: [1]}}",
    "magnitudes from 0": "space: {optimizer.learning_rate: {log_uniform: [0, 1]}}",
    "a part of a whole number": "space: {training.epochs: {integer: [1.5, 3]}}",
    "a fixed value out of bounds": "space: {seed: [1, 2]}\nset: {training.epochs: -1}",
    "a fixed key that is unknown": "space: {seed: [1, 2]}\nset: {trainin.epochs: 1}",
    "an unknown method": "space: {seed: [1, 2]}\nmethod: bayes",
    "a figure that is none": "space: {seed: [1, 2]}\nmonitor: test_loss",
    "no trials": "space: {seed: [1, 2]}\ntrials: 0",
    "a pruning without a name": "space: {seed: [1, 2]}\npruning: {factor: 2}",
    "a setting of the other pruning": "space: {seed: [1, 2]}\npruning: {name: median, factor: 2}",
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_what_is_refused_fails_the_schema(line: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    text = f"config: c.yaml\n{line}\n{'' if 'trials' in line else 'trials: 2'}\n"
    (tmp_path / "s.yaml").write_text(text)
    assert not VALIDATOR.is_valid(parse_document(text, "s").value)
    with pytest.raises(ConfigError):
        check(load_sweep(tmp_path / "s.yaml"))


def test_what_is_said_of_a_key_is_said_of_it_in_the_space() -> None:
    """An editor shows it where the key is: the references lead to the words of the config."""
    node = sweep_schema()
    for step in node["properties"]["space"]["properties"]["training.epochs"]["anyOf"][0]["items"]["$ref"].split("/")[
        1:
    ]:
        node = node[step]
    assert node["description"] == sweep_schema()["$defs"]["Training"]["properties"]["epochs"]["description"]
    assert node["minimum"] == 0
