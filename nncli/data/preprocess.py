"""What is fitted on the training rows and then applied to every row: encoded features, and coded or scaled targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nncli.data.cells import SHOWN, Array
from nncli.data.columns import listed, missing
from nncli.data.features import Encoding, Features
from nncli.data.jsonable import fields, malformed, sequence, texts
from nncli.data.scaling import Scaling
from nncli.data.table import BadCells, Table, shortened
from nncli.errors import DataError, Problem

Task: TypeAlias = Literal["classification", "multilabel", "regression"]
"""What a row is asked for: one class of several, the labels that apply, each on its own, or numbers."""

WHOLE = 2**53  # up to here float64 tells whole numbers apart


@dataclass(frozen=True)
class ClassEncoding:
    """Class labels as codes 0, 1, ...: positions in ``classes``, which are sorted, numbers by size."""

    classes: tuple[str, ...] | tuple[int, ...]

    @classmethod
    def fit(cls, table: Table, rows: Array) -> ClassEncoding:
        """The classes among ``rows`` of ``table``.

        Raises:
            DataError: Labels that are no classes (see `class_labels`), or a single class.
        """
        return cls.of(np.unique(class_labels(table)[rows]), table, len(rows))

    @classmethod
    def of(cls, labels: Array, table: Table, rows: int) -> ClassEncoding:
        """The classes of ``labels``, sorted, which are those of so many ``rows`` of ``table``.

        Raises:
            DataError: A single class.
        """
        found = labels.tolist()
        if len(found) < 2:
            raise DataError(
                f"all {rows} training rows have the class {found[0]!r}",
                where=f"{table.origin}, column {table.target_names[0]!r}",
                remedy="two classes at least are needed; look at `data.target`, or shuffle the rows",
            )
        return cls(tuple(found))

    def encode(self, table: Table, rows: Array) -> NDArray[np.intp]:
        """The codes (m,) of the labels at ``rows`` (m,) of ``table``.

        Raises:
            DataError: Labels that were not among the training rows; the first few are named.
        """
        labels = class_labels(table)[rows]
        known = np.array(self.classes)
        if labels.dtype.kind != known.dtype.kind:  # '1' and 'x' in one file, 1 alone in another: compared as text
            labels = labels.astype(np.str_)
        order = np.argsort(known.astype(labels.dtype.type))
        ranked = known.astype(labels.dtype.type)[order]
        position = np.minimum(np.searchsorted(ranked, labels), len(known) - 1)
        wrong = np.flatnonzero(ranked[position] != labels)
        if len(wrong):
            classes = listed(list(map(str, self.classes)))
            problems = [
                Problem(
                    f"the class {labels[i].item()!r} is in no training row; known are {classes}",
                    f"{table.place(int(rows[i]))}, column {table.target_names[0]!r}",
                    "correct the label, drop the row, or train with rows of that class",
                )
                for i in wrong[:SHOWN]
            ]
            raise DataError(shortened(problems, len(wrong)))
        return order[position].astype(np.intp)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: object, where: str) -> ClassEncoding:
        """Read what `to_json` wrote; raise DataError for anything else."""
        classes = sequence(fields(data, {"classes"}, where)["classes"], f"{where}.classes")
        alike = {type(label) for label in classes} in ({str}, {int})
        if alike and isinstance(classes[0], int) and not all(-(2**63) <= label < 2**63 for label in classes):
            raise malformed("a class label beyond 64-bit integers", where)
        if not alike or len(classes) < 2 or classes != sorted(set(classes)):
            raise malformed("two or more classes are expected, sorted, all of them text or whole numbers", where)
        return cls(tuple(classes))


@dataclass(frozen=True)
class LabelEncoding:
    """Labels that apply or do not, each a column of 0 and 1: they stay as they are."""

    names: tuple[str, ...]

    @classmethod
    def fit(cls, table: Table, rows: Array) -> LabelEncoding:
        """The labels are the target's columns.

        Raises:
            DataError: As `encode` does.
        """
        encoding = cls(table.target_names)
        encoding.encode(table, rows, np.float64)
        return encoding

    def encode(self, table: Table, rows: Array, dtype: DTypeLike) -> Array:
        """The labels (m, k) at ``rows`` (m,) of ``table``, 0 and 1 of ``dtype``.

        Raises:
            DataError: A column that is missing, or cells that are neither 0 nor 1; the first few are named.
        """
        values = target_values(table, self.names)[rows]
        wrong = np.argwhere((values != 0) & (values != 1))
        bad = BadCells(table.place)
        remedy = "labels are 0 and 1, or true and false; quantities ask for regression (`loss: mse`)"
        bad.add(
            len(wrong),
            [
                (int(rows[row]), self.names[column], f"{values[row, column]:g} is neither 0 nor 1", remedy)
                for row, column in wrong[:SHOWN]
            ],
        )
        bad.refuse()
        return values.astype(dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"labels": list(self.names)}

    @classmethod
    def from_json(cls, data: object, where: str) -> LabelEncoding:
        """Read what `to_json` wrote; raise DataError for anything else."""
        names = texts(fields(data, {"labels"}, where)["labels"], f"{where}.labels")
        if len(names) < 2 or len(set(names)) < len(names):
            raise malformed("two or more labels are expected, each with a name of its own", where)
        return cls(names)


def class_labels(table: Table) -> Array:
    """The target (n,) as class labels: str or int64.

    Raises:
        DataError: Several target columns, or a number that is not whole.
    """
    bad = BadCells(table.place)
    note_bad_labels(table, bad)
    bad.refuse()
    target = table.target.reshape(-1)
    return target.astype(np.int64) if target.dtype.kind == "f" else target


def note_bad_labels(table: Table, bad: BadCells) -> None:
    """Note every number in the target that is not whole.

    Raises:
        DataError: Several target columns.
    """
    if table.target.ndim == 2 and table.target.shape[1] > 1:
        raise DataError(
            f"{len(table.target_names)} target columns: {listed(table.target_names)}",
            where=table.origin,
            remedy="classes stand in one column; columns of 0 and 1, each on its own, ask for `binary_cross_entropy`",
        )
    target = table.target.reshape(-1)
    if target.dtype.kind != "f":
        return
    wrong = np.flatnonzero((target != np.floor(target)) | (np.abs(target) > WHOLE))
    remedy = "classes are text or whole numbers; a quantity asks for regression (`loss: mse`)"
    name = table.target_names[0]
    bad.add(len(wrong), [(int(row), name, f"{target[row]} is no class label", remedy) for row in wrong[:SHOWN]])


def target_values(table: Table, names: tuple[str, ...]) -> Array:
    """The target as numbers (n, k), its columns in the order of ``names``.

    Raises:
        DataError: A target of text, or one without these columns.
    """
    if table.target.dtype.kind == "U":
        column = f"column {table.target_names[0]!r}"
        raise DataError(
            f"the target is text ({table.target[0].item()!r} in {table.place(0)})",
            where=f"{table.origin}, {column}",
            remedy="regression needs numbers; for classes take `loss: cross_entropy`",
        )
    absent = [name for name in names if name not in table.target_names]
    if absent:
        raise DataError([Problem(missing("target column", name, table.target_names), table.origin) for name in absent])
    values = table.target.reshape(len(table), -1)
    return values if names == table.target_names else values[:, [table.target_names.index(name) for name in names]]


def scaling_of(table: Table, rows: Array, target: str) -> Scaling:
    """That of a regression's target, fitted on ``rows``; ``target`` as in `Preprocessing.fit`.

    Raises:
        DataError: As `target_values` and `Scaling.fit` do.
    """
    names = table.target_names
    method = "standardize" if target == "auto" else target
    return Scaling.fit(method, names, target_values(table, names), rows, weights=table.weights)


@dataclass(frozen=True)
class Preprocessing:
    """All that was fitted: the encoding of the features, and that or, for numbers, the scaling of the target."""

    features: Features
    target: ClassEncoding | LabelEncoding | Scaling

    @property
    def task(self) -> Task:
        """What the target asks for."""
        match self.target:
            case ClassEncoding():
                return "classification"
            case LabelEncoding():
                return "multilabel"
            case Scaling():
                return "regression"

    @classmethod
    def fit(cls, table: Table, rows: Array, task: Task, *, encoding: Encoding, target: str) -> Preprocessing:
        """Fit on ``rows`` of ``table``, weighted as they are, and on nothing else of it.

        Args:
            table: The training table.
            rows: (m,) indices of the training rows.
            task: What the target stands for.
            encoding: What becomes of the features.
            target: The scaling of a regression's target: ``standardize``, ``log``, ``none``, or ``auto``, which is to
                standardize.

        Raises:
            DataError: As the fits of each, and `target_values`, do.
        """
        features = Features.fit(table.cells, rows, encoding, table.place, table.weights)
        if task == "classification":
            return cls(features, ClassEncoding.fit(table, rows))
        if task == "multilabel":
            return cls(features, LabelEncoding.fit(table, rows))
        return cls(features, scaling_of(table, rows, target))

    def agrees(self, other: Preprocessing) -> bool:
        """Whether both were fitted on the same data; see `Scaling.agrees`."""
        if isinstance(self.target, Scaling) and isinstance(other.target, Scaling):
            return self.features.agrees(other.features) and self.target.agrees(other.target)
        return self.features.agrees(other.features) and self.target == other.target

    def to_json(self) -> dict[str, Any]:
        """Plain data, as in ``preprocess.json``; its floats come back bit for bit."""
        return {"task": self.task, "features": self.features.to_json(), "target": self.target.to_json()}

    @classmethod
    def from_json(cls, data: object, where: str = "preprocess.json") -> Preprocessing:
        """Read what `to_json` wrote.

        Raises:
            DataError: It was not written by `to_json`; ``where`` is what the message calls it.
        """
        found = fields(data, {"task", "features", "target"}, where)
        features = Features.from_json(found["features"], f"{where}: features")
        match found["task"]:
            case "classification":
                return cls(features, ClassEncoding.from_json(found["target"], f"{where}: target"))
            case "multilabel":
                return cls(features, LabelEncoding.from_json(found["target"], f"{where}: target"))
            case "regression":
                return cls(features, Scaling.from_json(found["target"], f"{where}: target"))
            case task:
                raise malformed(f"unknown task {task!r:.60}", where)
