"""Whether this process was started as one of several, as the environment tells: without them, no MPI is loaded."""

from __future__ import annotations

import os
from importlib.util import find_spec

from nncli.errors import NncliError
from nncli.ranks.base import Ranks

LAUNCHERS = (
    ("PMI_SIZE", "PMI_RANK"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
)
"""Where mpiexec of MPICH and Intel, that of Open MPI, and srun of Slurm write how many there are, and which this is."""


class NotFirstError(Exception):
    """What is wrong is wrong in all processes, and the first of them says it."""


def started() -> tuple[int, int]:
    """How many processes were started together, and the number of this one; (1, 0) for one that is alone."""
    for size, rank in LAUNCHERS:
        if os.environ.get(size, "").isdigit() and os.environ.get(rank, "").isdigit():
            return int(os.environ[size]), int(os.environ[rank])
    return 1, 0


def launched() -> Ranks:
    """The processes that this one was started with.

    Raises:
        NncliError: There are several, and they cannot speak to one another.
        NotFirstError: The same, in all of them but the first.
    """
    size, rank = started()
    if size == 1:
        return Ranks()
    if find_spec("mpi4py") is None:
        message = f"{size} processes were started together, and mpi4py is not installed"
        raise _said_once(rank, message, "pip install 'nncli[mpi]', or start one: without mpiexec")
    from nncli.ranks.mpi import MpiRanks, library

    try:
        ranks = MpiRanks()
    except (ImportError, RuntimeError) as error:  # no library of MPI, or one that mpi4py was not made for
        message = f"{size} processes were started together, and mpi4py finds no MPI ({error})"
        raise _said_once(rank, message, "install one, such as pip install mpich") from None
    if ranks.size == 1:
        message = f"{size} processes were started together, and {library()} sees one"
        raise _said_once(rank, message, "start them with the mpiexec of the MPI that mpi4py uses; srun: --mpi=pmi2")
    return ranks


def _said_once(rank: int, message: str, remedy: str) -> Exception:
    return NncliError(message, remedy=remedy) if rank == 0 else NotFirstError()
