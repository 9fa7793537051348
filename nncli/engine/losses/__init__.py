"""Losses: the mean over rows of a loss L_i, each one record with its gradient beside its value.

A record is bound to its arrays once, and hands back two functions that only work in place:

* forward reads the predictions ``P`` (..., n, k) and the targets ``Y``, and writes each row's loss to ``L`` (..., n);
* backward writes ``scale`` · dL_i/dP to ``D`` (..., n, k); with scale = 1/n that is the gradient of the mean.

``Y`` holds class codes (n,) where the record says ``codes``, or else real values (n, columns): one column for each
output, or for as many outputs as tell of one (``outputs_per_target``).

Beside that stands ``reference``, the same function as a paper writes it; see ``activations``.

Where a loss and the activation in front of it are computed better together, ``fuse`` gives the record that takes its
argument Z in place of its value. Nothing is clipped and no epsilon is added: the value that is reported is the function
whose gradient is taken.
"""

from __future__ import annotations

from nncli.engine.losses.base import WISHES, Loss, objection, registry
from nncli.engine.losses.cross_entropy import (
    BinaryCrossEntropy,
    BinaryCrossEntropyOfSigmoid,
    CrossEntropy,
    CrossEntropyOfSoftmax,
)
from nncli.engine.losses.focal import BinaryFocal, Focal
from nncli.engine.losses.likelihoods import GaussianNll, KlDivergence, Poisson
from nncli.engine.losses.margins import Hinge, SquaredHinge
from nncli.engine.losses.regression import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Quantile

__all__ = [
    "WISHES",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyOfSigmoid",
    "BinaryFocal",
    "CrossEntropy",
    "CrossEntropyOfSoftmax",
    "Focal",
    "GaussianNll",
    "Hinge",
    "Huber",
    "KlDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
    "SquaredHinge",
    "objection",
    "registry",
]
