"""The picture of many trials: a line for each through all that was varied, to what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    FAINT,
    INCHES,
    MARK,
    NOTE,
    SMALL,
    STRONG,
    Picture,
    label,
    new_figure,
    number,
    plain,
    remark,
    short,
)
from nncli.text import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 9
"""Columns that have room, beside that of the result."""
TICKS = 12
"""Names that have room at a column."""
FAR = 3.0
"""The axis of the result reaches so many times as far from the best as nine tenths of the trials do."""
MAGNITUDES = 20.0
"""Times that the largest result is the smallest, from which on they are shown by magnitude."""
ABSENT = -0.09
"""Where a line goes by a column that is not there for it."""


@dataclass(frozen=True, eq=False)
class Column:
    """What was varied.

    Attributes:
        name: Its key.
        values: (n,) numbers, those of names by their place among them; NaN where it is not there.
        names: Of a choice, what its values are called.
        log: Whether it goes by orders of magnitude.
        whole: Whether its numbers are whole.
    """

    name: str
    values: Array
    names: tuple[str, ...] | None = None
    log: bool = False
    whole: bool = False

    @property
    def places(self) -> Array:
        """(n,) from 0 to 1, from its lowest to its highest; NaN where it is not there."""
        seen = self._scaled(self.values)
        low, high = self._ends
        return (seen - low) / (high - low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where something is written, and what."""
        low, high = self._ends
        if self.names is not None:
            step = math.ceil(len(self.names) / TICKS)
            return [((i - low) / (high - low), label(name, 18)) for i, name in enumerate(self.names)][::step]
        scaled = self._scaled(self.values[np.isfinite(self.values)])
        found = []
        for x in np.linspace(scaled.min(), scaled.max(), 5) if scaled.min() < scaled.max() else scaled[:1]:
            value = 10**x if self.log else x
            found.append(((x - low) / (high - low), f"{value:.0f}" if self.whole else number(value)))
        return found

    def _scaled(self, values: Array) -> Array:
        return np.log10(values) if self.log else np.asarray(values, float)

    @property
    def _ends(self) -> tuple[float, float]:
        if self.names is not None:
            half = 0.5 if len(self.names) == 1 else 0.0
            return -half, len(self.names) - 1 + half
        seen = self._scaled(self.values[np.isfinite(self.values)])
        low, high = float(seen.min()), float(seen.max())
        return (low, high) if low < high else (low - 0.5, high + 0.5)


@plain
def draw_parallel(
    columns: Sequence[Column], result: Column, title: str, *, highest: bool, ended_early: Array
) -> Picture | None:
    """A line for each trial, dark where its result is good; the best is marked.

    Args:
        columns: What was varied; the first ``MOST`` are shown.
        result: What came of it, finite for each trial.
        title: What the sweep is called.
        highest: Whether the largest result is the best.
        ended_early: (n,) whether a trial was pruned: its line is dashed.

    Returns:
        None where there is no trial, or nothing was varied.
    """
    n = len(result.values)
    shown = [column for column in columns if np.isfinite(column.values).any()][:MOST]
    if not n or not shown:
        return None
    result, beyond = _without_the_worst(result, highest)
    figure, axes = new_figure(f"{title}: {count(n, 'trial')}", "", "", (max(INCHES[0], 1.35 * (len(shown) + 2)), 5.6))
    placed = [*shown, result]
    order = _from_the_worst(result.values if highest else -result.values, ended_early)
    y = np.stack([np.where(np.isnan(column.places), ABSENT, column.places) for column in placed], axis=1)
    rank = np.linspace(0, 1, n) if n > 1 else np.ones(1)
    for place, trial in enumerate(order):
        last = place == n - 1
        axes.plot(
            range(len(placed)),
            y[trial],
            color=MARK if last else _mixed(rank[place]),
            linewidth=2.6 if last else 1.1,
            linestyle="--" if ended_early[trial] and not last else "-",
            alpha=1.0 if last else 0.35 + 0.6 * rank[place],
            zorder=4 if last else 2 + rank[place],
            clip_on=False,
        )
    for x, column in enumerate(placed):
        _draw_column(axes, x, column)
    axes.set_xlim(-0.15, len(placed) - 0.35)
    axes.set_ylim(ABSENT - 0.03 if (y == ABSENT).any() else -0.03, 1.03)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks(range(len(placed)), [_in_lines(column.name) for column in placed], fontsize=SMALL)
    axes.tick_params(axis="x", length=0, pad=8)
    dropped = len(columns) - len(shown)
    remark(
        figure,
        f"the best: {number(result.values[order[-1]])}",
        f"{count(beyond, 'trial')} beyond the end of its axis" if beyond else "",
        "dashed: ended early" if ended_early.any() else "",
        "at the bottom: not there in that trial" if (y == ABSENT).any() else "",
        f"{count(dropped, 'more key')} varied that there is no room for" if dropped else "",
    )
    best = order[-1]
    chosen = ", ".join(f"{column.name} {_said(column, best)}" for column in shown)
    alt = (
        f"{count(n, 'trial')}, a line for each; the best has {result.name} {number(result.values[best])} with {chosen}."
    )
    return Picture("parallel", "All trials", alt, figure)


def _without_the_worst(result: Column, highest: bool) -> tuple[Column, int]:
    """The result with those far off put at the end of the rest, and how many they are; by magnitude where it has some.

    One loss of 1e33 would leave nothing to be seen of the others.
    """
    cost = -result.values if highest else result.values
    best, most = float(cost.min()), float(np.quantile(cost, 0.9))
    end = best + FAR * (most - best)
    beyond = int((cost > end).sum())
    cost = np.minimum(cost, end) if beyond else cost
    values = -cost if highest else cost
    log = bool(values.min() > 0 and values.max() > MAGNITUDES * values.min())
    return replace(result, values=values, log=log), beyond


def _from_the_worst(goodness: Array, ended_early: Array) -> Array:
    """The trials, the best of those that came to their end last, if any did: it is drawn upon the others."""
    order = np.argsort(goodness, kind="stable")
    to_the_end = order[~ended_early[order]]
    if not to_the_end.size:
        return order
    best = to_the_end[-1]
    return np.append(order[order != best], best)


def _draw_column(axes: Axes, x: int, column: Column) -> None:
    axes.plot([x, x], [0, 1], color=NOTE, linewidth=1.0, zorder=5)
    for y, text in column.ticks:
        axes.plot([x - 0.015, x + 0.015], [y, y], color=NOTE, linewidth=1.0, zorder=5)
        axes.text(
            x + 0.03,
            y,
            text,
            fontsize=SMALL,
            va="center",
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )


def _mixed(share: float) -> tuple[float, ...]:
    """From faint to strong."""
    from matplotlib.colors import to_rgb

    return tuple((1 - share) * a + share * b for a, b in zip(to_rgb(FAINT), to_rgb(STRONG), strict=True))


def _in_lines(name: str) -> str:
    """A key in lines as wide as a column: it is cut at its dots."""
    lines = [""]
    for part in name.split("."):
        if lines[-1] and len(lines[-1]) + len(part) > 14:
            lines.append("")
        lines[-1] += f".{part}" if lines[-1] or len(lines) > 1 else part
    return "\n".join(label(line, 18) for line in lines)


def _said(column: Column, trial: int) -> str:
    value = column.values[trial]
    if np.isnan(value):
        return "not there"
    return short(column.names[int(value)]) if column.names is not None else number(value)
