"""Metrics of labels, each of which applies to a row or does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.engine.buffers import Array
from nncli.scoring.base import Additive, ByScikitLearn, Scored, registry


@registry.register
@dataclass(frozen=True)
class HammingLoss(Additive):
    """The share of the labels that are wrong."""

    name = "hamming_loss"
    function = "hamming_loss"
    tasks = ("multilabel",)
    higher_is_better = False
    needs = "decisions"
    shown = "every epoch"

    def numbers(self, rows: Scored) -> Array:
        wrong = rows.decided != rows.truth
        return np.array([wrong.sum(), wrong.size])

    def value(self, numbers: Array) -> float:
        return float(numbers[0] / numbers[1])


@registry.register
@dataclass(frozen=True)
class LabelRankingAveragePrecision(ByScikitLearn):
    """Of the labels ranked as high as one that applies or higher, the share that apply, too: the mean over those."""

    name = "label_ranking_average_precision"
    function = "label_ranking_average_precision_score"
    tasks = ("multilabel",)
    higher_is_better = True
    needs = "scores"


@registry.register
@dataclass(frozen=True)
class LabelRankingLoss(ByScikitLearn):
    """The share of pairs, a label that applies and one that does not, that are ranked the wrong way round."""

    name = "label_ranking_loss"
    function = "label_ranking_loss"
    tasks = ("multilabel",)
    higher_is_better = False
    needs = "scores"
