"""JAX: a jitted step, and a jitted scan over all steps of an epoch."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from benchmarks.speed.material import Array, Material, Weights
from benchmarks.speed.peers.base import Learner, Told

Tree = list[tuple[Any, Any]]
"""Something of the shape of the weights."""


class State(NamedTuple):
    """What a step changes: weights, Adam's two moments (none for plain descent), steps so far, the sum of losses."""

    weights: Tree
    mean: Tree | None
    square: Tree | None
    steps: Any
    total: Any


class _Jax(Learner):
    def __init__(self, material: Material, threads: int | None, asynchronous: bool) -> None:
        super().__init__(material)
        self.threads = threads
        if threads == 1:  # read once, when JAX starts
            os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
        import jax
        import jax.numpy as jnp

        # handing work to another thread, which is the default, takes longer than an epoch of a small network may
        jax.config.update("jax_cpu_enable_async_dispatch", asynchronous)
        X, y = (jnp.asarray(array) for array in material.rows)
        self._data = (X, y)
        weights = [(jnp.asarray(W), jnp.asarray(b)) for W, b in material.weights]
        adam = self.case.optimizer == "adam"
        mean, square = (jax.tree.map(jnp.zeros_like, weights) if adam else None for _ in range(2))
        self._state = State(weights, mean, square, jnp.zeros((), jnp.int32), jnp.zeros(()))
        self._rng = np.random.default_rng(0)
        self._jax, self._jnp = jax, jnp

    def _loss(self, weights: Tree, X: Any, y: Any) -> Any:
        jax, jnp = self._jax, self._jnp
        for W, b in weights[:-1]:
            X = jax.nn.relu(X @ W + b)
        W, b = weights[-1]
        Z = X @ W + b
        if self.case.loss == "mse":
            return jnp.mean((Z[:, 0] - y) ** 2)
        of_class = jnp.take_along_axis(Z, y[:, None], 1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(Z, axis=1) - of_class)

    def _step(self, state: State, data: tuple[Any, Any], rows: Any) -> State:
        """One batch: gather, gradient, update."""
        jax, jnp = self._jax, self._jnp
        # "clip": rows are in range, so that nothing need be filled in for others
        X, y = (jnp.take(array, rows, axis=0, mode="clip") for array in data)
        loss, gradient = jax.value_and_grad(self._loss)(state.weights, X, y)
        rate, steps, total = self.case.learning_rate, state.steps + 1, state.total + loss
        if state.mean is None:
            weights = jax.tree.map(lambda w, g: w - rate * g, state.weights, gradient)
            return State(weights, None, None, steps, total)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.mean, gradient)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state.square, gradient)
        rate = rate / (1 - 0.9**steps)
        root = 1 / (1 - 0.999**steps)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(root * v) + 1e-8), state.weights, mean, square)
        return State(weights, mean, square, steps, total)

    def _epoch(self, order: Any) -> float:
        raise NotImplementedError

    def train(self, epoch_ended: Told) -> None:
        """Shuffled by NumPy, whose permutation takes a seventh of the time of ``jax.random.permutation``."""
        while True:
            self._epoch(self._rng.permutation(len(self._data[0])))
            if not epoch_ended():
                return

    def train_in_order(self, orders: Array) -> None:
        """As said."""
        for order in orders:
            self._epoch(order)

    def weights(self) -> Weights:
        """As it keeps them."""
        return [(np.asarray(W), np.asarray(b)) for W, b in self._state.weights]

    def _batches(self, order: Array) -> Array:
        return order.reshape(-1, self.case.batch).astype(np.int32)


class Step(_Jax):
    """A jitted function for each step, called from Python."""

    def __init__(self, material: Material, threads: int | None, asynchronous: bool) -> None:
        super().__init__(material, threads, asynchronous)

        def step(state: State, data: tuple[Any, Any], order: Any) -> State:
            # the state counts the steps: a number from Python would have to be brought over at every call
            return self._step(state, data, order[state.steps % len(order)])

        # the old state is given up, so that the new one is written over it
        self._run = self._jax.jit(step, donate_argnums=0)

    def _epoch(self, order: Array) -> float:
        batches, state = self._jnp.asarray(self._batches(order)), self._state
        for _ in range(len(batches)):
            state = self._run(state, self._data, batches)
        total = float(state.total)  # waits for all of it
        self._state = state._replace(total=self._jnp.zeros(()))
        return total / len(batches)


class Scan(_Jax):
    """An epoch in one jitted function: JAX at its best, and a loop that nobody can look into."""

    def __init__(self, material: Material, threads: int | None, asynchronous: bool) -> None:
        super().__init__(material, threads, asynchronous)
        jax, jnp = self._jax, self._jnp

        def epoch(state: State, data: tuple[Any, Any], order: Any) -> State:
            state = state._replace(total=jnp.zeros(()))
            return jax.lax.scan(lambda carry, rows: (self._step(carry, data, rows), None), state, order)[0]

        self._run = jax.jit(epoch, donate_argnums=0)

    def _epoch(self, order: Array) -> float:
        batches = self._batches(order)
        self._state = self._run(self._state, self._data, batches)
        return float(self._state.total) / len(batches)
