"""What all scripts have in common: the rows, scaled and split, and the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Job:
    """Rows ready to train on (float32, int64 codes), and what to do with them."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    hidden: list[int]
    batch: int
    epochs: int

    @property
    def widths(self) -> list[int]:
        """Units of every layer."""
        return [self.X.shape[1], *self.hidden, int(self.y.max()) + 1]

    def report(self, predicted: Any) -> None:
        """Print the accuracy on the test rows."""
        print(f"test accuracy {np.mean(np.asarray(predicted) == self.y_test):.4f}")


def job() -> Job:
    """Read as the command line says; a fifth of the rows is for the test."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", help="iris, digits, or a CSV whose last column is the class")
    parser.add_argument("--hidden", type=int, nargs="+")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    X, y = _read(options.data)
    order = np.random.default_rng(0).permutation(len(X))
    test, train = np.split(order, [len(X) // 5])
    mean, deviation = X[train].mean(0), X[train].std(0)
    deviation[deviation == 0] = 1
    X = ((X - mean) / deviation).astype(np.float32)
    y = np.unique(y, return_inverse=True)[1].astype(np.int64)
    return Job(X[train], y[train], X[test], y[test], options.hidden, options.batch, options.epochs)


def _read(data: str) -> tuple[Any, Any]:
    if data.endswith(".csv"):
        import polars  # the fastest reader that there is: nncli's own

        table = polars.read_csv(data)
        return table[:, :-1].to_numpy(), table[:, -1].to_numpy()
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    return X, y
