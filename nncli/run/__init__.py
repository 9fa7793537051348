"""The run directory: everything about one training, in files that other programs can read.

``directory`` knows the files and their names, ``files`` writes one whole or not at all, ``tensors`` has the format of
weights and checkpoints, ``checkpoints`` keeps the newest few, ``log`` is a table that grows with a training, ``lock``
keeps two processes off one run, ``environment`` says what its bits depend on, ``outcome`` knows a
summary that is whole.
"""

from nncli.run.checkpoints import Checkpoints, State
from nncli.run.directory import MEMBERS, PLAN, ROOT, Run, first_free
from nncli.run.environment import differences, environment, what_matters
from nncli.run.tensors import digest_of

__all__ = [
    "MEMBERS",
    "PLAN",
    "ROOT",
    "Checkpoints",
    "Run",
    "State",
    "differences",
    "digest_of",
    "environment",
    "first_free",
    "what_matters",
]
