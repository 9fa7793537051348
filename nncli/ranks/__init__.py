"""The processes of one training: their numbers, what they send one another, how one that is gone is noticed.

``base`` is the process that is alone, ``mpi`` those of MPI, ``launch`` tells which of the two there is.
"""

from nncli.ranks.base import ALONE, DONE, END, NAME, STEP, TRAIN, RankLostError, Ranks, Transfer, children, parent
from nncli.ranks.launch import launched

__all__ = [
    "ALONE",
    "DONE",
    "END",
    "NAME",
    "STEP",
    "TRAIN",
    "RankLostError",
    "Ranks",
    "Transfer",
    "children",
    "launched",
    "parent",
]
