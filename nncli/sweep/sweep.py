"""A sweep as it is asked for: a config, the space of what is tried, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nncli.config.loader import laid_over
from nncli.config.overrides import Change
from nncli.config.schema import Config, higher_is_better
from nncli.sweep.file import Pruning
from nncli.sweep.space import Dimension, Space, Values

Method = Literal["grid", "random", "tpe"]
THREADS = 1
"""Of each training, where its config leaves them to the machine: so the bits do not depend on who does the work."""


@dataclass(frozen=True)
class Sweep:
    """What is asked for.

    Attributes:
        name: Of its directory.
        base: The config that is varied.
        space: What of it is varied, and how.
        method: How values are chosen.
        trials: How many trainings.
        seed: Of what is drawn.
        monitor: The figure that decides.
        pruning: Which trainings end early.
        places: Where the dimension of each key is written, and each of its choices: (key, number of the choice or -1).
    """

    name: str
    base: Config
    space: Space
    method: Method
    trials: int
    seed: int
    monitor: str
    pruning: Pruning | None = None
    places: Mapping[tuple[str, int], str] = field(default_factory=dict)

    @property
    def higher_is_better(self) -> bool:
        """Which way the figure gets better."""
        return higher_is_better(self.monitor)

    def cost(self, value: float | None) -> float:
        """What is to be small: the figure, or its negative; ∞ for none."""
        if value is None or not math.isfinite(value):
            return math.inf
        return -value if self.higher_is_better else value

    def config(self, values: Values) -> Config:
        """The config of the trial with these ``values``.

        Raises:
            ConfigError: It is none; what is wrong with a value is said where the sweep has it.
        """
        config = laid_over(self.base, outer_first({key: Change(x, self._place(key, x)) for key, x in values.items()}))
        if config.training.threads != "auto":
            return config
        return config.model_copy(update={"training": config.training.model_copy(update={"threads": THREADS})})

    def _place(self, key: str, value: Any) -> str:
        for dimension in self.space.dimensions:
            if dimension.key == key and dimension.kind == "choice":
                return self.places.get((key, dimension.position(value)), "")
        return self.places.get((key, -1), "")

    @property
    def rungs(self) -> tuple[int, ...]:
        """After which epochs trainings are compared, and the worse end."""
        return () if self.pruning is None else self.pruning.rungs(self._longest)

    @property
    def _longest(self) -> int:
        """The epochs of the trials, or, where the space varies them, of those that train for longest."""
        varied = [d.values for d in self.space.dimensions if d.key == "training.epochs"]
        return max((x for values in varied for x in values if type(x) is int), default=self.base.training.epochs)

    @property
    def share(self) -> float:
        """Of those that came to a rung, how many go on."""
        assert self.pruning is not None
        return self.pruning.share

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which ``sweep_of`` makes the same."""
        return {
            "name": self.name,
            "config": self.base.written(),
            "space": {d.key: _written(d) for d in self.space.dimensions},
            "method": self.method,
            "trials": self.trials,
            "seed": self.seed,
            "monitor": self.monitor,
            "pruning": None if self.pruning is None else self.pruning.model_dump(),
        }


def outer_first(changes: Mapping[str, Change]) -> dict[str, Change]:
    """``changes``, of which ``optimizer`` comes before ``optimizer.learning_rate``: it takes nothing of that away."""
    return dict(sorted(changes.items(), key=lambda change: change[0].count(".")))


def _written(dimension: Dimension) -> dict[str, Any]:
    content: dict[str, Any] = {dimension.kind: list(dimension.values)}
    if dimension.steps is not None:
        content["steps"] = dimension.steps
    if dimension.when:
        content["when"] = {key: list(values) for key, values in dimension.when.items()}
    return content
