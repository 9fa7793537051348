"""One contestant on one case, in a process of its own.

    python -m benchmarks.speed.measure FOLDER CONTESTANT FORM SECONDS

Prints one JSON object. With 0 seconds it is checked, not timed: it trains in the orders that are given, and the loss
that its weights then have is told.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.contestants import ENTRIES
from benchmarks.speed.material import Material, loss
from benchmarks.speed.peers.base import Contestant, Learner

LEAST_EPOCHS = 2
"""Of those that are timed: one alone would be at the mercy of what else the machine does."""


def main() -> None:
    """Measure or check, and print."""
    folder, name, label, seconds = sys.argv[1:]
    material = Material(Path(folder))
    entry = ENTRIES[name]
    form = next(form for form in entry.forms(material.case) if form.label == label)
    contestant = entry.make(material, form)
    figures: dict[str, Any] = {}
    if float(seconds):
        figures = timed(contestant, float(seconds))
    elif isinstance(contestant, Learner):
        contestant.train_in_order(material.orders)
        figures = {"loss": loss(material.case, contestant.weights(), *material.rows)}
    print(json.dumps(figures | {"threads": contestant.threads}))


def timed(contestant: Contestant, seconds: float) -> dict[str, Any]:
    """Microseconds a step over whole epochs, once it is warm."""
    ends: list[float] = []
    begin = 0  # the epoch at whose end the clock is started

    def epoch_ended() -> bool:
        nonlocal begin
        ends.append(time.perf_counter())
        epoch = len(ends) - 1
        # The first epoch compiles and allocates, and some compile again in the second. Short ones go on warming up, for
        # the caches and the processor's clock.
        if epoch < 2 or ends[begin] - ends[0] < seconds / 5:
            begin = epoch
        return epoch - begin < LEAST_EPOCHS or ends[epoch] - ends[begin] < seconds

    contestant.train(epoch_ended)
    steps = (len(ends) - 1 - begin) * contestant.case.steps
    return {"microseconds": 1e6 * (ends[-1] - ends[begin]) / steps, "steps": steps}


if __name__ == "__main__":
    main()
