"""Central differences, extrapolated: D(h) = (f(x+h) − f(x−h))/2h for a sequence of steps, and from them its limit.

The steps shrink by a factor of 8. Richardson's extrapolation takes one power of h² after the other out of the error;
Ridders (1982) orders that into a table and takes, for each entry of its own, the place in it whose neighbours agree
best: large steps suffer from truncation, small ones from rounding, and which is best differs from entry to entry.

They need nothing but values of the function, from end to end, and so they would notice if the complex step itself were
fooled. Across a kink they say nothing: steps whose ends have a unit on another side of its kink than the middle are not
used, and an entry for which too few are left is left out.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array
from nncli.gradcheck.copies import EPSILON, Copies, Derivatives, Moved, Point, Tick, penalty_of

LARGEST = 2e-2
"""The first step, times max(1, |x|); for a weight, over the largest input that it is multiplied with."""
SHRINK = 8
STEPS = 6
"""The last one is 6e-7 then, for an entry whose effect is steep."""
DISAGREEMENT = 32
"""The best place is much better than its neighbours' disagreement tells: an order or two of h² lie between."""


def central_differences(point: Point, stage: int, entries: Array, tick: Tick) -> Derivatives:
    """The derivatives by ``entries`` (m,) of a stage's parameters, or of the input."""
    copies = Copies(point, stage, entries, np.float64)

    def moved(chunk: Array, shift: complex | Array) -> tuple[Array, Array]:
        return copies.losses(chunk, shift), copies.crossed(len(chunk))

    loss, unsettled, penalty, penalty_unsettled = np.zeros((4, len(entries)))
    left_out, penalty_left_out = np.zeros((2, len(entries)), bool)
    done = 0
    for chunk in copies.chunks():
        here = slice(done, done := done + len(chunk))
        x, effect = copies.base[chunk], copies.effect[chunk]
        loss[here], unsettled[here], left_out[here] = _extrapolate(moved, chunk, x, effect, point.rounding)
        tick(len(chunk))
    of_penalty = penalty_of(point, stage)
    if of_penalty is not None:
        x = copies.base[entries]
        ones = np.ones(len(entries))
        penalty, penalty_unsettled, penalty_left_out = _extrapolate(of_penalty, entries, x, ones, 0.0)
    return Derivatives(entries, loss, penalty, left_out, penalty_left_out, unsettled, penalty_unsettled)


def _extrapolate(moved: Moved, entries: Array, x: Array, effect: Array, rounding: float) -> tuple[Array, Array, Array]:
    """Return (derivative, how far it is uncertain, whether too few steps were left), all (m,).

    Uncertain is what the neighbours in the table disagree by, and the rounding of the function over the step.
    """
    m = len(entries)
    _, resting = moved(entries, np.zeros(m))
    best, blur, error = np.zeros(m), np.zeros(m), np.full(m, np.inf)
    above: list[Array] = []  # the row of the table for the step before, NaN where a step crossed a kink
    for k in range(STEPS):
        h = LARGEST / SHRINK**k * np.maximum(1, np.abs(x)) / effect
        (right, side_right), (left, side_left) = moved(entries, h), moved(entries, -h)
        quotient = (right - left) / ((x + h) - (x - h))
        quotient[(side_right != resting) | (side_left != resting)] = np.nan
        row = [quotient]
        for order, before in enumerate(above, start=1):
            weight = SHRINK ** (2 * order)
            row.append((weight * row[-1] - before) / (weight - 1))
            disagreement = np.fmax(np.abs(row[-1] - row[-2]), np.abs(row[-1] - before))
            better = disagreement < error  # a NaN never is
            last_bit = np.maximum(rounding, EPSILON * np.maximum(np.abs(right), np.abs(left))) / h
            best[better], blur[better], error[better] = row[-1][better], last_bit[better], disagreement[better]
        above = row
    return best, np.maximum(blur, error / DISAGREEMENT), ~np.isfinite(error)
