"""The check: backpropagation's gradient against methods that share no code with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
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
                    numeric["oracle"] = _everywhere(exact, found["complex_step"])
                found_here = _compare(target, g[term], numeric, least, orders[term])
                if any(comparison.wrong for comparison in found_here.comparisons):
                    blurred = _blurred(numeric, None if is_input else where, roundings)
                    found_here = _compare(target, g[term], blurred, least, orders[term])
                tensors[term].append(found_here)
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
    batch = point.bind(input_gradient=True)
    assert batch.input_gradient is not None
    batch.forward()
    loss, penalty = float(batch.loss()), float(batch.penalty())
    batch.backward()
    once = batch.gradient.copy(), batch.input_gradient.copy()
    # what is judged is the second pass: one that adds to what it finds would be right the first time
    batch.backward()
    repeatable = all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(once, (batch.gradient, batch.input_gradient), strict=True)
    )
    passes: dict[Term, Callable[[], None]] = {"both": lambda: None}
    if point.network.penalties():
        passes |= {"loss": batch.backward_loss, "penalty": batch.backward_penalty}
    gradients: dict[Term, Array] = {}
    by_input: dict[Term, Array] = {}
    for term, go in passes.items():
        go()
        gradients[term], by_input[term] = batch.gradient.copy(), batch.input_gradient.copy()
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
    rounding = whole.rounding if isinstance(whole.rounding, float) else whole.rounding[here]
    return Derivatives(entries, whole.loss[here], whole.penalty[here], whole.left_out[here], rounding)


@dataclass(frozen=True)
class _Numeric:
    """What a method says of one term: entries, values, which to leave out, what its rounding explains."""

    entries: Array
    values: Array
    left_out: Array
    rounding: Array | float


def _of_term(method: Method, derivatives: Derivatives, term: Term) -> _Numeric:
    parts = {"loss": derivatives.loss, "penalty": derivatives.penalty, "both": derivatives.loss + derivatives.penalty}
    return _Numeric(derivatives.entries, parts[term], derivatives.left_out, derivatives.rounding)


def _everywhere(exact: Array, complex_step: Derivatives) -> _Numeric:
    """The oracle's gradient; left out is what the complex step found to lie on a kink, where each takes its side."""
    left_out = np.zeros(exact.size, bool)
    left_out[complex_step.entries[complex_step.left_out]] = True
    return _Numeric(np.arange(exact.size), exact.reshape(-1), left_out, 0.0)


def _blurred(numeric: dict[Method, _Numeric], where: slice | None, roundings: _Roundings) -> dict[Method, _Numeric]:
    """The same, but for the exact methods with what rounding can do to backpropagation.

    They are more exact than it is where slopes are small differences: where an activation is saturated, or a network
    sure of its row.
    """
    blur = roundings.by_input if where is None else float(roundings.by_parameters[where].max(initial=0))
    methods: tuple[Method, ...] = ("complex_step", "oracle")
    return {m: replace(found, rounding=blur) if m in methods else found for m, found in numeric.items()}


def _value_error(said: float, found: float, size: float) -> float | None:
    """None where the oracle's formula comes to no number and the engine does."""
    return None if math.isnan(said) and math.isfinite(found) else abs(said - found) / size


class _Roundings:
    """How far the gradient's entries move with simulated roundings; computed when it is first asked for."""

    def __init__(self, point: Point) -> None:
        self._point = point

    @cached_property
    def _moved(self) -> tuple[Array, float]:
        rest, rest_by_input = next(rounded_gradients(self._point, 0.0, slopes=True))
        moved, by_input = np.zeros_like(rest), 0.0
        for gradient, of_input in rounded_gradients(self._point, EPSILON / 2, slopes=True):
            np.maximum(moved, np.abs(gradient - rest), out=moved)
            by_input = max(by_input, float(np.abs(of_input - rest_by_input).max(initial=0)))
        return moved, by_input

    @property
    def by_parameters(self) -> Array:
        """Of each parameter (size,)."""
        return self._moved[0]

    @property
    def by_input(self) -> float:
        """Of that entry of the input that moves most."""
        return self._moved[1]


def _compare(
    target: _Target, gradient: Array, numeric: dict[Method, _Numeric], least: float, order: float | None
) -> TensorCheck:
    flat = gradient.reshape(-1)
    exact = numeric["complex_step"].values
    scale = max(float(np.abs(flat).max(initial=0)), float(np.abs(exact).max(initial=0)), least)
    comparisons = []
    for method, found in numeric.items():
        # where the method comes to no number and backpropagation does, it has no answer: complex exp, or a formula
        # that is not written for large arguments, overflow earlier than the engine
        left_out = found.left_out | (np.isnan(found.values) & np.isfinite(flat[found.entries]))
        kept = ~left_out
        error = np.abs(flat[found.entries] - found.values)
        # what rounding can make of a number is not held against it, and the error is relative to that much more
        blur = ROUNDINGS * np.broadcast_to(found.rounding, error.shape) / LIMITS[method]
        relative = np.where(error == 0, 0.0, error / np.maximum(scale, blur))
        relative[np.isnan(relative)] = np.inf
        relative[~kept] = -1
        checked, excluded = len(found.entries), int(left_out.sum())
        if not kept.any():
            comparisons.append(Comparison(method, checked, excluded, None, wrong=False))
            continue
        worst = int(relative.argmax())
        comparisons.append(
            Comparison(
                method,
                checked,
                excluded,
                float(relative[worst]),
                bool(relative[worst] > LIMITS[method]),
                tuple(int(i) for i in np.unravel_index(int(found.entries[worst]), target.shape)),
                float(flat[found.entries[worst]]),
                float(found.values[worst]),
            )
        )
    zeros = int(flat.size - np.count_nonzero(flat))
    return TensorCheck(target.name, target.shape, flat.size, scale, zeros, tuple(comparisons), order)
