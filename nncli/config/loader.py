"""A YAML file and overrides -> Config, or all that is wrong with them at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nncli.config.checks import cross_check
from nncli.config.document import Document, KeyPath, display, read_document
from nncli.config.messages import MOST, Complaint, complaints
from nncli.config.overrides import apply_overrides
from nncli.config.schema import Config
from nncli.errors import ConfigError, Problem


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Load the config at ``path`` with ``overrides`` (``training.epochs=20``) laid over it.

    Raises:
        ConfigError: With every problem of the file, in the order of their positions.
    """
    path = Path(path)
    document = read_document(path)
    apply_overrides(document, list(overrides))
    return _validated(document, path)


def config_of(content: Mapping[str, Any]) -> Config:
    """The config of this ``content``, as a file would have it, in plain dicts, lists, strings and numbers.

    Raises:
        ConfigError: With every problem; where there is no file, it is the key that says where.
    """
    return _validated(Document(dict(content)), Path("config.yaml"))


def _validated(document: Document, path: Path) -> Config:
    """The config that ``document`` holds, or every problem of it."""
    found: list[Complaint] = []
    content = document.value
    config: Config | None = None
    # What is wrong is taken out, its default put in its place, until the rest is right: so that the checks over
    # several keys see as much as can be seen, and everything is said at once.
    for _ in range(20):
        try:
            config = Config.model_validate(content)
            break
        except ValidationError as error:
            new = complaints(error, content)
            found += [c for c in new if not any(c.path[: len(old.path)] == old.path for old in found)]
            content = copy.deepcopy(content)
            if len(new) == MOST or not all([_remove(content, complaint.path) for complaint in new]):
                break
    if config is None:
        raise ConfigError(_sorted(document, found, []))
    config._document, config._file = document, path
    removed = [complaint.path for complaint in found]
    checked = [problem for problem in cross_check(config) if not _about(problem, removed)]
    if found or checked:
        raise ConfigError(_sorted(document, found, checked))
    return config


def _remove(content: Any, path: KeyPath) -> bool:
    """Take out what is at ``path``; False when there is nothing, as for a key that is missing."""
    try:
        for key in path[:-1]:
            content = content[key]
        if isinstance(content, list):
            content[int(path[-1])] = {}
        else:
            del content[path[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _about(problem: Problem, removed: list[KeyPath]) -> bool:
    """Whether a problem concerns what was taken out, or anything around it."""
    key = problem.where.rpartition("  ")[2]
    return any(
        f"{display(path)}.".startswith(f"{key}.") or f"{key}.".startswith(f"{display(path)}.") for path in removed
    )


def _sorted(document: Document, found: list[Complaint], checked: list[Problem]) -> list[Problem]:
    problems = [
        Problem(c.message, f"{document.where(c.path, key=c.about_key)}  {display(c.path)}".strip(), c.remedy)
        for c in found
    ]
    return sorted([*problems, *checked], key=lambda problem: _position(problem.where))


def _position(where: str) -> tuple[str, int, int]:
    place = where.partition("  ")[0]
    file, line, column = [*place.rsplit(":", 2), "", ""][:3]
    return (file, int(line), int(column)) if line.isdigit() and column.isdigit() else (place, 0, 0)
