"""The picture of which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    LARGE,
    MEDIUM,
    NOTE,
    SMALL,
    Picture,
    label,
    new_figure,
    plain,
    remark,
    rows_of,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WRITTEN, WHOLE, KEPT = 12, 40, 20
"""Up to so many classes have numbers in their cells; up to so many are all drawn; so many are kept of more."""
NAMED = 30
"""So many names find room on an axis."""
DARK = 0.55
"""From this share on, a cell is so dark that its text is white."""


@plain
def draw_confusion(counts: Array, classes: Sequence[str], split: str) -> Picture | None:
    """How many rows of each class were taken for which.

    Args:
        counts: (k, k), [true][predicted].
        classes: Their k names.
        split: What the rows are called.

    Returns:
        The picture: cells with their numbers, or only shades for many classes; None without rows.
    """
    whole, total, right = counts, int(counts.sum()), int(np.trace(counts))
    if not total:
        return None
    named = [*classes]
    k, note = len(named), ""
    if k > WHOLE:
        counts, kept = _most_confused(counts)
        named = [*(named[i] for i in kept), f"the other {k - KEPT}"]
        note = f"the {KEPT} of {k} classes with the most mistakes, and the others together"
    rows = counts.sum(axis=1)
    shares = np.divide(counts, rows[:, np.newaxis], out=np.full(counts.shape, np.nan), where=rows[:, np.newaxis] > 0)
    title = f"Confusion matrix ({rows_of(split, total)}, {right / total:.1%} right)"
    shown = len(named)
    written = k <= WRITTEN
    height = 5.0 if shown <= 4 else 6.2 if shown <= 8 else 7.0
    figure, axes = new_figure(title, "predicted class", "true class", (8.0, height))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _colour(figure, axes, shares, written)
    if written:
        _write(axes, counts, shares)
    _name(axes, named, rows if written else None)
    empty = int((rows == 0).sum())
    remark(figure, note, "grey: a class without a row" if empty else "")
    return Picture("confusion", "Confusion matrix", _in_words(whole, classes, split, total, right), figure)


def _colour(figure: Figure, axes: Axes, shares: Array, written: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize, PowerNorm
    from matplotlib.ticker import PercentFormatter

    shades = colormaps["Blues"].with_extremes(bad="#d9d9d9")
    # where only the shade tells, one mistake in a hundred has to be seen: shades by the root of the share
    norm = Normalize(0, 1) if written else PowerNorm(0.5, 0, 1)
    image = axes.imshow(np.ma.masked_invalid(shares), cmap=shades, norm=norm, interpolation="nearest")
    ticks = [0, 0.25, 0.5, 0.75, 1] if written else [0, 0.01, 0.05, 0.2, 0.5, 1]
    bar = figure.colorbar(image, ax=axes, ticks=ticks, format=PercentFormatter(1, 0), fraction=0.046, pad=0.03)
    bar.set_label("share of the rows of the true class", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    k = len(shares)
    edges = np.arange(k + 1) - 0.5
    axes.vlines(edges, -0.5, k - 0.5, color="white" if written else "#e5e7eb", linewidth=1.5 if written else 0.4)
    axes.hlines(edges, -0.5, k - 0.5, color="white" if written else "#e5e7eb", linewidth=1.5 if written else 0.4)
    axes.set_xlim(-0.5, k - 0.5)
    axes.set_ylim(k - 0.5, -0.5)


def _write(axes: Axes, counts: Array, shares: Array) -> None:
    """The count and the share in each cell; only the 0 where nothing is, faintly."""
    k = len(counts)
    size = 16 if k <= 4 else LARGE if k <= 6 else MEDIUM if k <= 9 else SMALL
    for i in range(k):
        for j in range(k):
            count, share = int(counts[i, j]), float(shares[i, j])
            colour = "white" if share > DARK else "black" if count else NOTE
            lines = _compact(count, k)
            place = "bottom" if count else "center"
            written = [axes.text(j, i, lines, ha="center", va=place, fontsize=size, color=colour)]
            if count:
                share_text = _percent(share)
                written.append(axes.text(j, i + 0.04, share_text, ha="center", va="top", fontsize=SMALL, color=colour))
            for text in written:
                text.set_in_layout(False)  # it stays in its cell: half the time of 10 classes went into measuring that


def _compact(count: int, k: int) -> str:
    """``count``, all digits where the cell has room for them, else two or three of them."""
    if len(str(count)) <= (8 if k <= 2 else 6 if k <= 4 else 5 if k <= 9 else 4):
        return str(count)
    value, unit = float(count), ""
    for larger in ("k", "M", "G", "T"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f}{unit}" if value >= 9.95 else f"{value:.1f}{unit}"


def _percent(share: float) -> str:
    """Whole percents; what is not nothing and not all is not shown as it."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _name(axes: Axes, named: Sequence[str], rows: Array | None) -> None:
    """The classes on both axes, so many as find room, and how many rows each has."""
    k = len(named)
    longest = 20 if k <= 6 else 16
    places = np.arange(0, k, -(-k // NAMED))
    names = [label(named[int(i)], longest) for i in places]
    widest = max(map(len, names))
    turned = 0 if widest * k < 44 else 45 if k <= WRITTEN else 90
    across = {0: "center", 45: "right", 90: "center"}[turned]
    axes.set_xticks(places, names, rotation=turned, ha=across, rotation_mode="anchor" if turned == 45 else "default")
    beside = names if rows is None else [f"{name} ({rows[i]})" for i, name in zip(places, names, strict=True)]
    axes.set_yticks(places, beside)
    axes.tick_params(length=0, labelsize=MEDIUM if k <= WRITTEN else SMALL)


def _most_confused(counts: Array) -> tuple[Array, Array]:
    """The matrix (21, 21) of the classes with the most mistakes and, last, of the others; and which they are."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    kept = np.sort(np.argsort(-wrong, kind="stable")[:KEPT])
    to = np.full(len(counts), KEPT)
    to[kept] = np.arange(KEPT)
    merged = np.zeros((KEPT + 1, KEPT + 1), np.int64)
    np.add.at(merged, (to[:, np.newaxis], to[np.newaxis, :]), counts)
    return merged, kept


def _in_words(counts: Array, named: Sequence[str], split: str, total: int, right: int) -> str:
    wrong = counts - np.diag(np.diag(counts))
    words = f"Confusion matrix ({rows_of(split, total)}): {right} right ({right / total:.1%})"
    pairs = [divmod(int(i), len(named)) for i in np.argsort(-wrong, axis=None, kind="stable")[:3]]
    mistakes = [f"{short(named[i])} for {short(named[j])} ({wrong[i, j]})" for i, j in pairs if wrong[i, j]]
    return f"{words}; most often taken: {', '.join(mistakes)}." if mistakes else f"{words}."
