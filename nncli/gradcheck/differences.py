"""Central differences with one Richardson extrapolation: D = (4·D(h/2) − D(h))/3, with an error of O(h⁴).

They need nothing but values of the function, and so they would notice if the complex step itself were fooled. Across a
kink they say nothing: such entries are found by comparing which units are active at ±h, and left out.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array
from nncli.gradcheck.copies import Copies, Point, switched

STEP = 1e-4
"""Balances the truncation, about h⁴ = 1e-16, with rounding, about eps/h = 2e-12; times max(1, |x|)."""


def central_differences(point: Point, of: str, entries: Array) -> tuple[Array, Array]:
    """Return (derivative (m,), crossed (m,)): where ``crossed``, the steps straddle a kink and mean nothing."""
    copies = Copies(point, of, len(entries), np.float64)
    derivatives, crossings = [], []
    for chunk in copies.chunks(entries):
        x = copies.base[chunk]
        h = STEP * np.maximum(1, np.abs(x))
        crossed = np.zeros(len(chunk), bool)
        if of == "theta" and any(penalty.l1 for _, penalty in point.network.penalties()):
            crossed |= np.abs(x) <= h  # |w| itself has its kink there
        quotients = []
        for step in (h, h / 2):
            above = copies.objective(chunk, step)
            active = copies.active_sets(len(chunk))
            below = copies.objective(chunk, -step)
            crossed |= switched(active, copies.active_sets(len(chunk)), len(chunk))
            quotients.append((above - below) / ((x + step) - (x - step)))
        derivatives.append((4 * quotients[1] - quotients[0]) / 3)
        crossings.append(crossed)
    return np.concatenate(derivatives), np.concatenate(crossings)
