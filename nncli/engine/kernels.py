"""The few fused loops: what NumPy does in several passes over memory, done in one.

Each stands beside its plain NumPy twin and gives the same bits: it does the same operations on each number in the same
order, and nothing in it is contracted or put in another order. Exponentials and logarithms, whose bits depend on who
computes them, are NumPy's in both. So a training is the same with and without them, and takes less time with them.

A loop is written as plain Python over one stretch of memory. numba compiles it, and keeps what it compiled on the disk.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from nncli.engine.averages import average, average_square
from nncli.engine.buffers import Array, Buffers, StandIn, Step
from nncli.errors import NncliError

Views = Callable[[tuple[Array, ...]], "tuple[Array, ...] | None"]


@dataclass(frozen=True)
class Kernel:
    """An operation on arrays that is done in one of two ways, as the buffers say (``Buffers.kernels``).

    Attributes:
        name: What a run calls it.
        plain: Binds the NumPy calls: given the buffers and the arrays, returns what does it, given the numbers.
        loop: The same as a loop over the views of the arrays; the numbers follow. They come as Python floats.
        views: The arrays as the loop takes them; None where they do not lie in memory as it needs them to.
    """

    name: str
    plain: Callable[..., Callable[..., None]]
    loop: Callable[..., None]
    views: Views

    def bind(self, buffers: Buffers, *arrays: Array, numbers: int = 0, chosen: bool = False) -> Callable[..., None]:
        """What does it to ``arrays``, given so many ``numbers`` each time, or a vector of ``chosen`` rows."""
        if buffers.kernels == "numba" and not any(array.dtype.kind == "c" for array in arrays):
            if not buffers.real:
                return _nothing
            # a gradient that nobody wants is a stand-in: there is no memory to go through
            views = None if any(isinstance(array, StandIn) for array in arrays) else self.views(arrays)
            if views is not None:
                buffers.loops.add(self.name)
                return _ready(self.loop, views, numbers, chosen)
        return self.plain(buffers, *arrays)


def available() -> bool:
    """Whether numba is installed; asking does not load it."""
    return importlib.util.find_spec("numba") is not None


def _nothing(*numbers: float) -> None:
    """What is bound to stand-ins: it has no scratch arrays to be counted, and is never run."""


def _ready(loop: Callable[..., None], views: tuple[Array, ...], numbers: int, chosen: bool) -> Callable[..., None]:
    """``loop`` over ``views``, compiled by now and not in the first step."""
    numba = _numba()
    compiled = _compiled(loop)
    given = (numba.intp[::1],) if chosen else (numba.float64,) * numbers
    compiled.compile(tuple(numba.typeof(view) for view in views) + given)
    return partial(compiled, *views)


@cache
def _compiled(loop: Callable[..., None]) -> Any:
    # error_model: a division by zero is inf or nan, as in NumPy, and needs no branch, which would keep a loop from
    # using the wide registers. No fastmath: it would give other bits.
    compiler = partial(_numba().njit, nogil=True, error_model="numpy")
    try:
        return compiler(cache=True)(loop)
    except RuntimeError:  # there is no folder to keep it in: neither beside this file nor in the user's own cache
        return compiler()(loop)


def _numba() -> Any:
    """The compiler, as a module.

    Raises:
        NncliError: It is installed, but does not work here.
    """
    try:
        import numba
    except ImportError as error:
        remedy = "training.kernels=numpy does without it, and gives the same bits"
        raise NncliError(f"numba cannot be loaded: {error}", remedy=remedy) from None
    if getattr(numba.config, "DISABLE_JIT", False):
        remedy = "training.kernels=numpy goes faster than loops that are not compiled"
        raise NncliError("numba must not compile: NUMBA_DISABLE_JIT is set", remedy=remedy)
    return numba


def _flat(arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    """Arrays of one shape that lie alike in memory, without gaps, as one stretch each."""
    first = arrays[0]
    units_first = [np.moveaxis(array, -1, 0) for array in arrays]
    if all(array.flags.c_contiguous and array.shape == first.shape for array in arrays):
        return tuple(array.reshape(-1) for array in arrays)
    if all(array.flags.c_contiguous and array.shape == units_first[0].shape for array in units_first):
        return tuple(array.reshape(-1) for array in units_first)
    return None


def _by_units(arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    """Arrays (n, k) that lie unit by unit as (k, n), vectors as they are; None for a single row or unit.

    NumPy adds up the units of a single row, which lie side by side, in pairs and not one after the other.
    """
    views = tuple(array.T for array in arrays)
    fits = all(view.ndim <= 2 and view.flags.c_contiguous for view in views)
    return views if fits and min(views[0].shape) > 1 else None


def _row_by_row(arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    """Tables (n, d) that lie row by row; a vector is one of a single column."""
    tables = tuple(array.reshape(len(array), -1) for array in arrays)
    return tables if all(array.flags.c_contiguous for array in arrays) else None


# -- rows --------------------------------------------------------------------------------------------------------------


def _plain_gather(buffers: Buffers, X: Array, Y: Array, batch: Array, targets: Array) -> Callable[[Array], None]:
    def gather(chosen: Array) -> None:
        X.take(chosen, 0, batch, "clip")
        Y.take(chosen, 0, targets, "clip")

    return gather


def _gather(X: Any, Y: Any, batch: Any, targets: Any, chosen: Any) -> None:
    for i in range(chosen.size):
        row = chosen[i]
        for j in range(batch.shape[1]):
            batch[i, j] = X[row, j]
        for j in range(targets.shape[1]):
            targets[i, j] = Y[row, j]


gather = Kernel("rows gathered", _plain_gather, _gather, _row_by_row)
"""batch, targets = the chosen rows of X and Y, given (X, Y, batch, targets) and their numbers, all of which exist."""


# -- tables -----------------------------------------------------------------------------------------------------------


def _plain_scatter(buffers: Buffers, T: Array, P: Array, D: Array) -> Step:
    places, slopes = P.reshape(-1), D.reshape(-1)  # of one axis it takes half the time

    def scatter() -> None:
        T[...] = 0
        np.add.at(T, places, slopes)

    return scatter


def _scatter(T: Any, P: Any, D: Any) -> None:
    for i in range(T.size):
        T[i] = 0
    for i in range(P.size):
        T[P[i]] += D[i]


def _all_flat(arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    return tuple(array.reshape(-1) for array in arrays) if all(a.flags.c_contiguous for a in arrays) else None


scatter = Kernel("rows of tables, backward", _plain_scatter, _scatter, _all_flat)
"""T = at each place the sum of the D whose P it is, given (T, P, D); P are places in T."""


# -- relu --------------------------------------------------------------------------------------------------------------


def _plain_rectify(buffers: Buffers, Z: Array, A: Array) -> Step:
    # against zeros that lie as the rows of a unit do NumPy uses the wide registers; against one zero it does not
    zeros = buffers.keep((*Z.shape[:-1], 1))

    def rectify() -> None:
        np.maximum(Z, zeros, out=A)

    return rectify


def _rectify(Z: Any, A: Any) -> None:
    zero = A.dtype.type(0)
    for i in range(A.size):
        A[i] = zero if Z[i] <= zero else Z[i]  # NaN stays


def _plain_rectify_back(buffers: Buffers, A: Array, D: Array) -> Step:
    positive = buffers.scratch(A.shape, dtype=bool)

    def back() -> None:
        np.greater(A, 0, out=positive)
        np.multiply(D, positive, out=D)

    return back


def _rectify_back(A: Any, D: Any) -> None:
    for i in range(D.size):
        D[i] *= A[i] > 0


rectify = Kernel("relu", _plain_rectify, _rectify, _flat)
"""A = max(Z, 0), given (Z, A)."""
rectify_back = Kernel("relu, backward", _plain_rectify_back, _rectify_back, _flat)
"""D ← D ⊙ [A > 0], given (A, D)."""


# -- cross-entropy of softmax ------------------------------------------------------------------------------------------


def _plain_shift(buffers: Buffers, Z: Array, S: Array, top: Array) -> Step:
    tops = top[..., np.newaxis]

    def shift() -> None:
        np.maximum.reduce(Z, axis=-1, keepdims=True, out=tops)
        np.subtract(Z, tops, out=S)

    return shift


def _shift(Z: Any, S: Any, top: Any) -> None:
    k, n = Z.shape
    for i in range(n):
        top[i] = Z[0, i]
    for j in range(1, k):
        for i in range(n):
            if not (top[i] >= Z[j, i] or top[i] != top[i]):  # NaN stays
                top[i] = Z[j, i]
    for j in range(k):
        for i in range(n):
            S[j, i] = Z[j, i] - top[i]


def _plain_pick(buffers: Buffers, E: Array, S: Array, Y: Array, total: Array, L: Array) -> Step:
    right = buffers.scratch(E.shape[-2:], dtype=bool)
    classes, label, totals = np.arange(E.shape[-1]), Y[:, np.newaxis], total[..., np.newaxis]

    def pick() -> None:
        np.add.reduce(E, axis=-1, keepdims=True, out=totals)
        np.equal(label, classes, out=right)
        np.multiply(S, right, out=S)
        np.add.reduce(S, axis=-1, out=L)

    return pick


def _pick(E: Any, S: Any, Y: Any, total: Any, L: Any) -> None:
    k, n = E.shape
    for i in range(n):
        total[i] = 0
        L[i] = 0
    for j in range(k):
        for i in range(n):
            total[i] += E[j, i]
            L[i] += S[j, i] * (Y[i] == j)


def _plain_differ(buffers: Buffers, E: Array, Y: Array, total: Array, D: Array) -> Callable[[float], None]:
    right = buffers.scratch(E.shape[-2:], dtype=bool)
    classes, label, totals = np.arange(E.shape[-1]), Y[:, np.newaxis], total[..., np.newaxis]

    def differ(scale: float) -> None:
        np.divide(E, totals, out=D)
        np.equal(label, classes, out=right)
        np.subtract(D, right, out=D)
        np.multiply(D, scale, out=D)

    return differ


def _differ(E: Any, Y: Any, total: Any, D: Any, scale: Any) -> None:
    k, n = E.shape
    factor = D.dtype.type(scale)
    for j in range(k):
        for i in range(n):
            D[j, i] = (E[j, i] / total[i] - (Y[i] == j)) * factor


shift = Kernel("softmax, shifted", _plain_shift, _shift, _by_units)
"""top = the largest of each row of Z, S = Z − top, given (Z, S, top)."""
pick = Kernel("cross-entropy", _plain_pick, _pick, _by_units)
"""total = the sums of rows of E, L = the entries of S at the codes Y, given (E, S, Y, total, L); S is overwritten."""
differ = Kernel("cross-entropy, backward", _plain_differ, _differ, _by_units)
"""D = (E/total − onehot(Y))·scale, given (E, Y, total, D) and the scale."""


# -- penalties ---------------------------------------------------------------------------------------------------------


def _plain_pull(buffers: Buffers, W: Array, G: Array) -> Callable[[float], None]:
    S = buffers.scratch((W.size,)).reshape(W.shape)  # a weight lies row by row

    def pull(share: float) -> None:
        np.multiply(W, share, out=S)
        np.add(G, S, out=G)

    return pull


def _pull(W: Any, G: Any, share: Any) -> None:
    factor = W.dtype.type(share)
    for i in range(W.size):
        G[i] += W[i] * factor


pull = Kernel("l2", _plain_pull, _pull, _flat)
"""G ← G + share·W, given (W, G) and the share."""


# -- updates -----------------------------------------------------------------------------------------------------------


def _plain_adam(buffers: Buffers, theta: Array, g: Array, m: Array, v: Array) -> Callable[..., None]:
    S = buffers.scratch(theta.shape)

    def adam(beta1: float, beta2: float, correction: float, epsilon: float, shrink: float, rate: float) -> None:
        average(m, g, beta1, S)
        average_square(v, g, beta2, S)
        if shrink != 1:
            np.multiply(theta, shrink, out=theta)
        np.sqrt(v, out=S)
        np.multiply(S, correction, out=S)
        np.add(S, epsilon, out=S)
        np.divide(m, S, out=S)
        np.multiply(S, rate, out=S)
        np.subtract(theta, S, out=theta)

    return adam


def _adam(
    theta: Any, g: Any, m: Any, v: Any, beta1: Any, beta2: Any, correction: Any, epsilon: Any, shrink: Any, rate: Any
) -> None:
    real = theta.dtype.type
    part1, part2 = real(1 - beta1), real(1 - beta2)
    correction, epsilon, shrink, rate = real(correction), real(epsilon), real(shrink), real(rate)
    for i in range(theta.size):
        mean = m[i] + (g[i] - m[i]) * part1
        square = v[i] + (g[i] * g[i] - v[i]) * part2
        m[i], v[i] = mean, square
        theta[i] = theta[i] * shrink - mean / (math.sqrt(square) * correction + epsilon) * rate


def _plain_rmsprop(buffers: Buffers, theta: Array, g: Array, v: Array) -> Callable[..., None]:
    S = buffers.scratch(theta.shape)

    def rmsprop(rho: float, epsilon: float, rate: float) -> None:
        average_square(v, g, rho, S)
        np.sqrt(v, out=S)
        np.add(S, epsilon, out=S)
        np.divide(g, S, out=S)
        np.multiply(S, rate, out=S)
        np.subtract(theta, S, out=theta)

    return rmsprop


def _rmsprop(theta: Any, g: Any, v: Any, rho: Any, epsilon: Any, rate: Any) -> None:
    real = theta.dtype.type
    part, epsilon, rate = real(1 - rho), real(epsilon), real(rate)
    for i in range(theta.size):
        square = v[i] + (g[i] * g[i] - v[i]) * part
        v[i] = square
        theta[i] -= g[i] / (math.sqrt(square) + epsilon) * rate


def _plain_descend(buffers: Buffers, theta: Array, g: Array) -> Callable[[float], None]:
    S = buffers.scratch(theta.shape)

    def descend(rate: float) -> None:
        np.multiply(g, rate, out=S)
        np.subtract(theta, S, out=theta)

    return descend


def _descend(theta: Any, g: Any, rate: Any) -> None:
    rate = theta.dtype.type(rate)
    for i in range(theta.size):
        theta[i] -= g[i] * rate


def _plain_roll(buffers: Buffers, theta: Array, g: Array, v: Array) -> Callable[[float, float], None]:
    S = buffers.scratch(theta.shape)

    def roll(momentum: float, rate: float) -> None:
        np.multiply(v, momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, rate, out=S)
        np.subtract(theta, S, out=theta)

    return roll


def _roll(theta: Any, g: Any, v: Any, momentum: Any, rate: Any) -> None:
    real = theta.dtype.type
    momentum, rate = real(momentum), real(rate)
    for i in range(theta.size):
        velocity = v[i] * momentum + g[i]
        v[i] = velocity
        theta[i] -= velocity * rate


def _plain_look_ahead(buffers: Buffers, theta: Array, g: Array, v: Array) -> Callable[[float, float], None]:
    S = buffers.scratch(theta.shape)

    def look_ahead(momentum: float, rate: float) -> None:
        np.multiply(v, momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, momentum, out=S)
        np.add(S, g, out=S)
        np.multiply(S, rate, out=S)
        np.subtract(theta, S, out=theta)

    return look_ahead


def _look_ahead(theta: Any, g: Any, v: Any, momentum: Any, rate: Any) -> None:
    real = theta.dtype.type
    momentum, rate = real(momentum), real(rate)
    for i in range(theta.size):
        velocity = v[i] * momentum + g[i]
        v[i] = velocity
        theta[i] -= (velocity * momentum + g[i]) * rate


adam = Kernel("adam", _plain_adam, _adam, _flat)
"""θ ← shrink·θ − rate·m/(√v·correction + ε) behind the moves of m and v; see ``Adam``, ``AdamW``."""
rmsprop = Kernel("rmsprop", _plain_rmsprop, _rmsprop, _flat)
"""θ ← θ − rate·g/(√v + ε) behind the move of v; see ``RmsProp``."""
descend = Kernel("sgd", _plain_descend, _descend, _flat)
"""θ ← θ − rate·g."""
roll = Kernel("momentum", _plain_roll, _roll, _flat)
"""v ← momentum·v + g;  θ ← θ − rate·v."""
look_ahead = Kernel("nesterov", _plain_look_ahead, _look_ahead, _flat)
"""v ← momentum·v + g;  θ ← θ − rate·(g + momentum·v)."""
