"""Optimizers: how the flat parameter vector θ moves, given the flat gradient g. Each is one record.

The state of an optimizer is a few vectors of θ's length (``slots``), which start at zero and are handed in: the record
itself stays frozen, and a checkpoint has all there is to keep. Bound once, an optimizer hands back ``update(t, rate)``,
which takes the number of the update (1, 2, ...) and the learning rate, and works in place.

Beside that stands ``reference``, one update as its paper writes it, in plain NumPy that changes nothing: what the
tests and gradcheck hold the update to.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Lt

from nncli.engine.buffers import Array, Buffers
from nncli.registry import Registry

Update: TypeAlias = Callable[[int, float], None]


class Optimizer(ABC):
    """A rule of descent. Subclasses are final, frozen and registered."""

    learning_rate: float

    name: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The names of the state vectors."""

    @abstractmethod
    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        """Return the update over these vectors, all of one length and dtype."""

    @abstractmethod
    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Return (theta, state) after update number ``t``, by the formula of the source."""


registry: Registry[Optimizer] = Registry("optimizer")


@registry.register
@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    As in PyTorch, the learning rate multiplies the velocity; in Keras and in Sutskever's paper it is inside of it,
    which is the same as long as the rate does not change.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    nesterov: bool = False

    name = "sgd"
    formula = "v ← momentum·v + g;  θ ← θ − rate·v  (nesterov: θ ← θ − rate·(g + momentum·v))"
    source = "Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013"

    @property
    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        momentum = self.momentum
        S = buffers.scratch(theta.shape)

        def plain(t: int, rate: float) -> None:
            np.multiply(g, rate, out=S)
            np.subtract(theta, S, out=theta)

        if not momentum:
            return plain
        v = state["velocity"]

        def heavy_ball(t: int, rate: float) -> None:
            np.multiply(v, momentum, out=v)
            np.add(v, g, out=v)
            np.multiply(v, rate, out=S)
            np.subtract(theta, S, out=theta)

        def nesterov(t: int, rate: float) -> None:
            np.multiply(v, momentum, out=v)
            np.add(v, g, out=v)
            np.multiply(v, momentum, out=S)
            np.add(S, g, out=S)
            np.multiply(S, rate, out=S)
            np.subtract(theta, S, out=theta)

        return nesterov if self.nesterov else heavy_ball

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        if not self.momentum:
            return theta - rate * g, {}
        v = self.momentum * state["velocity"] + g
        return theta - rate * (g + self.momentum * v if self.nesterov else v), {"velocity": v}


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
