"""Small data sets of the real world, which scikit-learn brings along.

Their files are read where they lie, as scikit-learn's own loaders read them: importing those costs about 0.9 s, many
times a training on 150 rows.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nncli.data.cells import Array
from nncli.data.pixels import pixel_names
from nncli.data.sources.base import Source, registry
from nncli.data.table import Table


class Collected(Source):
    """A data set of scikit-learn, whose loader there is ``load_`` and its name."""

    columns: ClassVar[tuple[str, ...]]
    """The names of the features, as that loader gives them."""
    targets: ClassVar[tuple[str, ...]] = ()
    categorical: ClassVar[bool]

    def _load(self) -> Table:
        """The table, from the files or from the loader: the same bit for bit."""
        try:
            X, y = self._read(_folder())
        except FileNotFoundError:
            # scikit-learn says nowhere that its files stay where they are, and it may be packed into an archive. Its
            # loader knows where they are now, and takes only longer.
            X, y = self._loaded()
        return self._table(X, y, categorical=self.categorical, names=self.columns, targets=self.targets)

    @abstractmethod
    def _read(self, folder: Path) -> tuple[Array, Array]:
        """Features (n, d) and target, from scikit-learn's files in ``folder``.

        Raises:
            FileNotFoundError: They are not there.
        """

    def _loaded(self) -> tuple[Array, Array]:
        """The same, from scikit-learn's loader."""
        bunch = self._bunch()
        return bunch.data, bunch.target

    def _bunch(self, **settings: Any) -> Any:
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{self.name}")(**settings)


class Labelled(Collected):
    """One whose file begins with a line of the counts of rows and columns and of the names of the classes."""

    file: ClassVar[str]
    categorical = True

    def _read(self, folder: Path) -> tuple[Array, Array]:
        with (folder / self.file).open(encoding="utf-8") as file:
            _, _, *classes = next(file).strip().split(",")
            rows = np.loadtxt(file, delimiter=",")
        return rows[:, :-1], np.array(classes)[rows[:, -1].astype(np.intp)]

    def _loaded(self) -> tuple[Array, Array]:
        bunch = self._bunch()
        return bunch.data, np.asarray(bunch.target_names, np.str_)[bunch.target]


@registry.register
@dataclass(frozen=True)
class Iris(Labelled):
    """150 flowers, 4 measurements, 3 species (Fisher 1936)."""

    name = "iris"
    file = "iris.csv"
    columns = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")


@registry.register
@dataclass(frozen=True)
class Digits(Collected):
    """1797 handwritten digits of 8 x 8 pixels from 0 to 16 (Alpaydin & Kaynak 1998)."""

    name = "digits"
    columns = pixel_names(8, 8)
    categorical = True

    def _read(self, folder: Path) -> tuple[Array, Array]:
        rows = np.loadtxt(folder / "digits.csv.gz", delimiter=",")
        return rows[:, :-1], rows[:, -1].astype(np.int64)


@registry.register
@dataclass(frozen=True)
class Wine(Labelled):
    """178 wines, 13 chemical measurements, 3 growers (Forina et al. 1988)."""

    name = "wine"
    file = "wine_data.csv"
    columns = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    )


_NUCLEUS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


@registry.register
@dataclass(frozen=True)
class BreastCancer(Labelled):
    """569 tumours, 30 measurements of cell nuclei, malignant or benign (Wolberg, Street & Mangasarian 1993)."""

    name = "breast_cancer"
    file = "breast_cancer.csv"
    columns = (
        *(f"mean {measure}" for measure in _NUCLEUS),
        *(f"{measure} error" for measure in _NUCLEUS),
        *(f"worst {measure}" for measure in _NUCLEUS),
    )


@registry.register
@dataclass(frozen=True)
class Diabetes(Collected):
    """442 patients, 10 measurements in their own units, the disease's progress in a year (Efron et al. 2004)."""

    name = "diabetes"
    columns = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    categorical = False

    def _read(self, folder: Path) -> tuple[Array, Array]:
        return np.loadtxt(folder / "diabetes_data_raw.csv.gz"), np.loadtxt(folder / "diabetes_target.csv.gz")

    def _loaded(self) -> tuple[Array, Array]:
        bunch = self._bunch(scaled=False)
        return bunch.data, bunch.target


@registry.register
@dataclass(frozen=True)
class Linnerud(Collected):
    """20 men in a fitness club, 3 exercises, and with them weight, waist and pulse: 3 targets (Tenenhaus 1998)."""

    name = "linnerud"
    columns = ("Chins", "Situps", "Jumps")
    targets = ("Weight", "Waist", "Pulse")
    categorical = False

    def _read(self, folder: Path) -> tuple[Array, Array]:
        exercise, body = (folder / f"linnerud_{kind}.csv" for kind in ("exercise", "physiological"))
        return np.loadtxt(exercise, skiprows=1), np.loadtxt(body, skiprows=1)


def _folder() -> Path:
    """Where scikit-learn keeps its files; it is looked for, and not imported."""
    spec = find_spec("sklearn")
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise FileNotFoundError("sklearn")
    return Path(places[0]) / "datasets" / "data"
