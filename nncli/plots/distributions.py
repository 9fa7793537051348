"""How weights and gradients were spread while a network was trained, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import FAINT, MARK, NOTE, SMALL, STRONG, Picture, label, new_grid, plain, remark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LAYERS = 6
"""More than so many are not drawn: the first and the last of them."""
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Spread:
    """Histograms of one tensor, or of its gradients, over the epochs.

    Attributes:
        epochs: (t,) in their order.
        low: (t,) its least entry.
        high: (t,) its greatest.
        counts: (t, bins) of equal bins between these.
    """

    epochs: Array
    low: Array
    high: Array
    counts: Array

    def quantiles(self, shares: tuple[float, ...]) -> Array:
        """(t, shares) below which these shares of the entries lie, each bin evenly filled."""
        bins = self.counts.shape[1]
        reached = np.concatenate([np.zeros((len(self.counts), 1)), np.cumsum(self.counts, axis=1)], axis=1)
        reached = reached / reached[:, -1:]
        places = np.array([np.interp(shares, row, np.linspace(0, 1, bins + 1)) for row in reached])
        quantiles: Array = self.low[:, np.newaxis] + places * (self.high - self.low)[:, np.newaxis]
        return quantiles


@plain
def draw_distributions(weights: Mapping[str, Spread], gradients: Mapping[str, Spread], source: str) -> Picture | None:
    """Of each tensor: how its entries move, how its gradients do, and its histogram at the start and at the end."""
    names = [name for name in weights if len(weights[name].epochs) > 1]
    if not names:
        return None
    shown = names if len(names) <= LAYERS else [*names[: LAYERS // 2], *names[-LAYERS // 2 :]]
    more = f", {len(shown)} of {len(names)} tensors" if len(shown) < len(names) else ""
    title = f"{label(source)}: weights and gradients{more}"
    figure, rows = new_grid(title, len(shown), 3, (10, 0.9 + 2.1 * len(shown)))
    for i, (name, (over_time, slopes, ends)) in enumerate(zip(shown, rows, strict=True)):
        _bands(over_time, weights[name])
        over_time.set_ylabel(label(name.replace("layers.", "layer ").replace(".", " ")))
        if name in gradients and len(gradients[name].epochs) > 1:
            _bands(slopes, gradients[name], symmetric=True)
        else:
            slopes.set_axis_off()
        _ends(ends, weights[name])
        for axes, title in zip((over_time, slopes, ends), ("weights", "gradients", "start and end"), strict=True):
            if i == 0:
                axes.set_title(title, fontsize=12)
        if i == len(shown) - 1:
            for axes, words in zip((over_time, slopes, ends), ("epoch", "epoch", "weight"), strict=True):
                axes.set_xlabel(words)
    remark(figure, "over the epochs: where all entries lie, 90 % of them, and half; the line is their median")
    rows[0][2].legend(fontsize=SMALL, framealpha=0.9)
    middle = [(name, weights[name].quantiles((0.05, 0.95))) for name in shown]
    said = "; ".join(
        f"{name} from {a[0, 0]:.2g} to {a[0, 1]:.2g}, then {a[-1, 0]:.2g} to {a[-1, 1]:.2g}" for name, a in middle
    )
    alt = f"Where the middle 90 % of the entries of each tensor lie, at the start and at the end: {said}."
    return Picture("distributions", "Weights and gradients", alt, figure)


def _bands(axes: Axes, spread: Spread, *, symmetric: bool = False) -> None:
    """All of the entries faint, the middle 90 % and half of them stronger, the median a line."""
    q, epochs = spread.quantiles(SHARES), spread.epochs
    axes.fill_between(epochs, spread.low, spread.high, color=FAINT, alpha=0.35, linewidth=0)
    axes.fill_between(epochs, q[:, 0], q[:, 4], color=FAINT, linewidth=0)
    axes.fill_between(epochs, q[:, 1], q[:, 3], color=STRONG, alpha=0.55, linewidth=0)
    axes.plot(epochs, q[:, 2], color=MARK, linewidth=1.5)
    axes.set_xlim(epochs[0], epochs[-1])
    if symmetric:
        size = np.maximum(np.abs(q[:, 0]), np.abs(q[:, 4]))
        least = float(np.median(size))
        if least > 0 and size.max() > 20 * least:
            axes.set_yscale("symlog", linthresh=10 ** np.ceil(np.log10(least)), linscale=0.6)


def _ends(axes: Axes, spread: Spread) -> None:
    """The histograms of the first and the last epoch."""
    for i, colour, words, filled in ((0, NOTE, "start", False), (-1, STRONG, "end", True)):
        low, high = spread.low[i], spread.high[i]
        if low == high:
            axes.axvline(low, color=colour, label=words)
            continue
        edges = np.linspace(low, high, spread.counts.shape[1] + 1)
        density = spread.counts[i] / spread.counts[i].sum() / (edges[1] - edges[0])
        axes.stairs(density, edges, color=colour, fill=filled, alpha=0.7 if filled else 1, linewidth=1.5, label=words)
    axes.set_yticks([])
