"""Built-in data, each one record: scikit-learn's small data sets and generators, and two of our own.

A record's fields are what the config may set. scikit-learn's keep the parameter names that they have there; ``seed`` is
its ``random_state``. scikit-learn is imported when something of it is loaded, not before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval

from nncli.data.table import Array, Table
from nncli.errors import DataError, Problem
from nncli.registry import Registry


class Source(ABC):
    """Data that needs no file. Subclasses are final, frozen and registered."""

    name: ClassVar[str]

    @abstractmethod
    def load(self) -> Table:
        """Return the whole table, the same for the same fields.

        Raises:
            DataError: The fields do not go together.
        """

    def _table(
        self, X: Array, y: Array, *, categorical: bool, names: tuple[str, ...] = (), targets: tuple[str, ...] = ()
    ) -> Table:
        """The table of ``X`` and ``y``; without names, columns are x1, x2, ...; targets class, y, or y1, y2, ..."""
        names = names or tuple(f"x{column + 1}" for column in range(X.shape[1]))
        if not targets and y.ndim == 1:
            targets = ("class",) if categorical else ("y",)
        targets = targets or tuple(f"y{k + 1}" for k in range(y.shape[1]))
        y = y.astype(np.int64) if y.dtype.kind in "iu" else y
        return Table(self.name, np.ascontiguousarray(X, np.float64), names, y, targets, categorical)

    def _require(self, *rules: tuple[bool, str, str]) -> None:
        """Refuse the fields where a rule (holds, message, remedy) does not hold: all such rules at once."""
        problems = [
            Problem(message, f"data.source {self.name}", remedy) for holds, message, remedy in rules if not holds
        ]
        if problems:
            raise DataError(problems)


registry: Registry[Source] = Registry("data source")


def _classes(source: Source, bunch: Any) -> Table:
    """scikit-learn's labelled data, the labels by name."""
    labels = np.asarray(bunch.target_names, np.str_)[bunch.target]
    return source._table(bunch.data, labels, categorical=True, names=tuple(map(str, bunch.feature_names)))


@registry.register
@dataclass(frozen=True)
class Iris(Source):
    """150 flowers, 4 measurements, 3 species (Fisher 1936)."""

    name = "iris"

    def load(self) -> Table:
        from sklearn.datasets import load_iris

        return _classes(self, load_iris())


@registry.register
@dataclass(frozen=True)
class Digits(Source):
    """1797 handwritten digits of 8 x 8 pixels from 0 to 16 (Alpaydin & Kaynak 1998)."""

    name = "digits"

    def load(self) -> Table:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        return self._table(bunch.data, bunch.target, categorical=True, names=tuple(map(str, bunch.feature_names)))


@registry.register
@dataclass(frozen=True)
class Wine(Source):
    """178 wines, 13 chemical measurements, 3 growers (Forina et al. 1988)."""

    name = "wine"

    def load(self) -> Table:
        from sklearn.datasets import load_wine

        return _classes(self, load_wine())


@registry.register
@dataclass(frozen=True)
class BreastCancer(Source):
    """569 tumours, 30 measurements of cell nuclei, malignant or benign (Wolberg, Street & Mangasarian 1993)."""

    name = "breast_cancer"

    def load(self) -> Table:
        from sklearn.datasets import load_breast_cancer

        return _classes(self, load_breast_cancer())


@registry.register
@dataclass(frozen=True)
class Diabetes(Source):
    """442 patients, 10 measurements in their own units, the disease's progress in a year (Efron et al. 2004)."""

    name = "diabetes"

    def load(self) -> Table:
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes(scaled=False)
        return self._table(bunch.data, bunch.target, categorical=False, names=tuple(map(str, bunch.feature_names)))


@registry.register
@dataclass(frozen=True)
class Linnerud(Source):
    """20 men in a fitness club, 3 exercises, and with them weight, waist and pulse: 3 targets (Tenenhaus 1998)."""

    name = "linnerud"

    def load(self) -> Table:
        from sklearn.datasets import load_linnerud

        bunch = load_linnerud()
        return self._table(
            bunch.data,
            bunch.target,
            categorical=False,
            names=tuple(map(str, bunch.feature_names)),
            targets=tuple(map(str, bunch.target_names)),
        )


@registry.register
@dataclass(frozen=True)
class Moons(Source):
    """Two half circles that reach into each other."""

    name = "moons"
    n_samples: Annotated[int, Ge(4)] = 400
    noise: Annotated[float, Ge(0)] = 0.1
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
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
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
        from sklearn.datasets import make_friedman1

        X, y = make_friedman1(
            n_samples=self.n_samples, n_features=self.n_features, noise=self.noise, random_state=self.seed
        )
        return self._table(X, y, categorical=False)


@registry.register
@dataclass(frozen=True)
class Xor(Source):
    """Clouds around (±1, ±1), of class 1 where the signs differ: what no single layer can tell apart."""

    name = "xor"
    n_samples: Annotated[int, Ge(4)] = 400
    noise: Annotated[float, Ge(0)] = 0.3
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
        corner = np.arange(self.n_samples) % 4
        a, b = corner // 2, corner % 2
        X = np.stack([2 * a - 1, 2 * b - 1], axis=1).astype(np.float64)
        X += self.noise * np.random.default_rng(self.seed).standard_normal(X.shape)
        return self._table(X, a ^ b, categorical=True)


@registry.register
@dataclass(frozen=True)
class Spirals(Source):
    """One arm a class, all wound around the origin ``turns`` times, the rows spread evenly over the disk."""

    name = "spirals"
    n_samples: Annotated[int, Ge(4)] = 400
    n_classes: Annotated[int, Ge(2)] = 2
    turns: Annotated[float, Gt(0)] = 1.5
    noise: Annotated[float, Ge(0)] = 0.02
    seed: Annotated[int, Ge(0)] = 0

    def load(self) -> Table:
        self._require(
            (
                self.n_samples >= self.n_classes,
                f"{self.n_samples} samples for {self.n_classes} classes",
                f"raise n_samples to {self.n_classes} at least",
            )
        )
        rng = np.random.default_rng(self.seed)
        arm = np.arange(self.n_samples) % self.n_classes
        radius = np.sqrt(rng.uniform(size=self.n_samples))
        angle = 2 * np.pi * (self.turns * radius + arm / self.n_classes)
        X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        X += self.noise * rng.standard_normal(X.shape)
        return self._table(X, arm, categorical=True)
