"""Write docs/config.md and the JSON Schemas in configs from the schema: python docs/make_config_reference.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nncli.config.json_schema import json_schema
from nncli.config.pieces import Piece, PieceOf
from nncli.config.schema import Config
from nncli.engine.losses import WISHES, Loss
from nncli.registry import Registry
from nncli.sweep.json_schema import sweep_schema

DOCS = Path(__file__).parent
SCHEMA_FILE = DOCS.parent / "configs/nncli.schema.json"
SWEEP_SCHEMA_FILE = DOCS.parent / "configs/sweeps/nncli.sweep.schema.json"

HEAD = """# The config

Generated from the schema by `docs/make_config_reference.py`. Unknown keys are errors; `nncli validate CONFIG` shows a
config with every default, and what it comes to.

With the comment `# yaml-language-server: $schema=nncli.schema.json` in its first line, an editor completes a config and
checks it as you type (VS Code with the YAML extension, Neovim, Helix). The path is relative to the config, and
`nncli validate --schema > nncli.schema.json` writes the file.
"""


def reference() -> str:
    """The whole page."""
    schema = json_schema()
    lines = [*HEAD.splitlines(), "", "| key | type and bounds | default | meaning |", "|-|-|-|-|"]
    lines += _rows(schema, schema["$defs"], "")
    lines += ["", "A piece is written by its name, `loss: mse`, or with settings, `{name: adam, beta1: 0.8}`."]
    lines += ["A metric that would be 0/0 is not defined, and left empty.", ""]
    for registry, models in _pieces(Config).items():
        lines += [f"## {_plural(registry.kind).capitalize()}", "", *_table(registry, models), ""]
    return "\n".join(lines)


def _table(registry: Registry[Any], models: list[type[Piece]]) -> Iterator[str]:
    """A row for each record; what can be set for all alike is said once."""
    every = [_settings(model) for model in models]
    common = [setting for setting in every[0] if len(every) > 1 and all(setting in settings for settings in every)]
    if common:
        yield from (f"All take {'; '.join(common)}.", "")
    yield from ("| name | settings | meaning |", "|-|-|-|")
    for record, settings in zip(registry, every, strict=True):
        formula = f"`{_cell(record.formula)}`. " if hasattr(record, "formula") else ""
        source = f" ({record.source})" if getattr(record, "source", "") else ""
        meaning = _cell((record.__doc__ or "").splitlines()[0])
        own = "<br>".join(setting for setting in settings if setting not in common)
        yield f"| `{record.name}` | {own} | {formula}{meaning}{source}{_facts(record)} |"


def _settings(model: type[Piece]) -> list[str]:
    """What can be set of a record: ``beta1: 0.9``, and what else it may be."""
    content = model.model_json_schema(mode="validation")
    return [
        f"`{name}: {_plain(node.get('default', ''))}` ({_type(node, content.get('$defs', {}))})"
        for name, node in content["properties"].items()
        if name != "name" and "description" not in node
    ]


def _facts(record: type[Any]) -> str:
    """What a loss says of the outputs and targets that it takes, and a metric of itself."""
    if issubclass(record, Loss):
        outputs = f" Needs outputs {WISHES[record.needs]}." if record.needs != "reals" else ""
        targets = f" Takes {record.takes}." if record.takes else ""
        return outputs + targets + (" For classes." * record.classification or " For numbers." * record.regression)
    if not hasattr(record, "higher_is_better"):
        return ""
    better = "higher" if record.higher_is_better else "lower"
    return f" For {', '.join(record.tasks)}; {better} is better; `sklearn.metrics.{record.function}`."


def _rows(model: dict[str, Any], defs: dict[str, Any], prefix: str) -> Iterator[str]:
    """A row for each key of ``model``, and of what is inside of it."""
    for name, node in model["properties"].items():
        key = f"{prefix}{name}"
        inner = _section(node, defs)
        if inner is not None and "description" not in node:
            yield f"| **`{key}`** | | | {_cell(inner['description'].splitlines()[0])} |"
        else:
            default = "required" if name in model.get("required", []) else f"`{_plain(node['default'])}`"
            yield f"| `{key}` | {_type(node, defs)} | {default} | {_cell(node.get('description', ''))} |"
        if inner is not None:
            yield from _rows(inner, defs, f"{key}.0." if node.get("type") == "array" else f"{key}.")
        # what a piece can be told beside the settings of its record, which have no description
        yield from _rows({"properties": _beside(node, defs)}, defs, f"{key}.")


def _section(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any] | None:
    """The mapping with keys of its own that ``node`` is, holds, or may be; a piece is none."""
    if "$ref" in node:
        inner: dict[str, Any] = defs[node["$ref"].rpartition("/")[2]]
        return None if _is_piece(inner) else inner
    found = (
        _section(inside, defs) for inside in (*node.get("anyOf", []), *([node["items"]] if "items" in node else []))
    )
    return next((inner for inner in found if inner is not None), None)


def _beside(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    pieces = [defs[inside["$ref"].rpartition("/")[2]] for inside in node.get("anyOf", []) if "$ref" in inside]
    keys = [piece["properties"] for piece in pieces if _is_piece(piece)]
    return {name: node for found in keys for name, node in found.items() if "description" in node}


def _is_piece(model: dict[str, Any]) -> bool:
    return "const" in model.get("properties", {}).get("name", {})


def _type(node: dict[str, Any], defs: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in node:
        alternatives = node["anyOf"]
        pieces = {
            model["properties"]["name"]["const"]
            for inside in alternatives
            if "$ref" in inside and _is_piece(model := defs[inside["$ref"].rpartition("/")[2]])
        }
        words = []
        for inside in alternatives:
            if "$ref" in inside and pieces:
                continue
            kind = _kind(inside.get("enum", [inside.get("const")]), pieces)
            words.append(kind or _type(inside, defs))
        return _or(words)
    if "$ref" in node:
        return "mapping"
    if "const" in node or "enum" in node:
        return _or([f"`{choice}`" for choice in node.get("enum", [node.get("const")])])
    if node["type"] == "array":
        least = f" (at least {node['minItems']})" if "minItems" in node else ""
        return f"list of {'mappings' if '$ref' in node['items'] else _type(node['items'], defs)}{least}"
    if node["type"] == "object":
        return f"mapping of names to {_type(node['additionalProperties'], defs)}"
    if node["type"] == "string" and "pattern" in node:
        return f"text like `{_cell(node['pattern'])}`"
    words = {"integer": "integer", "number": "number", "boolean": "true or false", "null": "null", "string": "text"}
    return f"{words[node['type']]}{_bounds(node)}"


def _or(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _kind(names: list[str], pieces: set[str]) -> str:
    """A link to the pieces, if ``names`` are theirs."""
    for registry in _pieces(Config) if pieces and set(names) == pieces else ():
        if set(registry.names) == pieces:
            return f"[{registry.kind}](#{_plural(registry.kind).replace(' ', '-')})"
    return ""


def _bounds(node: dict[str, Any]) -> str:
    """`` ≥ 1``, or `` in [0, 1)``."""
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    left = f"({above}" if above is not None else f"[{low}" if low is not None else "(−∞"
    right = f"{below})" if below is not None else f"{high}]" if high is not None else "∞)"
    if right == "∞)":
        return f" > {above}" if above is not None else f" ≥ {low}" if low is not None else ""
    if below == 2**63:
        return f" ≥ {low}, < 2⁶³"
    return f" in {left}, {right}"


def _pieces(model: type[BaseModel]) -> dict[Registry[Any], list[type[Piece]]]:
    """Every registry that ``model`` takes pieces of, and the model of each of its records, in order."""
    found: dict[Registry[Any], list[type[Piece]]] = {}

    def look(annotation: Any, marks: Iterable[Any]) -> None:
        pieces = next((mark for mark in marks if isinstance(mark, PieceOf)), None)
        if pieces is not None:
            found.setdefault(pieces.registry, pieces.models())
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for field in annotation.model_fields.values():
                look(field.annotation, field.metadata)
        for argument in getattr(annotation, "__args__", ()) if pieces is None else ():
            look(argument, getattr(argument, "__metadata__", ()))

    look(model, ())
    return found


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _cell(text: str) -> str:
    """``text`` for a cell of a table, where a bar would end it."""
    return text.replace("|", "\\|")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def schema_text(schema: dict[str, Any]) -> str:
    """As ``nncli validate --schema`` and ``nncli sweep --schema`` print it."""
    return json.dumps(schema, indent=2, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    (DOCS / "config.md").write_text(reference(), encoding="utf-8")
    SCHEMA_FILE.write_text(schema_text(json_schema()), encoding="utf-8")
    SWEEP_SCHEMA_FILE.write_text(schema_text(sweep_schema()), encoding="utf-8")
