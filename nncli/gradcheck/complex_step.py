"""The complex step: f'(x) = Im f(x + ih) / h + O(h²), without a difference, and so without cancellation.

With h = 1e-20 the remainder is far below rounding, and the derivative comes out to machine precision (Squire & Trapp
1998; Martins, Sturdza & Alonso 2003). It needs the function to be analytic around x, which the engine sees to.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array
from nncli.gradcheck.copies import Copies, Point, switched

STEP = 1e-20


def complex_step(point: Point, of: str, entries: Array) -> tuple[Array, Array]:
    """Return (derivative (m,), at_kink (m,)) of loss + penalty by ``entries`` of theta, or of the inputs flattened.

    At a kink, exactly, a step into the imaginary takes one of its sides, and backpropagation may take the other: where
    the step switches a unit on that is off at ``point``, the two need not agree.
    """
    copies = Copies(point, of, len(entries), np.complex128)
    copies.objective(entries[:1], 0)
    resting = copies.active_sets(1)
    derivatives, at_kink = [], []
    for chunk in copies.chunks(entries):
        derivatives.append(copies.objective(chunk, 1j * STEP).imag / STEP)
        at_kink.append(switched(resting, copies.active_sets(len(chunk)), len(chunk)))
    return np.concatenate(derivatives), np.concatenate(at_kink)
