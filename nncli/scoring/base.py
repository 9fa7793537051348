"""What a metric is: a number that judges rows by their truth and by what a network made of them.

A record names the function of ``sklearn.metrics`` that it is. Unless it says otherwise that function computes it; the
few quick ones have their own ``compute`` in NumPy (importing scikit-learn costs more than a small training), which the
tests hold to that function.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from nncli.data.preprocess import Task
from nncli.engine.buffers import Array
from nncli.registry import Registry

Needs: TypeAlias = Literal["decisions", "scores", "probabilities", "values"]


@dataclass(frozen=True)
class Kind:
    """What is judged.

    Attributes:
        task: What the target asks for.
        columns: The number of classes, of labels, or of a regression's targets.
        probabilities: Whether the outputs are probabilities: a distribution over the classes, that of the second of
            two, or one for each label.
    """

    task: Task
    columns: int
    probabilities: bool = True


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows to judge.

    Attributes:
        kind: What they are.
        truth: Class codes (n,); labels (n, k) of 0 and 1; or numbers (n, k) in the target's own units.
        outputs: What the network puts out: (n, k) float64, or (n, 1) for the second of two classes; of a regression in
            the target's own units.
        decided: Class codes (n,), or labels (n, k); of a regression the outputs.
    """

    kind: Kind
    truth: Array
    outputs: Array
    decided: Array

    @property
    def of_second(self) -> Array:
        """How much (n,) a row is of the second of two classes: its output, or the lead of it where both are free."""
        P = self.outputs
        of_second: Array = P[:, 1] - P[:, 0] if P.shape[1] == 2 and not self.kind.probabilities else P[:, -1]
        return of_second

    @property
    def distribution(self) -> Array:
        """The probability of every class (n, k), the rows summing to 1 also at float64."""
        P = self.outputs if self.outputs.shape[1] > 1 else np.hstack([1 - self.outputs, self.outputs])
        distribution: Array = P / P.sum(axis=1, keepdims=True)
        return distribution

    @property
    def onehot(self) -> Array:
        """The class codes as labels (n, k) of 0 and 1."""
        onehot: Array = (self.truth[:, np.newaxis] == np.arange(self.kind.columns)).astype(float)
        return onehot


class Metric(ABC):
    """A judge of rows. Subclasses are final and frozen; their fields are the settings that a config may give."""

    name: ClassVar[str]
    function: ClassVar[str]
    """The function of ``sklearn.metrics`` that it is."""
    tasks: ClassVar[tuple[Task, ...]]
    higher_is_better: ClassVar[bool]
    needs: ClassVar[Needs]
    """What of a prediction it looks at: the decision, the order of the outputs, probabilities, or numbers."""
    shown: ClassVar[Literal["every epoch", "in reports", "when asked"]] = "when asked"

    def objection(self, kind: Kind) -> str:
        """Why it cannot judge such rows at all; empty when it can."""
        if kind.task not in self.tasks:
            return f"{self.name} is for {' and '.join(self.tasks)}, and this is {named(kind.task)}"
        if self.needs == "probabilities" and not kind.probabilities:
            return f"{self.name} needs probabilities, which these outputs are not"
        return ""

    def lacking(self, kind: Kind, truth: Array) -> str:
        """What these rows lack for it to be defined, whatever is predicted; empty when nothing."""
        return ""

    @abstractmethod
    def compute(self, rows: Scored) -> float:
        """Its value; not finite where it is not defined."""


class Additive(Metric):
    """A metric that some numbers of any rows tell, which are put together with those of others."""

    @abstractmethod
    def numbers(self, rows: Scored) -> Array:
        """What has to be known of these rows."""

    def joined(self, some: Array, others: Array) -> Array:
        """What has to be known of both."""
        return some + others

    @abstractmethod
    def value(self, numbers: Array) -> float:
        """Its value on the rows that the ``numbers`` are of; not finite where it is not defined."""

    def compute(self, rows: Scored) -> float:
        """See ``Metric``."""
        return self.value(self.numbers(rows))


class ByScikitLearn(Metric):
    """A metric that scikit-learn computes."""

    def compute(self, rows: Scored) -> float:
        """The function of scikit-learn at its arguments."""
        return by_scikit_learn(self.function, *self.arguments(rows), **self.settings(rows))

    def arguments(self, rows: Scored) -> tuple[Array, Array]:
        """The truth and the predictions, as that function takes them."""
        return rows.truth, rows.decided if self.needs == "decisions" else rows.outputs

    def settings(self, rows: Scored) -> dict[str, Any]:
        """Its keyword arguments."""
        return {}


registry: Registry[Metric] = Registry("metric")
SPLITS = ("train_", "validation_", "test_", "out_of_fold_")
"""What stands in front of a metric in the name of a figure, and says of which rows it is."""


def name_here(function: str) -> str | None:
    """The first metric that is the function of ``sklearn.metrics`` of this name."""
    return next((metric.name for metric in registry if metric.function == function), None)


def higher_is_better(figure: str) -> bool | None:
    """Which way a figure of a run gets better, ``test_accuracy``; None for one that is not known.

    >>> from nncli.scoring import higher_is_better
    >>> higher_is_better("test_accuracy"), higher_is_better("out_of_fold_loss"), higher_is_better("test_fortune")
    (True, False, None)
    """
    name = next((figure.removeprefix(split) for split in SPLITS if figure.startswith(split)), figure)
    return registry[name].higher_is_better if name in registry else False if name == "loss" else None


def by_scikit_learn(function: str, truth: Array, predicted: Array, **settings: Any) -> float:
    """The value of that function of ``sklearn.metrics``."""
    import sklearn.metrics

    return float(getattr(sklearn.metrics, function)(truth, predicted, **settings))


def named(task: Task) -> str:
    """``a regression``, in a sentence."""
    return "a multilabel classification" if task == "multilabel" else f"a {task}"
