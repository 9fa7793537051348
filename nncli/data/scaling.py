"""Shift and scale of numeric columns, fitted on training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from nncli.data.jsonable import fields, numbers, texts
from nncli.data.slots import Slot
from nncli.data.table import SHOWN, Array, BadCells, chunks
from nncli.errors import DataError, Problem

Method: TypeAlias = Literal["standardize", "minmax", "none"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x − shift) / scale, column by column.

    Attributes:
        method: ``standardize``: mean 0, variance 1 (of the training rows, divided by their number); ``minmax``: [0, 1];
            ``none``: as it is. A constant column has scale 1, and so becomes 0 instead of noise blown up.
        names: The names of the d columns.
        shift: (d,) float64.
        scale: (d,) float64, above 0.
    """

    method: Method
    names: tuple[str, ...]
    shift: Array
    scale: Array

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What the columns of its result stand for."""
        return tuple(Slot(name, "number") for name in self.names)

    @classmethod
    def fit(
        cls, method: str, names: tuple[str, ...], values: Array, rows: Array, weights: Array | None = None
    ) -> Scaling:
        """Fit on ``values`` (n, d) at the indices ``rows``; computed at float64 a chunk of rows at a time.

        With ``weights`` (n,), a row that weighs k counts as k rows do, and one that weighs 0 not at all.

        Raises:
            DataError: An unknown method, or numbers so large that their squares overflow float64.
        """
        d = len(names)
        if weights is not None and weights[rows].any():
            rows = rows[weights[rows] > 0]
        match method:
            case "standardize":
                shift, scale = _mean_and_deviation(values, rows, None if weights is None else weights[rows])
            case "minmax":
                low, high = _range(values, rows)
                with np.errstate(over="ignore"):
                    shift, scale = low, high - low
                scale[scale == 0] = 1.0
            case "none":
                shift, scale = np.zeros(d), np.ones(d)
            case _:
                raise DataError(f"unknown scaling {method!r}", remedy=f"known are {', '.join(METHODS)}")
        _refuse_overflow(names, shift, scale)
        return cls(method, names, shift, scale)

    def apply(self, values: Array, rows: Array, out: Array, place: Callable[[int], str]) -> None:
        """Write the scaled ``values`` (n, d) at ``rows`` (m,) into ``out`` (m, d), float32 or float64, chunk by chunk.

        Raises:
            DataError: A number that, scaled, is beyond the range of ``out``; ``place`` gives the place of its row.
        """
        bad = BadCells(place)
        largest = np.finfo(out.dtype).max
        for part in chunks(len(rows), len(self.names)):
            x = values[rows[part]].astype(np.float64, copy=False)
            with np.errstate(over="ignore"):
                x = (x - self.shift) / self.scale
                out[part] = x
            wrong = ~np.isfinite(out[part])
            if wrong.any():
                first = [(int(rows[part.start + row]), int(column)) for row, column in np.argwhere(wrong)[:SHOWN]]
                bad.add(
                    int(wrong.sum()),
                    [
                        (
                            row,
                            self.names[column],
                            f"{values[row, column]} is beyond ±{largest:.2g} when scaled",
                            "correct the cell, or set `training.precision: float64`",
                        )
                        for row, column in first
                    ],
                )
        bad.refuse()

    def invert(self, scaled: Array) -> Array:
        """The values (n, d) at float64 in their own units, from ``scaled`` (n, d)."""
        return scaled.astype(np.float64) * self.scale + self.shift

    def agrees(self, other: Scaling) -> bool:
        """Whether both were fitted on the same data: on other machines, the last digits may differ."""
        if (self.method, self.names) != (other.method, other.names):
            return False
        near = np.abs(self.shift - other.shift) <= 1e-6 * (self.scale + np.abs(self.shift))
        return bool(near.all()) and np.allclose(self.scale, other.scale, rtol=1e-6, atol=0)

    def to_json(self) -> dict[str, Any]:
        """Plain data; its floats come back bit for bit."""
        return {
            "method": self.method,
            "names": list(self.names),
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Scaling:
        """Read what `to_json` wrote.

        Raises:
            DataError: It was not written by `to_json`; the message begins with ``where``.
        """
        found = fields(data, {"method", "names", "shift", "scale"}, where)
        method, names = found["method"], texts(found["names"], f"{where}.names")
        shift, scale = numbers(found["shift"], f"{where}.shift"), numbers(found["scale"], f"{where}.scale")
        if method not in METHODS:
            raise DataError(
                f"unknown scaling {method!r}", where=f"{where}.method", remedy=f"known are {', '.join(METHODS)}"
            )
        if not len(names) == len(shift) == len(scale) > 0 or len(set(names)) < len(names):
            raise DataError(
                f"{len(names)} names, {len(shift)} shifts and {len(scale)} scales",
                where=where,
                remedy="each column has a name of its own, a shift and a scale; take the file as nncli wrote it",
            )
        if (scale <= 0).any():
            raise DataError(
                "a scale that is not above 0", where=f"{where}.scale", remedy="take the file as nncli wrote it"
            )
        return cls(cast(Method, method), names, shift, scale)


def _mean_and_deviation(values: Array, rows: Array, weights: Array | None) -> tuple[Array, Array]:
    """The mean (d,) and standard deviation (d,) of the rows, in two passes; 1 in place of a deviation that is none.

    Weighted by ``weights`` (len(rows),), if there are any, of which only the proportions count.
    """
    n, d = len(rows), values.shape[1]
    w = None if weights is None or not weights.any() else weights / weights.max()  # as is, their sum may overflow
    total = float(n) if w is None else float(w.sum())
    mean, squares, rest = np.zeros(d), np.zeros(d), np.zeros(d)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in chunks(n, d):
            x = values[rows[part]]
            mean += x.sum(axis=0, dtype=np.float64) if w is None else w[part] @ x
        mean /= total
        for part in chunks(n, d):
            deviation = values[rows[part]] - mean
            rest += deviation.sum(axis=0) if w is None else w[part] @ deviation
            square = deviation * deviation
            squares += square.sum(axis=0) if w is None else w[part] @ square
        variance = (squares - rest * rest / total) / total  # `rest` is 0 but for the rounding of the mean
        # The bound on the rounding error of two passes (Chan, Golub & LeVeque 1983): below it, a column is constant.
        # scikit-learn's StandardScaler draws the same line.
        eps = np.finfo(np.float64).eps
        constant = np.isfinite(variance) & (variance <= n * eps * variance + (n * mean * eps) ** 2)
    return mean, np.where(constant, 1.0, np.sqrt(np.maximum(variance, 0.0)))


def _range(values: Array, rows: Array) -> tuple[Array, Array]:
    """The smallest and the largest value (d,) of each column, at float64."""
    d = values.shape[1]
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for part in chunks(len(rows), d):
        x = values[rows[part]]
        np.minimum(low, x.min(axis=0), out=low)
        np.maximum(high, x.max(axis=0), out=high)
    return low, high


def _refuse_overflow(names: tuple[str, ...], shift: Array, scale: Array) -> None:
    problems = [
        Problem(
            "its numbers are so large that their spread overflows float64",
            f"column {names[column]!r}",
            "give it in a larger unit, or leave it out with `data.drop`",
        )
        for column in np.flatnonzero(~(np.isfinite(shift) & np.isfinite(scale)))[:SHOWN]
    ]
    if problems:
        raise DataError(problems)
