"""Pictures of what a network makes of two features: regions of classes, or the surface of a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    CYCLE,
    MARKERS,
    MEDIUM,
    SMALL,
    Picture,
    explain_lines,
    label,
    new_figure,
    number,
    plain,
    remark,
    room,
    rows_of,
    short,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 200
"""Points of the grid in each direction."""
SHOWN = 2000
"""Rows on top at most."""


@plain
def draw_regions(
    X: Array,
    truth: Array,
    classes: Sequence[str],
    features: Sequence[str],
    outputs: Callable[[Array], Array],
    split: str,
) -> Picture | None:
    """The class that is predicted at each place, how surely, and the rows.

    Args:
        X: (n, 2) as they stand in the table.
        truth: (n,) codes.
        classes: Their k names.
        features: The names of the two columns.
        outputs: Gives for rows (m, 2) like ``X`` what each of the k classes has, (m, k): probabilities, or scores.
        split: What the rows are called.

    Returns:
        The picture; None without finite rows, or for more classes than there are colours.
    """
    if not len(X) or not np.isfinite(X).all() or len(classes) > len(CYCLE):
        return None
    from matplotlib.colors import to_rgb

    k = len(classes)
    places, x, y = _grid(X)
    P = outputs(places)
    if P.shape != (len(places), k) or not np.isfinite(P).all():
        return None
    best = P.argmax(axis=1)
    strength = np.ones(len(P))
    sure = bool((P >= 0).all() and np.allclose(P.sum(axis=1), 1, atol=1e-3))
    if sure:
        strength = (P.max(axis=1) - 1 / k) / (1 - 1 / k)
    colours = np.array([to_rgb(colour) for colour in CYCLE[:k]])
    depth = (0.12 + 0.43 * strength)[:, np.newaxis]
    shade = (1 - depth * (1 - colours[best])).clip(0, 1).reshape(SIDE, SIDE, 3)
    figure, axes = new_figure(
        f"Decision regions ({rows_of(split, len(X))})", label(features[0], 60), label(features[1], 40), (8.0, 5.6)
    )
    axes.grid(visible=False)
    axes.imshow(shade, extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="auto", interpolation="bilinear")
    for j in range(k):
        lead = P[:, j] - np.delete(P, j, axis=1).max(axis=1)
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead.reshape(SIDE, SIDE), [0], colors="black", linewidths=1.3)
    chosen = thinned(len(X), SHOWN)
    size = 34 if len(chosen) <= 300 else 20 if len(chosen) <= 1000 else 12
    handles = []
    for j in range(k):
        mine = chosen[truth[chosen] == j]
        handles.append(
            axes.scatter(
                X[mine, 0],
                X[mine, 1],
                s=size * (1.5 if MARKERS[j] == "*" else 1),
                marker=MARKERS[j],
                color=CYCLE[j],
                edgecolors="white" if CYCLE[j] == "#000000" else "black",
                linewidths=0.6,
                zorder=3,
            )
        )
    _finish(axes, x, y)
    explain_lines(
        figure,
        handles,
        [label(name) for name in classes],
        markerscale=1.4,
        title="true class",
    )
    remark(figure, "the deeper a shade, the surer" if sure else "", _some_rows(len(chosen), len(X)))
    areas = ", ".join(f"{short(name)} {(best == j).mean():.0%}" for j, name in enumerate(classes))
    right = float((outputs(X).argmax(axis=1) == truth).mean())
    alt = (
        f"Decision regions over {short(features[0])} and {short(features[1])} ({rows_of(split, len(X))}): "
        f"shares of the area {areas}; {right:.1%} of the rows lie in the region of their class."
    )
    return Picture("regions", "Decision regions", alt, figure)


@plain
def draw_surface(
    X: Array, truth: Array, target: str, features: Sequence[str], output: Callable[[Array], Array], split: str
) -> Picture | None:
    """The number that is predicted at each place, and the rows in the same colours.

    Args:
        X: (n, 2) as they stand in the table.
        truth: (n,) in the target's own units.
        target: Its name.
        features: The names of the two columns.
        output: Gives what is predicted (m,) for rows (m, 2) like ``X``.
        split: What the rows are called.

    Returns:
        The picture; None without finite rows.
    """
    if not len(X) or not (np.isfinite(X).all() and np.isfinite(truth).all()):
        return None
    from matplotlib.colors import BoundaryNorm
    from matplotlib.ticker import MaxNLocator

    places, x, y = _grid(X)
    Z = output(places)
    if not np.isfinite(Z).all():
        return None
    low, high = room(Z, truth, share=0)
    levels = MaxNLocator(12).tick_values(low, high)
    norm = BoundaryNorm(levels, 256)
    title = f"Predicted {label(target, 30)} ({rows_of(split, len(X))})"
    figure, axes = new_figure(title, label(features[0], 60), label(features[1], 40), (8.0, 5.6))
    axes.grid(visible=False)
    filled = axes.contourf(x, y, Z.reshape(SIDE, SIDE), levels, cmap="cividis", norm=norm)
    chosen = thinned(len(X), SHOWN)
    axes.scatter(
        X[chosen, 0],
        X[chosen, 1],
        c=truth[chosen],
        cmap="cividis",
        norm=norm,
        s=34 if len(chosen) <= 300 else 16,
        edgecolors="white",
        linewidths=0.8,
        zorder=3,
    )
    bar = figure.colorbar(filled, ax=axes, pad=0.02)
    bar.set_label(label(target, 40), fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    _finish(axes, x, y)
    remark(figure, "points: the rows, in the colour of what is true", _some_rows(len(chosen), len(X)))
    alt = (
        f"Predicted {short(target)} over {short(features[0])} and {short(features[1])} ({rows_of(split, len(X))}): "
        f"from {number(Z.min())} to {number(Z.max())}; the rows have {number(truth.min())} to {number(truth.max())}."
    )
    return Picture("regions", "Predicted surface", alt, figure)


def _grid(X: Array) -> tuple[Array, Array, Array]:
    """The places (SIDE², 2) around the rows, row by row from below, and the coordinates of each side."""
    x, y = (np.linspace(*room(X[:, j], share=0.06), SIDE) for j in (0, 1))
    places = np.column_stack([np.tile(x, SIDE), np.repeat(y, SIDE)])
    return places, x, y


def _finish(axes: Axes, x: Array, y: Array) -> None:
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def _some_rows(shown: int, n: int) -> str:
    return f"{shown:,} of {n:,} rows" if shown < n else ""
