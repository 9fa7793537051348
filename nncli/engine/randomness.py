"""One seed, one independent stream for each purpose."""

from __future__ import annotations

from enum import IntEnum

from numpy.random import PCG64, Generator, SeedSequence


class Purpose(IntEnum):
    """What random numbers are drawn for. The numbers are part of every run's reproducibility: never renumber."""

    SPLIT = 0
    WEIGHTS = 1
    ORDER = 2
    GRADCHECK = 3
    NOISE = 4


def stream(seed: int, purpose: Purpose, *key: int) -> Generator:
    """The generator for ``purpose``, and within it for ``key`` (an epoch, say): a function of its arguments alone."""
    return Generator(PCG64(SeedSequence(seed, spawn_key=(purpose, *key))))
