"""``key.path=value`` arguments, laid over a document."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from nncli.config.document import DEEPEST, Document, KeyPath, display, parse_document, parse_scalar
from nncli.errors import ConfigError, Problem

LONGEST = 80
"""Characters of an override that a message shows."""


@dataclass(frozen=True)
class Change:
    """A value that takes the place of another, and where it is written."""

    value: Any
    place: str


def apply_overrides(document: Document, overrides: list[str], dotted: Collection[str] = ()) -> None:
    """Lay each override over ``document``, in order; the later one wins.

    Args:
        document: What is changed.
        overrides: ``KEY=VALUE`` each.
        dotted: Names of mappings whose keys have dots in them: what follows such a name is one key.

    Raises:
        ConfigError: With every override that cannot be applied.
    """
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply(document, override, dotted)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _apply(document: Document, override: str, dotted: Collection[str]) -> None:
    override = _text(override)
    place = f"override {override if len(override) <= LONGEST else f'{override[:LONGEST]}...'!r}"
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError("is not KEY=VALUE", where=place, remedy="for example training.epochs=20")
    if len(keys) > DEEPEST:
        raise ConfigError(f"is nested deeper than {DEEPEST} levels", where=place)
    if keys[0] in dotted and len(keys) > 1:
        keys = [keys[0], ".".join(keys[1:])]
    put(document, keys, _parse(text.strip(), place), place)


def put(document: Document, keys: Sequence[str], value: Any, place: str) -> None:
    """Put ``value`` at the path of ``keys``; whatever is said of it says that it stands at ``place``.

    Raises:
        ConfigError: There is no such path, and there cannot be one.
    """
    path: KeyPath = ()
    inside: Any = document.value
    for key in keys:
        if isinstance(inside, str) or inside is None:
            # a piece given by its name alone, or left out: it becomes a mapping that takes settings
            inside = {} if inside is None else {"name": inside}
            document.replace(path, inside, document.where(path))
        if isinstance(inside, list):
            if key not in map(str, range(len(inside))):
                message = f"{display(path)} has no entry {key[:LONGEST]}: there are {len(inside)}, counted from 0"
                raise ConfigError(message, where=place)
            path, there, inside = (*path, int(key)), True, inside[int(key)]
        elif isinstance(inside, dict):
            path, there, inside = (*path, key), key in inside, inside.get(key)
        else:
            raise ConfigError(f"{display(path)} is {inside!r} and holds nothing called {key!r}", where=place)
        if not there and len(path) < len(keys):
            document.replace(path, inside := {}, place)
    document.replace(path, value, place)
    document.overridden.add(path)


def _text(override: str) -> str:
    """``override`` as it was typed, where Python took its bytes for those of a locale that has no such letters."""
    try:
        return os.fsencode(override).decode() if any("\udc80" <= c <= "\udcff" for c in override) else override
    except UnicodeError:
        raise ConfigError("is not UTF-8", where=f"override {override!r}") from None


def _parse(text: str, place: str) -> Any:
    """A value as in the file: a scalar, or a list or mapping in brackets."""
    if not text.startswith(("[", "{", "'", '"')):
        return parse_scalar(text, place)
    try:
        return parse_document(f"value: {text}", place).value["value"]
    except ConfigError as error:
        # without where it was opened: that counts from the value
        raise ConfigError(
            [Problem(p.message, place, p.remedy.partition(" that was opened")[0]) for p in error.problems]
        ) from None
