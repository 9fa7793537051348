"""A document held against a model: its content, typed, and every complaint about it at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nncli.config.document import Document, KeyPath, display
from nncli.config.messages import MOST, Complaint, complaints
from nncli.errors import Problem

Model = TypeVar("Model", bound=BaseModel)

ROUNDS = 20
"""In so many at most what is wrong is taken out."""


def validated(model: type[Model], document: Document) -> tuple[Model | None, list[Complaint]]:
    """What ``document`` holds, as far as that can be said, and what is wrong with it.

    What is wrong is taken out, its default put in its place, until the rest is right: so that the checks over several
    keys see as much as can be seen, and everything is said at once.
    """
    found: list[Complaint] = []
    content = document.value
    for _ in range(ROUNDS):
        try:
            return model.model_validate(content), found
        except ValidationError as error:
            new = complaints(error, content, model)
            found += [c for c in new if not any(c.path[: len(old.path)] == old.path for old in found)]
            content = copy.deepcopy(content)
            if len(new) == MOST or not all([_remove(content, complaint.path) for complaint in new]):
                break
    return None, found


def positioned(document: Document, found: Sequence[Complaint], others: Sequence[Problem] = ()) -> list[Problem]:
    """The complaints with their places in the file, and others that have theirs, from its beginning to its end."""
    problems = [
        Problem(c.message, f"{document.where(c.path, key=c.about_key)}  {display(c.path)}".strip(), c.remedy)
        for c in found
    ]
    return sorted([*problems, *others], key=lambda problem: _position(problem.where))


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


def _position(where: str) -> tuple[str, int, int]:
    place = where.partition("  ")[0]
    file, line, column = [*place.rsplit(":", 2), "", ""][:3]
    return (file, int(line), int(column)) if line.isdigit() and column.isdigit() else (place, 0, 0)
