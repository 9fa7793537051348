"""A curve of any length in one line of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = 512
"""Points that a curve keeps: more than a line of a terminal has columns."""
TOP = 0.95
"""The quantile of the points that the highest tick stands for."""


class Curve:
    """One figure over all epochs, in a bounded memory: once there are ``most`` points, each two become their mean."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._points: list[float | None] = []
        self._span = 1  # epochs in a point
        self._sum, self._known, self._taken = 0.0, 0, 0  # of the point that is not yet full

    def add(self, value: float | None) -> None:
        """The figure of the next epoch; None, or one that is not finite, where it is not defined."""
        if value is not None and math.isfinite(value):
            self._sum += value
            self._known += 1
        self._taken += 1
        if self._taken == self._span:
            self._points.append(self._open)
            self._sum, self._known, self._taken = 0.0, 0, 0
            if len(self._points) == self._most:
                self._points = [mean(self._points[i : i + 2]) for i in range(0, self._most, 2)]
                self._span *= 2

    @property
    def _open(self) -> float | None:
        return self._sum / self._known if self._known else None

    def resampled(self, width: int) -> list[float | None]:
        """At most ``width`` means of successive epochs; None where none of them has the figure."""
        points = [*self._points, self._open] if self._taken else self._points
        n = len(points)
        if n <= width:
            return list(points)
        return [mean(points[i * n // width : (i + 1) * n // width]) for i in range(width)]


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are there."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def sparkline(values: Sequence[float | None], ticks: str) -> str:
    """A tick for each value, a space for None.

    The scale is logarithmic if all values are above 0. It ends at a quantile of them, so that a huge first loss does
    not press all others to the floor: what is above has the highest tick.

    >>> sparkline([8.0, 4.0, 2.0, 1.0], "1234"), sparkline([-1.0, None, 1.0], "12")
    ('4431', '1 2')
    """
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    scale = math.log if min(known) > 0 else float
    ordered = sorted(scale(value) for value in known)
    # of fewer than 20 values it is the second largest; of two, the larger
    low, high = ordered[0], ordered[max(int(TOP * (len(ordered) - 1)), min(1, len(ordered) - 1))]

    def tick(value: float) -> str:
        # above the top, a quotient may be infinite; of a span that is itself infinite, it may be no number, which min
        # takes for what is above, too
        share = min(1.0, (scale(value) - low) / (high - low)) if high > low else 0.0
        return ticks[min(len(ticks) - 1, int(share * len(ticks)))]

    return "".join(" " if value is None else tick(value) for value in values)
