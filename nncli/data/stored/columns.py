"""A file of named columns as a table on disk: the numbers that it would be in memory, in the memory of a block.

The rows are read twice. The first time every cell is counted, since what a column holds follows from all of its cells;
the second time they are turned into numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from nncli.data.blocks import Block
from nncli.data.cells import Array, Cells, Kind
from nncli.data.columns import choose_features
from nncli.data.frame import (
    FEATURES,
    LONGEST_LABEL,
    OTHER_WEIGHTS,
    TRUTH,
    WEIGHTS,
    Reader,
    holds_text,
    leave_out,
    several_targets,
)
from nncli.data.kinds import Form, Reading, Seen, without
from nncli.data.maps import ArrayFile, blocks, mapped, refuse_full_disk
from nncli.data.table import BadCells, Table, note_bad_weights, place, refuse_no_weight
from nncli.errors import DataError, Problem

if TYPE_CHECKING:
    import polars as pl

MOST_TEXTS = 1_000_000
"""Different texts of a column, all of which are kept in memory."""


@dataclass(frozen=True)
class Wanted:
    """Which columns are what, and how their cells are read; see ``read_table``."""

    target: tuple[str, ...]
    features: tuple[str, ...] | None
    drop: tuple[str, ...]
    weight: str | None
    reading: Reading


def store_columns(
    read: Callable[[], Iterator[Block]], origin: str, folder: Path, wanted: Wanted, *, inferred: bool
) -> Table:
    """Write the table to ``features.npy``, ``target.npy`` and ``weights.npy`` in ``folder``; it is mapped from there.

    Args:
        read: Goes through the rows, from the first, each time that it is called.
        origin: The name of the file.
        folder: Where to.
        wanted: The columns.
        inferred: Text that reads as numbers is numbers.

    Raises:
        DataError: As ``table_from_frame``; no room on the disk, too many different texts in a column.
    """
    survey = _Survey(origin, wanted, inferred)
    for block in read():
        survey.add(block)
    survey.refuse()
    refuse_full_disk(folder, survey.bytes)
    paths = {name: folder / f"{name}.npy" for name in ("features", "target", "weights")}
    texts = {name: dict[str, int]() for name, kind in survey.kinds.items() if kind == "category"}
    bad, problems, weighs = BadCells(survey.place), dict[Problem, None](), wanted.weight is None
    with ExitStack() as files:

        def file(name: str, columns: tuple[int, ...], dtype: DTypeLike) -> ArrayFile:
            return files.enter_context(ArrayFile(paths[name], (survey.rows, *columns), dtype))

        features = file("features", (len(survey.names),), survey.dtype)
        target = file("target", *survey.target)
        weights = None if wanted.weight is None else file("weights", (), np.float64)
        for block in read():
            reader = Reader(origin, None, inferred)
            features.append(_coded(reader.features(block.frame, survey.names, survey.reading), texts))
            target.append(survey.targets(reader, block.frame))
            if weights is not None and wanted.weight is not None:
                w = reader.weights(block.frame[wanted.weight], survey.truths)
                note_bad_weights(w, wanted.weight, reader.bad)
                weights.append(w)
                weighs = weighs or bool(w.any())
            problems |= dict.fromkeys(reader.problems)
            bad.take(reader.bad, block.first_row)
    bad.refuse(list(problems))
    if not weighs and wanted.weight is not None:
        refuse_no_weight(origin, wanted.weight)
    _sort(paths["features"], survey.names, texts)
    return Table(
        origin,
        mapped(paths["features"]),
        survey.names,
        mapped(paths["target"]),
        wanted.target,
        survey.categorical,
        survey.first_line,
        weights=None if wanted.weight is None else mapped(paths["weights"]),
        weight_name=wanted.weight or "",
        levels={name: tuple(sorted(codes)) for name, codes in texts.items()},
        dates=frozenset(name for name, kind in survey.kinds.items() if kind == "date"),
        looked_at=True,
    )


@dataclass
class _Survey:
    """What is known of a table when every cell was counted."""

    origin: str
    wanted: Wanted
    inferred: bool
    rows: int = 0
    names: tuple[str, ...] = ()
    first_line: int | None = None
    features: dict[str, Seen] = field(default_factory=dict)
    of_target: dict[str, Seen] = field(default_factory=dict)
    of_weight: Seen | None = None

    def add(self, block: Block) -> None:
        frame, wanted = block.frame, self.wanted
        if not self.rows:
            self.names = choose_features(
                self.origin,
                frame.columns,
                target=wanted.target,
                features=wanted.features,
                drop=wanted.drop,
                weight=wanted.weight,
            )
            self.first_line = block.first_line
        if block.first_line is None:  # where lines mean nothing in one of them, they mean nothing in all
            self.first_line = None
        self.rows += len(frame)
        for name in self.names:
            column = without(frame[name], wanted.reading.missing)
            self.features.setdefault(name, Seen(column.dtype)).add(column)
        for name in wanted.target:
            column = _plain_text(frame[name])
            self.of_target.setdefault(name, Seen(column.dtype)).add(column, target=True)
        if wanted.weight is not None:
            column = _plain_text(frame[wanted.weight])
            self.of_weight = self.of_weight or Seen(column.dtype)
            self.of_weight.add(column)

    def refuse(self) -> None:
        """Refuse what no cell has to be looked at again for."""
        if not self.rows:
            raise DataError("no rows", where=self.origin, remedy="a training needs some")
        kinds = self.kinds
        text = [(name, seen, FEATURES, leave_out(name)) for name, seen in self.features.items()]
        text = [each for each in text if kinds[each[0]] == "number"]
        if self.of_weight is not None and self.wanted.weight is not None:
            text.append((self.wanted.weight, self.of_weight, WEIGHTS, OTHER_WEIGHTS))
        problems = []
        for name, seen, what, otherwise in text:
            if seen.text and seen.unread is not None:
                row, cell = seen.unread
                problems.append(holds_text(self.origin, name, cell, self.place(row), what, otherwise))
        if len(self.forms) > 1:
            labels = [name for name, form in self.forms.items() if form == "label"]
            problems += several_targets(self.origin, labels)
        if problems:
            raise DataError(problems)

    def place(self, row: int) -> str:
        return place(self.origin, self.first_line, row)

    @property
    def kinds(self) -> dict[str, Kind]:
        said = self.wanted.reading.kinds
        return {name: said.get(name) or seen.kind for name, seen in self.features.items()}

    @property
    def truths(self) -> frozenset[str]:
        seen = {**self.features, **({} if self.of_weight is None else {self.wanted.weight or "": self.of_weight})}
        return frozenset(name for name, column in seen.items() if column.truth)

    @property
    def reading(self) -> Reading:
        return replace(self.wanted.reading, kinds=self.kinds, truths=self.truths)

    @property
    def dtype(self) -> DTypeLike:
        import polars as pl

        types = {seen.type for seen in self.features.values()}
        if set(self.kinds.values()) == {"number"}:
            if types == {pl.UInt8()} and all(seen.present == seen.rows for seen in self.features.values()):
                return np.uint8
            if types == {pl.Float32()}:
                return np.float32
        return np.float64

    @property
    def forms(self) -> dict[str, Form]:
        forms = {name: seen.form(inferred=self.inferred) for name, seen in self.of_target.items()}
        if len(forms) > 1:  # of a file that knows types, text that is true and false
            forms |= {name: "truth" for name, seen in self.of_target.items() if seen.truth}
        return forms

    @property
    def target(self) -> tuple[tuple[int, ...], DTypeLike]:
        """The shape of a row's target, and its type."""
        if len(self.forms) > 1:
            return (len(self.forms),), np.float64
        ((name, form),) = self.forms.items()
        longest = max(1, min(self.of_target[name].longest, LONGEST_LABEL))
        types: dict[Form, DTypeLike] = {"truth": "U5", "label": f"U{longest}", "whole": np.int64, "number": np.float64}
        return (), types[form]

    @property
    def categorical(self) -> bool:
        forms = set(self.forms.values())
        return forms == {"truth"} or forms == {"label"}

    @property
    def bytes(self) -> int:
        """That are to be written."""
        (columns, dtype), weights = self.target, 8 * (self.of_weight is not None)
        row = len(self.names) * np.dtype(self.dtype).itemsize + int(np.prod(columns)) * np.dtype(dtype).itemsize
        return self.rows * (row + weights)

    def targets(self, reader: Reader, frame: pl.DataFrame) -> Array:
        """The target of the rows in ``frame``, as that of all rows is."""
        found = [reader.target(frame[name], form) for name, form in self.forms.items()]
        if len(found) == 1:
            return found[0]
        return np.column_stack([y == TRUTH[1] if y.dtype.kind == "U" else y for y in found])


def _plain_text(column: pl.Series) -> pl.Series:
    import polars as pl

    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column


def _coded(cells: Cells, texts: Mapping[str, dict[str, int]]) -> Array:
    """The matrix (k, d) with the codes of categories counted as they come, over all blocks."""
    values = cells.values
    for j, name in enumerate(cells.names):
        if name in texts:
            codes = texts[name]
            code = [codes.setdefault(text, len(codes)) for text in cells.levels[name]]
            if len(codes) > MOST_TEXTS:
                raise DataError(
                    f"it holds more than {MOST_TEXTS:,} different texts",
                    where=f"{cells.origin}, column {name!r}",
                    remedy=f"{leave_out(name)}; numbers and dates (2024-01-31) are read as such",
                )
            values[:, j] = _looked_up(values[:, j], np.array(code, np.float64))
    return values


def _looked_up(column: Array, code: Array) -> Array:
    """``column`` (n,) of positions in ``code``, or NaN, with what stands there."""
    there = ~np.isnan(column)
    out: Array = np.full(len(column), np.nan)
    out[there] = code[column[there].astype(np.intp)]
    return out


def _sort(path: Path, names: tuple[str, ...], texts: Mapping[str, dict[str, int]]) -> None:
    """Have the codes of categories in the file count their texts in order."""
    code = {}
    for name, codes in texts.items():
        rank = {text: i for i, text in enumerate(sorted(codes))}
        code[names.index(name)] = np.array([rank[text] for text in codes], np.float64)
    if not code:
        return
    values = np.load(path, mmap_mode="r+", allow_pickle=False)
    for rows in blocks(len(values), values):
        for j, new in code.items():
            values[rows, j] = _looked_up(values[rows, j], new)
    values.flush()
