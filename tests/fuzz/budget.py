"""How much is fuzzed, and from which seed.

By default a little of each kind, always the same, so that the suite stays short. ``NNCLI_FUZZ=2000 pytest tests/fuzz``
tries so many inputs of each kind, ``NNCLI_FUZZ_SEED=7`` others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import hypothesis

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
