"""A column of dates: when, and where in the year, the week and the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.features.group import Group
from nncli.data.jsonable import fields, malformed, numbers, texts
from nncli.data.slots import Slot

DAY = 86_400.0
PERIODS = {"year": 365.2425 * DAY, "week": 7 * DAY, "day": DAY}
"""Seconds. A year is that of the Gregorian calendar on average: its beginning is met within a day or two."""


@dataclass(frozen=True)
class Date(Group):
    """One column, in seconds since the beginning of 1970: itself, standardized, and the parts of its circles.

    A point on a circle is its sine and cosine, so that December lies beside January. Where dates have no time of day,
    that circle is left out. Of a gap every number is 0.

    Attributes:
        name: Of the column.
        shift: The mean of the training rows.
        scale: Their deviation.
        circles: Which of ``PERIODS``.
        marked: Whether gaps are marked, which is so where the training rows have some.
    """

    name: str
    shift: float
    scale: float
    circles: tuple[str, ...]
    marked: bool

    kind = "date"

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """One."""
        return (self.name,)

    @classmethod
    def fit(cls, name: str, seconds: Array) -> Date:
        """Fit on the training rows ``seconds`` (m,), NaN for a gap."""
        there = seconds[~np.isnan(seconds)]
        shift, scale = (float(there.mean()), float(there.std())) if len(there) else (0.0, 1.0)
        circles = tuple(PERIODS) if (there % DAY).any() else ("year", "week")
        return cls(name, shift, scale or 1.0, circles, len(there) < len(seconds))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """One: a time is a place on a line that no embedding has to bend."""
        return (Slot(self.name, "flags", width=1 + 2 * len(self.circles) + self.marked),)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The name, and ``name: sine of the year``."""
        circles = [f"{self.name}: {wave} of the {circle}" for circle in self.circles for wave in ("sine", "cosine")]
        return (self.name, *circles, *[f"{self.name} missing"] * self.marked)

    def formula(self, X: Any) -> Any:
        """See `Group.formula`."""
        gaps = np.isnan(X)
        parts = [(X - self.shift) / self.scale]
        for circle in self.circles:
            turn = X * (2 * np.pi / PERIODS[circle])
            parts += [np.sin(turn), np.sin(turn + np.pi / 2)]
        encoded = np.where(gaps, 0.0, np.concatenate(parts, axis=1))
        return np.concatenate([encoded, gaps.astype(np.float64)], axis=1) if self.marked else encoded

    def agrees(self, other: Group) -> bool:
        """See `Group.agrees`."""
        return (
            isinstance(other, Date)
            and (self.name, self.circles, self.marked) == (other.name, other.circles, other.marked)
            and abs(self.shift - other.shift) <= 1e-6 * self.scale
            and abs(self.scale - other.scale) <= 1e-6 * self.scale
        )

    def to_json(self) -> dict[str, Any]:
        """See `Group.to_json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "shift": self.shift,
            "scale": self.scale,
            "circles": list(self.circles),
            "marked": self.marked,
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Date:
        """Read what `to_json` wrote; raise DataError for anything else."""
        found = fields(data, {"kind", "name", "shift", "scale", "circles", "marked"}, where)
        (name,), circles = texts([found["name"]], f"{where}.name"), texts(found["circles"], f"{where}.circles")
        shift, scale = numbers([found["shift"], found["scale"]], where).tolist()
        if scale <= 0 or not set(circles) <= PERIODS.keys() or not isinstance(found["marked"], bool):
            raise malformed(f"a scale above 0, circles of {', '.join(PERIODS)}, and marked are expected", where)
        return cls(name, shift, scale, circles, found["marked"])
