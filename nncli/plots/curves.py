"""How a training went: its loss and metrics, its learning rate, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    CYCLE,
    DASHES,
    INCHES,
    MARK,
    NOTE,
    SMALL,
    STRONG,
    Picture,
    explain_lines,
    label,
    new_figure,
    new_grid,
    plain,
    thinned,
)
from nncli.text import count
from nncli.text import figure as figure_text

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 2_000
"""Of a curve that are drawn: more of them lie within a pixel."""
PANELS = 6
WIDE_RANGE = 30.0
"""A loss that falls to less than its thirtieth is drawn on a logarithmic scale."""
NOT_DRAWN = ("epoch", "step", "seconds", "learning_rate", "train_loss", "penalty", "validation_loss")


@plain
def draw_curves(history: Mapping[str, Array], best_epoch: int | None, source: str) -> Picture | None:
    """Loss and metrics over the epochs, the best epoch marked.

    Args:
        history: The columns of metrics.csv (epochs,).
        best_epoch: Whose weights were best; None or 0 for none.
        source: What was trained.
    """
    epochs = history.get("epoch", np.zeros(0))
    if not len(epochs):
        return None
    metrics = [name for name in history if name not in NOT_DRAWN and np.isfinite(history[name]).any()]
    figure, panels = _panels(min(PANELS, 1 + len(metrics)), f"{label(source)}: {count(len(epochs), 'epoch')}")
    losses = {name: history[f"{name}_loss"] for name in ("train", "validation") if f"{name}_loss" in history}
    colours = {"train": STRONG, "validation": MARK}
    _draw(panels[0], "loss", {name: (epochs, values, colours[name]) for name, values in losses.items()}, best_epoch)
    for axes, name in zip(panels[1:], metrics, strict=False):
        short = name.removeprefix("validation_").replace("_", " ")
        _draw(axes, short, {"validation": (epochs, history[name], MARK)}, best_epoch)
    said = [f"{name} loss from {_ends(values)}" for name, values in losses.items()]
    said += [f"{name.replace('_', ' ')} from {_ends(history[name])}" for name in metrics]
    best = f" The best epoch is {best_epoch}." if best_epoch else ""
    alt = f"{'; '.join(said)}, over {len(epochs):,} epochs.{best}"
    return Picture("curves", "Loss and metrics", alt[0].upper() + alt[1:], figure)


@plain
def draw_together(
    histories: Mapping[str, Mapping[str, Array]], best_epochs: Mapping[str, int | None], title: str
) -> Picture | None:
    """The loss and the metrics of several trainings over each other, the best epoch of each a dot.

    Args:
        histories: Of each its columns of metrics.csv, by its name.
        best_epochs: By name.
        title: Of the picture.
    """
    histories = {name: history for name, history in histories.items() if len(history.get("epoch", ()))}
    if not histories:
        return None
    columns = dict.fromkeys(
        column
        for history in histories.values()
        for column in ("train_loss", "validation_loss", *(c for c in history if c not in NOT_DRAWN))
        if column in history and np.isfinite(history[column]).any()
    )
    shown = [*columns][:PANELS]
    figure, panels = _panels(len(shown), title)
    for axes, column in zip(panels, shown, strict=True):
        curves = {
            name: (history["epoch"], history[column], CYCLE[i % len(CYCLE)])
            for i, (name, history) in enumerate(histories.items())
            if column in history
        }
        _draw(axes, column.replace("_", " "), curves, None, best_epochs, styles=True)

    def told(history: Mapping[str, Array]) -> str:
        return ", ".join(f"{c.replace('_', ' ')} {_ends(history[c])}" for c in shown if c in history)

    said = [f"{name}: {told(history)}" for name, history in histories.items()]
    return Picture("curves", "Curves over each other", f"From first to last epoch. {'; '.join(said)}.", figure)


@plain
def draw_learning_rate(history: Mapping[str, Array], source: str) -> Picture | None:
    """The learning rate over the updates; None for one that never changes."""
    rates = history.get("learning_rate", np.zeros(0))
    if len(rates) < 2 or np.ptp(rates) == 0 or not np.isfinite(rates).all():
        return None
    figure, axes = new_figure(f"{label(source)}: learning rate", "epoch", "learning rate of its last update")
    _plot(axes, history["epoch"], rates, STRONG)
    if rates.min() > 0 and np.median(rates) < rates.max() / 10:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    alt = f"The learning rate from {rates[0]:.3g} to {rates[-1]:.3g}, at most {rates.max():.3g}."
    return Picture("learning_rate", "Learning rate", alt, figure)


def _draw(
    axes: Axes,
    name: str,
    curves: Mapping[str, tuple[Array, Array, str]],
    best_epoch: int | None,
    best_epochs: Mapping[str, int | None] = {},
    *,
    styles: bool = False,
) -> None:
    """One panel of curves: of each its epochs, values and colour."""
    axes.set_xlabel("epoch", fontsize=SMALL)
    axes.set_ylabel(name, fontsize=SMALL)
    lines: list[Artist] = []
    for i, (curve, (epochs, values, colour)) in enumerate(curves.items()):
        dashed = i if styles else int(curve == "train")
        lines += _plot(axes, epochs, values, colour, DASHES[dashed % len(DASHES)])
        for best in {best_epoch, best_epochs.get(curve)} - {None, 0}:
            at = np.flatnonzero(epochs == best)
            if at.size and np.isfinite(values[at[0]]):
                axes.plot(epochs[at[0]], values[at[0]], "o", color=colour, markersize=6, zorder=3)
    if best_epoch:
        lines.append(axes.axvline(best_epoch, color=NOTE, linewidth=1.2, linestyle=":"))
    finite = np.concatenate([values[np.isfinite(values)] for _, values, _ in curves.values()] or [np.zeros(0)])
    if "loss" in name and finite.size and finite.min() > 0 and finite.max() / finite.min() > WIDE_RANGE:
        axes.set_yscale("log")
    names = [*map(label, curves), *([f"best epoch: {best_epoch}"] if best_epoch else [])]
    if len(names) > 1:
        explain_lines(axes, lines, names)


def _plot(axes: Axes, epochs: Array, values: Array, colour: str, style: Any = "-") -> Sequence[Artist]:
    few = thinned(len(epochs), POINTS)
    marker = "o" if len(few) < 3 else ""
    return axes.plot(epochs[few], values[few], linestyle=style, marker=marker, color=colour, linewidth=1.8)


def _panels(n: int, title: str) -> tuple[Figure, list[Axes]]:
    """An empty picture of so many panels, in two columns where there are several."""
    columns = min(n, 2)
    rows = -(-n // columns)
    figure, grid = new_grid(title, rows, columns, INCHES if n == 1 else (10, 0.9 + 2.9 * rows))
    axes = list(grid.flat)
    for unused in axes[n:]:
        unused.set_axis_off()
    return figure, axes[:n]


def _ends(values: Array) -> str:
    """``2.1 to 0.3``."""
    known = values[np.isfinite(values)]
    return f"{figure_text('', float(known[0]))} to {figure_text('', float(known[-1]))}" if known.size else "undefined"
