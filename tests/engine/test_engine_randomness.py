"""One seed, and from it a stream for every purpose and every epoch."""

from __future__ import annotations

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from nncli.engine.randomness import Purpose, Streams, stream


def test_the_stream_of_an_epoch_is_where_numpy_jumps_to() -> None:
    start = PCG64(SeedSequence(5, spawn_key=(Purpose.ORDER,)))
    streams = Streams(5, Purpose.ORDER)
    for epoch in (1, 2, 3, 1000, 10**9):
        expected = Generator(start.jumped(epoch))
        assert np.array_equal(streams.of(epoch).permutation(50), expected.permutation(50))


def test_the_stream_of_an_epoch_does_not_depend_on_what_was_drawn_before() -> None:
    streams = Streams(0, Purpose.NOISE)
    # three halves of 64 bits: the generator has one left, which the next epoch must not see
    streams.of(4).integers(0, 2**32, 3, dtype=np.uint32)
    again = streams.of(7).integers(0, 2**32, 5, dtype=np.uint32)
    assert np.array_equal(again, Streams(0, Purpose.NOISE).of(7).integers(0, 2**32, 5, dtype=np.uint32))


def test_every_seed_purpose_and_epoch_has_another_stream() -> None:
    firsts = [
        Streams(seed, purpose).of(epoch).integers(2**63)
        for seed in (0, 1)
        for purpose in (Purpose.ORDER, Purpose.NOISE)
        for epoch in (1, 2, 3)
    ] + [stream(0, purpose).integers(2**63) for purpose in Purpose]
    assert len(set(firsts)) == len(firsts)
