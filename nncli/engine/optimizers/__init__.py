"""Optimizers: how the flat parameter vector θ moves, given the flat gradient g. Each is one record.

The state of an optimizer is a few vectors of θ's length (``slots``), which ``start`` makes and which are handed in: the
record itself stays frozen, and a checkpoint has all there is to keep. Bound once, an optimizer hands back
``update(t, rate)``, which takes the number of the update (1, 2, ...) and the learning rate, and works in place.

Beside that stands ``reference``, one update as its paper writes it, in plain NumPy that changes nothing: what the
tests and gradcheck hold the update to. docs/optimizers.md says where the sources disagree.

A ``Minimizer`` is named in the same place of a config, and is handed the whole problem instead.
"""

from __future__ import annotations

from nncli.engine.optimizers.adaptive import Adadelta, Adagrad, RmsProp
from nncli.engine.optimizers.base import Convergence, Function, Minimizer, Optimizer, Update, registry, update_rules
from nncli.engine.optimizers.descent import Momentum, Nesterov, Sgd
from nncli.engine.optimizers.moments import Adam, AdamW, AmsGrad, NAdam
from nncli.engine.optimizers.newton import Lbfgs
from nncli.engine.optimizers.signs import Lion

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AmsGrad",
    "Convergence",
    "Function",
    "Lbfgs",
    "Lion",
    "Minimizer",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "RmsProp",
    "Sgd",
    "Update",
    "registry",
    "update_rules",
]
