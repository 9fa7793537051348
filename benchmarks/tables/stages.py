"""The recipes that the study compares, in stages: each changes one thing of the one that won before."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.tables.ours import Recipe

BASE = Recipe()
RELU = {"activation": "relu"}

LIGHT = replace(BASE, steps=2000)

STAGES: dict[str, dict[str, Recipe]] = {
    "penalty": {
        "2000 steps": LIGHT,
        "l2 1 by n": replace(LIGHT, l2_rows=1.0),
        "l2 10 by n": replace(LIGHT, l2_rows=10.0),
        "dropout 0.3": replace(LIGHT, block={**RELU, "dropout": 0.3}),
        "adamw 0.3": replace(LIGHT, optimizer={"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.3}),
        "1000 steps": replace(LIGHT, steps=1000),
        "one layer": replace(LIGHT, widths=(128,)),
    },
}
