"""A column of text: each of its frequent values a column of 0 and 1, or a code for an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.features.group import Group
from nncli.data.jsonable import fields, malformed, texts
from nncli.data.slots import Slot
from nncli.errors import DataError

MOST_LEVELS = 1000
"""Columns that one column becomes; more are no categories but names."""


@dataclass(frozen=True)
class Category(Group):
    """One column. Its value is a code: the position among ``levels``, then one for a gap, then one for all others.

    Attributes:
        name: Of the column.
        levels: The values that the training rows have often enough, sorted.
        gaps: Whether the training rows have gaps, which then have a column (or a code) of their own.
        rare: Whether they have rarer values, which then share one; a value that nobody has seen goes there, too.
            Without it, such a value (and a gap where there were none) is none of all: every column is 0.
        coded: Whether the result is the code, for an embedding, and not a column for each.
    """

    name: str
    levels: tuple[str, ...]
    gaps: bool
    rare: bool
    coded: bool

    kind = "category"

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """One."""
        return (self.name,)

    @classmethod
    def fit(cls, name: str, texts: tuple[str, ...], codes: Array, origin: str, *, least: int, coded: bool) -> Category:
        """Fit on the training rows.

        Args:
            name: Of the column.
            texts: The different values of the whole table.
            codes: (m,) which of them each training row has, NaN for a gap.
            origin: What a person calls the table.
            least: In how many rows a value has to stand to count on its own.
            coded: Whether the result is the code.

        Raises:
            DataError: No value stands in that many rows, or too many do.
        """
        where = f"{origin}, column {name!r}"
        present = codes[~np.isnan(codes)].astype(np.intp)
        counts = np.bincount(present, minlength=len(texts))
        levels = tuple(sorted(texts[i] for i in np.flatnonzero(counts >= least)))
        if not levels:
            example = f" ({texts[present[0]]!r:.60})" if len(present) else ""
            raise DataError(
                f"it holds text, and no value{example} stands in {least} training rows or more",
                where=where,
                remedy=f"`data.drop: [{name}]` leaves it out; `data.preprocess.rare` is the number; "
                "numbers and dates (2024-01-31) are read as such",
            )
        if len(levels) > MOST_LEVELS and not coded:
            raise DataError(
                f"{len(levels):,} different values in {least} rows or more would be as many columns",
                where=where,
                remedy=f"`data.preprocess.columns: {{{name}: embedding}}` learns a few numbers for each, "
                f"`data.preprocess.rare` puts rare ones together, `data.drop: [{name}]` leaves it out",
            )
        rare = bool(((counts > 0) & (counts < least)).any())
        return cls(name, levels, bool(np.isnan(codes).any()), rare, coded)

    def lookup(self, texts: tuple[str, ...]) -> Array:
        """For each of ``texts`` its code, as a float; the last is that of a gap."""
        code = {level: i for i, level in enumerate(self.levels)}
        k = len(self.levels)
        return np.array([*(code.get(text, k + 1) for text in texts), k], np.float64)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """One."""
        if self.coded:
            return (Slot(self.name, "code", levels=len(self.levels) + 2),)
        return (Slot(self.name, "flags", width=len(self._shown)),)

    @property
    def outputs(self) -> tuple[str, ...]:
        """``name = value``, or the name, if it is coded."""
        if self.coded:
            return (self.name,)
        return tuple(f"{self.name} {('= ' + value) if i < len(self.levels) else value}" for i, value in self._shown)

    @property
    def _shown(self) -> list[tuple[int, str]]:
        """The codes that have a column of their own, and what they stand for."""
        k = len(self.levels)
        return [*enumerate(self.levels), *[(k, "missing")] * self.gaps, *[(k + 1, "rare")] * self.rare]

    def formula(self, X: Any) -> Any:
        """See `Group.formula`."""
        if self.coded:
            return X
        return np.equal(X, np.array([i for i, _ in self._shown], np.float64)).astype(np.float64)

    def agrees(self, other: Group) -> bool:
        """See `Group.agrees`."""
        return self == other

    def to_json(self) -> dict[str, Any]:
        """See `Group.to_json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "levels": list(self.levels),
            "gaps": self.gaps,
            "rare": self.rare,
            "coded": self.coded,
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Category:
        """Read what `to_json` wrote; raise DataError for anything else."""
        found = fields(data, {"kind", "name", "levels", "gaps", "rare", "coded"}, where)
        (name,) = texts([found["name"]], f"{where}.name")
        levels = texts(found["levels"], f"{where}.levels")
        if not levels or list(levels) != sorted(set(levels)):
            raise malformed("one value or more is expected, sorted, none of them twice", f"{where}.levels")
        if not all(isinstance(found[key], bool) for key in ("gaps", "rare", "coded")):
            raise malformed("gaps, rare and coded are true or false", where)
        return cls(name, levels, found["gaps"], found["rare"], found["coded"])
