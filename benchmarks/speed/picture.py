"""The pictures: a point for each contestant, in a row for each case, on a logarithmic scale of multiples of nncli."""

from __future__ import annotations

import statistics
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.speed.contestants import ENTRIES, NNCLI, PRODUCTS
from benchmarks.speed.report import Figures, ratio

COLOURS = dict(
    zip(
        ENTRIES,
        ("#111111", "#0b4f8a", "#6aa9dc", "#e08a1e", "#c2410c", "#f0a58a", "#2e7d32", "#8bc34a", "#7b3fa0"),
        strict=True,
    )
)
MARKS = dict(zip(ENTRIES, "|DdosP^v*", strict=True))
"""The marks differ as well as the colours: for print, and for those who see few."""


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Write the pictures of what was measured, and return where they are."""
    drawn = []
    if figures.cases:
        rows = {
            f"{name}\n{statistics.median(case.timings[NNCLI].microseconds):,.0f} µs": {
                of: ratio(timing.microseconds, case.timings[NNCLI].microseconds) for of, timing in case.timings.items()
            }
            for name, case in figures.cases.items()
        }
        drawn.append(_points(rows, "A training step", folder / "steps.png"))
    if figures.jobs:
        rows = {
            f"{name}\n{statistics.median(job.commands[NNCLI].seconds):.2f} s": {
                of: ratio(command.seconds, job.commands[NNCLI].seconds) for of, command in job.commands.items()
            }
            for name, job in figures.jobs.items()
        }
        drawn.append(_points(rows, "A whole command, from shell to shell", folder / "commands.png"))
    return drawn


def _points(rows: dict[str, dict[str, float]], title: str, path: Path) -> Path:
    figure = Figure(figsize=(9, 1.9 + 0.72 * len(rows)), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    labels = list(rows)
    for row in range(len(labels)):
        axes.axhline(row, color="#dddddd", linewidth=0.8, zorder=0)
    for name in ENTRIES:
        points = [(rows[label][name], row) for row, label in enumerate(labels) if name in rows[label]]
        if points:
            size = 180 if name == PRODUCTS else 55
            axes.scatter(
                *zip(*points, strict=True), s=size, color=COLOURS[name], marker=MARKS[name], label=name, zorder=3
            )
    axes.axvline(1, color=COLOURS[NNCLI], linewidth=1, alpha=0.6, zorder=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}×")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(labels)), labels, fontsize=10)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel("time as a multiple of nncli's (its own beside the name): further left is faster")
    axes.set_title(title, loc="left", fontsize=13)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.savefig(path)
    return path
