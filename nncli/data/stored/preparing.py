"""From tables on disk to prepared rows on disk: split, fitted and encoded in the memory of a few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.data.cells import SHOWN, Array
from nncli.data.dataset import Dataset, fingerprint, prepare, stratifies, task_of
from nncli.data.features import Encoding, Features
from nncli.data.maps import ArrayFile, blocks, give_back, mapped, refuse_full_disk
from nncli.data.preprocess import (
    ClassEncoding,
    LabelEncoding,
    Preprocessing,
    Task,
    class_labels,
    note_bad_labels,
    scaling_of,
    target_values,
)
from nncli.data.scaling import Scaling
from nncli.data.stored.cache import Cache
from nncli.data.stored.shuffle import Shuffled
from nncli.data.stored.split import PARTS, Shares
from nncli.data.table import BadCells, Table, feature_remedy

SAMPLE_ROWS, SAMPLE_CELLS = 1_000_000, 20_000_000
"""Rows, and their cells, that the preprocessing is fitted on at most, drawn from all training rows."""
ROWS, CELLS = 65_536, 1 << 21
"""Rows, and their cells, that are worked on at a time at most."""


@dataclass(frozen=True)
class Plan:
    """What is to become of the rows; see ``make_dataset``.

    Attributes:
        classification: Whether the target stands for classes; None: as the table says.
        encoding: What becomes of the features.
        target: The scaling of a regression's target.
        validation: The share of the training table for validation.
        test: That for the test.
        stratify: Keep the classes in proportion; None: for classes, when shuffling.
        shuffle: Draw the parts at random.
        dtype: The training precision.
        draws: Gives a generator for each purpose: 0 the split, 1 the sample, 2 the order on the disk; always the same.
        fitted: A preprocessing that is fitted already.
    """

    classification: bool | None
    encoding: Encoding
    target: str
    validation: float
    test: float
    stratify: bool | None
    shuffle: bool
    dtype: DTypeLike
    draws: Callable[[int], Generator]
    fitted: Preprocessing | None = None


def prepare_tables(cache: Cache, tables: dict[str, Table], plan: Plan) -> Dataset:
    """Split and prepare ``tables``, those of ``train`` and, where they are tables of their own, of the others.

    Each part goes to files of its own: those of the training rows in a random order, the others in that of their table.

    Raises:
        DataError: As ``make_dataset``; no room on the disk.
    """
    train = tables["train"]
    task = task_of(train, train.categorical if plan.classification is None else plan.classification)
    labels = _Classes.of(train) if task == "classification" else None
    stratified = stratifies(train, task, plan.stratify, plan.shuffle)
    dealing = _Dealing.of(train, labels if stratified else None, plan, set(tables))
    if plan.encoding.gaps == "refuse":
        for table in tables.values():
            _refuse_gaps(table)
    preprocessing = plan.fitted
    if preprocessing is None:
        with TemporaryDirectory(prefix="sample-", dir=cache.folder) as folder:
            preprocessing = _fitted(_sample(dealing, labels, plan.draws(1), Path(folder)), task, plan)
    columns = _columns(train, preprocessing, plan.dtype)
    row = sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in columns.values())
    sizes = dealing.sizes | {name: len(table) for name, table in tables.items() if name != "train"}
    refuse_full_disk(cache.folder, row * sum(sizes.values()))
    for name, n in sizes.items():
        if n:
            (cache.folder / name).mkdir()
    shuffled = Shuffled(cache.folder / "train", sizes["train"], columns, plan.draws(2))
    with ExitStack() as files:
        own = {
            name: {
                key: files.enter_context(ArrayFile(cache.folder / name / f"{key}.npy", (n, *shape), dtype))
                for key, (shape, dtype) in columns.items()
            }
            for name, n in sizes.items()
            if n and name != "train"
        }
        for parts, prepared in _prepared(train, preprocessing, plan.dtype, dealing.deal()):
            for number, name in enumerate(PARTS):
                some = {key: values[parts == number] for key, values in prepared.items()}
                if name == "train":
                    shuffled.add(**some)
                elif name in own and name not in tables:
                    for key, values in some.items():
                        own[name][key].append(values)
        for name, table in tables.items():
            if name != "train":
                for _, prepared in _prepared(table, preprocessing, plan.dtype, None):
                    for key, values in prepared.items():
                        own[name][key].append(values)
    shuffled.write()
    found = {name: cache.part(name, tables.get(name, train), columns) for name, n in sizes.items() if n}
    dataset = Dataset(
        preprocessing,
        found["train"],
        found.get("validation"),
        found.get("test"),
        fingerprint(train=train, validation=tables.get("validation"), test=tables.get("test")),
        cache,
    )
    cache.contents["fitted_on"] = min(sizes["train"], _sample_size(train))
    cache.end(dataset, tables)
    return dataset


def _step(table: Table) -> int:
    return max(1, min(ROWS, CELLS // len(table.feature_names)))


def _pieces(table: Table, rows: int | None = None) -> Iterator[Table]:
    """All of a table, some rows after the others."""
    for some in blocks(len(table), table.features, table.target, table.weights, rows=rows or _step(table)):
        yield table.part(some)


@dataclass(frozen=True, eq=False)
class _Classes:
    """The classes of a table, sorted, and the rows of each."""

    labels: Array
    counts: Array

    @classmethod
    def of(cls, table: Table) -> _Classes:
        bad = BadCells(table.place)
        for piece in _pieces(table):
            of_these = BadCells(piece.place)
            note_bad_labels(piece, of_these)
            bad.take(of_these, piece.first_row)
        bad.refuse()
        found: dict[str | int, int] = {}
        dtype = table.target.dtype
        for piece in _pieces(table):
            labels, counts = np.unique(class_labels(piece), return_counts=True)
            dtype = labels.dtype
            for label, n in zip(labels.tolist(), counts.tolist(), strict=True):
                found[label] = found.get(label, 0) + n
        known = sorted(found)
        return cls(np.array(known, dtype), np.array([found[label] for label in known], np.int64))

    def codes(self, table: Table) -> Array:
        """Which of them each row is of (n,)."""
        return np.searchsorted(self.labels, class_labels(table))


@dataclass(frozen=True, eq=False)
class _Dealing:
    """Which part each row of a table is in, told as often as it is asked for."""

    table: Table
    classes: _Classes | None
    shares: Shares
    draw: Callable[[], Generator | None]

    @classmethod
    def of(cls, table: Table, classes: _Classes | None, plan: Plan, own: set[str]) -> _Dealing:
        counts = np.array([len(table)]) if classes is None else classes.counts
        shares = Shares.of(
            counts,
            0.0 if "validation" in own else plan.validation,
            0.0 if "test" in own else plan.test,
        )
        return cls(table, classes, shares, lambda: plan.draws(0) if plan.shuffle else None)

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part."""
        return dict(zip(PARTS, self.shares.rows.sum(axis=0).tolist(), strict=True))

    def deal(self) -> Iterator[Array]:
        """The part (k,) of each row of a piece of the table, one piece after the other."""
        classes = self.classes

        def kinds() -> Iterator[Array]:
            for piece in _pieces(self.table):
                yield np.zeros(len(piece), np.intp) if classes is None else classes.codes(piece)

        return self.shares.deal(kinds(), self.draw())


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some training rows, on disk again.

    Attributes:
        table: They alone.
        rows: Where they stand in their table.
        of: How many training rows they are drawn from.
        classes: The classes that any of these has.
    """

    table: Table
    rows: Array
    of: int
    classes: Array | None


def _fitted(sample: _Sample, task: Task, plan: Plan) -> Preprocessing:
    """Fitted on ``sample``."""
    table, rows = sample.table, np.arange(len(sample.rows))
    fitted = Features.fit(table.cells, rows, plan.encoding, lambda i: table.place(int(sample.rows[i])), table.weights)
    if sample.classes is not None:
        return Preprocessing(fitted, ClassEncoding.of(sample.classes, table, sample.of))
    if task == "multilabel":
        return Preprocessing(fitted, LabelEncoding(table.target_names))
    return Preprocessing(fitted, scaling_of(table, rows, plan.target))


def _sample_size(table: Table) -> int:
    return min(SAMPLE_ROWS, max(1, SAMPLE_CELLS // len(table.feature_names)))


def _sample(dealing: _Dealing, classes: _Classes | None, rng: Generator, folder: Path) -> _Sample:
    """Training rows drawn without putting back, into ``folder``; all of them, in their order, if they are few.

    Raises:
        DataError: No room on the disk.
    """
    table, left = dealing.table, dealing.sizes["train"]
    wanted = min(left, _sample_size(table))
    own = {"features": table.features, "target": table.target}
    if table.weights is not None:
        own["weights"] = table.weights
    refuse_full_disk(folder, sum(wanted * (cells.nbytes // len(cells)) for cells in own.values()))
    places, there = np.empty(wanted, np.intp), np.zeros(0 if classes is None else len(classes.labels), bool)
    done = 0
    with ExitStack() as files:
        drawn = {
            name: files.enter_context(ArrayFile(folder / f"{name}.npy", (wanted, *cells.shape[1:]), cells.dtype))
            for name, cells in own.items()
        }
        for piece, parts in zip(_pieces(table), dealing.deal(), strict=True):
            (rows,) = np.nonzero(parts == 0)
            if classes is not None:
                there[np.unique(classes.codes(piece)[rows])] = True
            k = len(rows)
            if wanted - done < left:
                k = int(rng.hypergeometric(wanted - done, left - (wanted - done), len(rows))) if wanted > done else 0
            left -= len(rows)
            if k < len(rows):
                rows = np.sort(rng.choice(rows, k, replace=False))
            for name, file in drawn.items():
                file.append(getattr(piece, name)[rows])
            places[done : done + k] = piece.first_row + rows
            done += k
    found: dict[str, Any] = {name: mapped(folder / f"{name}.npy") for name in own}
    labels = None if classes is None else classes.labels[there]
    return _Sample(replace(table, **found, order={}), places, dealing.sizes["train"], labels)


def _refuse_gaps(table: Table) -> None:
    """As the fit does, of all rows."""
    bad = BadCells(table.place)
    for piece in _pieces(table):
        if piece.features.dtype.kind == "f":
            wrong = np.argwhere(np.isnan(piece.features))
            names = table.feature_names
            first = [
                (piece.first_row + int(row), names[j], "empty cell", feature_remedy(names[j]))
                for row, j in wrong[:SHOWN]
            ]
            bad.add(len(wrong), first)
    bad.refuse()


def _columns(
    table: Table, preprocessing: Preprocessing, dtype: DTypeLike
) -> dict[str, tuple[tuple[int, ...], DTypeLike]]:
    """What is kept of each row."""
    target, numbers = preprocessing.target, np.dtype(dtype)
    columns: dict[str, tuple[tuple[int, ...], DTypeLike]] = {
        "inputs": ((preprocessing.features.width + 1,), numbers),
        "rows": ((), np.intp),
    }
    if isinstance(target, ClassEncoding):
        return {**columns, "targets": ((), np.intp)}
    columns["targets"] = ((len(target.names),), numbers)
    return columns if isinstance(target, LabelEncoding) else {**columns, "values": ((len(target.names),), np.float64)}


def _prepared(
    table: Table, preprocessing: Preprocessing, dtype: DTypeLike, dealt: Iterator[Array] | None
) -> Iterator[tuple[Array, dict[str, Array]]]:
    """All rows, some after the others: in which part each is (k,), and what is kept of it."""
    finer = max(1, CELLS // (preprocessing.features.width + 1))
    for start in range(0, len(table), _step(table)):
        piece = table.part(slice(start, start + _step(table)))
        parts = np.zeros(len(piece), np.uint8) if dealt is None else next(dealt)
        for some in range(0, len(piece), finer):
            rows = slice(some, some + finer)
            part = prepare(piece.part(rows), preprocessing, dtype)
            kept = {"inputs": part.inputs, "targets": part.targets, "rows": start + some + part.rows}
            if isinstance(preprocessing.target, Scaling):
                kept["values"] = target_values(part.table, preprocessing.target.names)
            yield parts[rows], kept
        give_back(table.features, table.target, table.weights)
