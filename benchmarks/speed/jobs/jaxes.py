"""The job in JAX, an epoch at a time."""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from data import job

it = job()
rng = np.random.default_rng(0)
X, y = jnp.asarray(it.X), jnp.asarray(it.y)


def logits(weights, X):  # noqa: ANN001, ANN201, D103
    for W, b in weights[:-1]:
        X = jax.nn.relu(X @ W + b)
    W, b = weights[-1]
    return X @ W + b


def loss_of(weights, X, y):  # noqa: ANN001, ANN201, D103
    Z = logits(weights, X)
    return jnp.mean(jax.nn.logsumexp(Z, axis=1) - jnp.take_along_axis(Z, y[:, None], 1)[:, 0])


def step(state, rows):  # noqa: ANN001, ANN201, D103
    weights, mean, square, t = state
    gradient = jax.grad(loss_of)(weights, X[rows], y[rows])
    t = t + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradient)
    rate, root = 1e-3 / (1 - 0.9**t), 1 / (1 - 0.999**t)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(root * v) + 1e-8), weights, mean, square)
    return (weights, mean, square, t), None


@partial(jax.jit, donate_argnums=0)
def epoch(state, order):  # noqa: ANN001, ANN201, D103
    return jax.lax.scan(step, state, order)[0]


weights = []
for d_in, units in pairwise(it.widths):
    limit = (6 / (d_in + units)) ** 0.5
    weights.append((jnp.asarray(rng.uniform(-limit, limit, (d_in, units)), jnp.float32), jnp.zeros(units)))
state = (weights, jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights), jnp.zeros((), int))
batches = len(X) // it.batch  # a scan takes whole batches: the rows that are left over wait for another epoch
for _ in range(it.epochs):
    state = epoch(state, rng.permutation(len(X))[: batches * it.batch].reshape(batches, it.batch))
it.report(jax.jit(logits)(state[0], it.X_test).argmax(1))
