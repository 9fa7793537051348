"""What is still done when a training has ended, and its run is whole."""

from __future__ import annotations

from collections.abc import Callable

from nncli.config.schema import Config
from nncli.errors import NncliError
from nncli.run import Run

LONG = 60.0
"""Seconds of training beside which the few that pictures take are little."""


def finish(run: Run, config: Config, warned: Callable[[str], None]) -> None:
    """Draw the pictures of ``run``, if its config asks for that; what keeps them from being drawn is told."""
    asked = config.report.plots
    if asked is False or (asked == "auto" and run.read_json("summary.json")["training_seconds"] < LONG):
        return
    from nncli.seeing.pictures import draw  # with all that judges a network

    try:
        draw(run)
    except NncliError as error:
        warned(f"there are not all pictures: {error}")
