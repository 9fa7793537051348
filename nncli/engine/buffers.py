"""The arrays of one binding: handed out once, written in place ever after."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]
Step: TypeAlias = Callable[[], None]


class Buffers:
    """Hands out the working arrays of a binding, all of one precision unless said otherwise.

    In memory, an array (..., n, d) is d stretches of n: its units lie one after the other, each with all of its rows
    (and these for all copies, if there are any). So the column of ones beside a signal is one stretch at its end, what
    is before it is contiguous (on a strided array, an elementwise call takes up to twice as long, and NumPy allocates
    buffers for it), and a sum over the units of each row is a sum of vectors.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._arenas: dict[tuple[np.dtype[Any], int], Array] = {}

    def keep(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        """An array of zeros that belongs to the caller alone, from forward to backward."""
        return _unit_by_unit(np.zeros(math.prod(shape), self.dtype if dtype is None else dtype), shape)

    def scratch(self, shape: tuple[int, ...], slot: int = 0, dtype: DTypeLike | None = None) -> Array:
        """An array whose content means nothing once the function that writes it returns.

        Everyone who asks for the same ``slot`` and dtype gets the same memory, which therefore stays in the cache.
        """
        kind = self.dtype if dtype is None else np.dtype(dtype)
        size = math.prod(shape)
        arena = self._arenas.get((kind, slot))
        if arena is None or arena.size < size:
            arena = self._arenas[kind, slot] = np.zeros(size, kind)
        return _unit_by_unit(arena[:size], shape)


def _unit_by_unit(flat: Array, shape: tuple[int, ...]) -> Array:
    """``flat`` as an array of ``shape`` (..., n, d), whose units are the slowest in memory."""
    if len(shape) < 2:
        return flat.reshape(shape)
    *lead, d = shape
    return np.moveaxis(flat.reshape(d, *lead), 0, -1)


def rows_of(array: Array) -> Array:
    """A view (rows, d) of ``array`` (..., n, d): the rows of all copies one after the other."""
    by_units = np.moveaxis(array, -1, 0)
    if by_units.flags.c_contiguous:
        return by_units.reshape(len(by_units), -1).T
    assert array.flags.c_contiguous
    return array.reshape(-1, array.shape[-1])
