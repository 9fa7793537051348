"""What was exported, run beside the run that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncli.builder import Place, debugging_rows, read_dataset
from nncli.data.cells import Cells
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.inference import Inference
from nncli.engine.metrics import decide, decide_labels
from nncli.errors import NncliError
from nncli.export.model import Model
from nncli.trained import Predictor

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""By how much outputs may differ, numbers in units of their scale: sums are taken in another order."""
MOST_ROWS = 10_000
DRAWN = 1000
"""Rows that are drawn where the data of the run are not at hand."""


@dataclass(frozen=True)
class Rows:
    """Rows of features as they were read, and whose they are."""

    cells: Cells
    whose: str

    def __len__(self) -> int:
        return len(self.cells.values)

    @property
    def matrix(self) -> Array:
        """All columns (n, d) at float64."""
        return self.cells.values.astype(np.float64)

    @property
    def columns(self) -> dict[str, Array]:
        """Every column (n,) by name: floats, texts (None for a gap), or times of NumPy."""
        return {name: self._column(name) for name in self.cells.names}

    def given(self, model: Model) -> dict[str, Array]:
        """What ONNX takes: the name of an input -> (n, width); a gap in a text is an empty one."""
        if "kind" not in model.inputs[0].settings:
            return {model.inputs[0].settings["name"]: self.matrix}
        matrix, found = self.matrix, dict[str, Array]()
        for j, name in enumerate(self.cells.names):
            column = self._column(name) if name in self.cells.levels else matrix[:, j]
            column = np.where(column == None, "", column) if column.dtype == object else column  # noqa: E711
            found[name] = column[:, np.newaxis]
        return found

    def _column(self, name: str) -> Array:
        column = self.cells.select((name,))[:, 0].astype(np.float64)
        gaps = np.isnan(column)
        match self.cells.kind(name):
            case "category":
                texts = np.array([*self.cells.levels[name], None], object)
                return texts[np.where(gaps, -1, column).astype(np.intp)]
            case "date":
                times = (np.where(gaps, 0, column) * 1e6).astype("datetime64[us]")
                return np.where(gaps, np.datetime64("NaT"), times)
        return column


@dataclass(frozen=True)
class Agreement:
    """How far two programs agree.

    Attributes:
        rows: How many were compared, and which: ``30 test rows``.
        largest: The largest difference of an output, in units of the target's scale where it is a number.
        labels: How many labels differ, all of them where two outputs are as good as equal.
    """

    rows: str
    largest: float
    labels: int


def rows_of(trained: Predictor) -> Rows:
    """Test rows of the run, or validation or training rows; drawn ones, where its data are gone or have changed."""
    try:
        dataset = read_dataset(trained.config, place=Place(trained.run.path))
        same = dataset.fingerprint == trained.run.read_json("environment.json").get("data")
    except NncliError:
        same = False
    if not same:
        drawn = trained.preprocessing.features.drawn(DRAWN, np.random.default_rng(0))
        return Rows(drawn, f"{DRAWN:,} drawn rows (its data are gone, or have changed)")
    dataset = debugging_rows(trained.config, dataset, trained.network)
    name, part = next(
        (name, part) for name in ("test", "validation", "train") if (part := getattr(dataset, name)) is not None
    )
    chosen, cells, names = part.rows[:MOST_ROWS], part.table.cells, trained.preprocessing.features.names
    values = cells.select(names)[chosen]
    return Rows(replace(cells, values=values, names=names), f"{len(chosen):,} {name} rows")


def expected(trained: Predictor, rows: Rows) -> dict[str, Array]:
    """What the run itself says of ``rows``: name -> (n, ...), as ``Model.outputs`` and its decision are called."""
    network, n = trained.network, len(rows)
    outputs = []
    for member in trained.members:
        inputs = np.ones((n, member.network.inputs + 1), member.dtype)
        member.preprocessing.features.apply(rows.cells, np.arange(n), inputs[:, :-1], lambda row: f"row {row + 1}")
        inference = Inference(member.network, member.weights, n)
        with np.errstate(all="ignore"):
            inference.run(inputs)
        outputs.append(inference.predictions)
    P, threshold = trained.together(outputs), network.loss.threshold
    match trained.preprocessing.target:
        case ClassEncoding() as encoding:
            both = np.hstack([1 - P, P]) if P.shape[1] == 1 else P
            return {"label": np.array(encoding.classes)[decide(P, threshold)], "probabilities": both, "scores": P}
        case LabelEncoding():
            return {"labels": decide_labels(P, threshold), "probabilities": P, "scores": P}
        case Scaling() as scale:
            return scale.readings(network.loss, P.astype(np.float64))


def compare(trained: Predictor, rows: Rows, told: Mapping[str, Any]) -> Agreement:
    """Compare what was ``told`` of ``rows`` with what the run says.

    Raises:
        NncliError: They differ by more than ``TOLERANCE``, or in a label that is not near another.
    """
    right, target = expected(trained, rows), trained.preprocessing.target
    tolerance = TOLERANCE[trained.dtype.name]
    scale = target.scale if isinstance(target, Scaling) else np.ones(1)
    largest, doubtful = 0.0, np.zeros(len(rows), bool)
    for name, values in told.items():
        if name in ("label", "labels"):
            continue
        mine = right.get(name.replace("_", " "), right.get(name))
        if mine is None or mine.shape != np.shape(values):
            raise NncliError(f"the exported model has no {name} of the shape of the run's", remedy="please report it")
        with np.errstate(invalid="ignore"):
            apart = np.abs(values - mine) / (scale * np.maximum(1, np.abs(mine) / scale))
        apart[(values == mine) | (np.isnan(values) & np.isnan(mine))] = 0
        largest = max(largest, float(np.max(apart, initial=0.0))) if np.isfinite(apart).all() else np.inf
        doubtful = doubtful | _doubtful(mine, trained.network.loss.threshold, tolerance)
    wrong = np.zeros_like(doubtful)
    for name in {"label", "labels"}.intersection(told):
        wrong = np.any(np.reshape(told[name] != right[name], (len(wrong), -1)), axis=1)
    if largest > tolerance or (wrong & ~doubtful).any():
        message = f"the exported model differs from the run: outputs by {largest:.2g}, {int(wrong.sum())} labels"
        raise NncliError(message, where=str(trained.run.path), remedy="nothing was written; please report it")
    return Agreement(rows.whose, largest, int(wrong.sum()))


def _doubtful(P: Array, threshold: float, tolerance: float) -> Array:
    """Which rows (n,) a difference in the last places may decide otherwise."""
    near = np.asarray((np.abs(P - threshold) <= tolerance).any(axis=1))
    if P.shape[1] > 1:
        first, second = np.partition(P, -2, axis=1)[:, -2:].T[::-1]
        near = near | (first - second <= tolerance)
    return near
