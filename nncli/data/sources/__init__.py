"""Built-in data, each one record: small data sets of the real world, scikit-learn's generators, and two of our own."""

from nncli.data.sources.base import Source, registry
from nncli.data.sources.collected import BreastCancer, Diabetes, Digits, Iris, Linnerud, Wine
from nncli.data.sources.generated import (
    Blobs,
    Circles,
    Classification,
    Friedman1,
    Moons,
    Multilabel,
    Regression,
)
from nncli.data.sources.own import Spirals, Xor

__all__ = [
    "Blobs",
    "BreastCancer",
    "Circles",
    "Classification",
    "Diabetes",
    "Digits",
    "Friedman1",
    "Iris",
    "Linnerud",
    "Moons",
    "Multilabel",
    "Regression",
    "Source",
    "Spirals",
    "Wine",
    "Xor",
    "registry",
]
