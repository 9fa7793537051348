"""The picture of whether what is said with a probability happens so often."""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array
from nncli.plots.canvas import (
    MEDIUM,
    NOTE,
    STRONG,
    Picture,
    columns,
    explain_lines,
    label,
    new_grid,
    plain,
    remark,
    rows_of,
)
from nncli.scoring.curves import reliability
from nncli.text import printable

COLUMNS = 20
"""Of the histogram."""


def confidence(distribution: Array, truth: Array) -> tuple[Array, Array]:
    """The probability (n,) of the likeliest of several classes, and whether (n,) it is the true one.

    Args:
        distribution: (n, k).
        truth: (n,) codes.
    """
    decided = distribution.argmax(axis=1)
    return distribution[np.arange(len(decided)), decided], decided == truth


@plain
def draw_calibration(said: Array, happened: Array, what: str, split: str) -> Picture | None:
    """The reliability diagram (DeGroot & Fienberg 1983), and how often each probability is said.

    Args:
        said: (n,) probabilities: of the second of two classes, of labels, or ``confidence``.
        happened: (n,) of 0 and 1, or of bools.
        what: What they are the probability of: ``of malignant``, ``of the likeliest class``.
        split: What the rows are called.

    Returns:
        The picture; None without rows, or where ``said`` are no probabilities.
    """
    if not len(said) or not ((said >= 0) & (said <= 1)).all():  # also of NaN
        return None
    n = len(said)
    found = reliability(said, happened)
    low, high = found.interval
    title = f"Calibration ({rows_of(split, n)}): expected calibration error {found.error:.3f}"
    figure, grid = new_grid(title, 2, 1, (8.0, 6.4), sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    axes, below = grid[:, 0]
    (ideal,) = axes.plot([0, 1], [0, 1], color=NOTE, linewidth=1.2, linestyle="--")
    bars = axes.errorbar(
        found.said,
        found.share,
        yerr=np.maximum([found.share - low, high - found.share], 0),
        color=STRONG,
        marker="o",
        markersize=6,
        linewidth=1.6,
        elinewidth=1.2,
        capsize=3,
        clip_on=False,
        zorder=3,
    )
    axes.set_ylim(0, 1)
    axes.set_ylabel("observed frequency", fontsize=MEDIUM)
    words = ["observed in a bin, with 95% interval", "perfectly calibrated"]
    explain_lines(axes, [bars, ideal], words, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    columns(below, said, COLUMNS, (0, 1))
    below.set_ylabel("rows", fontsize=MEDIUM)
    below.set_xlabel(f"predicted probability {label(what, 60)}", fontsize=MEDIUM)
    below.set_xlim(0, 1)
    means = f"{said.mean():.3f} predicted and {happened.mean():.3f} observed in the mean"
    bins = f"{len(found.rows)} bins" if len(found.rows) > 1 else "one bin"
    remark(figure, f"{means}; {bins}, those with few rows joined")
    alt = (
        f"Calibration ({rows_of(split, n)}) of the probability {printable(what)}: {means}; expected calibration error "
        f"{found.error:.3f} in {bins}."
    )
    return Picture("calibration", "Calibration", alt, figure)
