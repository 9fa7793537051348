"""The recipes that the study has left, for the last comparison: a default, and others that win on other tables."""

from __future__ import annotations

from benchmarks.tables.catalogue import Task
from benchmarks.tables.ours import Recipe

_DECAY = {"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.3}

RECIPES: dict[Task, dict[str, Recipe]] = {
    "classification": {
        "plain": Recipe(
            widths=(64, 64),
            block={"activation": "relu", "dropout": 0.3},
            optimizer=_DECAY,
            steps=1000,
            epochs=(60, 200),
        ),
        "pieces": Recipe("pieces 16", (128, 128), {"activation": "relu", "dropout": 0.3}, optimizer=_DECAY, steps=1000),
        "penalized": Recipe(widths=(64, 64), block={"activation": "relu", "dropout": 0.1}, l2_rows=10.0, steps=1000),
    },
    "regression": {
        "plain": Recipe(widths=(64, 64), l2_rows=10.0, steps=1000),
        "pieces": Recipe("pieces 16", (128, 128), l2_rows=10.0, steps=1500),
        "penalized": Recipe(widths=(64, 64), l2_rows=50.0, steps=1000),
    },
}
