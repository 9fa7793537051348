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


PLAIN = Functions(np, "scipy.special")
