"""Configs: what loads, and how what is wrong with the rest is said."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nncli.config.document import parse_document, parse_scalar
from nncli.config.loader import load_config
from nncli.config.schema import Config, Training
from nncli.engine import activations, initializers, losses, optimizers
from nncli.errors import ConfigError

GOOD = """\
data: {source: iris}
model:
  layers:
    - {units: 4, activation: relu}
    - {activation: softmax}
"""


def load(folder: Path, text: str | bytes, *overrides: str) -> Config:
    path = folder / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path, overrides)


def complaint(folder: Path, text: str | bytes, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder, text, *overrides)
    return str(error.value).replace(f"{folder}/", "").splitlines()


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert config.seed == 0
    assert (config.data.split.validation, config.data.split.test) == (0.15, 0.15)
    assert (config.loss.name, config.optimizer.name) == ("cross_entropy", "adam")
    assert config.optimizer.build().learning_rate == 0.001
    assert (config.training.epochs, config.training.batch_size, config.training.precision) == (100, "auto", "float32")
    assert config.name_or_stem == "c"


@pytest.mark.parametrize(
    "text",
    ["1e-3", "1E-3", "0.001", ".001", "+1e-3", "0.1e-2"],
)
def test_numbers_as_people_write_them(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, f"{GOOD}optimizer: {{name: adam, learning_rate: {text}}}\n")
    assert config.optimizer.build().learning_rate == 0.001


def test_a_whole_number_may_have_an_exponent(tmp_path: Path) -> None:
    assert load(tmp_path, f"{GOOD}training: {{epochs: 1e2}}\n").training.epochs == 100


WRONG = [
    # (text, every line of the answer)
    (changed("iris", "irsi"), ["c.yaml:1:16  data.source: unknown name 'irsi', did you mean 'iris'?"]),
    (
        changed("units: 4", "unit: 4"),
        [
            "c.yaml:4:8  model.layers.0.unit: unknown key, did you mean 'units'?",
        ],
    ),
    (changed("units: 4", "units: 0"), ["c.yaml:4:15  model.layers.0.units: must be at least 1 (is 0)"]),
    (changed("units: 4", "units: 4.5"), ["c.yaml:4:15  model.layers.0.units: must be a whole number (is 4.5)"]),
    (changed("units: 4", "units: true"), ["c.yaml:4:15  model.layers.0.units: must be a whole number (is true)"]),
    (
        changed("units: 4", "units: 1_000"),
        ["c.yaml:4:15  model.layers.0.units: must be a whole number (is '1_000'); write 1000"],
    ),
    (changed("units: 4", "units: 012"), ["c.yaml:4:15  model.layers.0.units: 012 is octal to some readers; write 12"]),
    (changed("relu", "rellu"), ["c.yaml:4:30  model.layers.0.activation: unknown name 'rellu', did you mean 'relu'?"]),
    (
        changed("softmax", "sigmoid"),
        [
            "c.yaml:5:20  model.layers.1.activation: cross_entropy needs outputs that are not negative and sum to 1, "
            "which sigmoid does not give; fitting are softmax"
        ],
    ),
    (
        changed("activation: softmax", "activation: softmax, dropout: 0.1"),
        [
            "c.yaml:5:38  model.layers.1.dropout: the output block's values are the predictions: none may be missing; "
            "set it on the block before, or leave it out"
        ],
    ),
    (changed("relu", "relu, dropout: 1"), ["c.yaml:4:45  model.layers.0.dropout: must be less than 1 (is 1)"]),
    (
        changed("relu", "relu, norm: lyer"),
        ["c.yaml:4:42  model.layers.0.norm: unknown name 'lyer', did you mean 'layer'?"],
    ),
    (
        changed("{units: 4, activation: relu}", "{activation: relu}"),
        ["c.yaml:4:7  model.layers.0: needs units; only the last block's follow from the target"],
    ),
    (
        f"{GOOD}optimizer: {{name: adam, learning_rate: -1}}\n",
        ["c.yaml:6:40  optimizer.learning_rate: must be greater than 0 (is -1)"],
    ),
    (
        f"{GOOD}optimizer: {{learning_rate: .nan}}\n",
        ["c.yaml:6:28  optimizer.learning_rate: must be a finite number (is not a number)"],
    ),
    (
        f"{GOOD}optimizer: {{learning_rate: 1e400}}\n",
        ["c.yaml:6:28  optimizer.learning_rate: 1e400 is larger than any number"],
    ),
    (
        f"{GOOD}optimizer: {{name: adam, learningrate: 1}}\n",
        ["c.yaml:6:25  optimizer.learningrate: unknown key, did you mean 'learning_rate'?"],
    ),
    (f"{GOOD}loss: mse2\n", ["c.yaml:6:7  loss: unknown name 'mse2', did you mean 'mse'?"]),
    (
        f"{GOOD}training: {{precision: float16}}\n",
        ["c.yaml:6:23  training.precision: unknown name 'float16', did you mean 'float64'?"],
    ),
    (
        f"{GOOD}training: {{batch_size: 0}}\n",
        ["c.yaml:6:24  training.batch_size: must be at least 1 or full or auto (is 0)"],
    ),
    (f"{GOOD}training:\n", ["c.yaml:6:10  training: must be a mapping (is empty)"]),
    (f"{GOOD}trainning: {{}}\n", ["c.yaml:6:1  trainning: unknown key, did you mean 'training'?"]),
    (
        f"{GOOD}seed: 1\nseed: 2\n",
        ["c.yaml:7:1  seed: the key is given twice, the first is in line 6; keep one of them"],
    ),
    (
        changed("{source: iris}", "{source: iris, split: {shuffle: no}}"),
        ["c.yaml:1:39  data.split.shuffle: must be true or false (is 'no'); write false"],
    ),
    (
        changed("{source: iris}", "{}"),
        ["c.yaml:1:7  data: needs either source or path, neither is given; source: iris, or path: FILE"],
    ),
    (
        changed("{source: iris}", "{source: iris, target: y}"),
        ["c.yaml:1:30  data.target: goes with data.path, not with data.source; leave it out"],
    ),
    (
        changed("{source: iris}", "{source: iris, split: {validation: 0.5, test: 0.5}}"),
        ["c.yaml:1:29  data.split: validation and test together are 1 of the rows; leave some to train on"],
    ),
    (
        changed("{source: iris}", "{source: iris, split: {validation: 0}}")
        + "training: {early_stopping: {patience: 3}}\n",
        [
            "c.yaml:6:28  training.early_stopping.monitor: validation_loss needs validation rows; "
            "set data.split.validation, or watch train_loss"
        ],
    ),
    (
        "model: {layers: []}\n",
        [
            "c.yaml:1:1  data: missing",
            "c.yaml:1:17  model.layers: must be a list of at least 1 (is an empty list)",
        ],
    ),
    ("a: 1\n\tb: 2\n", ["c.yaml:2:1: a tab, where YAML wants spaces; replace it by spaces"]),
    ("a: 1\n---\nb: 2\n", ["c.yaml:2:1: a second document begins; one file holds one config"]),
    ("a: &x 1\nb: *x\n", ["c.yaml:1:4: the anchor &x is not allowed; write it out"]),
    ("a: *x\n", ["c.yaml:1:4: the alias *x is not allowed; write it out"]),
    (
        "a: !!python/object:os.system x\n",
        ["c.yaml:1:4: the tag tag:yaml.org,2002:python/object:os.system is not allowed; leave it out"],
    ),
    ("a: {<<: {b: 1}}\n", ["c.yaml:1:5: the merge key << is not allowed; write it out"]),
    ("a: " + "[" * 40 + "]" * 40, ["c.yaml:1:35: is nested deeper than 32 levels"]),
    ("a: " + "9" * 5000, ["c.yaml:1:4  a: a number of 5000 digits; write it shorter"]),
    ("", ["c.yaml: is empty; a config needs data and model at least"]),
    (
        "- 1\n",
        ["c.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"],
    ),
    ("a: \x01\n", ["c.yaml:1:4: the character U+0001 is not allowed; save it as plain text, in UTF-8"]),
    (b"a: \xff\n", ["c.yaml:1:4: byte 0xff is not UTF-8; save it as UTF-8"]),
    ("a: 1\n".encode("utf-16"), ["c.yaml: is UTF-16; save it as UTF-8"]),
]


@pytest.mark.parametrize(("text", "lines"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_with_its_position_and_remedy(
    tmp_path: Path, text: str | bytes, lines: list[str]
) -> None:
    assert complaint(tmp_path, text) == lines


def test_five_mistakes_are_answered_by_five_lines_in_their_order(tmp_path: Path) -> None:
    text = """\
seed: -1
data: {source: iris}
model:
  layers:
    - {units: 4, activation: rellu}
    - {activation: sigmoid}
optimizer: {name: adam, learning_rate: -1}
training: {epoch: 3}
"""
    assert complaint(tmp_path, text) == [
        "c.yaml:1:7  seed: must be at least 0 (is -1)",
        "c.yaml:5:30  model.layers.0.activation: unknown name 'rellu', did you mean 'relu'?",
        "c.yaml:6:20  model.layers.1.activation: cross_entropy needs outputs that are not negative and sum to 1, "
        "which sigmoid does not give; fitting are softmax",
        "c.yaml:7:40  optimizer.learning_rate: must be greater than 0 (is -1)",
        "c.yaml:8:12  training.epoch: unknown key, did you mean 'epochs'?",
    ]


def test_a_missing_file_a_directory_and_a_device_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "iris.yaml").write_text(GOOD)
    for path, message in [
        ("irsi.yaml", f"{tmp_path}/irsi.yaml: no such file; did you mean {tmp_path}/iris.yaml?"),
        ("", f"{tmp_path}: is a directory; name a file in it: iris.yaml"),
    ]:
        with pytest.raises(ConfigError) as error:
            load_config(tmp_path / path)
        assert str(error.value) == message
    with pytest.raises(ConfigError, match="is a device, not a file; save it as a file"):
        load_config("/dev/null")


def test_overrides_win_over_the_file_and_reach_into_lists_and_named_pieces(tmp_path: Path) -> None:
    overrides = ("optimizer.learning_rate=1e-2", "model.layers.0.units=7", "data.source.name=wine", "seed=3", "seed=4")
    config = load(
        tmp_path,
        GOOD,
        *overrides,
        "model.layers.0.activation.negative_slope=0.2",
        "model.layers.0.activation.name=leaky_relu",
        "training={epochs: 3, batch_size: full}",
    )
    assert config.optimizer.build().learning_rate == 0.01
    assert config.model.layers[0].units == 7
    assert config.model.layers[0].activation.build() == activations.LeakyRelu(0.2)
    assert config.seed == 4
    assert (config.training.epochs, config.training.batch_size) == (3, "full")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("optimizer.learning_rate=-1", "  optimizer.learning_rate: must be greater than 0 (is -1)"),
        ("optimizer.learningrate=1", "  optimizer.learningrate: unknown key, did you mean 'learning_rate'?"),
        ("model.layers.2.units=3", ": model.layers has no entry 2: there are 2, counted from 0"),
        ("epochs", ": is not KEY=VALUE; for example training.epochs=20"),
        ("=3", ": is not KEY=VALUE; for example training.epochs=20"),
        ("model.layers.0.units.x=3", ": model.layers.0.units is 4 and holds nothing called 'x'"),
        ("training=[1", ": this is no YAML: expected ',' or ']', but got '<stream end>'; close the bracket"),
    ],
)
def test_what_is_wrong_with_an_override_names_the_override(tmp_path: Path, override: str, line: str) -> None:
    assert complaint(tmp_path, GOOD, override) == [f"override {override!r}{line}"]


def test_the_resolved_config_is_complete_and_loads_to_itself_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    text = changed("{source: iris}", "{path: t.csv, target: y}") + "training: {early_stopping: {patience: 3}}\n"
    once = load(tmp_path, text, "optimizer.learning_rate=0.5").resolved()
    twice = load(tmp_path / "sub", yaml.safe_dump(once)).resolved()
    assert once == twice
    assert once["data"]["path"] == str(tmp_path / "t.csv")
    assert set(once["training"]) == set(Training.model_fields)


def test_a_path_in_the_file_is_relative_to_it_and_one_on_the_command_line_to_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    text = changed("{source: iris}", "{path: t.csv, target: y}")
    assert load(tmp_path, text).data_path("path") == tmp_path / "t.csv"
    assert load(tmp_path, text, "data.path=u.csv").data_path("path") == Path("u.csv")


@pytest.mark.parametrize("key", ["activation", "initializer"])
def test_every_registered_piece_can_be_written_into_a_config_with_its_defaults(tmp_path: Path, key: str) -> None:
    registry = {"activation": activations.registry, "initializer": initializers.registry}[key]
    for record in registry:
        config = load(tmp_path, GOOD, f"model.layers.0.{key}={record.name}")
        assert getattr(config.model.layers[0], key).build() == record()


def test_every_registered_optimizer_and_loss_can_be_written_into_a_config(tmp_path: Path) -> None:
    for record in optimizers.registry:
        assert load(tmp_path, GOOD, f"optimizer={record.name}").optimizer.build() == record()
    for loss in losses.registry:
        output = next(a.name for a in activations.registry if losses.objection(loss, a) is None)
        assert load(tmp_path, GOOD, f"loss={loss.name}", f"model.layers.1.activation={output}").loss.build() == loss()


def test_the_json_schema_knows_names_and_settings() -> None:
    schema = Config.model_json_schema()
    assert "adam" in str(schema["properties"]["optimizer"])
    assert "beta1" in schema["$defs"]["Adam"]["properties"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.binary())
def test_any_content_ends_in_a_config_or_a_config_error(tmp_path: Path, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    with contextlib.suppress(ConfigError):
        load(tmp_path, raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["relu", "adam"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "units", "activation", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["seed", "data.source", "data.split", "model.layers", "model.layers.0", "loss", "optimizer", "training", "name"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_any_value_at_any_key_ends_in_a_config_or_a_config_error(tmp_path: Path, values: dict[str, object]) -> None:
    content = yaml.safe_load(GOOD)
    for path, value in values.items():
        *parents, last = path.split(".")
        inside = content
        for key in parents:
            inside = inside[key] if isinstance(inside, dict) and key in inside else {}
        if isinstance(inside, dict):
            inside[last] = value
    with contextlib.suppress(ConfigError):
        load(tmp_path, yaml.safe_dump(content))


def test_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    for text, value in [
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("0", 0),
    ]:
        assert parse_scalar(text, "") == value
    assert parse_document("a: '1'", "x").value == {"a": "1"}


def test_an_entry_of_a_list_that_is_no_text_is_refused_with_its_position(tmp_path: Path) -> None:
    text = changed("{source: iris}", "{path: t.csv, target: y, drop: [1, x]}")
    assert complaint(tmp_path, text) == ["c.yaml:1:39  data.drop.0: must be text (is 1)"]
