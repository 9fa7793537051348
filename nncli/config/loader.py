"""A YAML file and overrides -> Config, or all that is wrong with them at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nncli.config.checks import cross_check
from nncli.config.document import Document, KeyPath, display, read_document
from nncli.config.overrides import Change, apply_overrides, put
from nncli.config.schema import Config
from nncli.config.validation import positioned, validated
from nncli.errors import ConfigError, Problem


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Load the config at ``path`` with ``overrides`` (``training.epochs=20``) laid over it.

    Raises:
        ConfigError: With every problem of the file, in the order of their positions.
    """
    path = Path(path)
    document = read_document(path)
    if {"config", "space"} <= document.value.keys() and "model" not in document.value:
        raise ConfigError("is a sweep, and no config", where=str(path), remedy=f"nncli sweep {path} carries it out")
    apply_overrides(document, list(overrides))
    return _validated(document, path)


def config_of(content: Mapping[str, Any]) -> Config:
    """The config of this ``content``, as a file would have it, in plain dicts, lists, strings and numbers.

    Raises:
        ConfigError: With every problem; where there is no file, it is the key that says where.
    """
    return _validated(Document(dict(content)), Path("config.yaml"))


def laid_over(config: Config, changes: Mapping[str, Change]) -> Config:
    """``config`` with the value at each dotted key replaced; what is wrong with one is said at its place.

    Raises:
        ConfigError: With every problem.
    """
    document = copy.deepcopy(config._document)
    for key, change in changes.items():
        put(document, key.split("."), copy.deepcopy(change.value), change.place)
    return _validated(document, config._file)


def _validated(document: Document, path: Path) -> Config:
    """The config that ``document`` holds, or every problem of it."""
    config, found = validated(Config, document)
    if config is None:
        raise ConfigError(positioned(document, found))
    config._document, config._file = document, path
    removed = [complaint.path for complaint in found]
    checked = [problem for problem in cross_check(config) if not _about(problem, removed)]
    if found or checked:
        raise ConfigError(positioned(document, found, checked))
    return config


def _about(problem: Problem, removed: list[KeyPath]) -> bool:
    """Whether a problem concerns what was taken out, or anything around it."""
    key = problem.where.rpartition("  ")[2]
    return any(
        f"{display(path)}.".startswith(f"{key}.") or f"{key}.".startswith(f"{display(path)}.") for path in removed
    )
