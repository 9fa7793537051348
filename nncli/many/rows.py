"""Whether two trainings are judged by the same rows."""

from __future__ import annotations

import numpy as np

from nncli.data.dataset import Part


def are_same(a: Part | None, b: Part | None) -> bool:
    """Whether ``a`` and ``b`` are the same rows with the same targets, or both none."""
    if a is None or b is None:
        return a is b
    return (
        a.table.target_names == b.table.target_names
        and np.array_equal(a.rows, b.rows)
        and np.array_equal(a.table.target[a.rows], b.table.target[b.rows])
    )
