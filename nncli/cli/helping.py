"""The processes beside the first: they help it to train, and say nothing."""

from __future__ import annotations

import signal
import time
import traceback
from types import FrameType

from nncli.cli.plain import print_lines
from nncli.errors import NncliError
from nncli.ranks import RankLostError, Ranks

PAUSE = 0.1


def help_rank_0(ranks: Ranks) -> int:
    """Do what rank 0 calls for, until its command ends. Returns the exit code of that.

    The first signal is told rank 0, which lets all end together; the second is the operating system's.
    """

    def take(number: int, frame: FrameType | None) -> None:
        ranks.signal = number
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, take)
    try:
        from nncli.training.team import Helper

        code = Helper(ranks).serve()
        ranks.end(code)
        return code
    except RankLostError as lost:  # nobody is left to tell it to, but who reads stderr
        print_lines(f"rank {ranks.rank}: {lost}", errors=True)
        ranks.end(lost.exit_code)
        return lost.exit_code
    except (NncliError, MemoryError, OSError) as error:
        problem = f"{error}" or type(error).__name__
    except Exception as error:  # noqa: BLE001  # rank 0 ends the others
        traceback.print_exc()
        problem = f"{type(error).__name__}: {error}"
    ranks.report(problem)
    while True:  # until rank 0 ends all
        time.sleep(PAUSE)
        try:
            ranks.look()
        except RankLostError:
            return NncliError.exit_code
