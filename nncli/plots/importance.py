"""The picture of how much each of the things that were varied matters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import FAINT, STRONG, Picture, label, new_figure, number, plain, remark, short
from nncli.text import count

MOST = 20
"""Bars that have room."""


@plain
def draw_importance(importances: Mapping[str, Array], explained: float, trials: int, figure_name: str) -> Picture:
    """A bar for each key, the longest on top.

    Args:
        importances: Of each key, (r,) by how much R² falls when its values are shuffled, r times.
        explained: R² of the model on trials that it was not made from.
        trials: How many it was made from.
        figure_name: What it tells of.
    """
    ranked = sorted(importances.items(), key=lambda one: -float(one[1].mean()))
    shown = ranked[:MOST][::-1]
    title = f"What {figure_name} depends on ({count(trials, 'trial')})"
    figure, axes = new_figure(
        title, "fall of R² when the values of the key are shuffled", "", (8.0, 1.6 + 0.42 * len(shown))
    )
    means = np.array([each.mean() for _, each in shown])
    spread = np.array([each.std() for _, each in shown])
    axes.barh(range(len(shown)), means, color=FAINT, edgecolor=STRONG, xerr=spread, ecolor=STRONG, capsize=3)
    axes.set_yticks(range(len(shown)), [label(name, 32) for name, _ in shown])
    axes.axvline(0, color=STRONG, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    remark(
        figure,
        f"of a random forest, which explains {max(explained, 0):.0%} of the variance of trials that it has not seen",
        "it tells nothing then" if explained <= 0 else "",
        f"{len(ranked) - len(shown)} less important keys are left out" if len(ranked) > len(shown) else "",
    )
    said = ", ".join(f"{short(name)} {number(each.mean())}" for name, each in ranked[:5])
    alt = f"How much {figure_name} depends on each key, by a random forest with R² {number(explained)}: {said}."
    return Picture("importance", "What matters", alt, figure)
