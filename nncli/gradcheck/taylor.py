"""The Taylor remainder: |f(x + hd) − f(x) − h g·d| shrinks as h² if g is the gradient, and as h if it is not.

Seen along one random direction d for each tensor, it goes from end to end and needs no derivative but the one under
test (the test of dolfin-adjoint: Farrell, Ham, Funke & Rognes 2013). One direction sees one number of a whole tensor:
an error that is small, or at right angles to d, can hide. So a failure counts here, but a pass alone proves nothing.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.network import Bound
from nncli.gradcheck.copies import EPSILON, sides, switches

LARGEST = 5e-2
SHRINK = 4
STEPS = 9
LEAST_ORDER = 1.5
"""Between what right and wrong gradients show, 2 and 1, where the steps are small enough for neither to be clean."""
NEIGHBOURS = 3
"""From how many steps an order is read."""
UNSTEADY = 0.2
"""How far the orders between these may lie apart."""
NOISE = 100
"""A remainder below so many roundings of f says nothing of an order."""


def observed_orders(
    batch: Bound, moved: Array, d: Array, slopes: dict[str, float], rounding: float
) -> dict[str, float | None]:
    """The order in h of each term's remainder: from the smallest steps at which it stands above rounding.

    None where the remainder is rounding alone (f is a straight line along ``d``), or too few steps cross no kink.

    Args:
        batch: The network, bound so as to keep its signals.
        moved: The array of it that is moved: a view of its parameters, or its inputs.
        d: The direction, of the shape of ``moved``.
        slopes: term (``loss``, ``penalty``, ``both``) -> g·d.
        rounding: Of the loss; see ``Point.rounding``.
    """
    rest = moved.copy()
    at_rest, resting = _evaluate(batch)
    remainders: dict[str, list[float | None]] = {term: [] for term in slopes}
    for k in range(STEPS):
        h = LARGEST / SHRINK**k
        np.copyto(moved, rest + h * d)
        values, side = _evaluate(batch)
        crossed = any((one != other).any() for one, other in zip(side, resting, strict=True))
        for term, slope in slopes.items():
            remainder = abs(values[term] - at_rest[term] - h * slope)
            heard = remainder > NOISE * max(rounding, EPSILON * abs(at_rest[term]), EPSILON * abs(values[term]))
            remainders[term].append(remainder if heard and not crossed else None)
    np.copyto(moved, rest)
    return {term: _order(found) for term, found in remainders.items()}


def _order(remainders: list[float | None]) -> float | None:
    """The largest order between the last neighbours that stand above rounding.

    None where they do not agree: the steps are then too large for the function, or terms in h² and h³ cancel.
    """
    heard = [remainder for remainder in remainders if remainder is not None]
    if len(heard) < NEIGHBOURS or heard != remainders[remainders.index(heard[0]) :][: len(heard)]:
        return None
    orders = [math.log(large / small, SHRINK) for large, small in pairwise(heard[-NEIGHBOURS:])]
    return max(orders) if max(orders) - min(orders) < UNSTEADY else None


def _evaluate(batch: Bound) -> tuple[dict[str, float], list[Array]]:
    """The value of each term, and on which side of its kinks everything is."""
    batch.forward()
    loss, penalty = float(batch.loss()), float(batch.penalty())
    side = [sides(switch) for switch in switches(batch)]
    weights = batch.network.layout.views(batch.theta)
    for name, record in batch.network.penalties():
        side += [sides(switch) for switch in record.switches(weights[name])]
    return {"loss": loss, "penalty": penalty, "both": loss + penalty}, side
