"""From a config and the rows that it names to all that a training needs.

``data`` reads, splits and preprocesses the rows, ``stored`` those that are to lie on disk; ``network`` makes the
layers; ``experiment`` is what both come to, and ``build`` the way there; ``members`` has the configs of the several of
an ensemble; ``refusals`` are what only the data, or the whole together, can show to be wrong.
"""

from nncli.builder.build import build, build_members
from nncli.builder.data import (
    Rows,
    Tables,
    debugging_rows,
    engine_rows,
    feature_encoding,
    load_dataset,
    read_file,
    read_tables,
    reading,
)
from nncli.builder.experiment import Experiment
from nncli.builder.members import member_config
from nncli.builder.network import build_network
from nncli.builder.refusals import refuse_idle_ranks
from nncli.builder.stored import Place, keep, lies_on_disk, read_dataset

__all__ = [
    "Experiment",
    "Place",
    "Rows",
    "Tables",
    "build",
    "build_members",
    "build_network",
    "debugging_rows",
    "engine_rows",
    "feature_encoding",
    "keep",
    "lies_on_disk",
    "load_dataset",
    "member_config",
    "read_dataset",
    "read_file",
    "read_tables",
    "reading",
    "refuse_idle_ranks",
]
