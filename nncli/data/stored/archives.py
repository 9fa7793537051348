"""A NumPy archive as a table on disk: features that lie there as a table has them are mapped where they are."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nncli.data.cells import Array
from nncli.data.maps import ArrayFile, blocks, mapped, refuse_full_disk
from nncli.data.npz import Chosen
from nncli.data.stored.columns import Wanted
from nncli.data.table import BadCells, Table, refuse_no_weight
from nncli.errors import DataError


def store_archive(path: Path, folder: Path, wanted: Wanted) -> Table:
    """Write what is not there as it is needed to ``folder``, as ``store_columns`` does.

    Raises:
        DataError: As ``read_npz``; no room on the disk.
    """
    chosen = Chosen.of(
        path,
        wanted.target,
        wanted.features,
        wanted.drop,
        wanted.weight,
        weight_needed=True,
        folder=folder,
    )
    n = len(chosen)
    if not n:
        raise DataError("no rows", where=path.name, remedy="a training needs some")
    first = chosen.table(slice(0, 1), looked_at=True)
    in_place = _in_place(chosen, first)
    parts = {"target": first.target, **({} if first.weights is None else {"weights": first.weights})}
    if in_place is None:
        parts["features"] = first.features
    refuse_full_disk(folder, n * sum(part.nbytes for part in parts.values()))
    bad, weighs = BadCells(first.place), first.weights is None
    sources = [*chosen.features, *chosen.target.values()]
    with ExitStack() as files:
        file = {
            name: files.enter_context(ArrayFile(folder / f"{name}.npy", (n, *part.shape[1:]), part.dtype))
            for name, part in parts.items()
        }
        for rows in blocks(n, *sources, chosen.weights):
            table = chosen.table(rows, looked_at=True)
            of_these = BadCells(table.place)
            table.note_bad(of_these)
            bad.take(of_these, rows.start)
            weighs = weighs or bool(table.weights is not None and table.weights.any())
            for name in parts:
                file[name].append(getattr(table, name))
    bad.refuse()
    if not weighs:
        refuse_no_weight(path.name, chosen.weight_name)
    arrays: dict[str, Any] = {"features": in_place}
    arrays |= {name: mapped(folder / f"{name}.npy") for name in parts}
    return replace(first, **arrays)


def _in_place(chosen: Chosen, table: Table) -> Array | None:
    """The features as they lie in their file, if that is as a table has them."""
    if len(chosen.features) > 1 or chosen.columns is not None:
        return None
    (array,) = chosen.features
    if array.dtype != table.features.dtype or not array.dtype.isnative or not array.flags.c_contiguous:
        return None
    return np.reshape(array, (len(array), -1))
