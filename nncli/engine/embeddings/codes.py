"""Categories as rows of learned tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.embeddings.columns import Columns

MOST_UNITS = 600


@dataclass(frozen=True)
class Code:
    """A column of codes 0 to levels − 1, and how many units a level becomes: the row of a table (levels, units)."""

    levels: int
    units: int

    @property
    def size(self) -> int:
        """Of its table."""
        return self.levels * self.units


def usual_units(levels: int) -> int:
    """How many units suit so many levels: min(600, 1.6·levels^0.56), fastai's rule (Howard & Gugger 2020).

    >>> [usual_units(levels) for levels in (2, 10, 1000)]
    [2, 6, 77]
    """
    return min(MOST_UNITS, round(1.6 * math.pow(levels, 0.56)))


@dataclass(frozen=True)
class CodeArrays:
    """Between what columns of codes are bound.

    Attributes:
        X: (..., n, d_in), the whole input.
        Y: (..., n, total), the units of all codes, one code after the other.
        dY: The same of the gradient.
        tables: (..., size), all tables one after the other.
        d_tables: Where their gradient goes.
    """

    X: Array
    Y: Array
    dY: Array
    tables: Array
    d_tables: Array


def bind_codes(arrays: CodeArrays, columns: Columns, codes: tuple[Code, ...], buffers: Buffers) -> tuple[Step, Step]:
    """Two functions: all rows of all tables that a batch names in one ``take``, and back in one sum.

    Of every number of Y, P is the place in ``tables`` that it comes from: offset_j + code·units + u.
    """
    X, Y, dY, tables = arrays.X.real, arrays.Y, arrays.dY, arrays.tables
    units, sizes = (np.array([getattr(code, name) for code in codes]) for name in ("units", "size"))
    which, total = np.repeat(np.arange(len(codes)), units), int(units.sum())
    first = np.repeat(np.cumsum(sizes) - sizes, units) + np.concatenate([np.arange(u) for u in units])
    rows = X.shape[:-1]  # (..., n)
    ones = (1,) * len(rows)
    numbers = buffers.rows((len(codes), *rows), X.dtype)
    levels, P = buffers.rows(numbers.shape, np.intp), buffers.rows((total, *rows), np.intp)
    width, offset = (buffers.rows((total, *ones), np.intp) for _ in range(2))
    width[...], offset[...] = units[which].reshape(width.shape), first.reshape(offset.shape)
    copy = columns.read(X, numbers)
    Y_T, dY_T = np.moveaxis(Y, -1, 0), np.moveaxis(dY, -1, 0)
    shared = tables.ndim == 1
    found = Y_T if shared and tables.dtype == Y.dtype else None

    def forward() -> None:
        copy()
        np.rint(numbers, out=numbers)  # a code moved by less than one half is the same: codes have no slope
        np.copyto(levels, numbers, casting="unsafe")
        levels.take(which, 0, P, "clip")
        np.multiply(P, width, out=P)
        np.add(P, offset, out=P)
        if found is not None:
            tables.take(P, None, found, "clip")
        elif shared:
            np.copyto(Y_T, tables[P])
        else:  # copies with parameters of their own, which are run forward alone
            here = np.moveaxis(P, 0, -2)  # (..., total, n)
            flat = here.reshape(*here.shape[:-2], -1)
            np.copyto(Y_T, np.moveaxis(np.take_along_axis(tables, flat, -1).reshape(here.shape), -2, 0))

    if not shared or len(rows) > 1:
        return forward, _no_backward
    return forward, kernels.scatter.bind(buffers, arrays.d_tables, P, dY_T)


def _no_backward() -> None:
    raise NotImplementedError("copies of a network go forward alone")
