"""scikit-learn's MLPClassifier and MLPRegressor."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.speed.cases import Case
from benchmarks.speed.material import Array, Material, Weights
from benchmarks.speed.peers.base import Learner, Told


class ScikitLearn(Learner):
    """``fit`` for the timing; ``partial_fit``, which is an epoch of the same loop, for the check."""

    def __init__(self, material: Material, threads: int | None) -> None:
        super().__init__(material)
        self.threads = threads

    def train(self, epoch_ended: Told) -> None:
        """One ``fit``: what it does before the first epoch is over when the first epoch has ended."""
        with threadpool_limits(self.threads), suppress(_Enough):
            self._network(epoch_ended, shuffle=True).fit(*self.material.rows)

    def train_in_order(self, orders: Array) -> None:
        """The rows lie in order, and are not shuffled."""
        X, y = self.material.rows
        classes = {"classes": np.unique(y)} if self.case.loss == "cross_entropy" else {}
        self._fitted = self._network(lambda: True, shuffle=False)
        with threadpool_limits(self.threads):
            for order in orders:
                self._fitted.partial_fit(X[order], y[order], **classes)

    def weights(self) -> Weights:
        """As it keeps them."""
        return list(zip(self._fitted.coefs_, self._fitted.intercepts_, strict=True))

    def _network(self, epoch_ended: Told, *, shuffle: bool) -> Any:
        kind = MLPClassifier if self.case.loss == "cross_entropy" else MLPRegressor
        return _watched(kind)(self.material.weights, epoch_ended, **_settings(self.case), shuffle=shuffle)


def _settings(case: Case) -> dict[str, Any]:
    # its squared loss is half the mean square, so that it takes twice the learning rate for the same steps
    rate = case.learning_rate * (2 if case.loss == "mse" else 1)
    return {
        "hidden_layer_sizes": case.widths[1:-1],
        "batch_size": case.batch,
        "solver": case.optimizer,
        "learning_rate_init": rate,
        "momentum": 0.0,
        "alpha": 0.0,
        # never satisfied: whoever measures says when it is enough
        "max_iter": 1_000_000,
        "n_iter_no_change": 1_000_000,
    }


class _Enough(Exception):  # noqa: N818  # it is no error
    """``fit`` cannot be told to stop."""


def _watched(kind: type[Any]) -> type[Any]:
    """``kind`` with initial weights of our own, and told of the end of each epoch: it has no hooks for either."""

    class Watched(kind):  # type: ignore[misc]
        def __init__(self, weights: Weights, epoch_ended: Told, **settings: Any) -> None:
            super().__init__(**settings)
            self._initial, self._epoch_ended = iter(weights), epoch_ended

        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Array, Array]:
            W, b = next(self._initial)
            assert W.shape == (fan_in, fan_out)
            assert W.dtype == dtype == np.float32
            return W.copy(), b.copy()

        def _update_no_improvement_count(self, *rows: Any) -> None:
            super()._update_no_improvement_count(*rows)
            if not self._epoch_ended():
                raise _Enough

    # it finds its settings by the signature of __init__
    Watched._get_param_names = classmethod(lambda _: kind._get_param_names())  # type: ignore[attr-defined]
    return Watched


warnings.filterwarnings("ignore", module="sklearn")  # that it has not converged is what was asked for
