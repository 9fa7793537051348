"""What a formula computes, step by step: the formula runs on stand-ins for arrays, which keep a record.

Every piece of the engine states its formula in NumPy's functions (``reference``). Run on a ``Traced`` signal it gives
back another one, by NumPy's own protocols for what is not quite an array; so whatever can be trained can be exported,
and a new piece needs no word about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from nncli.engine.buffers import Array

Operand: TypeAlias = "Traced | Array"

REDUCTIONS = {np.mean: "mean", np.sum: "sum", np.max: "max"}
TRUTHS = ("greater", "less", "equal", "isnan")
"""Functions that give truth values."""


class Traced(NDArrayOperatorsMixin):
    """A signal of rows, (n, width), and how it comes to be.

    Attributes:
        op: The name of a NumPy function; or ``input``, ``cast``, ``columns`` (some that lie side by side), ``lookup``
            (of a column of text, the number that belongs to each).
        inputs: What it is computed from: other signals, and constants, which are arrays of its dtype (truth values
            aside).
        width: Its columns.
        dtype: Of its numbers.
        settings: What else the function takes: ``axis`` and ``keepdims``; ``start`` and ``stop``; for ``take``, the
            ``columns``; for ``lookup`` the ``numbers`` by text, and that of any ``other``; an input's ``name``.
    """

    def __init__(
        self,
        op: str,
        inputs: tuple[Operand, ...],
        width: int,
        dtype: DTypeLike,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.op, self.inputs, self.width = op, inputs, width
        self.dtype, self.settings = np.dtype(dtype), dict(settings or {})

    @property
    def shape(self) -> tuple[int, int]:
        """(-1, width): nobody knows yet how many rows there will be."""
        return (-1, self.width)

    def astype(self, dtype: DTypeLike) -> Traced:
        """The same numbers at another precision."""
        return self if self.dtype == np.dtype(dtype) else Traced("cast", (self,), self.width, dtype)

    def __getitem__(self, key: Any) -> Traced:
        """Some columns: ``[:, 2:4]``."""
        rows, columns = key
        if rows != slice(None) or not isinstance(columns, slice) or columns.step not in (None, 1):
            raise NotImplementedError(f"[{key}] of a signal")
        start, stop, _ = columns.indices(self.width)
        return Traced("columns", (self,), stop - start, self.dtype, {"start": start, "stop": stop})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        if method != "__call__" or settings:
            return NotImplemented
        return self._made(ufunc.__name__, inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, arguments: tuple[Any, ...], settings: Mapping[str, Any]
    ) -> Any:
        if function in REDUCTIONS and settings == {"axis": -1, "keepdims": True}:
            return Traced(REDUCTIONS[function], arguments, 1, self.dtype, settings)
        if function is np.where:
            return self._made("where", arguments)
        if function is np.take and settings == {"axis": 1}:
            signal, columns = arguments
            return Traced("take", (signal,), len(columns), self.dtype, {"columns": [*columns]})
        if function is np.dot:
            signal, matrix = arguments
            return Traced("dot", (signal, matrix.astype(self.dtype, copy=False)), matrix.shape[1], self.dtype)
        if function is np.concatenate and settings == {"axis": 1}:
            parts: tuple[Traced, ...] = tuple(arguments[0])
            return Traced("concatenate", parts, sum(part.width for part in parts), parts[0].dtype)
        if function is np.take_along_axis and settings == {"axis": 0}:  # the rows of a table that a column names
            table, codes = arguments
            return Traced("take_along_axis", (table, codes), table.shape[1], table.dtype)
        return NotImplemented

    def _made(self, op: str, operands: tuple[Any, ...]) -> Traced:
        """The elementwise ``op``, of numbers of the widest precision among the signals."""
        signals = [operand for operand in operands if isinstance(operand, Traced)]
        dtype = np.result_type(*(signal.dtype for signal in signals if signal.dtype != bool))
        inputs = tuple(x if isinstance(x, Traced) else np.asarray(x, dtype) for x in operands)
        width = np.broadcast_shapes(*((x.width,) if isinstance(x, Traced) else x.shape[-1:] for x in inputs))[0]
        return Traced(op, inputs, width, bool if op in TRUTHS else dtype)


def signals(ends: list[Traced]) -> list[Traced]:
    """Every signal that ``ends`` are computed from, and they themselves, each behind those that it needs."""
    found: dict[int, Traced] = {}
    waiting = [(end, False) for end in reversed(ends)]
    while waiting:
        signal, ready = waiting.pop()
        if id(signal) in found:
            continue
        if ready:
            found[id(signal)] = signal
            continue
        waiting.append((signal, True))
        waiting += [(one, False) for one in reversed(signal.inputs) if isinstance(one, Traced)]
    return list(found.values())
