"""Many trainings that belong together: folds, or seeds, each a run of its own under one directory.

``plan`` says which trainings there are, as a function of what was asked for alone; ``series`` trains them, one after
the other, and goes on after a stop; ``result`` is what they come to, by the rules of ``statistics``.
"""

from nncli.many.plan import Job, Plan
from nncli.many.series import Series, cross_validate, go_on, is_series, train_seeds
from nncli.many.statistics import Difference, Spread, difference, spread

__all__ = [
    "Difference",
    "Job",
    "Plan",
    "Series",
    "Spread",
    "cross_validate",
    "difference",
    "go_on",
    "is_series",
    "spread",
    "train_seeds",
]
