"""The metrics of one set of rows, taken together, again and again."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from nncli.data.dataset import Part
from nncli.data.preprocess import ClassEncoding, LabelEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.losses import Loss
from nncli.engine.metrics import decide, decide_labels
from nncli.scoring.base import Additive, Kind, Metric, Scored


class Scorer:
    """Judges what a network puts out for ``part``.

    Args:
        metrics: By which.
        kind: What is judged.
        preprocessing: What was fitted on the training rows.
        part: The rows.
        loss: What the outputs were made for: it says what they mean.
    """

    def __init__(
        self, metrics: Sequence[Metric], kind: Kind, preprocessing: Preprocessing, part: Part, loss: Loss
    ) -> None:
        self._kind, self._encoding, self._loss = kind, preprocessing.target, loss
        self._truth = _truth(preprocessing, part)
        self._metrics = [(metric, not metric.lacking(kind, self._truth)) for metric in metrics]

    @property
    def additive(self) -> bool:
        """Whether its metrics can be told without all predictions in memory at once."""
        return all(isinstance(metric, Additive) for metric, ok in self._metrics if ok)

    def scored(self, predictions: Array, rows: slice = slice(None)) -> Scored:
        """The rows, or some of them, with what the network puts out for them, ``predictions`` (n, outputs)."""
        P, truth = predictions.astype(np.float64), self._truth[rows]
        match self._encoding:
            case ClassEncoding():
                return Scored(self._kind, truth, P, decide(predictions, self._loss.threshold))
            case LabelEncoding():
                return Scored(self._kind, truth, P, decide_labels(predictions, self._loss.threshold))
            case scaling:
                P = scaling.readings(self._loss, P)["prediction"]
                return Scored(self._kind, truth, P, P)

    def measure(self, predictions: Array) -> dict[str, float | None]:
        """Metric name -> value for the ``predictions`` (n, k), in the order asked for; None where it is not defined."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # scikit-learn's: of what is not defined, None tells more
            rows = self.scored(predictions)
            finite = bool(np.isfinite(rows.outputs).all())
            return {m.name: finite_or_none(m.compute(rows)) if ok and finite else None for m, ok in self._metrics}

    def measure_blocks(self, blocks: Iterable[tuple[slice, Array]]) -> dict[str, float | None]:
        """The same for predictions that come some rows after the others, if its metrics are all ``additive``."""
        known: dict[str, Array] = {}
        finite = True
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            metrics = [metric for metric, ok in self._metrics if ok and isinstance(metric, Additive)]
            for where, predictions in blocks:
                rows = self.scored(predictions, where)
                finite = finite and bool(np.isfinite(rows.outputs).all())
                for metric in metrics:
                    numbers = metric.numbers(rows)
                    known[metric.name] = metric.joined(known[metric.name], numbers) if metric.name in known else numbers
            values = {m.name: finite_or_none(m.value(known[m.name])) for m in metrics} if finite else {}
        return {metric.name: values.get(metric.name) for metric, _ in self._metrics}

    def undefined(self) -> dict[str, str]:
        """Metric name -> what the rows lack for it, for those that are never defined on them."""
        return {m.name: m.lacking(self._kind, self._truth) for m, ok in self._metrics if not ok}


def _truth(preprocessing: Preprocessing, part: Part) -> Array:
    """Class codes, or labels, or the numbers as they stand in the table, not as they come back from their scaling."""
    encoding = preprocessing.target
    if not isinstance(encoding, Scaling):
        return part.targets
    return part.values(encoding.names)


def finite_or_none(value: float) -> float | None:
    """``value``; None for one that JSON could not take."""
    return value if math.isfinite(value) else None
