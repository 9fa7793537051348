"""One seed, one independent stream for each purpose."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from numpy.random import PCG64, Generator, SeedSequence


class Purpose(IntEnum):
    """What random numbers are drawn for. The numbers are part of every run's reproducibility: never renumber."""

    SPLIT = 0
    WEIGHTS = 1
    ORDER = 2
    GRADCHECK = 3
    NOISE = 4
    MEMBER = 5
    SWEEP = 6


def stream(seed: int, purpose: Purpose, *key: int) -> Generator:
    """The generator for ``purpose``, and within it for ``key`` (an epoch, say): a function of its arguments alone."""
    return Generator(PCG64(SeedSequence(seed, spawn_key=(purpose, *key))))


class Streams:
    """The streams of ``purpose``, and within it of ``key``: one for each epoch, all from one generator.

    To start one anew for every epoch would cost ten times as much, in short epochs as much as a step. They lie as far
    apart in the sequence of the generator as ``PCG64.jumped`` puts them: 2^128/φ numbers, which never meet again.
    """

    def __init__(self, seed: int, purpose: Purpose, *key: int) -> None:
        self._bits = PCG64(SeedSequence(seed, spawn_key=(purpose, *key)))
        self._start = self._bits.state
        self._generator = Generator(self._bits)

    def of(self, epoch: int) -> Generator:
        """The generator, at the start of the stream of ``epoch`` >= 1, wherever it has been."""
        self._bits.state = self._start
        self._bits.advance(epoch * _JUMP % 2**128)
        return self._generator

    @property
    def place(self) -> dict[str, Any]:
        """Where the generator is: plain values, its numbers of 128 bits as text, which JSON could not hold."""
        state = self._bits.state
        return {
            "state": {key: str(number) for key, number in state["state"].items()},
            "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }

    def go_to(self, place: Mapping[str, Any]) -> Generator:
        """The generator, where it was when ``place`` was taken."""
        state = {key: int(number) for key, number in place["state"].items()}
        self._bits.state = self._start | {**place, "state": state}  # type: ignore[assignment]
        return self._generator


_JUMP = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Of NumPy's ``PCG64.jumped``: streams that lie a power of 2 apart would be correlated in their low bits."""
