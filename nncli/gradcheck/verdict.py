"""What gradcheck found, and what follows from it: of a tensor, of a network at one point, of a network as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from nncli.gradcheck import taylor
from nncli.gradcheck.copies import FLOOR
from nncli.gradcheck.health import Health

Term: TypeAlias = Literal["loss", "penalty", "both"]
Method: TypeAlias = Literal["complex_step", "differences", "taylor", "oracle", "twice"]
Verdict: TypeAlias = Literal["right", "wrong", "not proven"]

METHODS: tuple[Method, ...] = ("complex_step", "differences", "taylor", "oracle", "twice")
LIMITS: dict[Method, float] = {"complex_step": 1e-12, "differences": 1e-7, "oracle": 1e-12}
"""The largest error, relative to the tensor's scale, that is taken for rounding."""


@dataclass(frozen=True)
class Comparison:
    """What one method says of one tensor.

    Attributes:
        method: Which.
        checked: How many entries it looked at.
        left_out: How many of them it says nothing of, since a step crosses a kink there, or it comes to no number.
        error: The worst error relative to the tensor's scale; None when nothing was left to compare, or when it is
            no number.
        wrong: Whether that is above the method's limit, or no number.
        index: Of the entry with the worst error.
        analytic: Backpropagation's value there.
        numeric: The method's.
    """

    method: Method
    checked: int
    left_out: int
    error: float | None
    wrong: bool
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None


@dataclass(frozen=True)
class TensorCheck:
    """What was found for one tensor.

    Attributes:
        name: ``layers.0.weight``, or ``input``.
        shape: Its shape.
        entries: How many entries it has.
        scale: The largest entry of its gradient, which errors are relative to; 0 where all is 0 or underflows.
        zeros: How many entries of its gradient are exactly 0 (dead units, saturation, underflow).
        comparisons: What each method that goes by entries found.
        order: The order of the Taylor remainder; None where it could not be seen.
    """

    name: str
    shape: tuple[int, ...]
    entries: int
    scale: float
    zeros: int
    comparisons: tuple[Comparison, ...]
    order: float | None

    def by(self, method: Method) -> Comparison | None:
        """What ``method`` found; None if it was not asked."""
        return next((comparison for comparison in self.comparisons if comparison.method == method), None)

    @property
    def found_by(self) -> tuple[Method, ...]:
        """The methods that call it wrong."""
        slow: tuple[Method, ...] = ("taylor",) if self.order is not None and self.order < taylor.LEAST_ORDER else ()
        return (*(comparison.method for comparison in self.comparisons if comparison.wrong), *slow)

    @property
    def verdict(self) -> Verdict:
        """Right only if the complex step or the oracle compared something; the other methods alone prove nothing.

        Where all that there is to compare is 0, nothing has gone through the code that is to be proven.
        """
        if self.found_by:
            return "wrong"
        if self.scale == 0:
            return "not proven"
        exact = (self.by("complex_step"), self.by("oracle"))
        return "right" if any(one is not None and one.error is not None for one in exact) else "not proven"


@dataclass(frozen=True)
class GradientCheck:
    """The check of one term of the objective at one point.

    Attributes:
        place: Where: ``initial weights``, say.
        term: Of which function: the loss, the penalties, or both together.
        rows: Of the batch.
        tensors: In the order of the network, the input first.
        repeatable: Whether a second backward pass gave the same bits.
        value_error: By how much the oracle's value of the function differs from the engine's, relative; None when
            the oracle was not asked.
    """

    place: str
    term: Term
    rows: int
    tensors: tuple[TensorCheck, ...]
    repeatable: bool
    value_error: float | None

    @property
    def value_wrong(self) -> bool:
        """Whether the forward pass computes another function than the formulas say."""
        return self.value_error is not None and not self.value_error <= LIMITS["oracle"]

    @property
    def wrong(self) -> tuple[str, ...]:
        """The tensors whose gradient is wrong, the guilty one first: backpropagation comes to it before the others."""
        return tuple(tensor.name for tensor in reversed(self.tensors) if tensor.verdict == "wrong")

    @property
    def found_by(self) -> frozenset[Method]:
        """The methods that found something wrong."""
        found: set[Method] = {method for tensor in self.tensors for method in tensor.found_by}
        if not self.repeatable:
            found.add("twice")
        if self.value_wrong:
            found.add("oracle")
        return frozenset(found)

    @property
    def verdict(self) -> Verdict:
        """Of the whole."""
        if self.found_by:
            return "wrong"
        return "right" if not self.not_proven else "not proven"

    @property
    def not_proven(self) -> tuple[str, ...]:
        """The tensors that are neither right nor wrong here; that penalties leave biases alone needs no proof."""
        unclear = [
            t for t in self.tensors if t.verdict == "not proven" and not (self.term == "penalty" and t.scale == 0)
        ]
        return tuple(tensor.name for tensor in unclear)

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "place": self.place,
            "term": self.term,
            "rows": self.rows,
            "verdict": self.verdict,
            "wrong": self.wrong,
            "not_proven": self.not_proven,
            "found_by": [method for method in METHODS if method in self.found_by],
            "repeatable": self.repeatable,
            "value_error": self.value_error,
            "tensors": [
                {**asdict(tensor), "verdict": tensor.verdict, "found_by": tensor.found_by} for tensor in self.tensors
            ],
        }


@dataclass(frozen=True)
class Proof:
    """Checks of one network, at one point or at several.

    Attributes:
        checks: Of each term at each point.
        health: What else was seen at some of them.
        remarks: What was to be looked at and was not, and why.
        fault: The name of the fault that was planted before, if one was.
    """

    checks: tuple[GradientCheck, ...]
    health: tuple[Health, ...] = ()
    remarks: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Right if nothing was found wrong, and every tensor right at one place at least.

        At some places a tensor may lie on a kink with all of its entries, and then nothing is proven there.
        """
        if self.found_by or self.float32_wrong:
            return "wrong"
        return "not proven" if self.not_proven else "right"

    @property
    def not_proven(self) -> tuple[str, ...]:
        """The tensors that were right nowhere."""
        right = {(c.term, t.name) for c in self.checks for t in c.tensors if t.verdict == "right"}
        unclear = [name for check in self.checks for name in check.not_proven if (check.term, name) not in right]
        return tuple(dict.fromkeys(unclear))

    @property
    def float32_wrong(self) -> tuple[str, ...]:
        """The tensors whose float32 gradient has nothing to do with the one at float64."""
        return tuple(dict.fromkeys(one.name for seen in self.health for one in seen.precision if one.wrong))

    @property
    def passed(self) -> bool:
        """Whether every gradient was found right."""
        return self.verdict == "right"

    @property
    def wrong(self) -> tuple[str, ...]:
        """The tensors that are wrong anywhere, those of the first failing check first, the guilty one at the head."""
        return tuple(dict.fromkeys(name for check in self.checks for name in check.wrong))

    @property
    def found_by(self) -> tuple[Method, ...]:
        """The methods that found something wrong."""
        return tuple(method for method in METHODS if any(method in check.found_by for check in self.checks))

    @property
    def repeatable(self) -> bool:
        """Whether every second backward pass gave the same bits."""
        return all(check.repeatable for check in self.checks)

    def coverage(self, method: Method) -> float | None:
        """The share of all entries of which ``method`` had something to say; None if it was not asked."""
        pairs = [(tensor, tensor.by(method)) for check in self.checks for tensor in check.tensors]
        asked = [(tensor.entries, found.checked - found.left_out) for tensor, found in pairs if found is not None]
        return sum(checked for _, checked in asked) / sum(entries for entries, _ in asked) if asked else None

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``--json`` and gradcheck.json; a figure that is no number becomes null."""
        methods: tuple[Method, ...] = ("complex_step", "differences", "oracle")
        content = {
            "passed": self.passed,
            "verdict": self.verdict,
            "fault": self.fault,
            "found_by": self.found_by,
            "wrong": self.wrong,
            "not_proven": self.not_proven,
            "float32_wrong": self.float32_wrong,
            "remarks": self.remarks,
            "limits": {str(method): limit for method, limit in LIMITS.items()}
            | {"taylor_order": taylor.LEAST_ORDER, "floor": FLOOR},
            "coverage": dict(zip(methods, map(self.coverage, methods), strict=True)),
            "checks": [check.to_json() for check in self.checks],
            "health": [asdict(health) for health in self.health],
        }
        return {key: _strict(value) for key, value in content.items()}


def _strict(value: Any) -> Any:
    """``value`` as strict JSON has it: a number that is none becomes null."""
    if isinstance(value, dict):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_strict(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
