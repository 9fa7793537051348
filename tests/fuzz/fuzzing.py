"""How much is fuzzed, from which seed, and how it may end.

By default a little of each kind, always the same, so that the suite stays short. ``NNCLI_FUZZ=10000 pytest tests/fuzz``
tries so many inputs of each kind, in about an hour; ``NNCLI_FUZZ_SEED=7`` others. What is found is told with its bytes
and its number, by which ``tests/fuzz/readers.py`` makes it again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis

from nncli.errors import NncliError

ASKED = os.environ.get("NNCLI_FUZZ")
SEED = int(os.environ.get("NNCLI_FUZZ_SEED", "0"))


def inputs(default: int) -> int:
    """How many are tried: as asked for, or ``default``."""
    return default if ASKED is None else int(ASKED)


def fuzzed(default: int) -> Callable[[Any], Any]:
    """Settings of a test of hypothesis: no deadline, nothing kept, the same inputs every time for the same seed."""
    settings = hypothesis.settings(
        max_examples=inputs(default),
        derandomize=SEED == 0,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    def decorate(test: Any) -> Any:
        return settings(test) if SEED == 0 else hypothesis.seed(SEED)(settings(test))

    return decorate


@contextmanager
def counted(ends: Counter[str]) -> Iterator[None]:
    """Note how it ends within: well, or with an NncliError that is a line of text for each problem."""
    try:
        yield
    except NncliError as error:
        ends["refused"] += 1
        if wrong := unreadable(error):
            raise AssertionError(wrong) from error
    else:
        ends["accepted"] += 1


def unreadable(error: NncliError) -> str:
    """What a person could not make out in it."""
    lines = str(error).split("\n")
    if len(lines) != len(error.problems):
        return f"{len(error.problems)} problems on {len(lines)} lines: {error}"
    bad = [line for line in lines if not line or not line.isprintable() or "Traceback" in line]
    return f"lines that say nothing: {bad}" if bad else ""
