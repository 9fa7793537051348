"""Steps of one length for every parameter: only the signs count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine.averages import average
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers.base import Optimizer, Update, registry


@registry.register
@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of an average: every parameter moves by the rate, which therefore is smaller than Adam's, 3 to 10 times.

    Defaults as in the code of its authors; Keras has the rate 0.001. The decay is that of ``adamw``; for the same
    effect it is larger by as much as the rate is smaller.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.0001
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.99
    weight_decay: Annotated[float, Ge(0)] = 0.0

    name = "lion"
    formula = "θ ← θ − rate·(sign(β₁m + (1−β₁)g) + weight_decay·θ);  m ← β₂m + (1−β₂)g"
    source = "Chen et al. 2023"

    @property
    def slots(self) -> Mapping[str, float]:
        return {"m": 0.0}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        beta1, beta2, weight_decay, m = self.beta1, self.beta2, self.weight_decay, state["m"]
        S = buffers.scratch(theta.shape)

        def update(t: int, rate: float) -> None:
            np.subtract(g, m, out=S)
            np.multiply(S, 1 - beta1, out=S)
            np.add(S, m, out=S)
            np.sign(S, out=S)
            np.multiply(S, rate, out=S)
            if weight_decay:
                np.multiply(theta, 1 - rate * weight_decay, out=theta)
            np.subtract(theta, S, out=theta)
            average(m, g, beta2, S)

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        direction = np.sign(self.beta1 * state["m"] + (1 - self.beta1) * g)
        m = self.beta2 * state["m"] + (1 - self.beta2) * g
        return theta - rate * (direction + self.weight_decay * theta), {"m": m}
