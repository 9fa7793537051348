"""nncli as a contender: recipes, which are configs, trained in memory, and the averages of several."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.tables.catalogue import Record, Task
from benchmarks.tables.matrix import Encoding, Numeric


@dataclass(frozen=True)
class Recipe:
    """How a config follows from the task and the number of training rows.

    Attributes:
        numeric: What is done to numbers.
        widths: Of the hidden blocks.
        block: Further keys of each hidden block.
        optimizer: As in a config.
        schedule: As in a config.
        smoothing: Of the labels.
        steps: About how many updates a training has; ``epochs`` bounds how many passes that may be.
        batch: The least and the most rows in a step; between them a 32nd of the rows.
        l2: Penalty on the weights; ``l2_rows`` is divided by the number of rows, as scikit-learn's alpha is.
        validation: Share of the rows held out; the weights of the best epoch are kept.
        training: Further keys of ``training``.
    """

    numeric: Numeric = "robust"
    widths: tuple[int, ...] = (128, 128)
    block: dict[str, Any] = field(default_factory=lambda: {"activation": "relu"})
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "adam", "learning_rate": 0.002})
    schedule: dict[str, Any] = field(default_factory=lambda: {"name": "cosine"})
    smoothing: float = 0.0
    steps: int = 4000
    epochs: tuple[int, int] = (20, 200)
    batch: tuple[int, int] = (16, 256)
    l2: float = 0.0
    l2_rows: float = 0.0
    validation: float = 0.0
    input: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def config(self, task: Task, n: int, seed: int) -> dict[str, Any]:
        """The content of the config for ``n`` rows, as YAML would have it."""
        least, most = self.batch
        batch = int(min(most, max(least, 2 ** round(math.log2(max(1, n * (1 - self.validation) / 32))))))
        each = math.ceil(n * (1 - self.validation) / batch)
        few, many = self.epochs
        training: dict[str, Any] = {"epochs": min(many, max(few, round(self.steps / each))), "batch_size": batch}
        figure = "validation_accuracy" if task == "classification" else "validation_loss"
        if self.validation:
            training["early_stopping"] = {"monitor": figure, "patience": 10_000}
        smoothed = {"name": "cross_entropy", "label_smoothing": self.smoothing}
        return {
            "seed": seed,
            "data": {
                "path": "table.csv",
                "target": "target",
                "split": {"validation": self.validation, "test": 0},
                "preprocess": {"numeric": "none"},
            },
            "model": {
                "input": self.input,
                "layers": [
                    *({"units": units, **self.block} for units in self.widths),
                    {"activation": "softmax" if task == "classification" else "identity"},
                ],
            },
            "loss": ("cross_entropy" if not self.smoothing else smoothed) if task == "classification" else "mse",
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "regularization": {"l2": self.l2 + self.l2_rows / n},
            "training": {**training, "checkpoint": None, "threads": 1, "shards": 1, **self.training},
            "metrics": [figure.removeprefix("validation_")] if self.validation and task == "classification" else [],
        }


def outputs(recipe: Recipe, record: Record, train: Any, tests: list[Any], seed: int) -> list[Any]:
    """Train once; the probabilities (n, k) of the classes in sorted order, or the numbers (n,), of all ``tests``."""
    encoding = Encoding.fit(record, train, recipe.numeric)
    X, rest = encoding.apply(train), [encoding.apply(test) for test in tests]
    return trained(recipe, record.task, X, train[record.target].to_numpy(), rest, seed)


def trained(recipe: Recipe, task: Task, X: Any, y: Any, tests: list[Any], seed: int) -> list[Any]:
    """The same from matrices."""
    from nncli.builder import Tables, build
    from nncli.config.schema import Config
    from nncli.data.table import Table
    from nncli.engine.inference import Inference
    from nncli.training.events import Ended
    from nncli.training.trainer import Trainer

    if task == "classification":
        classes, codes = np.unique(y.astype(str), return_inverse=True)
        target = codes.astype(np.int64)
    else:
        classes, target = None, y.astype(np.float64)
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    table = Table("table.csv", X, names, target, ("target",), task == "classification")
    config = Config.model_validate(recipe.config(task, len(X), seed))
    experiment = build(config, Tables(train=table))
    with np.errstate(all="ignore"):
        trainer = Trainer(experiment)
        ended = [event for event in trainer.run() if isinstance(event, Ended)]
        assert ended[0].status in ("completed", "stopped_early"), ended[0]
        weights = trainer.best if recipe.validation else trainer.last
        found = []
        for test in tests:
            inference = Inference(experiment.network, weights, len(test))
            inference.run(np.hstack([test, np.ones((len(test), 1))]).astype(np.float32))
            P = inference.predictions.astype(np.float64)
            if classes is None:
                scale = experiment.dataset.preprocessing.target
                P = P[:, 0] * scale.scale[0] + scale.shift[0]
            found.append(P)
    return found


def decide(task: Task, P: Any, y: Any) -> Any:
    """Classes, as ``y`` has them, or numbers."""
    if task == "regression":
        return P
    classes = np.unique(y.astype(str))
    back = {str(label): label for label in y}
    return np.array([back[classes[code]] for code in P.argmax(axis=1)])
