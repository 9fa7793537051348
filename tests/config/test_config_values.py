"""The quick reading of a config gives what the thorough one gives, and is as strict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nncli import load_config
from nncli.config import values
from nncli.config.document import parse_document, read_document
from nncli.config.values import as_written, flattened, parse_values
from nncli.errors import ConfigError
from nncli.run import Run

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_it_reads_what_the_loader_reads(
    path: Path, parser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    monkeypatch.setattr(values, "PARSER", getattr(yaml, parser))
    assert parse_values(path.read_text(encoding="utf-8"), "c") == read_document(path).value
    Run(tmp_path).write_config(load_config(path).resolved())
    written = tmp_path / "config.yaml"
    assert parse_values(written.read_text(encoding="utf-8"), "c") == read_document(written).value


@pytest.mark.parametrize(
    "text",
    [
        "a: 1e-3\nb: 1E4\nc: .5\nd: -.inf\ne: .nan\n",
        "a: no\nb: on\nc: 'null'\nd: ~\ne:\nf: \"1\"\ng: 0x10\nh: 1_000\n",
        "a: [1, {b: [c, {}]}, []]\n'k: l': |\n  text\n  more\n",
        "{a: {b: {c: {}}}}",
    ],
)
def test_scalars_are_those_of_a_config(text: str) -> None:
    assert repr(parse_values(text, "c")) == repr(parse_document(text, "c").value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: *x\n", "c: holds an anchor"),
        ("a: *x\n", "c: holds an alias"),
        ('a: !!python/object/apply:os.system ["true"]\n', "c: holds a tag"),
        ("a: 1\na: 2\n", "c: has the key 'a' twice"),
        ("a: 1\n--- \nb: 2\n", "c: holds a second document"),
        ("[a]", "c: holds no mapping"),
        ("", "c: holds no mapping"),
        ("? [a]\n: 1\n", "c: has a key that is no word"),
        ("a: [\n", "c:2: is no YAML"),
        ("a: \x07\n", "c: is no YAML"),
        (f"a: {'[' * 40}{']' * 40}\n", "c: is nested deeper than 32 levels"),
        (f"a: {'[' * 500}{']' * 500}\n", "c: is nested deeper than 32 levels"),
        (f"a: [{'1,' * 60_000}]\n", "c: holds more than 50,000 values"),
        (f"a: {'9' * 5000}\n", "c: a number of 5000 digits; write it shorter"),
        (f"a: {'b' * 2_000_000}\n", "c: is larger than 1,048,576 bytes"),
    ],
)
def test_what_no_config_needs_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_values(text, "c")
    assert str(refused.value) == says


def test_dotted_keys_are_those_of_overrides() -> None:
    content = load_config(CONFIGS[0].parent / "iris.yaml").resolved()
    keys = dict(flattened(content))
    assert keys["model.layers.0.activation.name"] == "tanh"
    assert keys["data.preprocess.columns"] == {}
    assert keys["data.drop"] == []
    again = [f"{key}={value}" for key, value in keys.items() if isinstance(value, str | int | float)]
    assert load_config(CONFIGS[0].parent / "iris.yaml", again).resolved() == content


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (0.1, "0.1"),
        (1e-8, "1e-08"),
        (1 / 3, repr(1 / 3)),
        ("a\x1b", r"a\x1b"),
    ],
)
def test_values_are_written_as_in_a_config(value: Any, text: str) -> None:
    assert as_written(value) == text
