"""What a sweep's file may say as JSON Schema, for editors: each key of the config with the values that it may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from nncli import scoring
from nncli.config.json_schema import DIALECT, json_schema
from nncli.sweep.file import KINDS, Range, SweepFile

Schema: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, ...]
DEFINITIONS = "#/$defs/"
ENTRY, NAME, DOT = r"(0|[1-9][0-9]*)", r"[^.]+", r"\."
"""The number of an entry of a list, a key that anybody may choose, and what stands between two."""


def sweep_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a sweep as it is written.

    It judges each key for itself, and knows the config that is varied no more than the sweep's file does: only
    ``nncli sweep`` can say whether its optimizer has a momentum.
    """
    config = json_schema()
    defs = {**config["$defs"], "Config": {key: config[key] for key in config if key not in ("$schema", "$defs")}}
    values = _values(_keys(defs["Config"], f"{DEFINITIONS}Config", defs))
    own = SweepFile.model_json_schema(mode="validation")
    properties = own["properties"]
    properties["set"] = _of_keys(properties["set"], values)
    properties["space"] = _of_keys(properties["space"], {key: _varied(value) for key, value in values.items()})
    properties["monitor"]["enum"] = ["validation_loss", *(f"validation_{name}" for name in scoring.registry.names)]
    pruning = properties["pruning"]["anyOf"]
    pruning.insert(0, {"enum": [*pruning[0].pop("discriminator")["mapping"]], "type": "string"})
    ranges = Range.model_json_schema(mode="validation")
    ranges["oneOf"] = [{"required": [kind], "properties": {kind: {"type": "array"}}} for kind in KINDS]
    return {
        "$schema": DIALECT,
        "title": "A sweep of nncli",
        **{key: value for key, value in own.items() if key not in ("title", "$defs")},
        "$defs": {**own["$defs"], "Range": ranges, **defs},
    }


def _varied(value: Schema) -> Schema:
    """What the space may say of a key that the config gives such a ``value``."""
    choices = {"type": "array", "minItems": 1, "items": value}
    return {"anyOf": [choices, {"$ref": f"{DEFINITIONS}Range", "properties": {"choice": {"items": value}}}]}


def _of_keys(node: Schema, keys: Mapping[Key, Schema]) -> Schema:
    """A mapping of ``keys`` of the config: those with a number or a name in them by a pattern."""
    plain = {".".join(key): inner for key, inner in keys.items() if not {ENTRY, NAME} & {*key}}
    patterns = {
        f"^{DOT.join(step if step in (ENTRY, NAME) else re.escape(step) for step in key)}$": inner
        for key, inner in keys.items()
        if {ENTRY, NAME} & {*key}
    }
    return {**node, "properties": plain, "patternProperties": patterns, "additionalProperties": False}


def _keys(node: Schema, place: str, defs: Mapping[str, Schema], around: Key = ()) -> Iterator[tuple[Key, str, Schema]]:
    """Every key within ``node``, once for each alternative that has it: where it is described, and how."""
    if "$ref" in node:
        place = node["$ref"]
        node = defs[place.removeprefix(DEFINITIONS)]
    for number, alternative in enumerate(node.get("anyOf", [])):
        yield from _keys(alternative, f"{place}/anyOf/{number}", defs, around)
    inside = [(name, f"properties/{name}", inner) for name, inner in node.get("properties", {}).items()]
    for key, name in (("additionalProperties", NAME), ("items", ENTRY)):
        if isinstance(node.get(key), dict):
            inside.append((name, key, node[key]))
    for name, step, inner in inside:
        yield (*around, name), f"{place}/{step}", inner
        yield from _keys(inner, f"{place}/{step}", defs, (*around, name))


def _values(found: Iterable[tuple[Key, str, Schema]]) -> dict[Key, Schema]:
    """What each key may be, in one alternative or another: ``optimizer.name`` any of the names."""
    alternatives: dict[Key, list[tuple[str, Schema]]] = {}
    for key, place, node in found:
        others = alternatives.setdefault(key, [])
        bare = {key: value for key, value in node.items() if key not in ("default", "title", "description")}
        if all(bare != other for _, other in others):
            others.append((place, bare))
    return {key: _either(each) for key, each in alternatives.items()}


def _either(alternatives: list[tuple[str, Schema]]) -> Schema:
    if all("const" in node for _, node in alternatives):
        return {"enum": [node["const"] for _, node in alternatives]}
    places = [{"$ref": place} for place, _ in alternatives]
    return places[0] if len(places) == 1 else {"anyOf": places}
