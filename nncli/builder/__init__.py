"""From a config and the rows that it names to all that a training needs.

``data`` reads, splits and preprocesses the rows; ``network`` makes the layers; ``experiment`` is what both come to, and
``build`` the way there; ``refusals`` are what only the data, or the whole together, can show to be wrong.
"""

from nncli.builder.build import build
from nncli.builder.data import (
    Rows,
    Tables,
    debugging_rows,
    engine_rows,
    feature_encoding,
    load_dataset,
    read_file,
    reading,
)
from nncli.builder.experiment import Experiment
from nncli.builder.network import build_network

__all__ = [
    "Experiment",
    "Rows",
    "Tables",
    "build",
    "build_network",
    "debugging_rows",
    "engine_rows",
    "feature_encoding",
    "load_dataset",
    "read_file",
    "reading",
]
