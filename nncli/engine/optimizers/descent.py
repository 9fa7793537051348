"""Gradient descent, with and without momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers
from nncli.engine.optimizers.base import Optimizer, Update, registry


class Descent(Optimizer):
    """Along the gradient, or along a velocity that remembers the gradients before.

    As in PyTorch, the learning rate multiplies the velocity; in Keras and in Sutskever's paper it is inside of it,
    which is the same as long as the rate does not change.
    """

    momentum: float
    nesterov: bool

    @property
    def slots(self) -> Mapping[str, float]:
        return {"velocity": 0.0} if self.momentum else {}

    def bind(self, theta: Array, g: Array, state: Mapping[str, Array], buffers: Buffers) -> Update:
        momentum = self.momentum
        if not momentum:
            descend = kernels.descend.bind(buffers, theta, g, numbers=1)
            return lambda t, rate: descend(rate)
        kernel = kernels.look_ahead if self.nesterov else kernels.roll
        move = kernel.bind(buffers, theta, g, state["velocity"], numbers=2)
        return lambda t, rate: move(momentum, rate)

    def reference(
        self, t: int, rate: float, theta: Array, g: Array, state: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        if not self.momentum:
            return theta - rate * g, {}
        v = self.momentum * state["velocity"] + g
        return theta - rate * (g + self.momentum * v if self.nesterov else v), {"velocity": v}


@registry.register
@dataclass(frozen=True)
class Sgd(Descent):
    """Stochastic gradient descent, with momentum if asked for: everything of PyTorch's SGD but dampening.

    The learning rate multiplies the velocity, as in PyTorch; in Keras it is inside of it.
    """

    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    nesterov: bool = False

    name = "sgd"
    formula = "v ← momentum·v + g;  θ ← θ − rate·v  (nesterov: θ ← θ − rate·(g + momentum·v))"
    source = "Robbins & Monro 1951; Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013"


@registry.register
@dataclass(frozen=True)
class Momentum(Descent):
    """A heavy ball that rolls downhill: ``sgd`` with the momentum that most people give it."""

    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9

    nesterov = False
    name = "momentum"
    formula = "v ← momentum·v + g;  θ ← θ − rate·v"
    source = "Polyak 1964"


@registry.register
@dataclass(frozen=True)
class Nesterov(Descent):
    """Momentum that looks ahead: ``sgd`` with ``nesterov``."""

    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9

    nesterov = True
    name = "nesterov"
    formula = "v ← momentum·v + g;  θ ← θ − rate·(g + momentum·v)"
    source = "Nesterov 1983, as in Sutskever, Martens, Dahl & Hinton 2013"
