"""The first loss, before any training: is it that of a network which knows nothing?

A new classifier should be undecided: cross-entropy of k classes then is log k, whatever the rows weigh. What a loss is
for a network that knows nothing needs no formula of its own: the same network says it, the parameters of its output
block set to 0, so that every row gets the same outputs. For a regression on a standardized target that is the mean, and
mse is the target's variance, 1. A first loss that is many times larger says that the outputs begin far from there:
features that are not scaled, initial weights that are too large (Karpathy 2019, A Recipe for Training Neural Networks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nncli.builder import Experiment, Rows
from nncli.engine.inference import Inference, batch_rows
from nncli.engine.parameters import Weights

MOST_ROWS = 2048
"""Of so many rows, taken evenly from all, the loss is known well enough."""
TIMES_LARGER = 12
"""Out of the ordinary. Of 1,000 seeds, scaled features and the usual initial weights, the largest ratios of the shipped
configs were 1.7 to 5.8 (of mse on diabetes, behind two blocks of relu, 9.9); with raw features, wine came to 17 at the
least and to 200 in the middle."""
TIMES_SMALLER = 10
"""The same below: a network that is sure from the start may by chance be right. The smallest ratio was 0.26."""


@dataclass(frozen=True)
class FirstLoss:
    """The loss of the untrained network on training rows, and what it should be about; penalties left out."""

    value: float
    expected: float

    @property
    def far(self) -> bool:
        """Whether the two have little to do with each other; what cannot be compared is not far."""
        if not math.isfinite(self.expected) or self.expected <= 0:
            return False
        return not self.expected / TIMES_SMALLER <= self.value <= self.expected * TIMES_LARGER


def first_loss(experiment: Experiment, initial: Weights) -> FirstLoss:
    """Measure at the ``initial`` weights, which are left as they are: as the network trains, but without its noise."""
    rows, network, weights = _some(experiment), experiment.network, initial.copy()
    inference = Inference(network, weights, len(rows.inputs), weighted=rows.weights is not None, evaluating=False)

    def loss() -> float:
        with np.errstate(all="ignore"):
            mean = inference.run(rows.inputs, rows.targets, rows.weights)
        assert mean is not None
        return mean

    value = loss()
    output = network.stages[-1].block
    for name, view in network.layout.views(weights.theta).items():
        if name.startswith(f"{output}."):
            view[...] = 0
    return FirstLoss(value, loss())


def rows_judged(experiment: Experiment) -> range:
    """Which training rows: some from all over them, in batches of which none is too small to train on.

    Rows on disk lie in a random order: the first are as good, and are read in one go.
    """
    n, least = len(experiment.train.inputs), experiment.network.least_rows
    some = range(min(n, MOST_ROWS)) if experiment.train.mapped else range(0, n, math.ceil(n / MOST_ROWS))
    rest = len(some) % batch_rows(experiment.network, experiment.precision)
    lonely = rest if rest < least else 0
    return some[: len(some) - lonely]


def _some(experiment: Experiment) -> Rows:
    rows, some = experiment.train, rows_judged(experiment)
    chosen = slice(some.start, some.stop, some.step)
    w = None if rows.weights is None else rows.weights[chosen]
    if w is not None:
        w = w / (w.mean() or 1)
    return Rows(rows.inputs[chosen], rows.targets[chosen], w)


def warning(experiment: Experiment, first: FirstLoss) -> str | None:
    """What is to be said of a first loss that is far from what it should be, and what to do.

    Of a loss in the target's own units nothing is known: counts may be far from where any network begins.
    """
    loss = experiment.network.loss
    if not first.far or loss.natural_units or loss.explodes:
        return None
    k = len(getattr(experiment.dataset.preprocessing.target, "classes", ()))
    is_log = k > 1 and math.isclose(first.expected, math.log(k), rel_tol=1e-5)
    expected = f"{first.expected:.3g}{f' (log {k})' if is_log else ''}"
    config = experiment.config
    remedies = []
    if config.data.preprocess.numeric == "none":
        remedies.append("the features are not scaled: data.preprocess.numeric: standardize")
    chosen = [i for i, block in enumerate(config.model.layers) if block.initializer != "auto"]
    if chosen:
        keys = " and ".join(f"model.layers.{i}.initializer" for i in chosen)
        remedies.append(f"initial weights may be of the wrong size: {keys}: auto")
    remedy = "; ".join(remedies) or "look at the scale of the features (outliers?) and of the initial weights"
    value = f"{first.value:.3g}" if math.isfinite(first.value) else "not finite"
    knows = f"one that knows nothing has {expected}"
    return f"the loss of the untrained network is {value}, {knows}; {remedy}"
