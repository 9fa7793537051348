"""What built-in data are: a record whose fields are what the config may set, and which gives a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from nncli.data.cells import Array
from nncli.data.room import refuse_too_large
from nncli.data.table import Table
from nncli.errors import DataError, Problem
from nncli.machine import memory_limit
from nncli.registry import Registry


class Source(ABC):
    """Data that needs no file. Subclasses are final, frozen and registered."""

    name: ClassVar[str]

    def load(self) -> Table:
        """Return the whole table, the same for the same fields.

        Raises:
            DataError: The fields do not go together, or ask for more than there is room for.
        """
        refuse_too_large(self.size, f"data.source {self.name}", memory_limit())
        return self._load()

    @property
    def size(self) -> int:
        """Bytes that its numbers take at least; 0 for a collected one, which is small."""
        rows, features, targets = (int(vars(self).get(f"n_{of}", 0)) for of in ("samples", "features", "targets"))
        return 8 * (rows * max(2, features + targets) + features * targets)

    @abstractmethod
    def _load(self) -> Table:
        """The table."""

    def _table(
        self, X: Array, y: Array, *, categorical: bool, names: tuple[str, ...] = (), targets: tuple[str, ...] = ()
    ) -> Table:
        """The table of ``X`` and ``y``; without names, columns are x1, x2, ...; targets class, y, or y1, y2, ..."""
        names = names or tuple(f"x{column + 1}" for column in range(X.shape[1]))
        if not targets and y.ndim == 1:
            targets = ("class",) if categorical else ("y",)
        targets = targets or tuple(f"y{k + 1}" for k in range(y.shape[1]))
        y = y.astype(np.int64) if y.dtype.kind in "iu" else y
        return Table(self.name, np.ascontiguousarray(X, np.float64), names, y, targets, categorical)

    def _require(self, *rules: tuple[bool, str, str]) -> None:
        """Refuse the fields where a rule (holds, message, remedy) does not hold: all such rules at once."""
        problems = [
            Problem(message, f"data.source {self.name}", remedy) for holds, message, remedy in rules if not holds
        ]
        if problems:
            raise DataError(problems)


registry: Registry[Source] = Registry("data source")
