"""Adam and its kin: steps along the average gradient, measured by the average square."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine import kernels
from nncli.engine.averages import average, average_square
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers.base import Optimizer, Update, registry


class Moments(Optimizer):
    """What Adam and its kin share.

    Epsilon is outside of the root and after the correction, as in algorithm 1 of the paper and in PyTorch; Keras has it
    in front of the correction (the paper's ε̂), and 1e-7.
    """

    beta1: float
    beta2: float
    epsilon: float

    @property
    def slots(self) -> Mapping[str, float]:
        return {"m": 0.0, "v": 0.0}

    def _fused(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers, decay: float) -> Update:
        """The update of Adam, behind a decay of all parameters by rate·decay."""
        beta1, beta2, epsilon = self.beta1, self.beta2, self.epsilon
        adam = kernels.adam.bind(buffers, theta, g, state["m"], state["v"], numbers=6)

        def update(t: int, rate: float) -> None:
            correction = 1 / math.sqrt(1 - beta2**t)
            adam(beta1, beta2, correction, epsilon, 1 - rate * decay, rate / (1 - beta1**t))

        return update

    def _move(self, theta: Array, v: Array, S: Array) -> Callable[[int, Array, float], None]:
        """What does θ ← θ − factor·m/(√v̂ + ε) in place, given (t, m, factor), where v̂ = v/(1 − β₂ᵗ)."""
        beta2, epsilon = self.beta2, self.epsilon

        def move(t: int, m: Array, factor: float) -> None:
            np.sqrt(v, out=S)
            np.multiply(S, 1 / math.sqrt(1 - beta2**t), out=S)
            np.add(S, epsilon, out=S)
            np.divide(m, S, out=S)
            np.multiply(S, factor, out=S)
            np.subtract(theta, S, out=theta)

        return move

    def _averages(self, g: Array, state: Mapping[str, Array]) -> tuple[Array, Array]:
        """The next m and v, by the formula."""
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g**2
        return m, v


@registry.register
@dataclass(frozen=True)
class Adam(Moments):
    """Adaptive moments; epsilon is outside of the root and after the correction, as in the paper's algorithm 1."""

    learning_rate: Annotated[float, Gt(0)] = 0.001
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    name = "adam"
    formula = "m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − rate·m̂/(√v̂ + ε),  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)"
    source = "Kingma & Ba 2015"

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        return self._fused(theta, g, state, buffers, 0)

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        m, v = self._averages(g, state)
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta - rate * m_hat / (np.sqrt(v_hat) + self.epsilon), {"m": m, "v": v}


@registry.register
@dataclass(frozen=True)
class AmsGrad(Moments):
    """Adam whose measure never shrinks: the largest average square so far.

    As in PyTorch and Keras, the largest is taken in front of the bias corrections, which the paper does without.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.001
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8

    name = "amsgrad"
    formula = "m, v as adam;  w ← max(w, v);  θ ← θ − rate·m̂/(√ŵ + ε),  m̂ = m/(1−β₁ᵗ), ŵ = w/(1−β₂ᵗ)"
    source = "Reddi, Kale & Kumar 2018"

    @property
    def slots(self) -> Mapping[str, float]:
        return {**super().slots, "v_max": 0.0}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        beta1, beta2 = self.beta1, self.beta2
        m, v, w = state["m"], state["v"], state["v_max"]
        S = buffers.scratch(theta.shape)
        move = self._move(theta, w, S)

        def update(t: int, rate: float) -> None:
            average(m, g, beta1, S)
            average_square(v, g, beta2, S)
            np.maximum(w, v, out=w)
            move(t, m, rate / (1 - beta1**t))

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        m, v = self._averages(g, state)
        w = np.maximum(state["v_max"], v)
        m_hat, w_hat = m / (1 - self.beta1**t), w / (1 - self.beta2**t)
        return theta - rate * m_hat / (np.sqrt(w_hat) + self.epsilon), {"m": m, "v": v, "v_max": w}


@registry.register
@dataclass(frozen=True)
class AdamW(Moments):
    """Adam with a decay of its own: all parameters shrink by rate·weight_decay, whatever their gradients are.

    As in the paper and in PyTorch it acts on all of θ, biases and scales included, and is no part of the loss; as in
    PyTorch it is multiplied by the learning rate of the step. ``regularization.l2`` is another thing: a term of the
    loss, on weights alone, whose gradient goes through the averages of the optimizer.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.001
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    weight_decay: Annotated[float, Ge(0)] = 0.01

    name = "adamw"
    formula = "m̂, v̂ as adam;  θ ← θ − rate·(m̂/(√v̂ + ε) + weight_decay·θ)"
    source = "Loshchilov & Hutter 2019"

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        return self._fused(theta, g, state, buffers, self.weight_decay)

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        m, v = self._averages(g, state)
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        step = m_hat / (np.sqrt(v_hat) + self.epsilon) + self.weight_decay * theta
        return theta - rate * step, {"m": m, "v": v}


@registry.register
@dataclass(frozen=True)
class NAdam(Moments):
    """Adam with the momentum of Nesterov, whose weight μ grows; defaults as in PyTorch.

    ``momentum_decay`` is ψ, 1/250 in the paper and in PyTorch; Keras has 1, so that μ is β₁ after some hundred updates.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.002
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    epsilon: Annotated[float, Gt(0)] = 1e-8
    momentum_decay: Annotated[float, Ge(0)] = 0.004

    name = "nadam"
    formula = (
        "m, v̂ as adam;  μₜ = β₁(1 − ½·0.96^(t·ψ));  "
        "θ ← θ − rate·(μₜ₊₁m/(1 − Πᵢ₌₁ᵗ⁺¹μᵢ) + (1−μₜ)g/(1 − Πᵢ₌₁ᵗμᵢ))/(√v̂ + ε)"
    )
    source = "Dozat 2016"

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        beta1, beta2, mu = self.beta1, self.beta2, self._mu
        m, v = state["m"], state["v"]
        S, M = buffers.scratch(theta.shape), buffers.scratch(theta.shape, slot=1)
        move = self._move(theta, v, S)
        # Πμ follows from t, so that it is no state: it is carried on from update to update, wherever these begin
        known, product = 0, 1.0

        def update(t: int, rate: float) -> None:
            nonlocal known, product
            if known != t - 1:
                known, product = t - 1, math.prod(mu(i) for i in range(1, t))
            known, product = t, product * mu(t)
            average(m, g, beta1, S)
            average_square(v, g, beta2, S)
            np.multiply(m, mu(t + 1) / (1 - product * mu(t + 1)), out=M)
            np.multiply(g, (1 - mu(t)) / (1 - product), out=S)
            np.add(M, S, out=M)
            move(t, M, rate)

        return update

    def _mu(self, t: int) -> float:
        decayed: float = 0.96 ** (t * self.momentum_decay)
        return self.beta1 * (1 - decayed / 2)

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        m, v = self._averages(g, state)
        mu = [self.beta1 * (1 - 0.5 * 0.96 ** (i * self.momentum_decay)) for i in range(1, t + 2)]
        m_hat = mu[t] * m / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t]))
        v_hat = v / (1 - self.beta2**t)
        return theta - rate * m_hat / (np.sqrt(v_hat) + self.epsilon), {"m": m, "v": v}
