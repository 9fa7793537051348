"""Optimizers: how the flat parameter vector θ moves, given the flat gradient g. Each is one record.

The state of an optimizer is a few vectors of θ's length (``slots``), which start at zero and are handed in: the record
itself stays frozen, and a checkpoint has all there is to keep. Bound once, an optimizer hands back ``update(t, rate)``,
which takes the number of the update (1, 2, ...) and the learning rate, and works in place.

Beside that stands ``reference``, one update as its paper writes it, in plain NumPy that changes nothing: what the
tests and gradcheck hold the update to.
"""

from __future__ import annotations

from nncli.engine.optimizers.base import Optimizer, Update, registry
from nncli.engine.optimizers.descent import Sgd
from nncli.engine.optimizers.moments import Adam

__all__ = ["Adam", "Optimizer", "Sgd", "Update", "registry"]
