"""The values of YAML that nncli wrote, without their positions: what many runs are looked through for.

The same is refused as in ``document``, which says better where it stands and takes twenty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from nncli.config.document import DEEPEST, LARGEST_FILE, MOST_VALUES, parse_scalar
from nncli.errors import ConfigError
from nncli.text import printable

PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there. Only the events of it are read: nothing is built of a tag."""


def parse_values(text: str, source: str) -> dict[str, Any]:
    """The content of ``text``: dicts with string keys, lists, strings, numbers, booleans, None.

    Raises:
        ConfigError: It is no YAML that a config may be; the message names ``source``.
    """
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"is larger than {LARGEST_FILE:,} bytes", where=source)
    try:
        found = _content(yaml.parse(text, Loader=PARSER), source)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f":{mark.line + 1}"
        raise ConfigError("is no YAML", where=f"{source}{line}") from None
    if not isinstance(found, dict):
        raise ConfigError("holds no mapping", where=source)
    return found


def flattened(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value by its dotted key, as an override has it: ``model.layers.0.units``.

    A list of plain values is one value; empty mappings and lists are values.

    >>> dict(flattened({"a": {"b": 1, "c": [{"d": 2}]}, "e": [1, 2]}))
    {'a.b': 1, 'a.c.0.d': 2, 'e': [1, 2]}
    """
    if isinstance(value, dict) and value:
        inside: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        inside = iter(enumerate(value))
    else:
        yield prefix, value
        return
    for key, one in inside:
        yield from flattened(one, f"{prefix}.{key}" if prefix else str(key))


def as_written(value: Any) -> str:
    """A value as it stands in a config.

    >>> as_written([1e-3, None, {"of": 5}, "full"])
    '[0.001, null, {of: 5}, full]'
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case list():
            return f"[{', '.join(map(as_written, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {as_written(one)}' for key, one in value.items())}}}"
        case _:
            return printable(str(value))


def _content(events: Iterator[Any], source: str) -> Any:
    """What the first document holds; built from its events without recursion, so that no nesting is too deep for it."""
    root: list[Any] = []
    around: list[Any] = []  # what is open around ``inside``
    inside: Any = root
    key: str | None = None
    values = 0
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent or kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            values += 1
            if event.anchor or event.tag or values > MOST_VALUES:
                what = "an anchor" if event.anchor else "a tag" if event.tag else f"more than {MOST_VALUES:,} values"
                raise ConfigError(f"holds {what}", where=source)
            wants_key = isinstance(inside, dict) and key is None
            if kind is yaml.ScalarEvent:
                if wants_key:
                    key = event.value
                    if key in inside:
                        raise ConfigError(f"has the key {key[:80]!r} twice", where=source)
                    continue
                value = event.value if event.style else parse_scalar(event.value, source)
            else:
                if wants_key or len(around) > DEEPEST:
                    why = "has a key that is no word" if wants_key else f"is nested deeper than {DEEPEST} levels"
                    raise ConfigError(why, where=source)
                value = {} if kind is yaml.MappingStartEvent else []
            if isinstance(inside, dict):
                inside[key] = value
            else:
                inside.append(value)
            if kind is not yaml.ScalarEvent:
                around.append(inside)
                inside = value
            key = None
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            inside = around.pop()
        elif kind is yaml.AliasEvent or (kind is yaml.DocumentStartEvent and root):
            what = "an alias" if kind is yaml.AliasEvent else "a second document"
            raise ConfigError(f"holds {what}", where=source)
    return root[0] if root else None
