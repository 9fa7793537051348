"""The arrays of one binding: handed out once, written in place ever after, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]
Step: TypeAlias = Callable[[], None]
Kernels: TypeAlias = Literal["numpy", "numba"]
"""Which of the two ways of ``engine.kernels``."""


class Buffers:
    """Hands out the working arrays of a binding, all of one precision unless said otherwise.

    In memory, an array (..., n, d) is d stretches of n: its units lie one after the other, each with all of its rows
    (and these for all copies, if there are any). So the column of ones beside a signal is one stretch at its end, what
    is before it is contiguous (on a strided array, an elementwise call takes up to twice as long, and NumPy allocates
    buffers for it), and a sum over the units of each row is a sum of vectors.

    Attributes:
        dtype: The precision.
        owner: Whose arrays the next ones are; whoever binds says so, and may leave it at "".
        bytes: Owner -> what its arrays take. What is asked for twice belongs to the first who asked.
        parts: Name -> buffers for a part of the work, from ``part``.
        kernels: How what is bound to them does the operations of ``engine.kernels``.
        loops: The names of those that are bound as compiled loops, those of the parts among them.
    """

    real: ClassVar[bool] = True
    """Whether its arrays hold numbers."""

    def __init__(self, dtype: DTypeLike, kernels: Kernels = "numpy") -> None:
        self.dtype = np.dtype(dtype)
        self.kernels = kernels
        self.loops: set[str] = set()
        self.owner = ""
        self.bytes: Counter[str] = Counter()
        self.parts: dict[str, Self] = {}
        self._arenas: dict[tuple[np.dtype[Any], int], Array] = {}

    @property
    def total(self) -> int:
        """The bytes of all arrays, those of the parts among them."""
        return self.bytes.total() + sum(part.total for part in self.parts.values())

    def part(self, name: str, dtype: DTypeLike | None = None) -> Self:
        """Others of the same kind (and precision, if none is said), with their own scratch, counted under ``name``."""
        part = self.parts[name] = type(self)(self.dtype if dtype is None else dtype, self.kernels)
        part.loops = self.loops
        return part

    def keep(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        """An array of zeros that belongs to the caller alone, from forward to backward."""
        return _unit_by_unit(self._count(math.prod(shape), dtype), shape)

    def rows(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        """The same, but row by row in memory, as rows are gathered from a table."""
        return self._count(math.prod(shape), dtype).reshape(shape)

    def scratch(self, shape: tuple[int, ...], slot: int = 0, dtype: DTypeLike | None = None) -> Array:
        """An array whose content means nothing once the function that writes it returns.

        Everyone who asks for the same ``slot`` and dtype gets the same memory, which therefore stays in the cache.
        """
        kind = self.dtype if dtype is None else np.dtype(dtype)
        size = math.prod(shape)
        arena = self._arenas.get((kind, slot))
        if arena is None or arena.size < size:
            arena = self._arenas[kind, slot] = self._count(size, kind)
        return _unit_by_unit(arena[:size], shape)

    def _count(self, size: int, dtype: DTypeLike | None) -> Array:
        kind = self.dtype if dtype is None else np.dtype(dtype)
        self.bytes[self.owner] += size * kind.itemsize
        return self._zeros(size, kind)

    def _zeros(self, size: int, kind: np.dtype[Any]) -> Array:
        return np.zeros(size, kind)


class StandIns(Buffers):
    """Hands out stand-ins that take no memory: what is bound to them costs nothing, and is counted to the byte.

    What a network of any size needs is told in this way by the code that binds it, before any of it is allocated.
    """

    real = False

    def _zeros(self, size: int, kind: np.dtype[Any]) -> Array:
        array: StandIn = np.ndarray.__new__(StandIn, (size,), kind, bytearray(kind.itemsize), 0, (0,))
        array.source = self
        return array


class StandIn(np.ndarray[Any, Any]):
    """An array of any shape in the memory of one entry: its strides are 0.

    It can be cut and reshaped, and functions can be bound to it. Writing to it does nothing, computing with it is
    refused, and an array that is made like it is another stand-in, from the same ``source``, which counts it, too.
    """

    source: StandIns

    def __array_finalize__(self, parent: Any) -> None:
        if isinstance(parent, StandIn):
            self.source = parent.source

    def __setitem__(self, key: Any, value: Any) -> None:
        return

    def copy(self, order: Any = "C") -> Any:
        """Another one."""
        return self.source.rows(self.shape, self.dtype)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """Another one of that dtype."""
        return self.source.rows(self.shape, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        raise TypeError(f"{ufunc.__name__} of a stand-in, which has no numbers")

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if function is np.copyto:
            if not isinstance(args[0], StandIn):
                raise TypeError("a copy of a stand-in, which has no numbers")
            return None
        if function in (np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.copy):
            return self.source.rows(self.shape, settings.get("dtype") or self.dtype)
        return super().__array_function__(function, types, args, settings)


def buffers_like(array: Array) -> Buffers:
    """New buffers of the precision of ``array``; those that it comes from, if it is a stand-in."""
    return array.source if isinstance(array, StandIn) else Buffers(array.dtype)


def _unit_by_unit(flat: Array, shape: tuple[int, ...]) -> Array:
    """``flat`` as an array of ``shape`` (..., n, d), whose units are the slowest in memory."""
    if len(shape) < 2:
        return flat.reshape(shape)
    *lead, d = shape
    # np.moveaxis does the same, and takes five times as long: a binding asks for tens of arrays
    return flat.reshape(d, *lead).transpose(*range(1, len(shape)), 0)


def rows_of(array: Array) -> Array:
    """A view (rows, d) of ``array`` (..., n, d): the rows of all copies one after the other."""
    by_units = np.moveaxis(array, -1, 0)
    if by_units.flags.c_contiguous:
        return by_units.reshape(len(by_units), -1).T
    assert array.flags.c_contiguous
    return array.reshape(-1, array.shape[-1])
