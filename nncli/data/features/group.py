"""What all groups of encoded columns have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from nncli.data.slots import Slot


class Group(ABC):
    """Columns of a table that are encoded alike, as fitted on the training rows.

    Attributes:
        kind: What its columns hold, for ``preprocess.json``.
        names: The names of the columns.
    """

    kind: ClassVar[str]
    names: tuple[str, ...]

    @property
    @abstractmethod
    def slots(self) -> tuple[Slot, ...]:
        """What the columns of its result stand for."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """What each column of its result is called."""

    @abstractmethod
    def formula(self, X: Any) -> Any:
        """The encoded columns (n, width) of ``X`` (n, d) at float64, in NumPy's functions.

        ``X`` holds numbers; of a category, the codes that ``Category.lookup`` gives; of a date, its seconds. A gap in
        a number or a date is NaN.
        """

    @abstractmethod
    def agrees(self, other: Group) -> bool:
        """Whether both were fitted on the same data: on other machines, the last digits may differ."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain data; its floats come back bit for bit."""
