"""The validator's findings in plain words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nncli.config.document import Key, KeyPath, is_number
from nncli.config.pieces import models_in
from nncli.registry import nearest
from nncli.scoring import name_here

MOST = 100
"""Complaints about one file: a file with more of them is something else."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong at a key path; ``about_key`` when it is the key and not its value."""

    path: KeyPath
    message: str
    remedy: str = ""
    about_key: bool = False


_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def complaints(error: ValidationError, content: dict[str, Any], model: type[BaseModel]) -> list[Complaint]:
    """One complaint for each key path of ``model`` that ``error`` names; the alternatives of a union become one."""
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_path(detail, content), []).append(detail)
    # of the alternatives of a union, the one that got further in is the one that was meant
    around = {path[:length] for path in by_path for length in range(len(path))}
    meant = [(path, details) for path, details in by_path.items() if path not in around]
    return [_complaint(path, details, *_known_keys(model, path, content)) for path, details in meant[:MOST]]


def _path(detail: ErrorDetails, content: Any) -> KeyPath:
    """The key path in the file: the validator also counts the alternatives of a union, which are no keys."""
    path: list[Key] = []
    here = content
    steps = detail["loc"]
    for i, step in enumerate(steps):
        final = i == len(steps) - 1
        if isinstance(here, list) and isinstance(step, int) and step < len(here):
            path.append(step)
            here = here[step]
        elif isinstance(here, dict) and (step in here or (final and detail["type"] == "missing")):
            path.append(step)
            here = here.get(str(step))
    return tuple(path)


def _complaint(path: KeyPath, details: list[ErrorDetails], known: list[str], elsewhere: list[str]) -> Complaint:
    first = details[0]
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    if kind == "extra_forbidden":
        guess = nearest(str(path[-1]), known)
        hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(known)}" if known else ""
        if elsewhere:
            hint = f"which goes with {', '.join(elsewhere)}"
        return Complaint(path, ", ".join(filter(None, ["unknown key", hint])), about_key=True)
    if kind == "missing":
        return Complaint(path, "missing")
    if kind == "union_tag_invalid":
        names = [name.strip(" '") for name in context["expected_tags"].split(",")]
        return Complaint(path, _unknown_value(context["tag"], names))
    if kind == "union_tag_not_found":
        return Complaint(path, f"must be a name, or a mapping with a name{_is(value)}")
    wants: list[str] = []
    choices: list[str] = []
    for detail in details:
        kind, context = detail["type"], detail.get("ctx", {})
        if kind == "literal_error":
            choices += re.findall(r"'([^']*)'", context["expected"])
        elif kind in _BOUNDS:
            words, key = _BOUNDS[kind]
            bound = context[key]
            wants.append(f"{words} {bound}" if isinstance(bound, int) else f"{words} {bound:g}")
        elif kind in _TYPES:
            wants.append(_TYPES[kind])
        elif kind == "union_tag_invalid":
            choices += [name.strip(" '") for name in context["expected_tags"].split(",")]
        elif kind == "string_pattern_mismatch":
            wants.append("letters, digits, and . _ - (not first)")
        elif kind == "string_too_short":
            wants.append("not empty")
        elif kind == "string_too_long":
            wants.append(f"at most {context['max_length']} characters long")
        elif kind == "too_short":
            wants.append(
                "an entry or more" if isinstance(value, dict) else f"a list of at least {context['min_length']}"
            )
        elif kind not in ("union_tag_not_found",):
            wants.append(detail["msg"].lower())
    if choices and isinstance(value, str) and "a list" in wants:
        return Complaint(path, f"must be {' or '.join([*choices, 'a list'])}{_is(value)}", f"write [{value}]")
    other = {"true or false", "a whole number"}.intersection(wants) and not nearest(str(value), choices)
    if choices and isinstance(value, str) and not value[:1].isdigit() and not other:
        return Complaint(path, _unknown_value(value, choices))
    wants = [*dict.fromkeys(wants), *choices]
    return Complaint(path, f"must be {' or '.join(wants)}{_is(value)}", _remedy(value, wants))


def _unknown_value(value: str, choices: list[str]) -> str:
    elsewhere = name_here(value)  # a metric by scikit-learn's name
    guess = elsewhere if elsewhere in choices else nearest(value, choices)
    hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(choices)}"
    return f"unknown name {_shown(value)}, {hint}"


def _remedy(value: object, wants: list[str]) -> str:
    """The traps of other YAML readers."""
    if not isinstance(value, str):
        return ""
    if wants == ["a list"]:
        return f"write [{value}]"
    if "true or false" in wants and value.lower() in ("yes", "no", "on", "off"):
        return f"write {'true' if value.lower() in ('yes', 'on') else 'false'}"
    if any("number" in want for want in wants) and re.fullmatch(r"[0-9][0-9_]*", value):
        return f"write {value.replace('_', '')}"
    if any("number" in want for want in wants) and re.fullmatch(r"0x[0-9a-fA-F]{1,15}|0o[0-7]{1,15}", value):
        return f"write {int(value, 0)}"
    if any("number" in want for want in wants) and is_number(value):
        return "write it without quotes"
    return ""


def _is(value: object) -> str:
    return f" (is {_shown(value)})"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    if isinstance(value, dict | list):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(model: type[BaseModel], path: KeyPath, content: Any) -> tuple[list[str], list[str]]:
    """The keys that the mapping around ``path`` may have; which pieces of other names take that of ``path``."""
    models: list[type[BaseModel]] = [model]
    for key in path[:-1]:
        content = content[key]
        if isinstance(key, int):
            continue  # what a list holds is already among the models of its key
        fields = [m.model_fields[key] for m in models if key in m.model_fields]
        if not fields:
            return [], []
        models = [*models_in(fields[0].annotation, fields[0].metadata)]
    named = content.get("name") if isinstance(content, dict) else None
    fitting = [m for m in models if "name" in m.model_fields and m.model_fields["name"].default == named] or models
    pieces = [m for m in models if "name" in m.model_fields]
    elsewhere = [m.model_fields["name"].default for m in pieces if path and path[-1] in m.model_fields]
    return list(dict.fromkeys(name for m in fitting for name in m.model_fields)), elsewhere
