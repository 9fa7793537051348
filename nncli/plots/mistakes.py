"""The picture of the images that a network takes for something else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nncli.data.pixels import Pixels
from nncli.engine.buffers import Array
from nncli.plots.canvas import SMALL, Picture, label, new_grid, plain, rows_of
from nncli.text import count

ACROSS, DOWN = 8, 3
SHOWN = ACROSS * DOWN
"""Images at most."""


@plain
def draw_mistakes(
    images: Array, truth: Sequence[str], said: Sequence[str], pixels: Pixels, split: str, rows: int
) -> Picture | None:
    """Images under what they are taken for, and what they are.

    Args:
        images: (m, height·width), a number for each column of the table, the worst first.
        truth: Of each the class that it has.
        said: The one that is predicted.
        pixels: Where the columns stand.
        split: What the rows are called that these are of.
        rows: How many rows these are of.

    Returns:
        The picture; None where there is no mistake.
    """
    shown = min(len(images), SHOWN)
    if not shown:
        return None
    across = min(shown, ACROSS)
    down = -(-shown // across)
    title = f"Worst mistakes ({rows_of(split, rows)})"
    figure, grid = new_grid(title, down, across, (max(4.0, 1.2 * across + 0.4), 1.5 * down + 0.6))
    for axes in grid.flat:
        axes.set_axis_off()
    shades = pixels.image(images[:shown].astype(np.float64))
    for axes, image, right, wrong in zip(grid.flat, shades, truth, said, strict=False):
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        axes.set_title(f"{label(wrong, 10)}, is {label(right, 10)}", fontsize=SMALL)
    pairs = [f"{right} taken for {wrong}" for right, wrong in zip(truth, said, strict=True)][:5]
    more = f", and {count(shown - len(pairs), 'other')}" if shown > len(pairs) else ""
    alt = f"The {count(shown, 'image')} with the greatest loss of {rows_of(split, rows)}: {', '.join(pairs)}{more}."
    return Picture("mistakes", "Worst mistakes", alt, figure)
