"""What is computed of the rows of a table, chunk by chunk, into the precision of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nncli.data.cells import SHOWN, Array
from nncli.data.table import BadCells, chunks


def write(
    formula: Callable[[Array], Array],
    rows: Array,
    out: Array,
    place: Callable[[int], str],
    names: Sequence[str],
) -> None:
    """Write what ``formula`` gives for ``rows`` (m,) to ``out`` (m, d), float32 or float64.

    Args:
        formula: Indices of rows (k,) -> (k, d) at float64.
        rows: Of which rows.
        out: Where to.
        place: Where a row stands, in words.
        names: From which column of the table each of the d comes.

    Raises:
        DataError: A number that ``out`` cannot hold; the first few are named.
    """
    bad, largest = BadCells(place), np.finfo(out.dtype).max
    for part in chunks(len(rows), len(names)):
        with np.errstate(over="ignore", invalid="ignore"):
            x = formula(rows[part])
            out[part] = x
        wrong = ~np.isfinite(out[part])
        if wrong.any():
            remedy = "correct the cell, or set `training.precision: float64`"
            first = [
                (int(rows[part.start + r]), names[c], f"scaled, it is {x[r, c]:.3g}, beyond ±{largest:.2g}", remedy)
                for r, c in np.argwhere(wrong)[:SHOWN]
            ]
            bad.add(int(wrong.sum()), first)
    bad.refuse()
