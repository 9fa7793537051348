"""What rounding can do to a gradient: the network once more, with a rounding drawn at random after every step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nncli.engine.buffers import Array
from nncli.gradcheck.copies import Point

DRAWS = 8


def rounded_gradients(point: Point, unit: float, *, forward: bool, slopes: bool) -> Iterator[tuple[Array, Array]]:
    """The gradients by the parameters (size,) and by the input (n, d), as they might come out: ``DRAWS`` of them.

    Every gradient that is handed on is moved by up to ``unit`` of itself, and the loss's slopes by as much of what they
    may be the difference of.

    Args:
        point: Where; computed at float64.
        unit: The largest relative error of one rounding, 6e-8 for float32, 1.1e-16 for float64.
        forward: Whether the parameters and every layer's output are moved as well.
        slopes: Whether the slope of an activation, too, may be such a difference, whatever its formula.
    """
    rng = np.random.default_rng(0)

    def round_(array: Array) -> None:
        array *= 1 + unit * rng.uniform(-1, 1, array.shape)

    for _ in range(DRAWS):
        batch = point.bind(input_gradient=True, keep_signals=True)
        assert batch.input_gradient is not None
        if forward:
            round_(batch.theta)
        for bound in batch.stages:
            bound.forward()
            if forward:
                round_(bound.wires.Y)
        batch.loss()
        batch.backward_outputs()
        round_(batch.output_gradient)
        # the slope of a loss is often a difference of numbers as large as 1, over the rows, times the weight
        drawn = unit / len(point.inputs) * rng.uniform(-1, 1, batch.output_gradient.shape)
        batch.output_gradient[...] += drawn if point.row_weights is None else drawn * point.row_weights[:, np.newaxis]
        for bound in reversed(batch.stages):
            arriving = np.abs(bound.wires.dY).max(axis=-1, keepdims=True)
            round_(bound.wires.dY)
            bound.backward()
            if bound.wires.dX is not None:
                round_(bound.wires.dX)
                if slopes and bound.stage.layer.passes_gradient:
                    bound.wires.dX[...] += unit * arriving * rng.uniform(-1, 1, bound.wires.dX.shape)
        batch.add_penalties()
        round_(batch.gradient)
        yield batch.gradient, batch.input_gradient
