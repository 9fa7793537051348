"""Minimizers that follow the curvature of the whole problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from nncli.engine.buffers import Array
from nncli.engine.optimizers.base import Convergence, Function, Minimizer, registry

TOO_FAR = 10
"""How steep the bowl is that stands in for a function where it is not finite, in slopes of the function: steep enough
for the line search to come back at once (2 to 100 were tried), and no more, so that it does not come back to 0."""


COPIES = 15
"""Vectors that are alive at a time beside the workspace of SciPy's routine: points, gradients, bounds (of SciPy 1.17,
counted by tracemalloc)."""


@registry.register
@dataclass(frozen=True)
class Lbfgs(Minimizer):
    """A quasi-Newton method with a line search, on all rows at once, by SciPy's L-BFGS-B without bounds.

    Iterations take the place of epochs: ``training.epochs`` is the most that there will be. It computes at float64 and
    ends when no entry of the gradient is above ``gtol``, or when an iteration lowers the function by less than
    ``ftol``·max(|C|, 1); both, and ``memory``, are SciPy's defaults.
    """

    memory: Annotated[int, Ge(1), Le(1000)] = 10
    ftol: Annotated[float, Ge(0)] = 2.220446049250313e-09
    gtol: Annotated[float, Ge(0)] = 1e-05

    name = "lbfgs"
    formula = "θ ← θ − α·H·g;  H approximates (∂²C/∂θ²)⁻¹ from the last differences of θ and g;  α by a line search"
    source = "Liu & Nocedal 1989; Byrd, Lu, Nocedal & Zhu 1995"

    def __post_init__(self) -> None:
        # A limit on BLAS threads counts for libraries that are loaded by then: SciPy brings its own, and must not come
        # in the middle of a training.
        import scipy.optimize  # noqa: F401

    def minimize(
        self, function: Function, start: Array, iterations: int, iterated: Callable[[Array], None]
    ) -> Convergence:
        from scipy.optimize import minimize

        finite = _Finite(function)

        def told(x: Array) -> None:
            finite.accept(x)
            iterated(x)

        options = {"maxcor": self.memory, "ftol": self.ftol, "gtol": self.gtol, "maxiter": iterations}
        end = minimize(
            finite, start, jac=True, method="L-BFGS-B", callback=told, options={**options, "maxfun": 2**31 - 1}
        )
        steepest = float(np.abs(end.jac).max(initial=0))
        if end.status == 1:
            reason = "the limit of iterations is reached"
        elif end.status != 0:
            reason = "the line search found nothing lower: numbers end here, or the function has a kink"
        elif steepest <= self.gtol:
            reason = "no entry of the gradient is above gtol"
        else:
            reason = "an iteration gained less than ftol"
        return Convergence(end.status == 0, reason, finite.evaluations)

    def workspace(self, size: int) -> int:
        m = self.memory
        scipy = (2 * m + 5) * size + 11 * m**2 + 8 * m
        return scipy + COPIES * size


class _Finite:
    """A function, continued where it is not finite by a bowl around the last iterate, which sends a line search back.

    Told of an infinity, SciPy's line search takes a step of nearly nothing and calls that convergence; told of a NaN,
    it gives up. The bowl lies above the iterate everywhere, so that no point of it is ever accepted.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._last: tuple[Array, float, Array] | None = None
        self._iterate: tuple[Array, float, Array] | None = None
        self.evaluations = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        self.evaluations += 1
        value, gradient = self._function(x)
        if self._iterate is None or (math.isfinite(value) and np.isfinite(gradient).all()):
            self._last = x.copy(), value, gradient
            self._iterate = self._iterate or self._last
            return value, gradient
        center, floor, slope = self._iterate
        step = x - center
        drop = abs(float(slope @ step))
        return floor + TOO_FAR / 2 * drop, TOO_FAR * drop / float(step @ step) * step

    def accept(self, x: Array) -> None:
        """The line search has ended at ``x``, which as a rule is where it looked last."""
        if self._last is not None and np.array_equal(self._last[0], x):
            self._iterate = self._last
