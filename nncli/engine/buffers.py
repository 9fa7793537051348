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
    """Hands out the working arrays of a binding, all of one precision unless said otherwise."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._arenas: dict[tuple[np.dtype[Any], int], Array] = {}

    def keep(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        """An array of zeros that belongs to the caller alone, from forward to backward."""
        return np.zeros(shape, self.dtype if dtype is None else dtype)

    def scratch(self, shape: tuple[int, ...], slot: int = 0, dtype: DTypeLike | None = None) -> Array:
        """An array whose content means nothing once the function that writes it returns.

        Everyone who asks for the same ``slot`` and dtype gets the same memory, which therefore stays in the cache.
        """
        kind = self.dtype if dtype is None else np.dtype(dtype)
        size = math.prod(shape)
        arena = self._arenas.get((kind, slot))
        if arena is None or arena.size < size:
            arena = self._arenas[kind, slot] = np.zeros(size, kind)
        return arena[:size].reshape(shape)
