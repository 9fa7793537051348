"""Pictures of how well scores part what is from what is not, over every threshold: ROC, and precision and recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    CYCLE,
    DASHES,
    NOTE,
    SMALL,
    Picture,
    explain_lines,
    label,
    new_figure,
    plain,
    remark,
    rows_of,
    short,
)
from nncli.scoring.curves import Curve, precision_recall, roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SHOWN, ENDS = 8, 3
"""Up to so many classes have a curve each; of more, so many of the best and of the worst."""
DRAWN = 3000
"""Points of a curve at most, spread evenly along it: ends of steps are 0.001 of a picture apart."""
SORTED = 2_000_000
"""Scores of several classes at most that are sorted together."""
GRID = 1001
"""False positive rates at which curves are averaged."""


@dataclass(frozen=True, eq=False)
class _Line:
    name: str
    curve: Curve
    chance: float
    """The share of its rows that are 1."""
    average: bool = False


@plain
def draw_roc(truth: Array, scores: Array, names: Sequence[str], split: str) -> Picture | None:
    """The true positive rate over the false positive rate.

    Args:
        truth: (n, k) of 0 and 1: labels, or the classes one against the rest; (n, 1) whether it is the second of two.
        scores: (n, k) the higher, the surer of 1.
        names: Of the k classes or labels.
        split: What the rows are called.

    Returns:
        A curve for each class, or some of many and their averages; None where none is defined.
    """
    found, lacking = _curves(roc, truth, scores, names)
    if not found:
        return None
    lines, mean = _chosen(found), float(np.mean([line.curve.area for line in found]))
    if len(found) > SHOWN:
        lines = [*_micro(roc, truth, scores), _Line("mean (macro)", _macro(found), 0.5, True), *lines]
    figure, axes = new_figure(
        f"ROC curve ({rows_of(split, len(truth))})", "false positive rate", "true positive rate", (8.0, 5.2)
    )
    handles, labels = _draw(axes, lines, step=False)
    (chance,) = axes.plot([0, 1], [0, 1], color=NOTE, linewidth=1.2, linestyle=(0, (2, 2)))
    _magnify(axes, lines, 0, (0.36, 0.12, 0.6, 0.6))
    _finish(figure, axes, [*handles, chance], [*labels, "0.500  chance"], "area under the curve", mean, len(found))
    remark(figure, _some_of(len(found), "area"), _unsorted(len(found), scores), _left_out(lacking))
    alt = _in_words("ROC curve", "area under it", split, len(truth), found, mean, lacking)
    return Picture("roc", "ROC curve", alt, figure)


@plain
def draw_precision_recall(truth: Array, scores: Array, names: Sequence[str], split: str) -> Picture | None:
    """Precision over recall. Arguments and result as those of ``draw_roc``."""
    found, lacking = _curves(precision_recall, truth, scores, names)
    if not found:
        return None
    lines, mean = _chosen(found), float(np.mean([line.curve.area for line in found]))
    if len(found) > SHOWN:
        lines = [*_micro(precision_recall, truth, scores), *lines]
    figure, axes = new_figure(f"Precision and recall ({rows_of(split, len(truth))})", "recall", "precision", (8.0, 5.2))
    handles, labels = _draw(axes, lines, step=True)
    _magnify(axes, lines, 1, (0.14, 0.22, 0.6, 0.6))
    chances = []
    for line, handle in zip(lines, handles, strict=True):
        chances.append(axes.axhline(line.chance, color=handle.get_color(), linewidth=1.2, linestyle=(0, (1, 2))))
    from matplotlib.lines import Line2D

    dotted = Line2D([], [], color=NOTE, linewidth=1.2, linestyle=(0, (1, 2)))
    one = len(lines) == 1
    chance = f"{lines[0].chance:.3f}  chance" if one else "chance: its share of the rows"
    _finish(
        figure,
        axes,
        [*handles, chances[0] if one else dotted],
        [*labels, chance],
        "average precision",
        mean,
        len(found),
    )
    remark(figure, _some_of(len(found), "average precision"), _unsorted(len(found), scores), _left_out(lacking))
    alt = _in_words("Precision-recall curve", "average precision", split, len(truth), found, mean, lacking)
    return Picture("precision_recall", "Precision and recall", alt, figure)


def _curves(
    of: Callable[[Array, Array], Curve | None], truth: Array, scores: Array, names: Sequence[str]
) -> tuple[list[_Line], list[str]]:
    """The curves of the classes that have one, and the names of the others."""
    found, lacking = [], []
    if not np.isfinite(scores).all():
        return [], list(names)
    for name, true, said in zip(names, np.ascontiguousarray(truth.T), np.ascontiguousarray(scores.T), strict=True):
        share = float(true.mean()) if len(true) else 0.0
        curve = of(true, said) if 0 < share < 1 else None
        if curve is None:
            lacking.append(name)
        else:
            found.append(_Line(name, curve, share))
    return found, lacking


def _micro(of: Callable[[Array, Array], Curve | None], truth: Array, scores: Array) -> list[_Line]:
    """The curve of all classes taken as one, if they have not so many scores that to sort them takes seconds."""
    curve = of(truth.ravel(), scores.ravel()) if scores.size <= SORTED else None
    return [] if curve is None else [_Line("all together (micro)", curve, float(truth.mean()), True)]


def _chosen(found: list[_Line]) -> list[_Line]:
    """All of a few; of many those with the largest areas and the smallest, from the best."""
    if len(found) <= SHOWN:
        return found
    ranked = sorted(found, key=lambda line: -line.curve.area)
    return [*ranked[:ENDS], *ranked[-ENDS:]]


def _macro(found: list[_Line]) -> Curve:
    """The mean of the curves at each false positive rate, and of their areas."""
    grid = np.linspace(0, 1, GRID)
    total = np.zeros(GRID)
    for line in found:
        total += np.interp(grid, line.curve.x, line.curve.y)
    mean = total / len(found)
    return Curve(np.append(0, grid), np.append(0, mean), float(np.mean([line.curve.area for line in found])))


def _drawn(curve: Curve) -> tuple[Array, Array]:
    """Its points, or so many of them as a picture can show."""
    if len(curve.x) <= DRAWN:
        return curve.x, curve.y
    along = np.cumsum(np.abs(np.diff(curve.x, prepend=0)) + np.abs(np.diff(curve.y, prepend=curve.y[0])))
    places = np.unique(np.searchsorted(along, np.linspace(0, along[-1], DRAWN)))
    return curve.x[places], curve.y[places]


def _draw(axes: Axes, lines: list[_Line], *, step: bool) -> tuple[list[Line2D], list[str]]:
    handles, labels = [], []
    for i, line in enumerate(lines):
        x, y = _drawn(line.curve)
        (handle,) = axes.plot(
            x,
            y,
            color=CYCLE[i % len(CYCLE)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=2.6 if line.average else 1.8,
            drawstyle="steps-pre" if step else "default",
            clip_on=False,
            zorder=3,
        )
        handles.append(handle)
        labels.append(f"{_area(line.curve.area)}  {line.name if line.average else label(line.name)}")
    return handles, labels


def _area(area: float) -> str:
    """Three digits; what is not 1 is not shown as it."""
    return ">0.999" if 0.9995 <= area < 1 else f"{area:.3f}"


def _magnify(axes: Axes, lines: list[_Line], corner: float, place: tuple[float, float, float, float]) -> None:
    """If all curves keep to the upper corner at x = ``corner``, that ten times as large, at a place where none goes."""
    edge = abs(corner - 0.05)  # half of what is shown
    nearby = [float(np.interp(edge, line.curve.x, line.curve.y)) for line in lines]
    if min(nearby) < 0.95 or min(line.curve.area for line in lines) == 1:
        return
    inset = axes.inset_axes(place, zorder=4)
    for i, (line, drawn) in enumerate(zip(lines, axes.lines, strict=False)):
        x, y = _drawn(line.curve)
        inset.plot(
            x,
            y,
            color=drawn.get_color(),
            linestyle=DASHES[i % len(DASHES)],
            linewidth=drawn.get_linewidth(),
            drawstyle=drawn.get_drawstyle(),
        )
    inset.set_xlim((-0.002, 0.1) if corner == 0 else (0.9, 1.002))
    inset.set_ylim(0.9, 1.002)
    inset.locator_params(nbins=5)
    inset.tick_params(labelsize=SMALL)
    inset.grid(alpha=0.25)
    axes.indicate_inset_zoom(inset, edgecolor=NOTE)


def _finish(
    figure: Figure, axes: Axes, handles: list[Line2D], labels: list[str], title: str, mean: float, classes: int
) -> None:
    """Axes from 0 to 1, and the legend beside them, where no curve is."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    heading = title if classes == 1 else f"{title}\n(mean of {classes}: {_area(mean)})"
    explain_lines(figure, handles, labels, title=heading, handlelength=3.2)


def _some_of(classes: int, figure: str) -> str:
    return (
        f"the {ENDS} of {classes} with the largest {figure}, and the {ENDS} with the smallest"
        if classes > SHOWN
        else ""
    )


def _unsorted(classes: int, scores: Array) -> str:
    many = classes > SHOWN and scores.size > SORTED
    return f"no curve of all together (micro): {scores.size:,} scores are too many" if many else ""


def _left_out(lacking: list[str]) -> str:
    if not lacking:
        return ""
    few = ", ".join(short(name) for name in lacking[:3])
    return f"without a curve, because all rows are of it or none: {few}" + (
        f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    )


def _in_words(what: str, figure: str, split: str, n: int, found: list[_Line], mean: float, lacking: list[str]) -> str:
    ranked = sorted(found, key=lambda line: -line.curve.area)
    words = f"{what} ({rows_of(split, n)}): {figure} "
    if len(found) == 1:
        words += f"{_area(ranked[0].curve.area)} for {short(ranked[0].name)}"
    else:
        best, worst = ranked[0], ranked[-1]
        words += (
            f"{_area(mean)} in the mean of {len(found)}, from {_area(worst.curve.area)} ({short(worst.name)}) "
            f"to {_area(best.curve.area)} ({short(best.name)})"
        )
    left = _left_out(lacking)
    return f"{words}; {left}." if left else f"{words}."
