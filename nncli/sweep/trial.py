"""One training of a sweep: what it is given, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from nncli.run import Run
from nncli.sweep.space import Values

State: TypeAlias = Literal["waiting", "paused", "completed", "pruned", "diverged", "failed"]
OVER: tuple[State, ...] = ("completed", "pruned", "diverged", "failed")


@dataclass
class Trial:
    """What is known of a trial while the sweep goes on.

    Attributes:
        number: From 0.
        values: Of the space.
        state: How far it is.
        rung: How many comparisons it has come through.
        value: The figure that decides: of its result, or, of one that was pruned, the best that it came to.
        problem: Why there is none.
        summary: What its run says of it, as far as it has ended by itself.
        epochs: That it did.
    """

    number: int
    values: Values
    state: State = "waiting"
    rung: int = 0
    value: float | None = None
    problem: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 0

    @property
    def path(self) -> str:
        """Of its run, from the directory of the sweep."""
        return f"trial-{self.number}"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER

    def to_json(self) -> dict[str, Any]:
        """As sweep.json has it."""
        return {
            "trial": self.number,
            "run": self.path,
            "state": self.state,
            "value": self.value if self.value is not None and math.isfinite(self.value) else None,
            "values": self.values,
            "epochs": self.epochs,
            **({"problem": self.problem} if self.problem else {}),
            **{
                key: self.summary[key]
                for key in ("status", "best_epoch", "training_seconds", "parameters", "metrics")
                if key in self.summary
            },
            **({"digest": self.summary["digests"][self.summary["weights"]]} if "digests" in self.summary else {}),
        }


def best_until(run: Run, figure: str, epoch: int, *, highest: bool) -> float | None:
    """The best value of a figure in the epochs of ``run`` up to ``epoch``; None where it has none."""
    numbers = run.metrics.numbers()
    if figure not in numbers or "epoch" not in numbers:
        return None
    seen = numbers[figure][numbers["epoch"] <= epoch]
    seen = seen[np.isfinite(seen)]
    return None if not seen.size else float(seen.max() if highest else seen.min())
