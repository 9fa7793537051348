"""From the arrays that scikit-learn hands over to the table that a training takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nncli.data.cells import Array
from nncli.data.frame import TRUTH
from nncli.data.table import Table
from nncli.errors import DataError
from nncli.text import count

ORIGIN = "data"
"""What a message calls arrays: ``data row 5, column 'x3'``."""


Kind = Literal["classes", "labels", "numbers"]


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be predicted.

    Attributes:
        kind: One class of several, labels that apply each on its own, or numbers.
        values: (n,) or (n, k), as a table has them.
        names: The k names of its columns.
        classes: All classes, where those of the rows may be only some of them.
    """

    kind: Kind
    values: Array
    names: tuple[str, ...]
    classes: tuple[Any, ...] | None = None


def table_of(X: Array, target: Target, weights: Array | None, *, features: tuple[str, ...]) -> Table:
    """The table whose rows these are.

    Args:
        X: (n, d), float32 or float64.
        target: Of n rows.
        weights: (n,), or None.
        features: The d names of the columns.

    Raises:
        DataError: Two columns of one name, or what ``Table`` refuses.
    """
    twice = [name for name, times in Counter(features).items() if times > 1]
    if twice:
        message, remedy = f"{count(len(twice), 'name')} of several columns", "give each column a name of its own"
        raise DataError(message, where=f"{ORIGIN}, column {twice[0]!r}", remedy=remedy)
    w = None if weights is None else np.ascontiguousarray(weights, np.float64)
    name = "" if w is None else weight_name((*features, *target.names))
    categorical = target.kind != "numbers"
    return Table(ORIGIN, X, features, target.values, target.names, categorical, weights=w, weight_name=name)


def labels_of(y: Array) -> Array:
    """Class labels (n,) as a table has them: text, or whole numbers.

    Raises:
        ValueError: Labels that are neither.
    """
    if y.dtype.kind == "b":
        return np.where(y, TRUTH[1], TRUTH[0])
    if y.dtype.kind in "iu" or (y.dtype.kind == "f" and (y == np.floor(y)).all()):
        return y.astype(np.int64)
    if y.dtype.kind in "OU":
        if all(isinstance(label, str) for label in y):
            return y.astype(np.str_)
        if all(isinstance(label, bool | np.bool_) for label in y):
            return labels_of(y.astype(bool))
        if all(isinstance(label, int | float | np.number) and label == int(label) for label in y):
            return y.astype(np.int64)
    raise ValueError(f"classes are text, booleans or whole numbers, and not {y.dtype}: {y[0]!r}")


def numbers_of(y: Array) -> Array:
    """Numbers (n,) or (n, k) as a table from a file has them: int64 if it is one column of such, otherwise float64."""
    return y.astype(np.int64 if y.dtype.kind in "iu" and y.ndim == 1 else np.float64)


def feature_names(known: Array | None, d: int) -> tuple[str, ...]:
    """Those of a frame, or x0, x1, ..."""
    return tuple(f"x{i}" for i in range(d)) if known is None else tuple(map(str, known))


def target_names(y: Any, k: int, features: Sequence[str]) -> tuple[str, ...]:
    """Those of a series or a frame, or y, or y0, y1, ...; none is that of a feature, and no two are the same."""
    columns = getattr(y, "columns", None)
    said = [getattr(y, "name", None)] if columns is None else list(columns)
    if len(said) == k and all(isinstance(name, str) and name for name in said) and len(set(said)) == k:
        names = [str(name) for name in said]
    else:
        names = ["y"] if k == 1 else [f"y{i}" for i in range(k)]
    return tuple(free(name, features) for name in names)


def weight_name(taken: Sequence[str]) -> str:
    """The name of the column of weights."""
    return free("sample_weight", taken)


def free(name: str, taken: Sequence[str]) -> str:
    """``name``, with so many underscores behind it that it is none of those that are ``taken``."""
    while name in taken:
        name += "_"
    return name
