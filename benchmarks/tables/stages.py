"""The recipes that the study compares, in stages: each changes one thing of the one that won before."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.tables.chosen import RECIPES as CHOSEN
from benchmarks.tables.ours import Recipe

BASE = Recipe()
RELU = {"activation": "relu"}

LIGHT = replace(BASE, steps=2000)
DROPPED = replace(LIGHT, block={**RELU, "dropout": 0.3})
PENALIZED = replace(LIGHT, l2_rows=10.0)
DECAYED = replace(DROPPED, optimizer={"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.3})

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
    "classes": {
        "dropout 0.3": DROPPED,
        "dropout 0.3, l2 10 by n": replace(DROPPED, l2_rows=10.0),
        "dropout 0.5": replace(DROPPED, block={**RELU, "dropout": 0.5}),
        "dropout 0.3, smoothing": replace(DROPPED, smoothing=0.1),
        "dropout 0.3, silu": replace(DROPPED, block={"activation": "silu", "dropout": 0.3}),
        "dropout 0.3, standardize": replace(DROPPED, numeric="standardize"),
        "dropout 0.3, adamw 0.3": replace(
            DROPPED, optimizer={"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.3}
        ),
        "l2 30 by n": replace(LIGHT, l2_rows=30.0),
    },
    "numbers": {
        "l2 10 by n": PENALIZED,
        "l2 30 by n": replace(LIGHT, l2_rows=30.0),
        "l2 10 by n, dropout 0.1": replace(PENALIZED, block={**RELU, "dropout": 0.1}),
        "l2 10 by n, silu": replace(PENALIZED, block={"activation": "silu"}),
        "l2 10 by n, standardize": replace(PENALIZED, numeric="standardize"),
        "l2 10 by n, quantile": replace(PENALIZED, numeric="quantile"),
        "l2 10 by n, 256": replace(PENALIZED, widths=(256, 256)),
        "adamw 1": replace(LIGHT, optimizer={"name": "adamw", "learning_rate": 0.002, "weight_decay": 1.0}),
    },
    "classes 2": {
        "decayed": DECAYED,
        "decayed, pieces 8": replace(DECAYED, numeric="pieces 8"),
        "decayed, pieces 16": replace(DECAYED, numeric="pieces 16"),
        "decayed, one layer 256": replace(DECAYED, widths=(256,)),
        "decayed, 64 x 2": replace(DECAYED, widths=(64, 64)),
        "decayed, 1000 steps": replace(DECAYED, steps=1000),
    },
    "numbers 2": {
        "l2 10 by n": PENALIZED,
        "l2 10 by n, pieces 8": replace(PENALIZED, numeric="pieces 8"),
        "l2 10 by n, pieces 16": replace(PENALIZED, numeric="pieces 16"),
        "l2 10 by n, 64 x 2": replace(PENALIZED, widths=(64, 64)),
        "l2 3 by n, dropout 0.1": replace(LIGHT, l2_rows=3.0, block={**RELU, "dropout": 0.1}),
        "l2 10 by n, 1000 steps": replace(PENALIZED, steps=1000),
    },
    "long classes": {
        "pieces": CHOSEN["classification"]["pieces"],
        "pieces, 60 epochs": replace(CHOSEN["classification"]["pieces"], epochs=(60, 200)),
        "pieces, 60 epochs, dropout 0.1": replace(
            CHOSEN["classification"]["pieces"], epochs=(60, 200), block={**RELU, "dropout": 0.1}
        ),
        "plain, 60 epochs": replace(CHOSEN["classification"]["plain"], epochs=(60, 200)),
    },
    "long numbers": {
        "pieces": CHOSEN["regression"]["pieces"],
        "pieces, 60 epochs": replace(CHOSEN["regression"]["pieces"], epochs=(60, 200)),
        "pieces, l2 3 by n, 60 epochs": replace(CHOSEN["regression"]["pieces"], epochs=(60, 200), l2_rows=3.0),
        "plain, 60 epochs": replace(CHOSEN["regression"]["plain"], epochs=(60, 200)),
    },
}
