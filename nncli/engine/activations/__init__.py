"""Activations A = f(Z), each one record: the value, and beside it the vector-Jacobian product of backpropagation.

A record is bound to its arrays once, and hands back two functions that only work in place:

* forward reads ``Z`` and writes ``A``;
* backward finds dC/dA in ``D`` and leaves dC/dZ there.

Shapes are ``(..., n, units)``; the leading axes, if any, are independent copies. A record whose derivative can be
written in terms of ``A`` says ``in_place``: then ``Z`` and ``A`` may be the same array. One that learns is bound to its
parameters and to where their gradient goes, too.

Beside that stands ``reference``: the same function as a paper writes it, in plain NumPy, without a derivative. The
engine never calls it; the tests and the oracle of gradcheck hold the code above to it.

Everything is analytic in the sense of a complex step: ``maximum`` and ``>`` order complex numbers by their real part.
"""

from __future__ import annotations

from nncli.engine.activations.base import Activation, LearnedActivation, registry
from nncli.engine.activations.elementwise import sigmoid
from nncli.engine.activations.gates import Exponential, Gelu, HardSwish, Mish, Silu, Softplus
from nncli.engine.activations.learned import ParametricMish, ParametricSelu, Prelu
from nncli.engine.activations.rectifiers import Celu, Elu, LeakyRelu, Relu, Relu6, Selu
from nncli.engine.activations.squashers import HardSigmoid, Identity, LogSigmoid, Sigmoid, Sine, Softmax, Softsign, Tanh

__all__ = [
    "Activation",
    "Celu",
    "Elu",
    "Exponential",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "LearnedActivation",
    "LogSigmoid",
    "Mish",
    "ParametricMish",
    "ParametricSelu",
    "Prelu",
    "Relu",
    "Relu6",
    "Selu",
    "Sigmoid",
    "Silu",
    "Sine",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "registry",
    "sigmoid",
]
