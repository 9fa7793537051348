"""The oracle: the same network written once more, in plain formulas, and differentiated by the autograd package.

The formulas are those of ``reference``, which stand beside each piece of the engine and share no code with it; the
derivatives are autograd's. So this is the one method that does not run the engine's own forward code, and it checks
that, too: both must come to the same loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.engine.residual import Fork, Join
from nncli.engine.special import Functions
from nncli.gradcheck.copies import Point


@dataclass(frozen=True)
class OracleAnswer:
    """What autograd makes of the formulas: gradients by the parameters (size,) and by the input (n, d)."""

    value: dict[str, float]
    theta: dict[str, Array]
    inputs: dict[str, Array]


def installed() -> bool:
    """Whether autograd can be asked: it comes with ``pip install 'nncli[check]'``."""
    return find_spec("autograd") is not None


def ask(point: Point) -> OracleAnswer:
    """Value and gradient of ``loss``, ``penalty`` and ``both`` at ``point``."""
    import autograd
    import autograd.numpy

    xp = Functions(autograd.numpy, "autograd.scipy.special")
    network = point.network
    X = point.inputs[:, :-1].copy()
    noises = [bound.wires.noise for bound in point.resting.stages]
    statistics = network.statistics.views(point.resting.statistics) if point.evaluating else {}

    def loss(theta: Any, inputs: Any) -> Any:
        tensors = network.layout.views(theta) | statistics
        signal, remembered = inputs, []
        for stage, noise in zip(network.stages, noises, strict=True):
            layer, d_in = stage.layer, stage.inputs
            names = [p.name for p in (*layer.parameters(d_in), *layer.statistics(d_in))]
            own = {name: tensors[f"{stage.block}.{name}"] for name in names if f"{stage.block}.{name}" in tensors}
            if isinstance(layer, Fork):
                remembered.append(signal)
            given = (remembered.pop(),) if isinstance(layer, Join) else noise
            signal = layer.reference(signal, own, given, xp)
        if point.row_weights is None:
            return xp.mean(network.loss.reference(signal, point.targets, xp))
        counts = point.row_weights > 0
        losses = network.loss.reference(signal[counts], point.targets[counts], xp)
        return xp.sum(point.row_weights[counts] * losses) / len(inputs)

    def penalty(theta: Any) -> Any:
        tensors = network.layout.views(theta)
        return sum((record.reference(tensors[name], xp) for name, record in network.penalties()), 0 * theta[0])

    with np.errstate(all="ignore"):
        value, (by_theta, by_inputs) = autograd.value_and_grad(loss, (0, 1))(point.theta, X)
        penalty_value, penalty_by_theta = autograd.value_and_grad(penalty)(point.theta)
    return OracleAnswer(
        {"loss": float(value), "penalty": float(penalty_value), "both": float(value + penalty_value)},
        {"loss": by_theta, "penalty": penalty_by_theta, "both": by_theta + penalty_by_theta},
        {"loss": by_inputs, "penalty": np.zeros_like(X), "both": by_inputs},
    )
