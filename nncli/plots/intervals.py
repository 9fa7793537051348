"""The picture of quantiles: how many rows lie below each, and the range that they leave for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    CYCLE,
    DASHES,
    FAINT,
    MARK,
    MARKERS,
    MEDIUM,
    NOTE,
    PANELS,
    STRONG,
    Picture,
    explain_lines,
    label,
    new_grid,
    number,
    plain,
    remark,
    rows_of,
    short,
    thinned,
)
from nncli.scoring.curves import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""The quantiles of a normal distribution that are looked at."""
ROWS = 200
"""So many rows are told apart in a picture."""


def told_quantiles(readings: Mapping[str, Array]) -> dict[float, Array]:
    """The quantiles (n, k) by their level, ascending, that ``Loss.readings`` tell; none where they tell one value only.

    Those of a mean and a deviation are those of the normal distribution.
    """
    if "deviation" in readings:
        mean, deviation = readings["prediction"], readings["deviation"]
        return {q: mean + NormalDist().inv_cdf(q) * deviation for q in LEVELS}
    named = {float(name.removeprefix("quantile ")): X for name, X in readings.items() if name.startswith("quantile ")}
    return dict(sorted(named.items())) if len(named) > 1 else {}


@plain
def draw_intervals(truth: Array, quantiles: Mapping[float, Array], names: Sequence[str], split: str) -> Picture | None:
    """Whether the share of rows below a quantile is its level, and, of one target, the ranges beside the truth.

    Args:
        truth: (n, k), in the target's own units.
        quantiles: Level, ascending -> (n, k); two at least.
        names: Of the k columns of the target.
        split: What the rows are called.

    Returns:
        The picture; None without finite rows.
    """
    levels = np.array(list(quantiles))
    told = np.stack(list(quantiles.values()))
    if not len(truth) or len(levels) < 2 or not (np.isfinite(told).all() and np.isfinite(truth).all()):
        return None
    n, shown = len(truth), min(len(names), PANELS)
    below = (truth <= told).sum(axis=1)
    inside = ((truth >= told[0]) & (truth <= told[-1])).mean(axis=0)
    widths = (told[-1] - told[0]).mean(axis=0)
    wanted = levels[-1] - levels[0]
    title = f"Predicted quantiles ({rows_of(split, n)})"
    alone = len(names) == 1
    figure, grid = new_grid(title, 1, 2 if alone else 1, (8.0, 4.8))
    axes = grid[0, 0]
    handles, labels = [*axes.plot([0, 1], [0, 1], color=NOTE, linewidth=1.2, linestyle="--")], ["as it should be"]
    for j in range(shown):
        share = below[:, j] / n
        low, high = wilson(below[:, j], np.full(len(levels), n))
        handles.append(
            axes.errorbar(
                levels,
                share,
                yerr=np.maximum([share - low, high - share], 0),
                color=STRONG if alone else CYCLE[j],
                marker=MARKERS[j],
                linestyle=DASHES[j],
                linewidth=1.6,
                elinewidth=1.2,
                capsize=3,
                markersize=6,
            )
        )
        labels.append("observed, with 95% interval" if alone else f"{inside[j]:.0%} inside  {label(names[j])}")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("level of the quantile", fontsize=MEDIUM)
    axes.set_ylabel("share of rows below it", fontsize=MEDIUM)
    if alone:
        explain_lines(axes, handles, labels, loc="upper left", bbox_to_anchor=(0, -0.16), frameon=False)
    else:
        explain_lines(figure, handles, labels, title=f"between {levels[0]:g} and {levels[-1]:g}: {wanted:.0%} wanted")
    note = f"the first {PANELS} of {len(names)} targets" if len(names) > PANELS else ""
    if alone:
        axes.set_title(
            f"{inside[0]:.0%} between {levels[0]:g} and {levels[-1]:g}, {wanted:.0%} wanted", fontsize=MEDIUM
        )
        note = _ranges(grid[0, 1], truth[:, 0], told[:, :, 0], levels, names[0])
    remark(figure, note)
    found = "; ".join(
        f"{short(names[j])}: {inside[j]:.1%} of the rows lie between the quantiles {levels[0]:g} and {levels[-1]:g}, "
        f"which are {number(widths[j])} apart in the mean"
        for j in range(shown)
    )
    alt = f"Predicted quantiles ({rows_of(split, n)}), {wanted:.0%} wanted: {found}."
    return Picture("intervals", "Predicted quantiles", alt, figure)


def _ranges(axes: Axes, truth: Array, told: Array, levels: Array, name: str) -> str:
    """The rows in the order of their middle quantile, each with its range and its truth; says which were left out."""
    central = int(np.argmin(np.abs(levels - 0.5)))
    order = np.argsort(told[central], kind="stable")
    chosen = order[thinned(len(order), ROWS)]
    place = np.arange(1, len(chosen) + 1)
    y, low, high = truth[chosen], told[0, chosen], told[-1, chosen]
    hit = (y >= low) & (y <= high)
    range_ = axes.vlines(
        place, np.minimum(low, high), np.maximum(low, high), color=FAINT, linewidth=min(6, 300 / len(place))
    )
    (middle,) = axes.plot(place, told[central, chosen], color=STRONG, linewidth=1.6)
    inside = axes.scatter(place[hit], y[hit], s=14, color="black", zorder=3, linewidths=0)
    outside = axes.scatter(place[~hit], y[~hit], s=26, marker="x", color=MARK, zorder=3, linewidths=1.6)
    handles = [range_, middle, inside, outside]
    words = [
        f"quantiles {levels[0]:g} to {levels[-1]:g}",
        f"quantile {levels[central]:g}",
        "true, inside",
        "true, outside",
    ]
    explain_lines(axes, handles, words, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2, frameon=False)
    axes.set_xlabel("row, by what is predicted", fontsize=MEDIUM)
    axes.set_ylabel(label(name, 40), fontsize=MEDIUM)
    return f"on the right every {len(order) // len(chosen)}th row or so" if len(chosen) < len(order) else ""
