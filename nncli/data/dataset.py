"""Arrays that are split, preprocessed and ready: what a network trains on and is measured by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.data.cells import Array
from nncli.data.features import Encoding
from nncli.data.maps import blocks, give_back
from nncli.data.preprocess import (
    ClassEncoding,
    LabelEncoding,
    Preprocessing,
    Task,
    class_labels,
    target_values,
)
from nncli.data.split import Indices, folded, split_rows
from nncli.data.table import Table
from nncli.errors import DataError

if TYPE_CHECKING:
    from nncli.data.stored import Cache, Shelf


@dataclass(frozen=True, eq=False)
class Part:
    """Rows ready for the engine.

    Attributes:
        inputs: (n, width+1) of the training precision: the encoded features, and a last column of ones that carries the
            bias through the engine's matrix products.
        targets: Class codes (n,) intp; labels (n, k) of 0 and 1, or scaled values (n, k), of the training precision.
        rows: (n,) where each row stands in ``table``, which has their weights.
        table: The table they were read from.
        shelf: Where the arrays lie, if that is on disk.
    """

    inputs: Array
    targets: Array
    rows: Indices
    table: Table
    shelf: Shelf | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def X(self) -> Array:  # noqa: N802
        """The encoded features (n, width), a view of ``inputs``."""
        return self.inputs[:, :-1]

    def take(self, rows: Indices) -> Part:
        """Some of the rows (m,), in this order."""
        return replace(self, inputs=self.inputs[rows], targets=self.targets[rows], rows=self.rows[rows], shelf=None)

    def blocks(self) -> Iterator[Part]:
        """All of its rows, some after the others; of rows on disk, those before are out of memory by then."""
        if self.shelf is None:
            yield self
            return
        for rows in blocks(len(self), self.inputs, self.targets, self.rows):
            yield replace(self, inputs=self.inputs[rows], targets=self.targets[rows], rows=self.rows[rows], shelf=None)
            give_back(self.table.features, self.table.target, self.table.weights)

    @property
    def weights(self) -> Array | None:
        """The column of weights (n,), if there is one."""
        return None if self.table.weights is None else self.table.weights[self.rows]

    def values(self, names: tuple[str, ...]) -> Array:
        """The target of a regression (n, k), as it stands in the table."""
        if self.shelf is not None:
            return self.shelf.arrays["values"]
        return target_values(self.table, names)[self.rows].astype(np.float64)

    def place(self, row: int) -> str:
        """Where the row of this part (from 0) stands in the table."""
        return self.table.place(int(self.rows[row]))


@dataclass(frozen=True, eq=False)
class Dataset:
    """The parts of one training, and what was fitted on the first of them.

    Attributes:
        preprocessing: Fitted on the rows of ``train``.
        train: The rows that train.
        validation: The rows that choose the best epoch, if any.
        test: The rows that measure the result, if any.
        fingerprint: SHA-256 (hex) of the source tables: names, types, shapes and every byte.
        cache: Where the prepared rows lie, if that is on disk.
    """

    preprocessing: Preprocessing
    train: Part
    validation: Part | None
    test: Part | None
    fingerprint: str
    cache: Cache | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that there are."""
        return tuple(part for part in (self.train, self.validation, self.test) if part is not None)

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return self.preprocessing.task


def make_dataset(
    train: Table,
    *,
    validation: Table | None = None,
    test: Table | None = None,
    classification: bool | None = None,
    encoding: Encoding | None = None,
    target: str = "auto",
    validation_share: float = 0.15,
    test_share: float = 0.15,
    stratify: bool | None = None,
    shuffle: bool = True,
    folds: int | None = None,
    fold: int | None = None,
    rng: Generator,
    fold_rng: Generator | None = None,
    dtype: DTypeLike = np.float32,
    fitted: Preprocessing | None = None,
) -> Dataset:
    """Split the training table, fit the preprocessing on its training rows, and apply it to every part.

    Args:
        train: The training table.
        validation: A table of its own for validation; then ``validation_share`` does not count.
        test: The same for the test.
        classification: Whether the target stands for classes, or, in several columns, for labels; None: as the table
            says.
        encoding: What becomes of the features; None: what an ``Encoding`` says by default.
        target: The scaling of a regression's target: ``auto`` (which is to standardize), ``standardize``, ``log`` or
            ``none``.
        validation_share: The share of the training table for validation.
        test_share: The share of the training table for the test.
        stratify: Keep the classes in proportion; None: for classes (not for labels), when shuffling.
        shuffle: Draw the parts at random; otherwise the first rows train, then comes validation, then test.
        folds: Cut what is not for the test into so many folds, whatever ``validation_share`` is.
        fold: Which of them validates, from 0; None: none does, and all rows of the folds train.
        rng: Where the draws come from.
        fold_rng: Where those of the folds come from; None: ``rng``, too.
        dtype: The training precision, float32 or float64.
        fitted: A preprocessing that is fitted already, on other rows; None: it is fitted on the training rows.

    Raises:
        DataError: The target does not fit the task, the shares do not fit the rows, a label of another part is in no
            training row, a column is missing in a table of its own, numbers that the precision cannot hold.
    """
    task = task_of(train, train.categorical if classification is None else classification)
    labels = _strata(train, task, stratify, shuffle)
    split = split_rows(
        len(train),
        labels=labels,
        validation=0.0 if validation is not None else validation_share,
        test=0.0 if test is not None else test_share,
        shuffle=shuffle,
        rng=rng,
        groups=train.order.get("group"),
        times=train.order.get("time"),
    )
    if folds is not None:
        split = folded(
            split,
            folds,
            fold,
            labels=labels,
            shuffle=shuffle,
            rng=fold_rng or rng,
            groups=train.order.get("group"),
            times=train.order.get("time"),
        )
    preprocessing = fitted or Preprocessing.fit(
        train, split.train, task, encoding=encoding or Encoding(), target=target
    )

    def part(own: Table | None, rows: Indices) -> Part | None:
        if own is not None:
            return prepare(own, preprocessing, dtype)
        return prepare(train, preprocessing, dtype, rows) if len(rows) else None

    return Dataset(
        preprocessing,
        train=prepare(train, preprocessing, dtype, split.train),
        validation=part(validation, split.validation),
        test=part(test, split.test),
        fingerprint=fingerprint(train=train, validation=validation, test=test),
    )


def prepare(table: Table, preprocessing: Preprocessing, dtype: DTypeLike, rows: Indices | None = None) -> Part:
    """Apply a fitted preprocessing to ``table``, or to some ``rows`` of it; columns are found by name, others ignored.

    Raises:
        DataError: A missing column, an unknown class, a label that is neither 0 nor 1, a target of text for a
            regression, numbers that ``dtype`` cannot hold.
    """
    if rows is None:
        rows = np.arange(len(table), dtype=np.intp)
    features, fitted = preprocessing.features, preprocessing.target
    inputs = np.empty((len(rows), features.width + 1), dtype)
    inputs[:, -1] = 1
    features.apply(table.cells, rows, inputs[:, :-1], table.place)
    if isinstance(fitted, ClassEncoding):
        return Part(inputs, fitted.encode(table, rows), rows, table)
    if isinstance(fitted, LabelEncoding):
        return Part(inputs, fitted.encode(table, rows, dtype), rows, table)
    targets = np.empty((len(rows), len(fitted.names)), dtype)
    fitted.apply(target_values(table, fitted.names), rows, targets, table.place)
    return Part(inputs, targets, rows, table)


def fingerprint(**tables: Table | None) -> str:
    """SHA-256 (hex) over the tables by their role: names, types, shapes and bytes, not where they came from."""
    digest = hashlib.sha256()
    for role, table in tables.items():
        if table is None:
            continue
        arrays: list[tuple[tuple[str, ...], Array]] = [
            (table.feature_names, table.features),
            (table.target_names, table.target),
        ]
        if table.weights is not None:
            arrays.append(((table.weight_name,), table.weights))
        if table.levels or table.dates:  # tables of numbers have the fingerprint that they had before there were others
            digest.update(json.dumps([role, sorted(table.levels.items()), sorted(table.dates)]).encode())
        for names, array in arrays:
            digest.update(json.dumps([role, names, array.dtype.str, array.shape]).encode())
            for rows in blocks(len(array), array):
                digest.update(np.ascontiguousarray(array[rows]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def task_of(table: Table, classification: bool) -> Task:
    """What the target stands for: several columns of a classification are labels, each on its own."""
    if not classification:
        return "regression"
    return "multilabel" if len(table.target_names) > 1 else "classification"


def _strata(table: Table, task: Task, stratify: bool | None, shuffle: bool) -> Array | None:
    """The labels to keep in proportion, if the split is to."""
    return class_labels(table) if stratifies(table, task, stratify, shuffle) else None


def stratifies(table: Table, task: Task, stratify: bool | None, shuffle: bool) -> bool:
    """Whether classes are to be kept in proportion; ``stratify`` and ``shuffle`` as in `make_dataset`.

    Raises:
        DataError: They are to be, and cannot.
    """
    if stratify is None:
        stratify = task == "classification" and shuffle and not table.order
    if stratify and table.order:
        raise DataError(
            f"rows that are split by {' and '.join(table.order)} cannot be stratified",
            where="data.split.stratify",
            remedy="leave it auto",
        )
    if stratify and task != "classification":
        kind = "several labels are no classes" if task == "multilabel" else "a regression has no classes"
        raise DataError(f"{kind} to stratify by", where="data.split.stratify", remedy="leave it auto")
    if stratify and not shuffle:
        raise DataError(
            "rows that are not shuffled cannot be stratified",
            where="data.split.stratify",
            remedy="set `shuffle: true`, or leave it auto",
        )
    return stratify
