"""The picture of what the units of the first layer look for in an image."""

from __future__ import annotations

import math

import numpy as np

from nncli.data.pixels import Pixels
from nncli.engine.buffers import Array
from nncli.plots.canvas import MEDIUM, SMALL, Picture, new_figure, number, plain, remark
from nncli.text import count

SHOWN = 64
"""Units at most."""
EXTREME = 0.995
"""The share of the weights that the colours cover; the few beyond have the colour of the end."""
COLOURS = ("#0a2f66", "#5b8fc7", "#ffffff", "#f5a04a", "#c65102")
"""From negative over 0 to positive. Printed grey, what is negative is darker than what is positive."""


@plain
def draw_first_layer(weight: Array, pixels: Pixels) -> Picture | None:
    """The weights of each unit in the places of their pixels, the same colours for all.

    Args:
        weight: (height·width, units) of the first dense layer, a row for each column of the table.
        pixels: Where these columns stand.

    Returns:
        The images of the units with the largest norms, the largest first; None where they are not finite.
    """
    if weight.shape[0] != pixels.height * pixels.width or not weight.size or not np.isfinite(weight).all():
        return None
    from matplotlib.colors import LinearSegmentedColormap

    units = weight.shape[1]
    norms = np.linalg.norm(weight.astype(np.float64), axis=0)
    order = np.argsort(-norms, kind="stable")[:SHOWN]
    images = pixels.image(weight.T[order].astype(np.float64))
    bound = float(np.quantile(np.abs(images), EXTREME)) or float(np.abs(images).max()) or 1.0
    across = _across(len(order), pixels)
    mosaic = _mosaic(images, across)
    which = f"the {len(order)} of {units} units with the largest norms" if units > len(order) else count(units, "unit")
    aspect = mosaic.shape[0] / mosaic.shape[1]
    height = min(8.0, max(3.0, 6.3 * aspect + 1.2))
    figure, axes = new_figure(f"Weights of the first layer, {which}", "", "", (8.0, height))
    axes.grid(visible=False)
    axes.set_axis_off()
    colours = LinearSegmentedColormap.from_list("signs", COLOURS).with_extremes(bad="#e5e7eb")
    image = axes.imshow(mosaic, cmap=colours, vmin=-bound, vmax=bound, interpolation="nearest")
    beyond = "both" if np.abs(images).max() > bound else "neither"
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02, extend=beyond, extendfrac=0.03)
    bar.set_label("weight", fontsize=MEDIUM)
    bar.ax.tick_params(labelsize=SMALL)
    remark(figure, f"{pixels.height} × {pixels.width} pixels each; the largest norm first, row by row")
    alt = (
        f"Weights of the first layer as images of {pixels.height} by {pixels.width} pixels, {which} in "
        f"{count(math.ceil(len(order) / across), 'row')}: norms from {number(norms[order[0]])} (unit {order[0]}) to "
        f"{number(norms[order[-1]])}, weights from {number(images.min())} to {number(images.max())}."
    )
    return Picture("first_layer", "Weights of the first layer", alt, figure)


def _across(units: int, pixels: Pixels) -> int:
    """How many images stand in a row, so that together they are a bit wider than high, with few places left empty."""
    ideal = math.sqrt(units * 1.2 * pixels.height / pixels.width)
    near = range(max(1, math.ceil(0.75 * ideal)), max(1, min(units, math.floor(1.35 * ideal))) + 1)
    return min(
        near, key=lambda across: (-units % across, abs(across - ideal)), default=max(1, min(units, round(ideal)))
    )


def _mosaic(images: Array, across: int) -> Array:
    """The images (units, height, width) side by side, with a gap of NaN around each."""
    units, height, width = images.shape
    gap = max(1, round(max(height, width) / 12))
    down = math.ceil(units / across)
    mosaic = np.full((down * (height + gap) + gap, across * (width + gap) + gap), np.nan)
    for i, image in enumerate(images):
        top, left = (gap + (i // across) * (height + gap), gap + (i % across) * (width + gap))
        mosaic[top : top + height, left : left + width] = image
    return mosaic
