"""Strict reading of plain data from a JSON file: what is not as it was written is refused, with its place."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.errors import DataError

LARGEST = sys.float_info.max
AS_WRITTEN = "take the file as nncli wrote it"


def malformed(message: str, where: str) -> DataError:
    """The error for data that nncli did not write so."""
    return DataError(message, where=where, remedy=AS_WRITTEN)


def fields(data: object, names: set[str], where: str) -> dict[str, Any]:
    """``data`` as a mapping that has exactly these ``names``."""
    if not isinstance(data, dict):
        raise malformed(f"a mapping is expected, and here is {data!r:.60}", where)
    if data.keys() != names:
        absent, foreign = sorted(names - data.keys()), sorted(map(str, data.keys() - names))
        raise malformed(f"missing are {absent or 'none'}, unknown are {foreign or 'none'}", where)
    return data


def sequence(data: object, where: str) -> list[Any]:
    """``data`` as a list."""
    if not isinstance(data, list):
        raise malformed(f"a list is expected, and here is {data!r:.60}", where)
    return data


def texts(data: object, where: str) -> tuple[str, ...]:
    """``data`` as a list of str."""
    items = sequence(data, where)
    if not all(isinstance(item, str) for item in items):
        raise malformed("a list of names is expected", where)
    return tuple(items)


def numbers(data: object, where: str) -> Array:
    """``data`` as a list of finite numbers: float64 (k,)."""
    items = sequence(data, where)
    for item in items:
        if type(item) not in (int, float) or not -LARGEST <= item <= LARGEST:  # NaN fails the comparison too
            raise malformed(f"{item!r:.60} is no finite number", where)
    return np.array(items, np.float64)
