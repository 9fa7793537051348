"""scikit-learn's generators, with the parameter names that they have there; ``seed`` is its ``random_state``.

scikit-learn is imported when one of them draws, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval

from nncli.data.sources.base import Source, registry
from nncli.data.table import Table

Seed = Annotated[int, Interval(ge=0, lt=2**32)]
"""scikit-learn takes no larger ones."""


@registry.register
@dataclass(frozen=True)
class Moons(Source):
    """Two half circles that reach into each other."""

    name = "moons"
    n_samples: Annotated[int, Ge(4)] = 400
    noise: Annotated[float, Ge(0)] = 0.1
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_moons

        X, y = make_moons(n_samples=self.n_samples, noise=self.noise, random_state=self.seed)
        return self._table(X, y, categorical=True)


@registry.register
@dataclass(frozen=True)
class Circles(Source):
    """A circle within another, ``factor`` times its size."""

    name = "circles"
    n_samples: Annotated[int, Ge(4)] = 400
    noise: Annotated[float, Ge(0)] = 0.05
    factor: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_circles

        X, y = make_circles(n_samples=self.n_samples, noise=self.noise, factor=self.factor, random_state=self.seed)
        return self._table(X, y, categorical=True)


@registry.register
@dataclass(frozen=True)
class Blobs(Source):
    """Round Gaussian clusters, each a class."""

    name = "blobs"
    n_samples: Annotated[int, Ge(4)] = 400
    n_features: Annotated[int, Ge(1)] = 2
    centers: Annotated[int, Ge(2)] = 3
    cluster_std: Annotated[float, Gt(0)] = 1.0
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_blobs

        self._require(
            (
                self.n_samples >= self.centers,
                f"{self.n_samples} samples for {self.centers} centers",
                f"raise n_samples to {self.centers} at least",
            )
        )
        X, y = make_blobs(
            n_samples=self.n_samples,
            n_features=self.n_features,
            centers=self.centers,
            cluster_std=self.cluster_std,
            random_state=self.seed,
        )
        return self._table(X, y, categorical=True)


@registry.register
@dataclass(frozen=True)
class Classification(Source):
    """Clusters on the corners of a hypercube, with dependent and useless features mixed in (Guyon 2003)."""

    name = "classification"
    n_samples: Annotated[int, Ge(4)] = 400
    n_features: Annotated[int, Ge(1)] = 20
    n_informative: Annotated[int, Ge(1)] = 5
    n_redundant: Annotated[int, Ge(0)] = 2
    n_classes: Annotated[int, Ge(2)] = 2
    n_clusters_per_class: Annotated[int, Ge(1)] = 2
    class_sep: Annotated[float, Gt(0)] = 1.0
    flip_y: Annotated[float, Interval(ge=0, le=1)] = 0.01
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_classification

        used = self.n_informative + self.n_redundant
        clusters = self.n_classes * self.n_clusters_per_class
        self._require(
            (
                used <= self.n_features,
                f"n_informative {self.n_informative} + n_redundant {self.n_redundant} = {used} exceeds "
                f"n_features {self.n_features}",
                f"raise n_features to {used}, or lower the others",
            ),
            (
                (clusters - 1).bit_length() <= self.n_informative,
                f"n_classes {self.n_classes} x n_clusters_per_class {self.n_clusters_per_class} = {clusters} clusters, "
                f"and n_informative {self.n_informative} gives only {2**self.n_informative} corners to put them on",
                f"raise n_informative to {(clusters - 1).bit_length()}, or lower the others",
            ),
            (
                self.n_samples >= clusters,
                f"{self.n_samples} samples for {clusters} clusters",
                f"raise n_samples to {clusters} at least",
            ),
        )
        X, y = make_classification(
            n_samples=self.n_samples,
            n_features=self.n_features,
            n_informative=self.n_informative,
            n_redundant=self.n_redundant,
            n_classes=self.n_classes,
            n_clusters_per_class=self.n_clusters_per_class,
            class_sep=self.class_sep,
            flip_y=self.flip_y,
            random_state=self.seed,
        )
        return self._table(X, y, categorical=True)


@registry.register
@dataclass(frozen=True)
class Multilabel(Source):
    """Counts of words in documents of several subjects at once: each subject is a label that applies or does not."""

    name = "multilabel"
    n_samples: Annotated[int, Ge(4)] = 400
    n_features: Annotated[int, Ge(1)] = 20
    n_classes: Annotated[int, Ge(2)] = 5
    n_labels: Annotated[int, Ge(1)] = 2
    length: Annotated[int, Ge(1)] = 50
    allow_unlabeled: bool = True
    seed: Seed = 0

    @property
    def size(self) -> int:
        """With the labels, how often each word is in a text of each subject, and the words of a text."""
        counted = self.n_samples * (self.n_features + self.n_classes) + self.n_features * self.n_classes
        return 8 * (counted + self.length)

    def _load(self) -> Table:
        from sklearn.datasets import make_multilabel_classification

        self._require(
            (
                self.n_labels <= self.n_classes,
                f"n_labels {self.n_labels} on average exceeds n_classes {self.n_classes}",
                f"raise n_classes to {self.n_labels}, or lower n_labels",
            )
        )
        X, y = make_multilabel_classification(
            n_samples=self.n_samples,
            n_features=self.n_features,
            n_classes=self.n_classes,
            n_labels=self.n_labels,
            length=self.length,
            allow_unlabeled=self.allow_unlabeled,
            random_state=self.seed,
        )
        return self._table(X, y, categorical=True)


@registry.register
@dataclass(frozen=True)
class Regression(Source):
    """A linear function of some of the features, with noise."""

    name = "regression"
    n_samples: Annotated[int, Ge(4)] = 400
    n_features: Annotated[int, Ge(1)] = 10
    n_informative: Annotated[int, Ge(1)] = 5
    n_targets: Annotated[int, Ge(1)] = 1
    bias: float = 0.0
    noise: Annotated[float, Ge(0)] = 1.0
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_regression

        self._require(
            (
                self.n_informative <= self.n_features,
                f"n_informative {self.n_informative} exceeds n_features {self.n_features}",
                f"raise n_features to {self.n_informative}, or lower n_informative",
            )
        )
        X, y = make_regression(
            n_samples=self.n_samples,
            n_features=self.n_features,
            n_informative=self.n_informative,
            n_targets=self.n_targets,
            bias=self.bias,
            noise=self.noise,
            random_state=self.seed,
        )
        return self._table(X, y, categorical=False)


@registry.register
@dataclass(frozen=True)
class Friedman1(Source):
    """y = 10 sin(π x₁ x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise; further features are useless (Friedman 1991)."""

    name = "friedman1"
    n_samples: Annotated[int, Ge(4)] = 400
    n_features: Annotated[int, Ge(5)] = 10
    noise: Annotated[float, Ge(0)] = 0.0
    seed: Seed = 0

    def _load(self) -> Table:
        from sklearn.datasets import make_friedman1

        X, y = make_friedman1(
            n_samples=self.n_samples, n_features=self.n_features, noise=self.noise, random_state=self.seed
        )
        return self._table(X, y, categorical=False)
