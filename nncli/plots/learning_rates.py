"""The picture of a learning rate range test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nncli.lr_find import RangeTest
from nncli.plots.canvas import FAINT, MARK, NOTE, STRONG, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADROOM = 0.35
"""Of the height between the lowest loss and that at the start, so much is left above: bursts leave the picture."""


def draw_range_test(found: RangeTest) -> Figure:
    """The loss over the rates, light as it is and dark as smoothed, with the suggested rate marked."""
    title = f"{found.source}: learning rate range test of {found.optimizer}"
    figure, axes = new_figure(title, "learning rate", "loss of a batch")
    rates, losses, smoothed = (
        np.array([getattr(point, name) for point in found.points]) for name in ("rate", "loss", "smoothed")
    )
    axes.set_xscale("log")
    axes.plot(rates, losses, color=FAINT, linewidth=1.2, label="each batch")
    axes.plot(rates, smoothed, color=STRONG, linewidth=2.2, label="smoothed")
    if found.suggestion is not None:
        label = f"suggested: {found.suggestion:.2g}"
        axes.axvline(found.suggestion, color=MARK, linewidth=2, label=label)
    if found.lowest is not None:
        axes.axvline(found.lowest, color=MARK, linewidth=1.2, linestyle=":", label=f"lowest: {found.lowest:.2g}")
    axes.axvline(
        found.configured, color=NOTE, linewidth=1.2, linestyle="--", label=f"in the config: {found.configured:.2g}"
    )
    early = losses[: max(2, len(losses) // 10)]
    low, high = min(smoothed.min(), np.quantile(losses, 0.02)), max(early.max(), np.quantile(smoothed, 0.5))
    room = (high - low) or 1.0
    axes.set_ylim(low - 0.05 * room, high + HEADROOM * room)
    axes.set_xlim(rates[0], rates[-1])
    axes.legend(loc="lower left", fontsize=11, framealpha=0.9)
    return figure
