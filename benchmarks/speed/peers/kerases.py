"""Keras on TensorFlow, its default backend."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

from benchmarks.speed.material import Array, Material, Weights
from benchmarks.speed.peers.base import Learner, Told


class Keras(Learner):
    """``fit``, as everybody uses it."""

    def __init__(self, material: Material, threads: int | None, **compilation: Any) -> None:
        super().__init__(material)
        self.threads = threads
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        case = self.case
        hidden = [keras.layers.Dense(units, activation="relu") for units in case.widths[1:-1]]
        last = keras.layers.Dense(case.widths[-1])
        self._model = keras.Sequential([keras.Input((case.widths[0],)), *hidden, last])
        self._model.set_weights([array for pair in material.weights for array in pair])
        rate = case.learning_rate
        optimizer = {
            # epsilon: Keras has another default than all others
            "adam": lambda: keras.optimizers.Adam(rate, epsilon=1e-8),
            "sgd": lambda: keras.optimizers.SGD(rate),
        }[case.optimizer]()
        loss = {
            "cross_entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "mse": keras.losses.MeanSquaredError(),
        }[case.loss]
        self._model.compile(optimizer, loss, **compilation)

    def _fit(self, X: Array, y: Array, **settings: Any) -> None:
        self._model.fit(X, y, batch_size=self.case.batch, verbose=0, **settings)

    def train(self, epoch_ended: Told) -> None:
        """One ``fit``: what it does before the first epoch is over when the first epoch has ended."""

        class Watch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                self.model.stop_training = not epoch_ended()

        self._fit(*self.material.rows, epochs=1_000_000, callbacks=[Watch()])

    def train_in_order(self, orders: Array) -> None:
        """The rows lie in order, and are not shuffled."""
        X, y = self.material.rows
        for order in orders:
            self._fit(X[order], y[order], shuffle=False)

    def weights(self) -> Weights:
        """As it keeps them."""
        arrays = self._model.get_weights()
        return list(zip(arrays[::2], arrays[1::2], strict=True))
