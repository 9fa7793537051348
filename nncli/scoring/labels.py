"""Metrics of labels, each of which applies to a row or does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.scoring.base import ByScikitLearn, Metric, Scored, registry


@registry.register
@dataclass(frozen=True)
class HammingLoss(Metric):
    """The share of the labels that are wrong."""

    name = "hamming_loss"
    function = "hamming_loss"
    tasks = ("multilabel",)
    higher_is_better = False
    needs = "decisions"
    shown = "every epoch"

    def compute(self, rows: Scored) -> float:
        return float(np.mean(rows.decided != rows.truth))


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
