"""What can go wrong, said so that a person can mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nncli.text import abridged, printable


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. As text it is one line that holds nothing but printable characters.

    Attributes:
        message: What is wrong, with the offending value.
        where: The place, as a person would look for it: ``configs/iris.yaml:12:5  optimizer.learning_rate``
            or ``train.csv line 57, column 'age'``; empty when there is no place.
        remedy: What to do about it; empty when the message says it already.
    """

    message: str
    where: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where, message, remedy = (printable(abridged(part)) for part in (self.where, self.message, self.remedy))
        text = f"{where}: {message}" if where else message
        return f"{text}; {remedy}" if remedy else text


class NncliError(Exception):
    """A fault that a person can mend: one problem or several, and the exit code of the command that meets it."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str | list[Problem], *, where: str = "", remedy: str = "") -> None:
        self.problems = [Problem(message, where, remedy)] if isinstance(message, str) else message
        super().__init__("\n".join(map(str, self.problems)))


class ConfigError(NncliError):
    """The YAML file, an override, or what they ask for, cannot be used."""


class DataError(NncliError):
    """The data cannot be used."""


class RunError(NncliError):
    """A run directory cannot be made, read or written."""


class GradientError(NncliError):
    """Backpropagation and the methods that check it do not agree."""

    exit_code = 1


class DivergedError(NncliError):
    """The training left the finite numbers."""

    exit_code = 3
