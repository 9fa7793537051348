"""Named records: one place where a name from a config becomes a piece of the engine."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Generic, Protocol, TypeVar

from nncli.errors import NncliError

LONGEST_NAME = 200
"""Characters of a name that somebody may have mistyped."""
MOST_NAMES = 1000
"""Names that it is compared with."""


class Named(Protocol):
    """A record that a config can name. Its dataclass fields are the settings that the config may give it."""

    name: ClassVar[str]


Record = TypeVar("Record", bound=Named)


class Registry(Generic[Record]):
    """The records of one kind (activations, losses, ...), by name.

    Registered are *classes*: frozen dataclasses whose fields, with their defaults and bounds, are what a config may
    set. Validation, gradcheck, the generated docs and the contract tests read them, so that a new record is one
    class in one file.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._records: dict[str, type[Record]] = {}

    def register(self, record: type[Record]) -> type[Record]:
        """Add ``record`` under its ``name``; a class decorator."""
        if record.name in self._records:
            raise ValueError(f"{self.kind} {record.name!r} is registered twice")
        self._records[record.name] = record
        return record

    def __getitem__(self, name: str) -> type[Record]:
        try:
            return self._records[name]
        except KeyError:
            raise NncliError(unknown(self.kind, name, self._records)) from None

    def __iter__(self) -> Iterator[type[Record]]:
        return iter(self._records.values())

    def __contains__(self, name: object) -> bool:
        return name in self._records

    @property
    def names(self) -> tuple[str, ...]:
        """Every registered name, in the order of registration."""
        return tuple(self._records)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` most probably was meant to be, if one is near enough.

    What nobody types is not compared, and not with everything: that would take the square of its length.
    """
    if len(name) > LONGEST_NAME:
        return None
    typed = (candidate for candidate in known if len(candidate) <= LONGEST_NAME)
    by_folded = {candidate.casefold(): candidate for candidate in islice(typed, MOST_NAMES)}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence that refuses ``name``: with the nearest known name, or else with all of them.

    >>> unknown("activation", "rellu", ["relu", "tanh"])
    "unknown activation 'rellu', did you mean 'relu'?"
    """
    known = list(known)
    guess = nearest(name, known)
    hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(known)}"
    return f"unknown {kind} {name!r}, {hint}"
