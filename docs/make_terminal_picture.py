"""Draws what a training shows in a terminal, in the midst of it and at its end, to docs/pictures/training.svg.

The figures are those of a real training of configs/digits.yaml; only the timings change from one drawing to the next.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from nncli.api import train
from nncli.builder import Experiment
from nncli.cli.course import Course, Speed
from nncli.cli.ended import draw_summary
from nncli.cli.glyphs import BLOCKS
from nncli.cli.layout import compose
from nncli.cli.live import markup
from nncli.config.loader import load_config
from nncli.run import Run
from nncli.training.events import EpochEnded, Event
from nncli.training.lines import opening

ROOT = Path(__file__).parents[1]
CONFIG = "configs/digits.yaml"
OVERRIDES = ["training.early_stopping.patience=60"]
WIDTH = 100
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Whoever looks at the picture need not ask another server for them."""
MONOSPACE = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SHARE = 0.6
"""Of the epochs, after which the display is caught."""


class Recording:
    """A training that is watched, and drawn to ``console`` at one moment."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._course: Course | None = None

    def began(self, experiment: Experiment, run: Run) -> None:
        """What stands above the display."""
        for line in opening(experiment):
            self._console.print(line, soft_wrap=False)
        self._course = Course(experiment)
        self._course.speed(time.monotonic())

    def observe(self, event: Event) -> None:
        """Draw after so many epochs, and never again."""
        assert self._course is not None
        self._course.take(event)
        if isinstance(event, EpochEnded) and event.epoch == round(SHARE * self._course.epochs):
            self.draw(self._course, self._course.speed(time.monotonic()))

    def draw(self, course: Course, speed: Speed) -> None:
        """The display as it stands."""
        for line in compose(course, speed, BLOCKS, WIDTH - 1, 40):
            self._console.print("".join(map(markup, line)))
        self._console.print()


def main() -> None:
    """Train, and draw."""
    console = Console(
        width=WIDTH,
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"[bold]$[/] nncli train {CONFIG} {' '.join(OVERRIDES)}")
    recording = Recording(console)
    config = load_config(ROOT / CONFIG, OVERRIDES)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = train(config, began=recording.began, observe=recording.observe)
        draw_summary(run, console)
        os.chdir(ROOT)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/pictures/training.svg"
    path.parent.mkdir(exist_ok=True)
    svg = console.export_svg(title="nncli", unique_id="nncli-training")
    svg = FONTS.sub("", svg).replace("Fira Code, monospace", MONOSPACE)
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
