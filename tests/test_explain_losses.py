"""The formula that ``nncli explain`` shows for the slope of a loss is the slope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from networks import point

from nncli.engine import losses
from nncli.engine.activations import Sigmoid
from nncli.engine.buffers import Array
from nncli.engine.parameters import Weights
from nncli.gradcheck.pieces import pairs
from nncli.walk import walk


def test_the_slope_of_every_loss_is_the_formula_that_is_shown() -> None:
    """The right sides of ``derivative``, typed in once more."""

    def sigma(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    def softmax(z: Array) -> Array:
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    def binary(p: Array, y: Array, share: float) -> Array:
        q = (1 - share) * y + share / 2
        return ((1 - q) / (1 - p) - q / p) / p.shape[1]

    def right(y: Array, k: int) -> Array:
        return np.eye(k)[y]

    def smoothed(y: Array, loss: Any, k: int) -> Array:
        return (1 - loss.label_smoothing) * right(y, k) + loss.label_smoothing / k

    def clipped(e: Array, delta: float) -> Array:
        return np.minimum(np.maximum(e, -delta), delta)

    def pinball(p: Array, y: Array, loss: Any) -> Array:
        y = np.hstack([y] * len(loss.levels))
        q = np.repeat(loss.levels, p.shape[1] // len(loss.levels))
        return ((p > y) * (1 - q) - (p < y) * q) / p.shape[1]

    def gaussian(p: Array, y: Array, loss: Any) -> Array:
        d = y.shape[1]
        m, s = p[:, :d], p[:, d:]
        return np.hstack([(m - y) * np.exp(-s), (1 - (y - m) ** 2 * np.exp(-s)) / 2]) / d

    def focal(p: Array, y: Array, gamma: float) -> Array:
        return right(y, p.shape[1]) * (1 - p) ** gamma * (gamma * np.log(p) / (1 - p) - 1 / p)

    def focal_of_softmax(z: Array, y: Array, loss: Any) -> Array:
        p = softmax(z)
        q = 1 - (p * right(y, 3)).sum(axis=1, keepdims=True)
        return (p - right(y, 3)) * q**loss.gamma * (1 - loss.gamma * (1 - q) * np.log(1 - q) / q)

    def balance(y: Array, loss: Any) -> Array | float:
        return 1.0 if loss.alpha is None else y * loss.alpha + (1 - y) * (1 - loss.alpha)

    def binary_focal(p: Array, y: Array, loss: Any) -> Array:
        t = y * p + (1 - y) * (1 - p)
        slope = (1 - t) ** loss.gamma * (loss.gamma * np.log(t) / (1 - t) - 1 / t)
        return (2 * y - 1) * balance(y, loss) * slope / p.shape[1]

    def binary_focal_of_sigmoid(z: Array, y: Array, loss: Any) -> Array:
        x = (2 * y - 1) * z
        slope = sigma(-x) ** loss.gamma * (loss.gamma * sigma(x) * np.log(1 + np.exp(-x)) + sigma(-x))
        return -(2 * y - 1) * balance(y, loss) * slope / z.shape[1]

    def lack(p: Array, y: Array) -> tuple[Array, Array]:
        """1 less the lead, if above 0, and the gradient of that lead's negative."""
        if p.shape[1] == 1:
            t = 2 * y[:, None] - 1
            return np.maximum(0, 1 - t * p), -t
        others = np.where(right(y, p.shape[1]) > 0, -np.inf, p).max(axis=1, keepdims=True)
        margin = 1 + others - p[np.arange(len(y)), y][:, None]
        return np.maximum(0, margin), (p == others) * 1.0 - right(y, p.shape[1])

    by_hand: dict[str, Callable[[Array, Array, Any], Array]] = {
        losses.MeanSquaredError.derivative: lambda p, y, _: 2 * (p - y) / p.shape[1],
        losses.MeanAbsoluteError.derivative: lambda p, y, _: np.sign(p - y) / p.shape[1],
        losses.Huber.derivative: lambda p, y, loss: clipped(p - y, loss.delta) / p.shape[1],
        losses.LogCosh.derivative: lambda p, y, _: np.tanh(p - y) / p.shape[1],
        losses.Quantile.derivative: pinball,
        losses.GaussianNll.derivative: gaussian,
        losses.Poisson.derivative: lambda p, y, _: (1 - y / p) / p.shape[1],
        "dL_i/dz_ij = 1/k · (exp(z_ij) − y_ij)": lambda z, y, _: (np.exp(z) - y) / z.shape[1],
        "dL_i/dz_ij = 1/k · σ(z_ij)·(1 − y_ij/s_ij)": (
            lambda z, y, _: sigma(z) * (1 - y / np.log(1 + np.exp(z))) / z.shape[1]
        ),
        losses.KlDivergence.derivative: lambda p, y, _: -y / p,
        "dL_i/dz_ij = p_ij·Σ_l y_il − y_ij, p_i = softmax(z_i)": lambda z, y, _: softmax(z) - y,
        losses.Hinge.derivative: lambda p, y, _: (lack(p, y)[0] > 0) * lack(p, y)[1],
        losses.SquaredHinge.derivative: lambda p, y, _: 2 * lack(p, y)[0] * lack(p, y)[1],
        losses.Focal.derivative: lambda p, y, loss: focal(p, y, loss.gamma),
        "dL_i/dz_ij = (p_ij − [j = y_i])·q_i^gamma·[1 − gamma·(1 − q_i)·log(1 − q_i)/q_i], q_i = 1 − p_i,y_i": (
            focal_of_softmax
        ),
        losses.BinaryFocal.derivative: binary_focal,
        "dL_i/dz_ij = −1/k · (2y_ij − 1)·a_ij·σ(−x)^gamma·[gamma·σ(x)·log(1 + exp(−x)) + σ(−x)], x = x_ij": (
            binary_focal_of_sigmoid
        ),
        "dL_i/dz_ij = p_ij − [j = y_i], p_i = softmax(z_i)": lambda z, y, _: softmax(z) - right(y, 3),
        "dL_i/dz_ij = p_ij − q_ij, p_i = softmax(z_i)": lambda z, y, loss: softmax(z) - smoothed(y, loss, 3),
        "dL_i/dp_ij = −q_ij/p_ij": lambda p, y, loss: -smoothed(y, loss, 3) / p,
        "dL_i/dz_ij = 1/k · (σ(z_ij) − y_ij)": lambda z, y, _: (sigma(z) - y) / z.shape[1],
        "dL_i/dz_ij = 1/k · (σ(z_ij) − q_ij)": (
            lambda z, y, loss: (sigma(z) - (1 - loss.label_smoothing) * y - loss.label_smoothing / 2) / z.shape[1]
        ),
        "dL_i/dp_ij = 1/k · [(1 − q_ij)/(1 − p_ij) − q_ij/p_ij]": lambda p, y, loss: binary(p, y, loss.label_smoothing),
    }

    def read_by_loss(found: Any) -> Array:
        return next(q.values for q in found.layers[-1].forward if q.symbol == found.loss_of)

    seen = set()
    for pair in pairs():
        net = pair.network(Sigmoid())
        at = point(net)
        found = walk(net, Weights(at.theta, at.statistics), at.inputs, at.targets)
        first, read = found.layers[-1].backward[0], read_by_loss(found)
        n = len(at.inputs)
        expected = by_hand[net.loss.derivative](read, at.targets, net.loss)
        np.testing.assert_allclose(first.values, expected / n, rtol=1e-10, atol=1e-14)
        seen.add(net.loss.derivative)
    assert seen == set(by_hand)
