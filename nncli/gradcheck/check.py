"""The verdict: backpropagation's gradient against methods that share no code with it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.randomness import Purpose, stream
from nncli.gradcheck.complex_step import complex_step
from nncli.gradcheck.copies import Point
from nncli.gradcheck.differences import central_differences

COMPLEX_STEP_LIMIT = 1e-12
DIFFERENCES_LIMIT = 1e-7
FLOOR = 1e-6
"""Errors are relative to the largest entry of the tensor's gradient, but at least to this share of the largest entry
of the whole gradient: a tensor whose gradient cancels to rounding noise has no scale of its own."""
EVERY_ENTRY_UP_TO = 20_000
SAMPLE = 500
"""Of a network with more entries than that, this many of each tensor are checked, drawn from a seeded stream."""


@dataclass(frozen=True)
class TensorCheck:
    """What was found for one tensor (or for the input).

    Attributes:
        name: Of the tensor, ``layers.0.weight``, or ``input``.
        shape: Its shape.
        entries: How many entries it has.
        checked: How many of them were checked.
        complex_step: The worst error against the complex step, relative to the tensor's scale; None when every entry
            lay exactly at a kink, and then nothing is proven.
        differences: The same against central differences; None when every step crossed a kink.
        at_kink: How many entries were left out by the differences because their step crosses a kink, those that the
            complex step left out among them.
        worst: Index of the entry with the worst error against the complex step.
        analytic: Backpropagation's value there.
        numeric: The complex step's value there.
        verdict: ``right``, ``wrong``, or ``not proven`` where every entry lay exactly at a kink.
    """

    name: str
    shape: tuple[int, ...]
    entries: int
    checked: int
    complex_step: float | None
    differences: float | None
    at_kink: int
    worst: tuple[int, ...]
    analytic: float
    numeric: float
    verdict: Literal["right", "wrong", "not proven"]


@dataclass(frozen=True)
class GradientCheck:
    """The check of a whole network at one point."""

    tensors: tuple[TensorCheck, ...]
    rows: int
    repeatable: bool
    """Whether a second backward pass gave the same bits."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """The tensors whose gradient is wrong."""
        return tuple(tensor.name for tensor in self.tensors if tensor.verdict == "wrong")

    @property
    def passed(self) -> bool:
        """Whether every tensor was found right."""
        return self.repeatable and all(tensor.verdict == "right" for tensor in self.tensors)

    @property
    def coverage(self) -> float:
        """The share of all entries that was checked."""
        return sum(t.checked for t in self.tensors) / sum(t.entries for t in self.tensors)

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``--json`` and gradcheck.json; an error that is no number becomes null."""
        limits = {"complex_step": COMPLEX_STEP_LIMIT, "differences": DIFFERENCES_LIMIT, "floor": FLOOR}
        head = {"passed": self.passed, "repeatable": self.repeatable, "rows": self.rows, "coverage": self.coverage}
        return {**head, "limits": limits, "tensors": [_finite(asdict(tensor)) for tensor in self.tensors]}


def check_gradients(point: Point, *, seed: int = 0) -> GradientCheck:
    """Check dC/dθ and dC/dX of the network at ``point``: loss and penalties together, at float64."""
    network = point.network
    gradient = np.zeros_like(point.theta)
    batch = network.bind(point.theta, gradient, len(point.inputs), input_gradient=True)
    batch.inputs[...] = point.inputs
    batch.targets[...] = point.targets
    with np.errstate(all="ignore"):  # overflow inside of exp is part of the formulas; a NaN shows as a failure
        batch.forward()
        batch.loss()
        batch.backward()
        once = gradient.copy()
        batch.backward()
        input_gradient = batch.input_gradient
        assert input_gradient is not None
        everything = gradient.size + input_gradient.size <= EVERY_ENTRY_UP_TO
        floor = FLOOR * float(np.abs(gradient).max(initial=0))
        rng = stream(seed, Purpose.GRADCHECK)

        def sample(size: int) -> Array:
            some = everything or size <= SAMPLE
            return np.arange(size) if some else np.sort(rng.choice(size, SAMPLE, replace=False))

        tensors = []
        for name, parameter in network.layout.items():
            where = network.layout.where(name)
            entries = sample(parameter.size)
            tensors.append(
                _compare(name, parameter.shape, gradient[where], entries, point, "theta", where.start + entries, floor)
            )
        # in the array of inputs, a row has one entry more than in its gradient: the one that carries the bias
        entries = sample(input_gradient.size)
        row, column = np.divmod(entries, network.inputs)
        places = row * (network.inputs + 1) + column
        shape = input_gradient.shape
        tensors.append(_compare("input", shape, input_gradient.reshape(-1), entries, point, "inputs", places, floor))
    return GradientCheck(tuple(tensors), len(point.inputs), bool(np.array_equal(once, gradient)))


def _compare(
    name: str,
    shape: tuple[int, ...],
    gradient: Array,
    entries: Array,
    point: Point,
    of: str,
    places: Array,
    floor: float,
) -> TensorCheck:
    """Compare ``gradient[entries]`` with the derivatives by ``places`` of what is moved."""
    analytic = gradient[entries]
    exact, at_kink = complex_step(point, of, places)
    approximate, crossed = central_differences(point, of, places)
    scale = max(float(np.abs(gradient).max()), float(np.abs(exact).max()), floor)
    error = np.where(at_kink, 0, np.abs(analytic - exact))
    worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
    by_complex_step = None if at_kink.all() else _relative(float(error[worst]), scale)
    crossed |= at_kink
    differences = np.abs(analytic - approximate)[~crossed]
    by_differences = _relative(float(differences.max()), scale) if differences.size else None
    # written so that a NaN, which compares as false, is wrong
    agrees = (by_complex_step is None or by_complex_step <= COMPLEX_STEP_LIMIT) and (
        by_differences is None or by_differences <= DIFFERENCES_LIMIT
    )
    return TensorCheck(
        name=name,
        shape=shape,
        entries=gradient.size,
        checked=len(entries),
        complex_step=by_complex_step,
        differences=by_differences,
        at_kink=int(crossed.sum()),
        worst=tuple(int(i) for i in np.unravel_index(int(entries[worst]), shape)),
        analytic=float(analytic[worst]),
        numeric=float(exact[worst]),
        verdict="wrong" if not agrees else "not proven" if by_complex_step is None else "right",
    )


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}


def _relative(error: float, scale: float) -> float:
    if error == 0:
        return 0.0
    return error / scale if scale > 0 else math.inf
