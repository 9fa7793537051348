"""What the formulas of ``reference`` are written in: NumPy, and the special functions that it lacks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


class Functions:
    """The functions of ``module`` (NumPy, or one that stands in for it), and ``erfc`` of ``special``."""

    def __init__(self, module: ModuleType, special: str) -> None:
        self._module = module
        self._special = special

    def __getattr__(self, name: str) -> Any:
        if name == "erfc":
            from importlib import import_module

            return import_module(self._special).erfc
        return getattr(self._module, name)

    def rows(self, table: Any, codes: Any) -> Any:
        """The rows of ``table`` that ``codes`` (n, 1) name: whole numbers, stored as floats."""
        if self._module is np:
            return np.take_along_axis(table, codes.astype(np.int64), axis=0)
        # autograd: codes have no slope, and a product with zeros and a one has that of the table
        return self._module.dot((codes == np.arange(len(table))) * 1.0, table)


PLAIN = Functions(np, "scipy.special")
