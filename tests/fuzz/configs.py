"""Configs: right ones from the schema's own words, and what becomes of them."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from nncli.config.json_schema import json_schema

SCHEMA = json_schema()
DEEPEST = 3

Tree = Any


def right(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Tree]:
    """Values that ``schema`` takes, each key on its own."""
    if "$ref" in schema:
        return right(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], depth)
    if "anyOf" in schema or "oneOf" in schema:
        return st.one_of([right(one, depth) for one in schema.get("anyOf") or schema["oneOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            return st.deferred(lambda: _mapping(schema, depth + 1))
        case "object":
            return st.dictionaries(NAMES, st.floats(0, 10), max_size=3)
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(right(schema["items"], depth + 1), min_size=least, max_size=max(least, 3))
        case "integer":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            return st.integers(low, min(schema.get("maximum", low + 50), low + 50))
        case "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -10))
            high = schema.get("maximum", schema.get("exclusiveMaximum", 10))
            inside = [low + (high - low) * share for share in (0.001, 0.1, 0.5, 0.9)]
            return st.sampled_from(inside) | st.floats(low, high, exclude_min="exclusiveMinimum" in schema)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        case "string":
            return NAMES
        case _:
            return st.none()


def _mapping(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Tree]:
    needed = schema.get("required", [])
    fields = {key: right(value, depth) for key, value in schema["properties"].items()}
    optional = {key: value for key, value in fields.items() if key not in needed} if depth <= DEEPEST else {}
    return st.fixed_dictionaries({key: fields[key] for key in needed}, optional=optional)


NAMES = st.sampled_from(
    ["a", "b", "y", "two words", "\x1b[31mred", "[bold]x[/bold]", "=cmd()", "\u202eabc", "x" * 300, "é"]
)
CONFIGS = right(SCHEMA)

ODD = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, -1e308, 5e-324, 1e-400),
        *(float("inf"), float("-inf"), float("nan"), "", " ", "~", "null", "no", "yes", "on", "1e400", "012", "0x1f"),
        *(
            "12:30",
            "1_000",
            "2020-01-01",
            "=cmd()",
            "\x1b[31mred",
            "\0",
            "\r\n",
            "\u2028",
            "\u202e",
            "\ufeff",
            "é",
            "𝟙",
            "١",
        ),
        *(
            "x" * 5000,
            "9" * 5000,
            "[bold]",
            "{}",
            "[]",
            "*a",
            "&a",
            "<<",
            "!!int",
            "../../..",
            "/dev/zero",
            "a\0b",
            "%",
            "#",
        ),
        *(
            [],
            {},
            [[]],
            {"": ""},
            {"name": None},
            {"name": []},
            {"name": {}},
            ["a"] * 50,
            {"a": {"a": {"a": {"a": {}}}}},
        ),
    ]
)
KEYS = st.sampled_from(
    ["name", "units", "unit", "", "<<", "é", "\x1b[31m", "x" * 3000, "path", "source", "0", "null", "~"]
)


@st.composite
def broken(draw: st.DrawFn, trees: st.SearchStrategy[Tree]) -> Tree:
    """A tree of which some branches were changed."""
    tree = draw(trees)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 4]))):
        tree = _change(draw, tree)
    return tree


def _change(draw: st.DrawFn, tree: Tree) -> Tree:
    inside = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    if inside and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(inside))
        changed = dict(tree) if isinstance(tree, dict) else list(tree)
        changed[key] = _change(draw, tree[key])
        return changed
    ways = ["odd", "odd", "list", "mapping", "text"] + ["more", "less", "renamed"] * isinstance(tree, dict)
    match draw(st.sampled_from(ways)):
        case "list":
            return [tree]
        case "mapping":
            return {draw(KEYS): tree}
        case "text":
            return str(tree)
        case "more":
            return {**tree, draw(KEYS): draw(ODD)}
        case "less" if tree:
            return dict(list(tree.items())[1:])
        case "renamed" if tree:
            (key, value), *others = tree.items()
            return {draw(KEYS) or key[:-1]: value, **dict(others)}
        case _:
            return draw(ODD)


def written(tree: Tree, flow: bool | None) -> str:
    """As YAML; a value may come out as something else than it was, as it does where people write."""
    return yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=200)


def piece(name: str) -> st.SearchStrategy[Any]:
    return right(SCHEMA["properties"][name])


def piece_of(part: str, name: str) -> st.SearchStrategy[Any]:
    return right(SCHEMA["$defs"][part.title()]["properties"][name])


@st.composite
def small(draw: st.DrawFn) -> dict[str, Any]:
    """A config that is nearly right, of a training that is soon over."""
    blocks = draw(st.lists(right({"$ref": "#/$defs/Block"}), min_size=1, max_size=3))
    for block in blocks:
        block["units"] = draw(st.integers(1, 5))
    output, loss, target = draw(
        st.sampled_from(
            [
                ("softmax", "cross_entropy", "c"),
                ("identity", "mse", "y"),
                ("sigmoid", "binary_cross_entropy", "c"),
                ("sigmoid", "binary_cross_entropy", ["k", "l"]),
                ("identity", None, "y"),
                ("softmax", None, "c"),
                (None, None, ["y", "k"]),
            ]
        )
    )
    blocks[-1] = (
        {"activation": output} if output else {key: blocks[-1][key] for key in ("activation",) if key in blocks[-1]}
    )
    config: dict[str, Any] = {
        "data": {"path": "t.csv", "target": target, "drop": [x for x in ("c", "k", "l", "y") if x not in target]},
        "model": {"layers": blocks},
        "loss": loss or draw(piece("loss")),
    }
    for key in ("optimizer", "schedule", "regularization", "metrics"):
        if draw(st.booleans()):
            config[key] = draw(piece(key))
    if not draw(st.integers(0, 2)):
        config["data"] = {"source": draw(piece_of("data", "source"))}
    if draw(st.booleans()):
        config["data"]["split"] = {"validation": 0.25, "test": 0.25}
    if draw(st.booleans()):
        config["data"]["preprocess"] = draw(right({"$ref": "#/$defs/Preprocess"}))
    training = draw(right({"$ref": "#/$defs/Training"})) if draw(st.booleans()) else {}
    config["training"] = {**training, "epochs": draw(st.integers(0, 2)), "threads": 1, "kernels": "numpy"}
    return config


PIECES = st.sampled_from(
    [
        *(
            "data: ",
            "model: ",
            "layers: ",
            "\n",
            "\n  ",
            "\n    - ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ": ",
            "- ",
            "? ",
            "| ",
            "> ",
            "'",
        ),
        *(
            '"',
            "\\",
            "#",
            "&a ",
            "*a",
            "!!python/object:os.system ",
            "!x ",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
            "<<: ",
            "\t",
            "\r",
        ),
        *(
            "\0",
            "\x85",
            "\ufeff",
            "\ud800",
            "\U0010ffff",
            "1e-3",
            "1e400",
            "units",
            "activation",
            "relu",
            "iris",
            "source",
            "9" * 5000,
        ),
    ]
)
RAW = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """What stands in a config file."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(RAW)
    text = written(draw(broken(small() | small() | CONFIGS)), draw(st.sampled_from([True, False, None])))
    for _ in range(draw(st.sampled_from([0, 1, 3])) if kind < 3 else 0):  # changed as text, too
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES) + text[at + draw(st.sampled_from([0, 0, 1, 5])) :]
    return text


def _keys(schema: dict[str, Any], depth: int = 0) -> list[str]:
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    found = []
    for key, value in schema.get("properties", {}).items():
        found += [
            key,
            *(f"{key}.{inner}" for one in [value, *value.get("anyOf", [])] for inner in _keys(one, depth + 1)),
        ]
    return found


PATHS = st.sampled_from(
    [*_keys(SCHEMA), "model.layers.0", "model.layers.0.units", "model.layers.-1", "model.layers.9.bias"]
)
OVERRIDES = st.just([]) | st.lists(
    st.builds("{}={}".format, PATHS | RAW, ODD | RAW | st.integers() | st.floats()) | RAW | ODD.map(str), max_size=3
)
