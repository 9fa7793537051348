"""Shift and scale of numeric columns, fitted on training rows; for skewed ones, of their logarithms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import numpy as np

from nncli.data.cells import SHOWN, Array
from nncli.data.jsonable import fields, numbers, texts
from nncli.data.table import chunks
from nncli.data.writing import write
from nncli.errors import DataError, Problem

if TYPE_CHECKING:
    from nncli.engine.losses import Loss

Method: TypeAlias = Literal["standardize", "robust", "minmax", "log", "none"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x − shift) / scale, column by column. What is missing (NaN) is not fitted on, and stays missing.

    Attributes:
        method: ``standardize``: mean 0, variance 1 (of the training rows, divided by their number); ``robust``: median
            0, quartiles 1 apart, or the range 2 where those are equal (Holzmüller et al. 2024); ``minmax``: [0, 1];
            ``log``: sign(x)·log(1 + |x|), standardized; ``none``: as it is. A constant column has scale 1, and so
            becomes 0 instead of noise blown up.
        names: The names of the d columns.
        shift: (d,) float64.
        scale: (d,) float64, above 0.
    """

    method: Method
    names: tuple[str, ...]
    shift: Array
    scale: Array

    @classmethod
    def fit(
        cls,
        method: str,
        names: tuple[str, ...],
        values: Array,
        rows: Array,
        columns: list[int] | None = None,
        weights: Array | None = None,
    ) -> Scaling:
        """Fit on ``values`` (n, all) at the indices ``rows``; computed at float64 a chunk of rows at a time.

        Args:
            method: One of ``METHODS``.
            names: Of the d columns.
            values: What they are fitted on.
            rows: (m,) indices of rows.
            columns: Where the d columns stand in ``values``; None: they are all that it has.
            weights: (n,) what each row counts in a mean: k as much as k rows. One that weighs 0 counts nowhere.

        With ``weights`` (n,), a row that weighs k counts as k rows do, and one that weighs 0 not at all.

        Raises:
            DataError: An unknown method, or numbers so large that their squares overflow float64.
        """
        d = len(names)
        w = None
        if weights is not None and weights[rows].any():
            rows = rows[weights[rows] > 0]
            w = weights[rows] / weights[rows].max()  # only their proportions count, and their sum may overflow

        def parts() -> Iterator[tuple[Array, Array | None]]:
            for part in chunks(len(rows), d, values):
                x = values[rows[part]]
                x = x if columns is None else x[:, columns]
                yield signed_log(x.astype(np.float64)) if method == "log" else x, None if w is None else w[part]

        match method:
            case "standardize" | "log":
                shift, scale = _mean_and_deviation(d, parts)
            case "robust":
                shift, scale = _median_and_quartiles(values, rows, columns or range(d))
            case "minmax":
                low, high = _range(d, parts)
                with np.errstate(over="ignore"):
                    shift, scale = low, high - low
                scale[scale == 0] = 1.0
            case "none":
                shift, scale = np.zeros(d), np.ones(d)
            case _:
                raise DataError(f"unknown scaling {method!r}", remedy=f"known are {', '.join(METHODS)}")
        _refuse_overflow(names, shift, scale)
        return cls(method, names, shift, scale)

    def column(self, i: int) -> Scaling:
        """That of column ``i`` alone."""
        one = slice(i, i + 1)
        return Scaling(self.method, self.names[one], self.shift[one], self.scale[one])

    def formula(self, X: Any) -> Any:
        """The scaled columns (n, d) of ``X`` (n, d), in NumPy's functions."""
        if self.method == "log":
            X = signed_log(X)
        return X if self.method == "none" else (X - self.shift) / self.scale

    def apply(self, values: Array, rows: Array, out: Array, place: Callable[[int], str]) -> None:
        """Write the scaled ``values`` (n, d) at ``rows`` (m,) into ``out`` (m, d), float32 or float64, chunk by chunk.

        Raises:
            DataError: A number that, scaled, is beyond the range of ``out``; ``place`` gives the place of its row.
        """
        write(lambda some: self.formula(values[some].astype(np.float64, copy=False)), rows, out, place, self.names)

    def invert(self, scaled: Any) -> Any:
        """The values (n, d) at float64 in their own units, from ``scaled`` (n, d)."""
        return self._undone(scaled.astype(np.float64) * self.scale + self.shift)

    def readings(self, loss: Loss, P: Any) -> dict[str, Any]:
        """What the outputs ``P`` (n, outputs) of a network with this ``loss`` say, in the target's own units.

        See ``Loss.readings``; with ``log``, every number that it gives has to stand for a value of the target.
        """
        return {name: self._undone(told) for name, told in loss.readings(P, self.scale, self.shift).items()}

    def outputs(self, loss: Loss, told: dict[str, Any]) -> Any:
        """What a network with this ``loss`` would put out (n, outputs) to say what was ``told``: `readings`, undone."""
        curved = {name: signed_log(X) if self.method == "log" else X for name, X in told.items()}
        return loss.outputs(curved, self.scale, self.shift)

    def _undone(self, X: Any) -> Any:
        return np.sign(X) * np.expm1(np.absolute(X)) if self.method == "log" else X

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


def signed_log(X: Any) -> Any:
    """sign(x)·log(1 + |x|), which is 0 at 0 and goes on for every number."""
    return np.sign(X) * np.log1p(np.absolute(X))


_Parts: TypeAlias = Callable[[], Iterator[tuple[Array, Array | None]]]
"""Rows (k, d), and the weights (k,) of them."""


def _mean_and_deviation(d: int, parts: _Parts) -> tuple[Array, Array]:
    """The mean (d,) and standard deviation (d,) of the rows, in two passes; 1 in place of a deviation that is none."""
    rows, total, mean, squares, rest = 0, np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for x, w in parts():
            gaps = _gaps(x)
            rows += len(x)
            total += _sum(np.ones((len(x), 1)) if gaps is None else ~gaps, w)
            mean += _sum(x if gaps is None else np.where(gaps, 0, x), w)
        mean = np.where(total > 0, mean / total, 0)
        for x, w in parts():
            deviation = x - mean
            gaps = _gaps(x)
            if gaps is not None:
                deviation[gaps] = 0
            rest += _sum(deviation, w)
            squares += _sum(deviation * deviation, w)
        variance = (squares - rest * rest / total) / total  # `rest` is 0 but for the rounding of the mean
        # The bound on the rounding error of two passes (Chan, Golub & LeVeque 1983): below it, a column is constant.
        # scikit-learn's StandardScaler draws the same line.
        eps = np.finfo(np.float64).eps
        constant = np.isfinite(variance) & (variance <= rows * eps * variance + (rows * mean * eps) ** 2)
    return mean, np.where(constant | (total == 0), 1.0, np.sqrt(np.maximum(variance, 0.0)))


def _median_and_quartiles(values: Array, rows: Array, columns: Sequence[int]) -> tuple[Array, Array]:
    """The median (d,) and the distance (d,) of the quartiles, half the range where that is 0, 1 where both are."""
    shift, scale = np.zeros(len(columns)), np.ones(len(columns))
    for i, j in enumerate(columns):
        x = values[rows, j].astype(np.float64)
        x = x[~np.isnan(x)]
        if len(x):
            low, first, shift[i], third, high = np.quantile(x, [0, 0.25, 0.5, 0.75, 1])
            with np.errstate(over="ignore"):
                scale[i] = third - first or (high - low) / 2 or 1.0
    return shift, scale


def _range(d: int, parts: _Parts) -> tuple[Array, Array]:
    """The smallest and the largest value (d,) of each column, at float64."""
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for x, _ in parts():
        np.fmin(low, np.fmin.reduce(x, axis=0), out=low)
        np.fmax(high, np.fmax.reduce(x, axis=0), out=high)
    nothing = low > high
    low[nothing] = high[nothing] = 0
    return low, high


def _sum(x: Array, w: Array | None) -> Array:
    """The sum (d,) of the rows, weighted by ``w`` if there is one."""
    total: Array = x.sum(axis=0, dtype=np.float64) if w is None else w @ x
    return total


def _gaps(x: Array) -> Array | None:
    """Which cells are missing, if any."""
    if x.dtype.kind != "f":
        return None
    gaps = np.isnan(x)
    return gaps if gaps.any() else None


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
