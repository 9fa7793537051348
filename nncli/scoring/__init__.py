"""Metrics: one frozen record each, by the names of scikit-learn's; and the scorer that takes them together.

Importing this package loads no scikit-learn: the few figures that every epoch shows are plain NumPy, the others load
it when they are first asked for.
"""

from nncli.scoring import classes, labels, numbers
from nncli.scoring.base import Kind, Metric, Scored, higher_is_better, name_here, registry
from nncli.scoring.scorer import Scorer

__all__ = [
    "Kind",
    "Metric",
    "Scored",
    "Scorer",
    "classes",
    "higher_is_better",
    "labels",
    "name_here",
    "numbers",
    "registry",
]
