"""Pictures of a regression: what is predicted beside what is true, and what is left over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    MARK,
    MEDIUM,
    PANELS,
    POINTS,
    SMALL,
    STRONG,
    Picture,
    columns,
    label,
    new_grid,
    number,
    plain,
    remark,
    room,
    rows_of,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHAPES = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2), 5: (2, 3), 6: (2, 3)}
"""Rows and columns of so many panels."""
HEIGHTS = {(1, 1): 5.4, (1, 2): 4.6, (1, 3): 4.0, (2, 2): 7.6, (2, 3): 7.0}
BINS = 40
"""Of a histogram."""


@plain
def draw_predicted(truth: Array, predicted: Array, names: Sequence[str], split: str) -> Picture | None:
    """What is predicted over what is true.

    Args:
        truth: (n, k), in the target's own units.
        predicted: (n, k).
        names: Of the k columns of the target.
        split: What the rows are called.

    Returns:
        A panel for each column, ``PANELS`` at most; of many rows their density. None without finite rows.
    """
    if not _drawable(truth, predicted):
        return None
    n, shown = len(truth), min(len(names), PANELS)
    shape = SHAPES[shown]
    title = f"Predicted against true ({rows_of(split, n)})"
    figure, grid = new_grid(title, *shape, (8.0, HEIGHTS[shape]))
    for j, axes in enumerate(grid.flat):
        if j >= shown:
            axes.remove()
            continue
        x, y = truth[:, j], predicted[:, j]
        ends = room(x, y)
        _cloud(figure, axes, x, y, (*ends, *ends), alone=shown == 1)
        axes.plot(ends, ends, color=MARK, linewidth=1.4, linestyle="--", zorder=3)
        axes.set_xlim(ends)
        axes.set_ylim(ends)
        axes.set_aspect("equal")
        _few_ticks(axes, shown)
        _label(axes, names[j], "true", "predicted", shown)
        axes.set_title(_heading(names[j], x, y, shown), fontsize=MEDIUM)
    remark(figure, "dashed: predicted as it is", _density(n) if shown > 1 else "", _others(len(names)))
    alt = f"Predicted against true ({rows_of(split, n)}): {_figures(truth, predicted, names)}."
    return Picture("predicted", "Predicted against true", alt, figure)


@plain
def draw_residuals(truth: Array, predicted: Array, names: Sequence[str], split: str) -> Picture | None:
    """What is true less what is predicted, over the latter, and how often. Arguments as of ``draw_predicted``."""
    if not _drawable(truth, predicted):
        return None
    n, shown = len(truth), min(len(names), PANELS)
    down, across = SHAPES[shown]
    widths = {"width_ratios": (4, 1) * across}
    height = HEIGHTS[down, across] if shown > 1 else 5.0
    title = f"Residuals ({rows_of(split, n)})"
    figure, grid = new_grid(title, down, 2 * across, (8.0, height), gridspec_kw=widths)
    for j, (axes, margin) in enumerate(grid.reshape(-1, 2)):
        if j >= shown:
            axes.remove()
            margin.remove()
            continue
        x = predicted[:, j]
        left = truth[:, j] - x
        ends = room(left, np.zeros(1))
        _cloud(figure, axes, x, left, (*room(x), *ends), alone=False)
        axes.axhline(0, color=MARK, linewidth=1.4, linestyle="--", zorder=3)
        axes.set_xlim(room(x))
        axes.set_ylim(ends)
        _few_ticks(axes, shown)
        _label(axes, names[j], "predicted", "true − predicted", shown)
        if shown > 1:
            axes.set_title(label(names[j], 22 if across == 3 else 30), fontsize=MEDIUM)
        columns(margin, left, BINS if n > 200 else 15, ends, upright=False)
        margin.axhline(0, color=MARK, linewidth=1.4, linestyle="--")
        margin.set_ylim(ends)
        margin.tick_params(labelleft=False)
        margin.locator_params(axis="x", nbins=1 if shown > 1 else 3)
        if shown == 1:
            margin.set_xlabel("rows", fontsize=MEDIUM)
    remark(figure, "above 0: predicted too low", _density(n), _others(len(names)))
    spread = "; ".join(
        f"{short(name)}: mean {number(left.mean())}, from {number(left.min())} to {number(left.max())}"
        for name, left in zip(names, (truth - predicted).T[:PANELS], strict=False)
    )
    return Picture("residuals", "Residuals", f"True less predicted ({rows_of(split, n)}): {spread}.", figure)


def _drawable(truth: Array, predicted: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(len(truth)) and bool(np.isfinite(truth - predicted).all())


def _cloud(
    figure: Figure, axes: Axes, x: Array, y: Array, extent: tuple[float, float, float, float], *, alone: bool
) -> None:
    """The rows as points, the more the fainter, or how many lie in each hexagon."""
    n = len(x)
    if n <= POINTS:
        size, strength = (30, 0.75) if n <= 200 else (16, 0.5) if n <= 1000 else (9, 0.3)
        axes.scatter(x, y, s=size, color=STRONG, alpha=strength, linewidths=0, zorder=2)
        return
    from matplotlib.colors import LogNorm

    cells = axes.hexbin(x, y, gridsize=50, extent=extent, mincnt=1, cmap="Blues", linewidths=0.1, zorder=2)
    counted: Any = cells.get_array()
    most = float(counted.max())
    cells.set_norm(LogNorm(0.3, most))  # one row alone is seen, too
    if alone:
        bar = figure.colorbar(cells, ax=axes, pad=0.02)
        bar.set_label("rows in a hexagon", fontsize=MEDIUM)
        bar.ax.tick_params(labelsize=SMALL)
        bar.ax.set_ylim(bottom=1)


def _few_ticks(axes: Axes, shown: int) -> None:
    """So many that their numbers do not touch."""
    if shown > 1:
        axes.ticklabel_format(scilimits=(-3, 4))
        axes.locator_params(nbins=4 if SHAPES[shown][1] == 2 else 3)


def _label(axes: Axes, name: str, x: str, y: str, shown: int) -> None:
    """What is on the axes; the column stands in the titles of small panels."""
    alone = shown == 1
    # in a small panel, the power of ten of the numbers stands at the right
    axes.set_xlabel(f"{x} {label(name, 40)}" if alone else x, fontsize=MEDIUM, loc="center" if alone else "left")
    axes.set_ylabel(f"{y} {label(name, 24)}" if alone else y, fontsize=MEDIUM)


def _heading(name: str, x: Array, y: Array, shown: int) -> str:
    rmse, r2 = _fit(x, y)
    figures = [*([] if r2 is None else [f"R² {number(round(r2, 3))}"]), f"RMSE {number(rmse)}"]
    joined = ("\n" if SHAPES[shown][1] == 3 else ", ").join(figures)
    return joined if shown == 1 else f"{label(name, 20)}\n{joined}"


def _fit(truth: Array, predicted: Array) -> tuple[float, float | None]:
    """The root mean squared error, and R² where the truth is not the same everywhere."""
    largest = float(np.abs(truth - predicted).max()) or 1.0  # squares of large numbers overflow
    rmse = largest * math.sqrt(float(np.mean(((truth - predicted) / largest) ** 2)))
    spread = float(np.std(truth / largest)) * largest if len(truth) > 1 and np.ptp(truth) > 0 else 0.0
    ratio = rmse / spread if spread > 0 else math.inf
    return rmse, 1 - ratio * ratio if ratio < 1e100 else None


def _figures(truth: Array, predicted: Array, names: Sequence[str]) -> str:
    parts = []
    for j, name in enumerate(names[:PANELS]):
        rmse, r2 = _fit(truth[:, j], predicted[:, j])
        parts.append(f"{short(name)}: RMSE {number(rmse)}" + ("" if r2 is None else f", R² {number(round(r2, 3))}"))
    return "; ".join(parts)


def _density(n: int) -> str:
    return "the darker, the more rows" if n > POINTS else ""


def _others(targets: int) -> str:
    return f"the first {PANELS} of {targets} targets" if targets > PANELS else ""
