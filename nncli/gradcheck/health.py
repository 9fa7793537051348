"""How well the training itself can compute its gradient: its precision at float32, and units that do not pass it on.

Nothing here is right or wrong as the other methods mean it; it is said, and warned of where it is out of the ordinary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.layers import Activate
from nncli.gradcheck.copies import FLOOR, Point
from nncli.gradcheck.rounding import rounded_gradients

UNIT = float(np.finfo(np.float32).eps) / 2
"""The largest relative error of one rounding to float32."""
ALLOWANCE = 16
"""How many times what the simulated roundings do is still ordinary: sums round once a term, the simulation once."""
GROSS = 0.03
"""An error that is no rounding: a network has to be very sensitive for that, and then the simulation shows it."""
FLAT = float(np.finfo(np.float32).eps)
"""A slope below that is lost beside 1 at float32."""


@dataclass(frozen=True)
class Precision:
    """The float32 gradient of one tensor against the float64 one, at the same float32 parameters and rows.

    Attributes:
        name: Of the tensor.
        error: The worst difference, relative to the tensor's scale (see ``check.FLOOR``).
        explained: The same, if every number on the way is moved at random by a rounding to float32.
        underflow: How many entries are 0 or subnormal at float32 and not so at float64.
    """

    name: str
    error: float
    explained: float
    underflow: int

    @property
    def suspicious(self) -> bool:
        """Whether the error is larger than rounding explains."""
        return not self.error <= ALLOWANCE * max(self.explained, UNIT)

    @property
    def wrong(self) -> bool:
        """Whether it is no number, or another gradient altogether, where rounding explains nothing of the kind."""
        return not math.isfinite(self.error) or (self.error > GROSS and self.explained < GROSS**2)


@dataclass(frozen=True)
class Saturation:
    """Units of one activation that pass no gradient on.

    Attributes:
        stage: Its name.
        units: How many units it has.
        dead: How many of them have a slope of exactly 0 on every row.
        flat: The share of all units and rows whose slope is lost beside 1 at float32.
        smooth: Whether the activation has no kinks, so that flat slopes are saturation and not its usual other side.
    """

    stage: str
    units: int
    dead: int
    flat: float
    smooth: bool


@dataclass(frozen=True)
class Health:
    """What was seen at one place."""

    place: str
    precision: tuple[Precision, ...]
    saturation: tuple[Saturation, ...]


def look(point: Point, place: str, *, single: bool) -> Health:
    """Look at ``point``; at the precision of float32 only if the training has it (``single``)."""
    with np.errstate(all="ignore"):
        precision = tuple(_precision(point)) if single else ()
        return Health(place, precision, tuple(_saturation(point)))


def _precision(point: Point) -> Iterator[Precision]:
    theta, inputs = (a.astype(np.float32).astype(float) for a in (point.theta, point.inputs))
    targets = point.targets if point.targets.dtype.kind == "i" else point.targets.astype(np.float32).astype(float)
    weights = None if point.row_weights is None else point.row_weights.astype(np.float32).astype(float)
    rounded = replace(point, theta=theta, inputs=inputs, targets=targets, row_weights=weights)
    exact, single = (_gradient(rounded, dtype) for dtype in (np.float64, np.float32))
    simulated = [gradient for gradient, _ in rounded_gradients(rounded, UNIT, forward=True, slopes=False)]
    views, least = point.network.layout.views, FLOOR * float(np.abs(exact).max(initial=0))
    named = zip(views(exact).items(), views(single).values(), *(views(g).values() for g in simulated), strict=True)
    for (name, wanted), found, *others in named:
        scale = max(float(np.abs(wanted).max(initial=0)), least) or 1.0
        small = np.abs(found) < np.finfo(np.float32).tiny
        yield Precision(
            name,
            float(np.abs(found - wanted).max(initial=0) / scale),
            float(np.max([np.abs(other - wanted).max(initial=0) for other in others]) / scale),
            int((small & (np.abs(wanted) > 0)).sum()),
        )


def _gradient(point: Point, dtype: type[np.floating]) -> Array:
    batch = point.bind(dtype=dtype)
    batch.forward()
    batch.loss()
    batch.backward()
    return batch.gradient.astype(float)


def _saturation(point: Point) -> Iterator[Saturation]:
    batch = point.bind(keep_signals=True)
    batch.forward()
    for bound in batch.stages:
        layer = bound.stage.layer
        if not isinstance(layer, Activate) or layer.activation.simplex:
            continue
        slopes = bound.wires.dY
        slopes[...] = 1
        bound.backward()
        flat, dead = np.abs(slopes) < FLAT, (slopes == 0).all(axis=0)
        yield Saturation(
            bound.stage.name, slopes.shape[-1], int(dead.sum()), float(flat.mean()), not layer.activation.kinks
        )
