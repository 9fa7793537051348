"""The JSON Schema says what the loader says, by the word of a validator that knows nothing of nncli."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nncli.config.document import parse_document, read_document
from nncli.config.json_schema import json_schema
from nncli.config.loader import load_config
from nncli.config.pieces import PieceOf
from nncli.config.schema import Config
from nncli.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.yaml"))
VALIDATOR = Draft202012Validator(json_schema())

RIGHT = """\
data: {source: iris}
model: {layers: [{units: 8, activation: relu}, {activation: softmax}]}
"""


def test_the_schema_is_one_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]


def test_the_schema_that_is_shipped_is_the_schema() -> None:
    shipped = json.loads((CONFIGS / "nncli.schema.json").read_text(encoding="utf-8"))
    assert shipped == json_schema(), "run python docs/make_config_reference.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_config_names_the_schema_and_passes_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=nncli.schema.json"
    assert [*VALIDATOR.iter_errors(read_document(path).value)] == []
    assert [*VALIDATOR.iter_errors(load_config(path).resolved())] == []  # every default, too


WRONG = {
    "an unknown key": "sed: 1",
    "an unknown key deep inside": "data: {source: iris, split: {tset: 0.1}}",
    "a wrong type": "training: {epochs: many}",
    "a truth as a number": "training: {epochs: true}",
    "a number as text": "seed: '1'",
    "out of bounds": "optimizer: {learning_rate: 0}",
    "at an open bound": "data: {source: iris, split: {test: 1}}",
    "too wide": "model: {layers: [{units: 1000000000}]}",
    "an unknown name": "loss: msee",
    "an unknown name in a mapping": "loss: {name: msee}",
    "a setting of another piece": "optimizer: {name: adam, momentum: 0.9}",
    "settings that go to the default": "optimizer: {momentum: 0.9}",
    "a list for a mapping": "model: []",
    "a mapping for a list": "model: {layers: {units: 3}}",
    "no block": "model: {layers: []}",
    "null for a number": "seed: null",
    "a choice that is none": "training: {precision: float16}",
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_what_the_loader_refuses_fails_the_schema(line: str, tmp_path: Path) -> None:
    key = line.partition(":")[0]
    rest = [kept for kept in RIGHT.splitlines() if not kept.startswith(f"{key}:")]
    text = "\n".join([*rest, line])
    (tmp_path / "c.yaml").write_text(text)
    assert not VALIDATOR.is_valid(parse_document(text, "c").value)
    with pytest.raises(ConfigError):
        load_config(tmp_path / "c.yaml")


def test_what_a_piece_may_be_written_as_passes_both(tmp_path: Path) -> None:
    for optimizer in ("adam", "{name: sgd, momentum: 0.9}", "{beta1: 0.8}", "{name: adam, learning_rate: 1e-3}"):
        text = f"{RIGHT}optimizer: {optimizer}\n"
        (tmp_path / "c.yaml").write_text(text)
        load_config(tmp_path / "c.yaml")
        assert VALIDATOR.is_valid(parse_document(text, "c").value), optimizer


def test_every_mapping_is_closed_and_every_key_says_what_it_is() -> None:
    def mappings(node: Any) -> list[dict[str, Any]]:
        inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        own = [node] if isinstance(node, dict) and isinstance(node.get("properties"), dict) else []
        return own + [found for value in inside for found in mappings(value)]

    for mapping in mappings(json_schema()):
        assert mapping["additionalProperties"] is False, mapping["title"]
        assert mapping["description"], mapping["title"]
    for name, field in Config.model_fields.items():
        assert field.description or name in ("data", "model", "regularization", "training", "report"), name


def test_every_piece_that_a_config_takes_is_in_the_schema_by_name_and_by_settings() -> None:
    text = json.dumps(json_schema())
    fields = [
        field
        for model in (Config, *(f.annotation for f in Config.model_fields.values()))
        for field in getattr(model, "model_fields", {}).values()
    ]
    registries = {mark.registry for field in fields for mark in field.metadata if isinstance(mark, PieceOf)}
    assert {registry.kind for registry in registries} >= {"loss", "optimizer"}
    for registry in registries:
        for name in registry.names:
            assert f'"const": "{name}"' in text
