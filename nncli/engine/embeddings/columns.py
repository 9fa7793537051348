"""Columns of the input that one embedding takes, read and written in as few pieces as they lie in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nncli.engine.buffers import Array, Step

Into: TypeAlias = Callable[..., object]


@dataclass(frozen=True)
class Columns:
    """Some columns of a matrix, in an order of their own."""

    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def runs(self) -> tuple[tuple[slice, slice], ...]:
        """(where in the matrix, where among these) of each stretch of columns that lie side by side."""
        found, begin = [], 0
        for i in range(1, len(self.places) + 1):
            if i == len(self.places) or self.places[i] != self.places[i - 1] + 1:
                found.append((slice(self.places[begin], self.places[i - 1] + 1), slice(begin, i)))
                begin = i
        return tuple(found)

    def read(self, X: Array, into: Array) -> Step:
        """What copies these columns of X (..., n, d) to ``into`` (columns, ..., n)."""
        X_T = np.moveaxis(X, -1, 0)
        pairs = [(into[here], X_T[there]) for there, here in self.runs]

        def read() -> None:
            for target, source in pairs:
                np.copyto(target, source)

        return read

    def add(self, dX: Array, from_: Array) -> Step:
        """What adds ``from_`` (columns, ..., n) to these columns of dX."""
        dX_T = np.moveaxis(dX, -1, 0)
        pairs = [(dX_T[there], from_[here]) for there, here in self.runs]

        def add() -> None:
            for target, source in pairs:
                np.add(target, source, out=target)

        return add
