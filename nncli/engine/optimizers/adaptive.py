"""A learning rate for each parameter, from the squares of the gradients that it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine import kernels
from nncli.engine.averages import average, average_square
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers.base import Optimizer, Update, registry


@registry.register
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """The rate of each parameter falls with the sum of its squared gradients; defaults as in PyTorch.

    The paper's δ is Keras' initial accumulator, 0.1 there and 0 in PyTorch. Epsilon is outside of the root, as in
    PyTorch; in Keras it is inside. The ``lr_decay`` of PyTorch is a schedule.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.01
    initial_accumulator: Annotated[float, Ge(0)] = 0.0
    epsilon: Annotated[float, Gt(0)] = 1e-10

    name = "adagrad"
    formula = "s ← s + g², s₀ = initial_accumulator;  θ ← θ − rate·g/(√s + ε)"
    source = "Duchi, Hazan & Singer 2011"

    @property
    def slots(self) -> Mapping[str, float]:
        return {"sum": self.initial_accumulator}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        epsilon, s = self.epsilon, state["sum"]
        S = buffers.scratch(theta.shape)

        def update(t: int, rate: float) -> None:
            np.multiply(g, g, out=S)
            np.add(s, S, out=s)
            np.sqrt(s, out=S)
            np.add(S, epsilon, out=S)
            np.divide(g, S, out=S)
            np.multiply(S, rate, out=S)
            np.subtract(theta, S, out=theta)

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        s = state["sum"] + g**2
        return theta - rate * g / (np.sqrt(s) + self.epsilon), {"sum": s}


@registry.register
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps in the units of the parameters: the ratio of two averages; its paper needs no learning rate.

    So the rate is a factor, 1 by default, as in the paper and in PyTorch; Keras has 0.001, and rho 0.95.
    """

    learning_rate: Annotated[float, Gt(0)] = 1.0
    rho: Annotated[float, Ge(0), Lt(1)] = 0.9
    epsilon: Annotated[float, Gt(0)] = 1e-6

    name = "adadelta"
    formula = "v ← ρv + (1−ρ)g²;  δ = √(u + ε)/√(v + ε)·g;  u ← ρu + (1−ρ)δ²;  θ ← θ − rate·δ"
    source = "Zeiler 2012"

    @property
    def slots(self) -> Mapping[str, float]:
        return {"v": 0.0, "u": 0.0}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        rho, epsilon = self.rho, self.epsilon
        v, u = state["v"], state["u"]
        S, D = buffers.scratch(theta.shape), buffers.scratch(theta.shape, slot=1)

        def update(t: int, rate: float) -> None:
            average_square(v, g, rho, S)
            np.add(v, epsilon, out=S)
            np.add(u, epsilon, out=D)
            np.divide(D, S, out=D)
            np.sqrt(D, out=D)
            np.multiply(D, g, out=D)
            average_square(u, D, rho, S)
            np.multiply(D, rate, out=D)
            np.subtract(theta, D, out=theta)

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        v = self.rho * state["v"] + (1 - self.rho) * g**2
        delta = np.sqrt(state["u"] + self.epsilon) / np.sqrt(v + self.epsilon) * g
        u = self.rho * state["u"] + (1 - self.rho) * delta**2
        return theta - rate * delta, {"v": v, "u": u}


@registry.register
@dataclass(frozen=True)
class RmsProp(Optimizer):
    """The gradient over the root of its average square; settings and defaults as in PyTorch, whose alpha is rho.

    Epsilon is outside of the root, as in PyTorch; in Keras it is inside, with 1e-7, rho 0.9 and the rate 0.001. With
    momentum the rate multiplies the velocity; in Keras it is inside of it. ``centered`` measures the gradient by its
    deviation (Graves 2013), which is next to nothing where the gradient hardly changes: the step is then large.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.01
    rho: Annotated[float, Ge(0), Lt(1)] = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-8
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    centered: bool = False

    name = "rmsprop"
    formula = (
        "v ← ρv + (1−ρ)g²;  δ = g/(√v + ε);  θ ← θ − rate·δ  "
        "(momentum: b ← momentum·b + δ;  θ ← θ − rate·b)  (centered: m ← ρm + (1−ρ)g, and v − m² in place of v)"
    )
    source = "Tieleman & Hinton 2012, lecture 6.5; centered: Graves 2013"

    @property
    def slots(self) -> Mapping[str, float]:
        momentum = {"velocity": 0.0} if self.momentum else {}
        return {"v": 0.0, **momentum, **({"m": 0.0} if self.centered else {})}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        rho, epsilon, momentum = self.rho, self.epsilon, self.momentum
        if not momentum and not self.centered:
            rmsprop = kernels.rmsprop.bind(buffers, theta, g, state["v"], numbers=3)
            return lambda t, rate: rmsprop(rho, epsilon, rate)
        v, m, b = state["v"], state.get("m"), state.get("velocity")
        S = buffers.scratch(theta.shape)

        def update(t: int, rate: float) -> None:
            average_square(v, g, rho, S)
            if m is None:
                np.sqrt(v, out=S)
            else:
                average(m, g, rho, S)
                np.multiply(m, m, out=S)
                np.subtract(v, S, out=S)
                np.maximum(S, 0, out=S)  # it is a variance, and below 0 only by rounding
                np.sqrt(S, out=S)
            np.add(S, epsilon, out=S)
            np.divide(g, S, out=S)
            if b is not None:
                np.multiply(b, momentum, out=b)
                np.add(b, S, out=b)
                np.multiply(b, rate, out=S)
            else:
                np.multiply(S, rate, out=S)
            np.subtract(theta, S, out=theta)

        return update

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        after = {"v": self.rho * state["v"] + (1 - self.rho) * g**2}
        square = after["v"]
        if self.centered:
            after["m"] = self.rho * state["m"] + (1 - self.rho) * g
            square = square - after["m"] ** 2
        step = g / (np.sqrt(square) + self.epsilon)
        if self.momentum:
            step = after["velocity"] = self.momentum * state["velocity"] + step
        return theta - rate * step, after
