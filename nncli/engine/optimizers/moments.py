"""Adam: steps along the average gradient, measured by the average square."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers.base import Optimizer, Update, registry


@registry.register
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments; epsilon is outside of the root and after the correction, as in the paper's algorithm 1."""

    learning_rate: Annotated[float, Gt(0)] = 0.001
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    name = "adam"
    formula = "m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − rate·m̂/(√v̂ + ε),  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)"
    source = "Kingma & Ba 2015"

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "v")

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        beta1, beta2, epsilon = self.beta1, self.beta2, self.epsilon
        m, v = state["m"], state["v"]
        S = buffers.scratch(theta.shape)

        def update(t: int, rate: float) -> None:
            np.subtract(g, m, out=S)
            np.multiply(S, 1 - beta1, out=S)
            np.add(m, S, out=m)
            np.multiply(g, g, out=S)
            np.subtract(S, v, out=S)
            np.multiply(S, 1 - beta2, out=S)
            np.add(v, S, out=v)
            np.sqrt(v, out=S)
            np.multiply(S, 1 / math.sqrt(1 - beta2**t), out=S)
            np.add(S, epsilon, out=S)
            np.divide(m, S, out=S)
            np.multiply(S, rate / (1 - beta1**t), out=S)
            np.subtract(theta, S, out=theta)

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g**2
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta - rate * m_hat / (np.sqrt(v_hat) + self.epsilon), {"m": m, "v": v}
