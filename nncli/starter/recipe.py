"""Settings that were measured to train well on tables, as they follow from the task and the number of rows.

How they were found, and what they reach beside other programs, is in docs/performance/recipes.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from nncli.starter.targets import Task

MOST_EPOCHS = 200
LEAST_BATCH, MOST_BATCH = 16, 256
BATCHES = 32
"""Of an epoch, as long as batches are neither too small nor too large."""


@dataclass(frozen=True)
class Recipe:
    """How to train on n rows.

    Attributes:
        name: What it is called.
        numbers: The embedding of numbers: a mapping as in ``model.input.numbers``; empty for none.
        widths: Of the hidden blocks.
        block: Further keys of each of them.
        loss: As in a config.
        optimizer: As in a config.
        l2_rows: The penalty on the weights, times the number of rows.
        steps: About how many updates a training has.
        least_epochs: Passes over the rows that it has however many they are.
    """

    name: str
    loss: Any
    optimizer: dict[str, Any]
    widths: tuple[int, ...] = (64, 64)
    block: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    l2_rows: float = 0.0
    steps: int = 1000
    least_epochs: int = 20

    def batch_size(self, n: int) -> int:
        """A power of two, so that an epoch has about `BATCHES` of them."""
        return int(min(MOST_BATCH, max(LEAST_BATCH, 2 ** round(math.log2(max(1, n / BATCHES))))))

    def epochs(self, n: int) -> int:
        """So many that there are about ``steps`` updates."""
        return min(MOST_EPOCHS, max(self.least_epochs, round(self.steps / math.ceil(n / self.batch_size(n)))))


_DECAYED = {"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.3}
_ADAM = {"name": "adam", "learning_rate": 0.002}
_PIECES = {"name": "piecewise_linear", "bins": 16, "units": 8}
_CLASSES = Recipe("dropout", "cross_entropy", _DECAYED, block={"dropout": 0.3}, least_epochs=60)
_NUMBERS = Recipe("penalty", "mse", _ADAM, l2_rows=10.0)

_FOR_CLASSES = (
    _CLASSES,
    replace(_CLASSES, name="pieces", numbers=_PIECES, widths=(128, 128), least_epochs=20),
)

RECIPES: dict[Task, tuple[Recipe, ...]] = {
    "classification": _FOR_CLASSES,
    "multilabel": tuple(replace(recipe, loss="binary_cross_entropy") for recipe in _FOR_CLASSES),
    "regression": (
        _NUMBERS,
        replace(_NUMBERS, name="pieces", numbers=_PIECES, widths=(128, 128), steps=1500),
    ),
}
"""The first of each is the default; the other wins on some tables, and tuning chooses between them.

Those of labels are those of classes, with each label's own loss; they were no part of the study.
"""
