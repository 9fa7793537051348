"""The complex step: f'(x) = Im f(x + ih) / h + O(h²), without a difference, and so without cancellation.

With h = 1e-20 the remainder is far below rounding, and the derivative comes out to machine precision (Squire & Trapp
1998; Martins, Sturdza & Alonso 2003). It needs the function to be analytic around x, which the engine sees to.

A step so small is linear to the last bit, and that saves most of the work. How the loss moves with each output of a
stage is measured by one step for each of these outputs; how the outputs move with a parameter, by one step for each
parameter through that stage alone; and the sum of their products is the derivative. Both are steps through the forward
code, in its place in the network, on real rows; the chain rule that joins them is all that is taken for granted. The
differences, the Taylor remainder and the oracle go from end to end.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array
from nncli.gradcheck.copies import INPUT, Copies, Derivatives, Point, Tick, chunks, count_of, penalty_of, stage_copies

STEP = 1e-20
COLUMN_BYTES = 2_000
"""What one copy of a single stage takes, about."""


def complex_step(point: Point, stage: int, entries: Array, tick: Tick) -> Derivatives:
    """The derivatives by ``entries`` (m,) of a stage's parameters, or of the input.

    At a kink, exactly, a step into the imaginary takes one of its sides, and backpropagation may take the other: where
    the step moves a unit off a kink that it rests on, the two need not agree, and the entry is left out.
    """
    loss, left_out = _through(point, entries, tick) if stage == INPUT else _by_parameters(point, stage, entries, tick)
    penalty, off_kink = np.zeros(len(entries)), np.zeros(len(entries), bool)
    moved = penalty_of(point, stage)
    if moved is not None:
        values, side = moved(entries, 1j * STEP)
        penalty, off_kink = values.imag / STEP, side != moved(entries, 0.0)[1]
    exact = np.zeros(len(entries))
    return Derivatives(entries, loss, penalty, left_out, off_kink, exact, exact)


def _by_parameters(point: Point, stage: int, entries: Array, tick: Tick) -> tuple[Array, Array]:
    """Return (derivatives of the loss, at_kink), both (m,)."""
    rest = point.after(stage)
    n, units = rest.inputs[:, :-1].shape
    count = count_of(len(entries), COLUMN_BYTES)
    copies = stage_copies(point, stage, count, np.complex128)
    slopes, at_kink = np.zeros((n, units)), np.zeros((n, units), bool)
    touched = copies.units(entries)
    outputs = (np.arange(n)[:, np.newaxis] * units + touched).reshape(-1)
    slopes[:, touched], at_kink[:, touched] = (
        found.reshape(n, -1) for found in _through(rest, outputs, lambda done: tick(0))
    )
    derivatives, left_out = np.zeros(len(entries)), np.zeros(len(entries), bool)
    done = 0
    for chunk in chunks(entries, count):
        here = slice(done, done := done + len(chunk))
        copies.move(chunk, 1j * STEP)
        derivatives[here] = copies.project(chunk, slopes) / STEP
        if at_kink.any():
            left_out[here] = copies.touches(chunk, at_kink)
        tick(len(chunk))
    return derivatives, left_out


def _through(point: Point, entries: Array, tick: Tick = lambda done: None) -> tuple[Array, Array]:
    """The same by entries of the input of a network."""
    copies = Copies(point, INPUT, entries, np.complex128)
    derivatives, at_kink = np.zeros(len(entries)), np.zeros(len(entries), bool)
    done = 0
    for chunk in copies.chunks():
        here = slice(done, done := done + len(chunk))
        derivatives[here] = copies.losses(chunk, 1j * STEP).imag / STEP
        # the step leaves the real parts as they are: without a unit at rest on a kink, none can be moved off one
        if copies.rests_on_a_kink:
            at_kink[here] = copies.crossed(len(chunk))
        tick(len(chunk))
    return derivatives, at_kink
