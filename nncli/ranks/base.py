"""What a training asks of the processes that share it, and the answers of one that is alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from nncli.errors import NncliError

if TYPE_CHECKING:
    from numpy.typing import NDArray  # not for a command that has nothing to compute

STEP, NAME, TRAIN, DONE, END = range(5)
"""What rank 0 calls the others to: a batch; to name what is not finite; a training; its end; the end of the command."""


class RankLostError(NncliError):
    """A process that shares the training is gone, or cannot go on."""


class Transfer(Protocol):
    """An array that is sent, or received, again and again."""

    def start(self) -> None:
        """Begin; the array is not to be touched until ``wait`` is over."""

    def wait(self) -> None:
        """Until it has arrived, or may be written over."""


class Ranks:
    """The processes that share a training, as one of them sees it; this class is a process that is alone.

    Rank 0 leads: it reads, writes, judges, draws and updates the parameters; the others compute the gradients of their
    shards where it calls them to.

    Attributes:
        rank: The number of this process.
        size: How many there are.
        here: How many of them are on this machine.
        signal: The number of the signal that came to another process, or 0; on rank 0, after a batch.
        broken: Whether one of them is lost, so that the others cannot end together.
    """

    rank: int = 0
    size: int = 1
    here: int = 1

    def __init__(self) -> None:
        self.signal = 0
        self.broken = False

    def warn_by(self, warned: Callable[[str], None]) -> None:
        """Say by ``warned`` whom it waits for, when that takes long."""

    def share(self, shards: int, rank: int | None = None) -> range:
        """The shards of a rank, by default of this one: contiguous, as even as they can be."""
        rank = self.rank if rank is None else rank
        return range(shards * rank // self.size, shards * (rank + 1) // self.size)

    def owner(self, shards: int, shard: int) -> int:
        """The rank that has ``shard``."""
        return (self.size * (shard + 1) - 1) // shards

    def sending(self, array: NDArray[Any], to: int) -> Transfer:
        """What sends ``array`` (contiguous)."""
        raise NotImplementedError("a process that is alone has nobody to send anything to")

    def receiving(self, array: NDArray[Any], source: int) -> Transfer:
        """What receives into ``array`` (contiguous) what ``source`` sends, in the order in which it is sent."""
        raise NotImplementedError("a process that is alone receives nothing")

    def send(self, array: NDArray[Any], to: int) -> None:
        """Send ``array`` (contiguous) once."""
        raise NotImplementedError("a process that is alone has nobody to send anything to")

    def receive(self, array: NDArray[Any], source: int) -> None:
        """Receive into ``array`` (contiguous) once."""
        raise NotImplementedError("a process that is alone receives nothing")

    def forget(self) -> None:
        """All that ``sending`` and ``receiving`` have returned is done with."""

    def call(self, what: int, *numbers: int) -> None:
        """Rank 0: call the others to ``what``."""

    def called(self) -> tuple[int, int, int]:
        """The others: wait until they are called; what to, and its numbers."""
        raise NotImplementedError("nobody calls a process that is alone")

    def report(self, problem: str) -> None:
        """The others: let rank 0 know that this process cannot go on."""

    def look(self) -> None:
        """See whether the others are there, as far as this can be seen from here.

        Raises:
            RankLostError: One of them is not, or cannot go on.
        """

    def end(self, code: int) -> None:
        """The command is over, for all of them with this exit code; rank 0 tells the others."""


ALONE = Ranks()
"""A training in one process. Nothing of it ever changes: nobody sends it a signal."""


def parent(rank: int) -> int:
    """From whom ``rank`` hears what rank 0 says: its number without its lowest bit."""
    return rank & (rank - 1)


def children(rank: int, size: int) -> list[int]:
    """To whom ``rank`` hands it on, those with the most behind them first."""
    lowest = rank & -rank if rank else 1 << (size - 1).bit_length()
    bits = [1 << k for k in range(lowest.bit_length() - 1)]
    return [rank | bit for bit in reversed(bits) if rank | bit < size]
