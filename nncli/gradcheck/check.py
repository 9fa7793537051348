"""The check: backpropagation's gradient against methods that share no code with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.randomness import Purpose, stream
from nncli.gradcheck import oracle, taylor
from nncli.gradcheck.complex_step import complex_step
from nncli.gradcheck.copies import EPSILON, FLOOR, INPUT, Derivatives, Point, Tick
from nncli.gradcheck.differences import central_differences
from nncli.gradcheck.rounding import rounded_gradients
from nncli.gradcheck.verdict import LIMITS, Comparison, GradientCheck, Method, Proof, TensorCheck, Term

EVERY_ENTRY_UP_TO: dict[Method, int] = {"complex_step": 1_000_000, "differences": 20_000}
SAMPLE: dict[Method, int] = {"complex_step": 500, "differences": 100}
"""Of a network with more entries than that, this many of each tensor are checked, drawn from a seeded stream."""
UNDERFLOW = 1e-270
"""Below that, the imaginary part of a complex step is no longer a number with all of its digits."""
ROUNDINGS = 32
"""How many roundings a number may have gathered: of a difference, that of the loss over its step; of the exact methods,
which are looked at more closely where they fail, what simulated roundings do to backpropagation."""


@dataclass(frozen=True)
class _Target:
    """A tensor to check: where it lies in a stage's slice of the parameters, or the input."""

    name: str
    shape: tuple[int, ...]
    stage: int
    start: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def check_point(
    point: Point, *, place: str = "", seed: int = 0, tick: Tick = lambda done: None, oracle_too: bool | None = None
) -> Proof:
    """Check the gradients by every parameter and by the input, of the loss, the penalties, and both, at float64.

    Args:
        point: Where.
        place: What to call that.
        seed: Of the directions, and of the sample of a large network.
        tick: Is told of entries that are done; ``work`` says how many there will be.
        oracle_too: Whether to ask autograd; by default, if it is installed.
    """
    network = point.network
    oracle_too = oracle.installed() if oracle_too is None else oracle_too
    with np.errstate(all="ignore"):  # overflow inside of exp is part of the formulas; a NaN shows as a failure
        gradients, by_input, repeatable, values = _backpropagate(point)
        answer = oracle.ask(point) if oracle_too else None
        roundings = _Roundings(point)
        rng = stream(seed, Purpose.GRADCHECK)
        moving = point.bind(keep_signals=True)
        views = {"input": moving.inputs[..., :-1], **network.layout.views(moving.theta)}
        tensors: dict[Term, list[TensorCheck]] = {term: [] for term in gradients}
        for target, found in _derivatives(point, seed, tick):
            is_input = target.stage == INPUT
            where = slice(0) if is_input else network.layout.where(target.name)
            direction = rng.standard_normal(target.shape)
            terms = [term for term in gradients if not (is_input and term == "penalty")]
            g = {term: by_input[term] if is_input else gradients[term][where].reshape(target.shape) for term in terms}
            slopes = {str(term): float((g[term] * direction).sum()) for term in terms}
            orders = taylor.observed_orders(moving, views[target.name], direction, slopes, point.rounding)
            for term in terms:
                least = FLOOR * float(np.abs(gradients[term]).max(initial=0))
                numeric = {method: _of_term(method, derivatives, term) for method, derivatives in found.items()}
                if answer is not None:
                    exact = answer.inputs[term] if is_input else answer.theta[term][where]
                    numeric["oracle"] = _of_oracle(exact, numeric["complex_step"])
                check = _compare(target, g[term], numeric, least, orders[term])
                if any(comparison.wrong for comparison in check.comparisons):
                    blurred = _blurred(numeric, None if is_input else where, roundings)
                    check = _compare(target, g[term], blurred, least, orders[term])
                tensors[term].append(check)
        least = ROUNDINGS * point.rounding / LIMITS["oracle"]
        size = {term: max(abs(value), least) or 1.0 for term, value in values.items()}
        checks = [
            GradientCheck(
                place,
                term,
                len(point.inputs),
                tuple(tensors[term]),
                repeatable,
                None if answer is None else _value_error(answer.value[term], values[term], size[term]),
            )
            for term in gradients
        ]
    return Proof(tuple(checks))


def work(point: Point) -> int:
    """How many entries the methods will look at."""
    sizes = [target.size for targets in _targets(point) for target in targets]
    return sum(_how_many(size, method, sum(sizes)) for method in EVERY_ENTRY_UP_TO for size in sizes)


def _how_many(size: int, method: Method, of_all: int) -> int:
    """Of a tensor of ``size`` entries, in a network of ``of_all``."""
    return size if of_all <= EVERY_ENTRY_UP_TO[method] else min(size, SAMPLE[method])


def _backpropagate(point: Point) -> tuple[dict[Term, Array], dict[Term, Array], bool, dict[Term, float]]:
    """Return (gradient by the parameters, by the input, whether it repeats, value), by term."""
    batch = point.bind()  # as the trainer binds it: the first layer has nobody to hand a gradient to
    whole = point.bind(input_gradient=True)
    assert whole.input_gradient is not None
    for bound in (batch, whole):
        bound.forward()
        loss, penalty = float(bound.loss()), float(bound.penalty())
        bound.backward()
    once = batch.gradient.copy(), whole.input_gradient.copy()
    # what is judged is the second pass: one that adds to what it finds would be right the first time
    passes: dict[Term, str] = {"both": "backward"}
    if point.network.penalties():
        passes |= {"loss": "backward_loss", "penalty": "backward_penalty"}
    gradients: dict[Term, Array] = {}
    by_input: dict[Term, Array] = {}
    for term, name in passes.items():
        for bound in (batch, whole):
            getattr(bound, name)()
        gradients[term], by_input[term] = batch.gradient.copy(), whole.input_gradient.copy()
    twice = gradients["both"], by_input["both"]
    repeatable = all(np.array_equal(one, other, equal_nan=True) for one, other in zip(once, twice, strict=True))
    return gradients, by_input, repeatable, {"both": loss + penalty, "loss": loss, "penalty": penalty}


def _derivatives(point: Point, seed: int, tick: Tick) -> Iterator[tuple[_Target, dict[Method, Derivatives]]]:
    """Every tensor, with what the numerical methods say of its entries."""
    rng = stream(seed, Purpose.GRADCHECK, 1)
    methods: dict[Method, Any] = {"complex_step": complex_step, "differences": central_differences}
    of_all = sum(target.size for targets in _targets(point) for target in targets)
    for targets in _targets(point):
        found: dict[Method, list[Derivatives]] = {}
        for method, differentiate in methods.items():
            counts = [_how_many(target.size, method, of_all) for target in targets]
            some = [
                np.arange(t.size) if count == t.size else np.sort(rng.choice(t.size, count, replace=False))
                for t, count in zip(targets, counts, strict=True)
            ]
            moved = np.concatenate([target.start + entries for target, entries in zip(targets, some, strict=True)])
            whole = differentiate(point, targets[0].stage, moved, tick)
            ends = np.cumsum([0, *map(len, some)])
            found[method] = [
                _piece(whole, slice(start, end), entries)
                for (start, end), entries in zip(pairwise(ends), some, strict=True)
            ]
        for i, target in enumerate(targets):
            yield target, {method: pieces[i] for method, pieces in found.items()}


def _targets(point: Point) -> Iterator[list[_Target]]:
    """The tensors of each stage that has any; the input first."""
    yield [_Target("input", point.inputs[:, :-1].shape, INPUT, 0)]
    for i, stage in enumerate(point.network.stages):
        parameters = stage.layer.parameters(stage.inputs)
        starts = np.cumsum([0, *(parameter.size for parameter in parameters)])
        targets = [
            _Target(f"{stage.block}.{parameter.name}", parameter.shape, i, int(start))
            for parameter, start in zip(parameters, starts, strict=False)
        ]
        if targets:
            yield targets


def _piece(whole: Derivatives, here: slice, entries: Array) -> Derivatives:
    parts = {f.name: getattr(whole, f.name)[here] for f in fields(whole)}
    return Derivatives(**{**parts, "entries": entries})


@dataclass(frozen=True)
class _Numeric:
    """What a method says of one term: entries, values, which to leave out, what its rounding explains."""

    entries: Array
    values: Array
    left_out: Array
    rounding: Array | float


def _of_term(method: Method, derivatives: Derivatives, term: Term) -> _Numeric:
    parts = {"loss": derivatives.loss, "penalty": derivatives.penalty, "both": derivatives.loss + derivatives.penalty}
    left_out = {"loss": derivatives.left_out, "penalty": derivatives.penalty_left_out}
    left_out["both"] = left_out["loss"] | left_out["penalty"]
    rounding = {"loss": derivatives.rounding, "penalty": derivatives.penalty_rounding}
    rounding["both"] = rounding["loss"] + rounding["penalty"]
    return _Numeric(derivatives.entries, parts[term], left_out[term], rounding[term])


def _of_oracle(exact: Array, complex_step: _Numeric) -> _Numeric:
    """The oracle's gradient where the complex step has looked, which knows what lies on a kink."""
    return replace(complex_step, values=exact.reshape(-1)[complex_step.entries])


def _blurred(numeric: dict[Method, _Numeric], where: slice | None, roundings: _Roundings) -> dict[Method, _Numeric]:
    """The same, but for the exact methods with what rounding can do to backpropagation.

    They are more exact than it is where slopes are small differences: where an activation is saturated, or a network
    sure of its row. The complex step has the forward pass in common with it, the oracle has one of its own. (So has the
    simulation its backward pass in common with what is judged; but a roughness that a fault brings into a *forward*
    quantity, as a difference quotient would, is not excused by it.)
    """
    blurred = dict(numeric)
    for method, forward in (("complex_step", False), ("oracle", True)):
        if method in numeric:
            blurred[method] = replace(numeric[method], rounding=roundings.of(where, forward=forward))
    return blurred


def _value_error(said: float, found: float, size: float) -> float | None:
    """None where the oracle's formula comes to no number and the engine does."""
    return None if math.isnan(said) and math.isfinite(found) else abs(said - found) / size


class _Roundings:
    """How far the gradient's entries move with simulated roundings; computed when it is first asked for."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._moved: dict[bool, tuple[Array, Array]] = {}

    def of(self, where: slice | None, *, forward: bool) -> float:
        """How far the entry moves most of the parameters at ``where`` that moves most; None for the input."""
        if forward not in self._moved:
            rest = next(rounded_gradients(self._point, 0.0, forward=False, slopes=True))
            moved = [np.zeros_like(part) for part in rest]
            for drawn in rounded_gradients(self._point, EPSILON / 2, forward=forward, slopes=True):
                for most, one, other in zip(moved, drawn, rest, strict=True):
                    np.fmax(most, np.abs(one - other), out=most)
            self._moved[forward] = moved[0], moved[1]
        by_parameters, by_input = self._moved[forward]
        return float((by_input if where is None else by_parameters[where]).max(initial=0))


def _compare(
    target: _Target, gradient: Array, numeric: dict[Method, _Numeric], least: float, order: float | None
) -> TensorCheck:
    flat = gradient.reshape(-1)
    comparisons = []
    scales = []
    for method, found in numeric.items():
        # where the method comes to no number and backpropagation does, it has no answer: complex exp, or a formula
        # that is not written for large arguments, overflow earlier than the engine
        kept = ~(found.left_out | (np.isnan(found.values) & np.isfinite(flat[found.entries])))
        here, values = flat[found.entries][kept], found.values[kept]
        # the exact methods see small tensors as sharply as large ones; a difference sees what the loss's bits allow
        floor = least if method == "differences" else UNDERFLOW
        largest = max(float(np.abs(flat).max(initial=0)), float(np.abs(values).max(initial=0)))
        scale = max(largest, floor)
        if method != "differences":
            scales.append(largest if largest > UNDERFLOW else 0.0)
        checked, excluded = len(found.entries), int((~kept).sum())
        if not kept.any():
            comparisons.append(Comparison(method, checked, excluded, None, wrong=False))
            continue
        error = np.abs(here - values)
        # what rounding can make of a number is not held against it, and the error is relative to that much more
        blur = ROUNDINGS * np.broadcast_to(found.rounding, kept.shape)[kept] / LIMITS[method]
        relative = np.where(error == 0, 0.0, error / np.maximum(scale, blur))
        relative[np.isnan(relative)] = np.inf
        worst = int(relative.argmax())
        entry = int(found.entries[kept][worst])
        comparisons.append(
            Comparison(
                method,
                checked,
                excluded,
                float(relative[worst]),
                bool(relative[worst] > LIMITS[method]),
                tuple(int(i) for i in np.unravel_index(entry, target.shape)),
                float(here[worst]),
                float(values[worst]),
            )
        )
    scale = max(scales)
    zeros = int(flat.size - np.count_nonzero(flat))
    return TensorCheck(target.name, target.shape, flat.size, scale, zeros, tuple(comparisons), order)
