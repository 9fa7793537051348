"""Numeric columns: scaled, bounded if asked for, and their gaps filled and marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.features.group import Group
from nncli.data.features.quantiles import Quantiles
from nncli.data.jsonable import fields, malformed, numbers, sequence
from nncli.data.scaling import Scaling
from nncli.data.slots import Slot
from nncli.data.table import chunks

CENTERED = ("standardize", "robust", "log", "quantile")
"""The scalings whose 0 is the middle of the column: its mean or its median."""


@dataclass(frozen=True, eq=False)
class Numbers(Group):
    """Scaled numbers; where gaps are marked, behind them as many columns of 0 and 1: whether the number is missing.

    Attributes:
        scaling: How they are scaled.
        fill: (d,) what a gap is filled with, in scaled units: the middle of the column.
        marked: Whether gaps are marked, which is so where the training rows have some.
        clip: x becomes x/√(1 + (x/clip)²), which never goes beyond ±clip (Holzmüller et al. 2024, with 3).
        edges: For each column where it is cut for a piecewise-linear embedding, or none at all.
    """

    scaling: Scaling | Quantiles
    fill: Array
    marked: bool
    clip: float | None = None
    edges: tuple[Array, ...] = ()

    kind = "numbers"

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the scaling."""
        return self.scaling.names

    @classmethod
    def fit(
        cls,
        method: str,
        names: tuple[str, ...],
        values: Array,
        rows: Array,
        columns: list[int] | None,
        *,
        marked: bool,
        clip: float | None,
        bins: int | None,
        weights: Array | None = None,
    ) -> Numbers:
        """Fit on ``values`` at the indices ``rows``.

        Args:
            method: ``quantile``, or one of a `Scaling`.
            names: Of the d columns.
            values: (n, all), NaN where a number is missing.
            rows: (m,) indices of rows.
            columns: Where the d columns stand in ``values``; None: they are all that it has.
            marked: Whether gaps are marked.
            clip: The bound of the scaled numbers, if any.
            bins: Into how many pieces of as many rows each column is cut for its embedding, if it is.
            weights: (n,) what each row counts in a mean.

        Raises:
            DataError: As `Scaling.fit`.
        """
        scaling = (Quantiles if method == "quantile" else Scaling).fit(method, names, values, rows, columns, weights)
        fill = np.zeros(len(names)) if method in CENTERED else _means(scaling, values, rows, columns)
        edges = []
        if bins is not None:
            levels = np.linspace(0, 1, bins + 1)
            for i, j in enumerate(columns or range(len(names))):  # one after the other: a copy of all takes much memory
                x = values[rows, j].astype(np.float64, copy=False)
                alone = cls(scaling.column(i), fill[i : i + 1], False, clip)
                edges.append(_edges(np.quantile(alone.formula(x[:, np.newaxis]), levels, overwrite_input=True)))
        return cls(scaling, fill, marked, clip, tuple(edges))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """A number each, and a flag each where gaps are marked."""
        edges = [tuple(cut.tolist()) for cut in self.edges] or [()] * len(self.names)
        found = [Slot(name, "number", edges=cut) for name, cut in zip(self.names, edges, strict=True)]
        return (*found, *(Slot(name, "flags") for name in self.names if self.marked))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns' names, and what marks them."""
        return (*self.names, *(f"{name} missing" for name in self.names if self.marked))

    def formula(self, X: Any) -> Any:
        """See `Group.formula`."""
        gaps = np.isnan(X)
        scaled = self.scaling.formula(X)
        if self.clip is not None:
            scaled = scaled / np.sqrt(1 + (scaled / self.clip) * (scaled / self.clip))
        if isinstance(gaps, np.ndarray) and not self.marked and not gaps.any():
            return scaled  # which is most often so, and saves a pass
        scaled = np.where(gaps, self.fill, scaled)
        return np.concatenate([scaled, gaps.astype(np.float64)], axis=1) if self.marked else scaled

    def agrees(self, other: Group) -> bool:
        """See `Group.agrees`."""
        if not isinstance(other, Numbers) or type(self.scaling) is not type(other.scaling):
            return False
        same = (self.marked, self.clip, len(self.edges)) == (other.marked, other.clip, len(other.edges))
        return same and self.scaling.agrees(other.scaling) and _near(self.fill, other.fill)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """See `Group.to_json`."""
        return {
            "kind": self.kind,
            "scaling": self.scaling.to_json(),
            "fill": self.fill.tolist(),
            "marked": self.marked,
            "clip": self.clip,
            "edges": [cut.tolist() for cut in self.edges],
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Numbers:
        """Read what `to_json` wrote; raise DataError for anything else."""
        found = fields(data, {"kind", "scaling", "fill", "marked", "clip", "edges"}, where)
        quantile = isinstance(found["scaling"], dict) and found["scaling"].get("method") == "quantile"
        scaling = (Quantiles if quantile else Scaling).from_json(found["scaling"], f"{where}.scaling")
        fill, clip, marked = numbers(found["fill"], f"{where}.fill"), found["clip"], found["marked"]
        edges = tuple(numbers(cut, f"{where}.edges") for cut in sequence(found["edges"], f"{where}.edges"))
        if len(fill) != len(scaling.names) or len(edges) not in (0, len(fill)) or not isinstance(marked, bool):
            raise malformed(
                "a fill for each column, edges for all or none, and marked, true or false, are expected", where
            )
        if any(len(cut) < 2 or (np.diff(cut) <= 0).any() for cut in edges):
            raise malformed("edges that rise are expected", f"{where}.edges")
        if clip is not None and numbers([clip], f"{where}.clip")[0] <= 0:
            raise malformed("a clip above 0 is expected", where)
        return cls(scaling, fill, marked, None if clip is None else float(clip), edges)


def _edges(quantiles: Array) -> Array:
    """Two edges or more that rise."""
    edges = np.unique(quantiles)
    return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])


def _means(scaling: Scaling | Quantiles, values: Array, rows: Array, columns: list[int] | None) -> Array:
    """The means (d,) of what is there, scaled."""
    d = len(scaling.names)
    total, n = np.zeros(d), np.zeros(d)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in chunks(len(rows), d, values):
            x = values[rows[part]]
            x = scaling.formula((x if columns is None else x[:, columns]).astype(np.float64, copy=False))
            there = ~np.isnan(x)
            n += there.sum(axis=0)
            total += np.where(there, x, 0).sum(axis=0)
    mean = total / np.maximum(n, 1)
    return np.where(np.isfinite(mean), mean, 0.0)


def _near(a: Array, b: Array) -> bool:
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-6))
