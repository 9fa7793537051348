"""What a trained network is worth: the metrics of a run on any of its splits, or on a new file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nncli.builder import Rows, build_network, engine_rows, load_dataset, read_file
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.dataset import Part, prepare
from nncli.data.preprocess import ClassEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.engine import metrics
from nncli.engine.buffers import Array
from nncli.engine.inference import Inference
from nncli.engine.network import Network
from nncli.errors import DataError, RunError
from nncli.run import Run, digest_of

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class ClassReport:
    """How one class fared; a share whose denominator is 0 is None."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """The figures of one evaluation; those that the task does not have are None."""

    task: str
    data: str
    weights: str
    rows: int
    loss: float
    accuracy: float | None = None
    classes: tuple[ClassReport, ...] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    """[true][predicted], in the order of ``classes``."""
    targets: tuple[str, ...] | None = None
    rmse: float | None = None
    mae: float | None = None
    r2: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All figures that there are."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Trained:
    """A run, read back: ready to predict."""

    run: Run
    config: Config
    network: Network
    preprocessing: Preprocessing
    theta: Array
    weights: str

    def predict(self, rows: Rows) -> tuple[Array, float]:
        """Predictions (n, k) and the mean loss."""
        inference = Inference(self.network, self.theta, len(rows.inputs))
        with np.errstate(all="ignore"):
            loss = inference.run(rows.inputs, rows.targets)
        assert loss is not None
        return inference.predictions, loss


def load_run(run: Run) -> Trained:
    """Read a run back: its config, preprocessing, and the weights that its summary names.

    Raises:
        RunError: Something is missing or damaged, or the weights are of another network.
    """
    config = load_config(run.path / "config.yaml")
    preprocessing = Preprocessing.from_json(run.read_json("preprocess.json"), str(run.path / "preprocess.json"))
    network = build_network(config, preprocessing)
    summary = run.read_json("summary.json")
    weights = summary.get("weights")
    if weights not in ("best", "last"):
        raise RunError("has no weights yet: its training did not end", where=str(run.path), remedy="train again")
    tensors = run.load_weights(weights)
    digests = summary.get("digests")
    if not isinstance(digests, dict) or digests.get(weights) != digest_of(tensors):
        raise RunError("its weights are not those that it was trained to", where=str(run.path), remedy="train again")
    theta = np.zeros(network.layout.size, np.dtype(config.training.precision))
    views = network.layout.views(theta)
    if set(views) != set(tensors) or any(views[name].shape != tensors[name].shape for name in views):
        raise RunError("its weights are of another network than its config", where=str(run.path), remedy="train again")
    for name, view in views.items():
        view[...] = tensors[name]
    return Trained(run, config, network, preprocessing, theta, weights)


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> Evaluation:
    """Evaluate ``run`` on one of its splits, or on the rows of file ``data``.

    Raises:
        RunError: The run cannot be read, or has no such split.
        DataError: The data cannot be read, or are not those of the training any more.
    """
    trained = load_run(run)
    part = _split(trained, split) if data is None else _file(trained, data)
    rows = engine_rows(part, trained.network)
    predictions, loss = trained.predict(rows)
    about = {
        "data": split if data is None else str(data),
        "weights": trained.weights,
        "rows": len(rows.inputs),
        "loss": loss,
    }
    encoding = trained.preprocessing.target
    if isinstance(encoding, ClassEncoding):
        return _classification(part.targets, metrics.decide(predictions), encoding, about)
    return _regression(part.targets, predictions, encoding, about)


def _split(trained: Trained, split: Split) -> Part:
    dataset = load_dataset(trained.config)
    trained_on = trained.run.read_json("environment.json").get("data")
    if dataset.fingerprint != trained_on:
        raise DataError(
            "the data changed since the training, so that its splits cannot be made again",
            where=str(trained.run.path),
            remedy="evaluate on a file: --data FILE",
        )
    part: Part | None = getattr(dataset, split)
    if part is None:
        raise RunError(
            f"has no {split} rows",
            where=str(trained.run.path),
            remedy=f"set data.split.{split}, or evaluate on another split or a file" if split != "train" else "",
        )
    return part


def _file(trained: Trained, data: Path) -> Part:
    table = read_file(trained.config, data)
    return prepare(table, trained.preprocessing, np.dtype(trained.config.training.precision))


def _classification(codes: Array, decided: Array, encoding: ClassEncoding, about: dict[str, Any]) -> Evaluation:
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    every = np.arange(len(encoding.classes))
    shares = precision_recall_fscore_support(codes, decided, labels=every, zero_division=np.nan)
    reports = [
        ClassReport(str(name), _defined(precision), _defined(recall), _defined(f1), int(count))
        for name, precision, recall, f1, count in zip(encoding.classes, *shares, strict=True)
    ]
    return Evaluation(
        task="classification",
        accuracy=float(accuracy_score(codes, decided)),
        classes=tuple(reports),
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(codes, decided, labels=every)),
        **about,
    )


def _regression(Y: Array, P: Array, encoding: Scaling, about: dict[str, Any]) -> Evaluation:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    Y, P = encoding.invert(Y.astype(float)), encoding.invert(P.astype(float))
    varied = len(Y) > 1 and bool(np.ptp(Y, axis=0).all())  # R² compares with the spread of the target
    return Evaluation(
        task="regression",
        targets=encoding.names,
        rmse=float(root_mean_squared_error(Y, P)),
        mae=float(mean_absolute_error(Y, P)),
        r2=float(r2_score(Y, P)) if varied else None,
        **about,
    )


def _defined(share: float) -> float | None:
    """None for the NaN that stands for 0/0."""
    return None if np.isnan(share) else float(share)
