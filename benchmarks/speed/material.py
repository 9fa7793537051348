"""What all contestants of a case are given, as files: rows, initial weights, the order of the rows, nncli's config."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.speed.cases import Case

Array = NDArray[Any]
Weights = list[tuple[Array, Array]]
"""(W, b) of every layer, W (inputs, units), b (units,)."""

SEED = 0
CHECKED_STEPS, CHECKED_EPOCHS = 10, 2
"""Steps in each epoch of the check, and two epochs, so that it sees whether the second one goes on from the first.

After 20 more steps of wide and deep, rounding alone moves the loss as far as some faults do.
"""


@dataclass(frozen=True)
class Material:
    """The files of a case in ``folder``; a fresh process reads them, so that nncli need not be loaded beside a peer."""

    folder: Path

    @classmethod
    def write(cls, folder: Path, case: Case, *, steps: int) -> Material:
        """Draw ``steps`` batches of rows, and let nncli draw the initial weights and the orders of the epochs."""
        from nncli.builder import build
        from nncli.config.loader import load_config
        from nncli.engine.randomness import Purpose, stream

        folder.mkdir(parents=True)
        self = cls(folder)
        (folder / "case.json").write_text(json.dumps(asdict(case)), encoding="utf-8")
        rows = case.batch * steps
        X, y = _rows(case, rows)
        np.savez(folder / "rows.npz", X=X, y=y)
        self.config.write_text(yaml.safe_dump(_config(case)), encoding="utf-8")
        experiment = build(load_config(self.config))
        theta = experiment.network.initialize(stream(SEED, Purpose.WEIGHTS), np.float32)
        tensors = experiment.network.layout.views(theta)
        order = experiment.order
        orders = [order.first(order.batches, 1 + epoch) for epoch in range(CHECKED_EPOCHS)]
        np.savez(folder / "start.npz", orders=orders, **tensors)
        return self

    @property
    def config(self) -> Path:
        """The config that nncli reads."""
        return self.folder / "config.yaml"

    @cached_property
    def case(self) -> Case:
        """What is trained."""
        fields = json.loads((self.folder / "case.json").read_text(encoding="utf-8"))
        return Case(**fields | {"widths": tuple(fields["widths"])})

    @cached_property
    def rows(self) -> tuple[Array, Array]:
        """X (n, d) float32; y (n,), int64 class codes or float32 values."""
        with np.load(self.folder / "rows.npz") as file:
            return file["X"], file["y"]

    @cached_property
    def weights(self) -> Weights:
        """Those that every contestant begins with."""
        with np.load(self.folder / "start.npz") as file:
            layers = range(len(self.case.layers))
            return [(file[f"layers.{i}.weight"], file[f"layers.{i}.bias"]) for i in layers]

    @cached_property
    def orders(self) -> Array:
        """The order of the rows in the first epochs (epochs, n), as nncli has it."""
        with np.load(self.folder / "start.npz") as file:
            return np.array(file["orders"])


def _rows(case: Case, n: int) -> tuple[Array, Array]:
    """Random inputs, and targets that a random linear map gives, with noise: something can be learned, and not all."""
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((n, case.widths[0]), np.float32)
    ideal = X @ rng.standard_normal((case.widths[0], case.widths[-1]), np.float32) / np.float32(case.widths[0] ** 0.5)
    ideal += rng.standard_normal(ideal.shape, np.float32) / 2
    if case.loss == "mse":
        return X, ideal[:, 0]
    y = ideal.argmax(1)
    y[: case.widths[-1]] = range(case.widths[-1])  # every class is there, whatever was drawn
    return X, y


def _config(case: Case) -> dict[str, Any]:
    """The same as nncli reads it."""
    hidden = [{"units": units, "activation": "relu"} for units in case.widths[1:-1]]
    last = {"activation": "softmax"} if case.loss == "cross_entropy" else {}
    return {
        "seed": SEED,
        "data": {
            "path": "rows.npz",
            "split": {"validation": 0, "test": 0, "shuffle": False},
            "preprocess": {"numeric": "none", "target": "none"},
        },
        "model": {"layers": [*hidden, last]},
        "loss": case.loss,
        "optimizer": {"name": case.optimizer, "learning_rate": case.learning_rate},
        # more epochs than any measurement takes: whoever measures says when it is enough
        "training": {"epochs": 1_000_000, "batch_size": case.batch},
    }


def loss(case: Case, weights: Weights, X: Array, y: Array) -> float:
    """The loss of a network with these weights, in double precision: one yardstick for all."""
    A = X.astype(np.float64)
    for i, (W, b) in enumerate(weights):
        Z = A @ W.astype(np.float64) + b.astype(np.float64)
        A = np.maximum(Z, 0) if i < len(weights) - 1 else Z
    if case.loss == "mse":
        return float(np.mean((A[:, 0] - y) ** 2))
    Z = A - A.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(Z).sum(1)) - Z[np.arange(len(y)), y]))
