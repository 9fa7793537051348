"""Exponential moving averages of vectors, in place."""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array


def average(m: Array, g: Array, decay: float, S: Array) -> None:
    """Move an average: m ← decay·m + (1 − decay)·g, in place; ``S`` is overwritten."""
    np.subtract(g, m, out=S)
    np.multiply(S, 1 - decay, out=S)
    np.add(m, S, out=m)


def average_square(v: Array, g: Array, decay: float, S: Array) -> None:
    """Move an average of squares: v ← decay·v + (1 − decay)·g², in place; ``S`` is overwritten."""
    np.multiply(g, g, out=S)
    np.subtract(S, v, out=S)
    np.multiply(S, 1 - decay, out=S)
    np.add(v, S, out=v)
