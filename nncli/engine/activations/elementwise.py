"""Functions that several activations share; they write to ``out``, and are analytic on each side of every kink."""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step


def backward_between(A: Array, D: Array, low: float, high: float, buffers: Buffers, slope: float = 1) -> Step:
    """The backward step of what rises with ``slope`` between ``low`` and ``high``, and is flat outside."""
    above = buffers.scratch(A.shape, dtype=bool)
    below = buffers.scratch(A.shape, slot=1, dtype=bool)

    def backward() -> None:
        np.greater(A, low, out=above)
        np.less(A, high, out=below)
        np.logical_and(above, below, out=above)
        np.multiply(D, above, out=D)
        if slope != 1:
            np.multiply(D, slope, out=D)

    return backward


def sigmoid(Z: Array, out: Array) -> None:
    """1 / (1 + exp(−z)), written to ``out``: right to the last digits in both tails.

    Left of −700 it stays where it is, at 1e-304: a complex exp that overflows would be no number. At float32 exp
    overflows to infinity before that, whose reciprocal is the 0 that it should be.
    """
    np.maximum(Z, -700, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


def softplus(Z: Array, out: Array, S: Array) -> None:
    """log(1 + exp(z)), written to ``out``, with ``S`` to work in; ``out`` may be ``Z``.

    max(z, 0) + log(1 + exp(−|z|)): neither half overflows, and −|z| = min(z, −z) is analytic on each side.
    """
    np.negative(Z, out=S)
    np.minimum(Z, S, out=S)
    np.exp(S, out=S)
    np.log1p(S, out=S)
    np.maximum(Z, 0, out=out)
    np.add(out, S, out=out)


def log1p_of_share(W: Array, out: Array, S: Array) -> None:
    """log(1 + w) = 2·artanh(w/(2 + w)) for w from 0 to 1, written to ``out``, which may be ``W``; ``S`` to work in.

    np.log1p takes the logarithm of 1 + w where w is complex, and so loses the digits of a small one; where the result
    is a factor, and not only a term, a complex step needs them.
    """
    np.add(W, 2, out=S)
    np.divide(W, S, out=out)
    np.arctanh(out, out=out)
    np.multiply(out, 2, out=out)


def hard_sigmoid(Z: Array, out: Array) -> None:
    """min(max((z + 3)/6, 0), 1), written to ``out``."""
    np.add(Z, 3, out=out)
    np.multiply(out, 1 / 6, out=out)
    np.maximum(out, 0, out=out)
    np.minimum(out, 1, out=out)
