"""Metrics of classes: one of several is right. Those that judge labels, too, take each label as a class of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from annotated_types import Ge

from nncli.data.preprocess import Task
from nncli.engine.buffers import Array
from nncli.scoring.base import Additive, ByScikitLearn, Kind, Metric, Scored, registry

BOTH: tuple[Task, ...] = ("classification", "multilabel")


@registry.register
@dataclass(frozen=True)
class Accuracy(Additive):
    """The share of rows that are right; of several labels all must be."""

    name = "accuracy"
    function = "accuracy_score"
    tasks = BOTH
    higher_is_better = True
    needs = "decisions"
    shown = "every epoch"

    def numbers(self, rows: Scored) -> Array:
        right = rows.decided == rows.truth
        return np.array([np.sum(right if right.ndim == 1 else right.all(axis=1)), len(right)])

    def value(self, numbers: Array) -> float:
        return float(numbers[0] / numbers[1])


@registry.register
@dataclass(frozen=True)
class BalancedAccuracy(ByScikitLearn):
    """The mean of the recalls of the classes that occur."""

    name = "balanced_accuracy"
    function = "balanced_accuracy_score"
    tasks = ("classification",)
    higher_is_better = True
    needs = "decisions"


Average: TypeAlias = Literal["binary", "macro", "micro", "weighted", "samples"]
AVERAGES: dict[Average, str] = {
    "binary": "of the second of two classes",
    "macro": "the mean over the classes",
    "micro": "of all decisions about all classes together",
    "weighted": "the mean over the classes, weighted by their rows",
    "samples": "the mean over the rows",
}
SHARES = {
    "precision": ("precision_score", "The share of the rows given a class that have it"),
    "recall": ("recall_score", "The share of the rows with a class that are given it"),
    "f1": ("f1_score", "The harmonic mean of precision and recall"),
    "jaccard": ("jaccard_score", "The share of the rows with a class or given it that are both"),
}


class Share(ByScikitLearn):
    """A share of the decisions about one class, averaged. In a mean 0/0 counts as 0, as scikit-learn has it."""

    average: ClassVar[Average]
    higher_is_better = True
    needs = "decisions"

    def objection(self, kind: Kind) -> str:
        """The second of two classes is there when there are two."""
        if self.average == "binary" and kind.task == "classification" and kind.columns > 2:
            return f"{self.name} is for two classes, and there are {kind.columns}: {self.name}_macro averages them"
        return super().objection(kind)

    def lacking(self, kind: Kind, truth: Array) -> str:
        """Of a class that never occurs nothing can be found."""
        return "a row of the second class" if self.average == "binary" and not truth.any() else ""

    def settings(self, rows: Scored) -> dict[str, Any]:
        """On its own, 0/0 is not defined; scikit-learn's jaccard_score cannot say so."""
        single = self.average in ("binary", "micro") and self.function != "jaccard_score"
        return {"average": self.average, "zero_division": np.nan if single else 0}


def _register(share: str, how: Average) -> None:
    scikit_learn, meaning = SHARES[share]
    taken: dict[Average, tuple[Task, ...]] = {"binary": ("classification",), "samples": ("multilabel",)}

    @registry.register
    @dataclass(frozen=True)
    class Averaged(Share):
        __doc__ = f"{meaning}, {AVERAGES[how]}."
        name = share if how == "binary" else f"{share}_{how}"
        function = scikit_learn
        average = how
        tasks = taken.get(how, BOTH)

    Averaged.__name__ = Averaged.__qualname__ = "".join(part.capitalize() for part in Averaged.name.split("_"))


for _share in SHARES:
    for _average in AVERAGES:
        _register(_share, _average)


class Ranking(ByScikitLearn):
    """A metric of how well the outputs order the rows; of several classes each against the rest, then their mean."""

    tasks = BOTH
    higher_is_better = True
    needs = "scores"

    def arguments(self, rows: Scored) -> tuple[Array, Array]:
        """Two classes are one question, several as many questions as there are columns."""
        if rows.kind.task == "multilabel":
            return rows.truth, rows.outputs
        return (rows.truth, rows.of_second) if rows.kind.columns == 2 else (rows.onehot, rows.outputs)


@registry.register
@dataclass(frozen=True)
class RocAuc(Ranking):
    """How often a row of the class is ranked above one that is not of it: the area under the ROC curve."""

    name = "roc_auc"
    function = "roc_auc_score"

    def lacking(self, kind: Kind, truth: Array) -> str:
        counts = _counts(kind, truth)
        return "" if ((counts > 0) & (counts < len(truth))).all() else f"rows with and without each {_noun(kind)}"


@registry.register
@dataclass(frozen=True)
class AveragePrecision(Ranking):
    """The precision averaged over the recalls that the thresholds give: the area under their curve, in steps."""

    name = "average_precision"
    function = "average_precision_score"

    def lacking(self, kind: Kind, truth: Array) -> str:
        counts = _counts(kind, truth)
        wanted = counts[1:] if kind.task == "classification" and kind.columns == 2 else counts
        return "" if wanted.all() else f"a row of each {_noun(kind)}"


def _counts(kind: Kind, truth: Array) -> Array:
    """How often each class or label occurs (k,)."""
    if kind.task == "multilabel":
        return np.asarray(truth.sum(axis=0))
    return np.bincount(truth, minlength=kind.columns)


def _noun(kind: Kind) -> str:
    return "label" if kind.task == "multilabel" else "class"


@registry.register
@dataclass(frozen=True)
class LogLoss(ByScikitLearn):
    """The mean of −log p of the right class; p is kept a rounding error away from 0, as scikit-learn does."""

    name = "log_loss"
    function = "log_loss"
    tasks = ("classification",)
    higher_is_better = False
    needs = "probabilities"

    def arguments(self, rows: Scored) -> tuple[Array, Array]:
        return rows.truth, rows.distribution

    def settings(self, rows: Scored) -> dict[str, Any]:
        return {"labels": np.arange(rows.kind.columns)}


@registry.register
@dataclass(frozen=True)
class Brier(Metric):
    """The mean of Σ_j (p_j − [j is right])² over the classes (Brier 1950); of two, of (p − y)² of the second alone."""

    name = "brier"
    function = "brier_score_loss"
    tasks = ("classification",)
    higher_is_better = False
    needs = "probabilities"

    def compute(self, rows: Scored) -> float:
        squares = np.square(rows.distribution - rows.onehot).sum(axis=1)
        return float(np.mean(squares)) / (2 if rows.kind.columns == 2 else 1)


@registry.register
@dataclass(frozen=True)
class MatthewsCorrcoef(ByScikitLearn):
    """The correlation of truth and decision; 0 where one of them never changes (Matthews 1975; Gorodkin 2004)."""

    name = "matthews_corrcoef"
    function = "matthews_corrcoef"
    tasks = ("classification",)
    higher_is_better = True
    needs = "decisions"


@registry.register
@dataclass(frozen=True)
class CohenKappa(ByScikitLearn):
    """The agreement beyond that of chance (Cohen 1960)."""

    name = "cohen_kappa"
    function = "cohen_kappa_score"
    tasks = ("classification",)
    higher_is_better = True
    needs = "decisions"


@registry.register
@dataclass(frozen=True)
class TopKAccuracy(ByScikitLearn):
    """The share of rows whose class is among the k largest outputs."""

    k: Annotated[int, Ge(2)] = 2

    name = "top_k_accuracy"
    function = "top_k_accuracy_score"
    tasks = ("classification",)
    higher_is_better = True
    needs = "scores"

    def objection(self, kind: Kind) -> str:
        if kind.task == "classification" and kind.columns <= self.k:
            return f"top_k_accuracy with k = {self.k} is always 1 where there are {kind.columns} classes"
        return super().objection(kind)

    def settings(self, rows: Scored) -> dict[str, Any]:
        return {"k": self.k, "labels": np.arange(rows.kind.columns)}
