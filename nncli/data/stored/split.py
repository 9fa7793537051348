"""Which rows train, validate and test, told block by block: no row is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from nncli.data.cells import Array
from nncli.data.split import allot, held_out_of, sizes_of
from nncli.errors import DataError

PARTS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")
MOST_ROWS = 1_000_000_000
"""NumPy draws from urns of so many."""


@dataclass(frozen=True, eq=False)
class Shares:
    """How many rows of each kind go into each part.

    Attributes:
        rows: (kinds, 3): of each class, or of all rows together, those that train, validate and test.
    """

    rows: Array

    @classmethod
    def of(cls, counts: Array, validation: float, test: float) -> Shares:
        """The sizes that ``split_rows`` gives: exact, and each class in proportion.

        Args:
            counts: (kinds,) rows of each class; a single number where classes do not matter.
            validation: The share of the whole for validation, in [0, 1).
            test: The share of the whole for the test, in [0, 1).

        Raises:
            DataError: As ``split_rows``.
        """
        n = int(counts.sum())
        if n > MOST_ROWS:
            message = f"{n:,} rows, and at most {MOST_ROWS:,} can be drawn from"
            raise DataError(message, where="data.split", remedy="take some of the rows")
        to_validation, to_test = sizes_of(n, validation, test)
        out = held_out_of(counts, to_validation + to_test)
        tested = allot(to_test, out, out)
        return cls(np.stack([counts - out, out - tested, tested], axis=1))

    def deal(self, kinds: Iterator[Array], rng: Generator | None) -> Iterator[Array]:
        """For each block of rows, the part that each of its rows is in: 0, 1, 2 (k,).

        Each row is drawn as from an urn without putting back, so that every split of these sizes is as likely as any
        other, as if all rows were in memory and shuffled.

        Args:
            kinds: For each block the class of its rows (k,), or zeros.
            rng: Where the draws come from; None: the first rows train, then comes validation, then test.
        """
        left = self.rows.copy()
        for block in kinds:
            parts = np.empty(len(block), np.uint8)
            for kind in np.unique(block):
                (rows,) = np.nonzero(block == kind)
                taken = _drawn(left[kind], len(rows), rng)
                left[kind] -= taken
                found = np.repeat(np.arange(3, dtype=np.uint8), taken)
                parts[rows] = found if rng is None else rng.permutation(found)
            yield parts


def _drawn(left: Array, n: int, rng: Generator | None) -> Array:
    """How many of ``n`` rows go into each part (3,), of which so many are ``left``."""
    if rng is not None:
        return rng.multivariate_hypergeometric(left, n, method="marginals")
    taken = np.zeros(3, np.int64)
    for part in range(3):
        taken[part] = min(left[part], n - taken.sum())
    return taken
