"""Features for a network: numbers scaled, text and dates encoded, gaps filled and marked.

``fitted`` has the whole, ``Features``, and how it is asked for, ``Encoding``; ``numbers``, ``category`` and ``date``
are the groups of columns in it, each with its formula in NumPy's functions: what trains, predicts and is exported is
the same text.
"""

from nncli.data.features.category import Category
from nncli.data.features.date import Date
from nncli.data.features.fitted import KINDS, Categorical, Dates, Encoding, Features, Numeric
from nncli.data.features.numbers import Numbers
from nncli.data.features.quantiles import Quantiles

__all__ = [
    "KINDS",
    "Categorical",
    "Category",
    "Date",
    "Dates",
    "Encoding",
    "Features",
    "Numbers",
    "Numeric",
    "Quantiles",
]
