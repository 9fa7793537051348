"""What a trained network is worth: the metrics of a run on any of its splits, or on a new file."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nncli.builder import Rows, build_network, debugging_rows, engine_rows, load_dataset, read_file
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.data.dataset import Part, prepare
from nncli.data.jsonable import LARGEST
from nncli.data.preprocess import ClassEncoding, LabelEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.inference import Inference
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.errors import DataError, RunError
from nncli.figures import kind_of, metrics_of
from nncli.run import Run, digest_of
from nncli.scoring import Scored, Scorer
from nncli.scoring.numbers import R2, Mae, Rmse
from nncli.scoring.scorer import finite_or_none
from nncli.weighing import Weighing

Split = Literal["train", "validation", "test"]
MOST_CONFUSED = 1000
"""Classes of a confusion matrix: it grows with their square, and nobody reads a million numbers."""


@dataclass(frozen=True)
class ClassReport:
    """How one class or label fared; a share whose denominator is 0 is None."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    rows: int
    """Those that have it."""


@dataclass(frozen=True)
class TargetReport:
    """How well one target of a regression is met, in its own units; None where a figure is not defined."""

    name: str
    rmse: float | None
    mae: float | None
    r2: float | None


@dataclass(frozen=True)
class Evaluation:
    """The figures of one evaluation; what the task does not have is None."""

    task: str
    data: str
    weights: str
    rows: int
    loss: float | None
    metrics: dict[str, float | None]
    """By name; None where one is not defined on these rows."""
    classes: tuple[ClassReport, ...] | None = None
    labels: tuple[ClassReport, ...] | None = None
    averages: tuple[ClassReport, ...] | None = None
    """Over the classes or labels; 0/0 counts as 0 in them."""
    confusion: tuple[tuple[int, ...], ...] | None = None
    """[true][predicted], in the order of ``classes``; None also for more than ``MOST_CONFUSED`` of them."""
    targets: tuple[TargetReport, ...] | None = None
    loss_weights: str | None = None
    """What the rows count in the loss, in words, where not all count the same."""

    def to_json(self) -> dict[str, Any]:
        """All that the task has."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Trained:
    """A run, read back: ready to predict."""

    run: Run
    config: Config
    network: Network
    preprocessing: Preprocessing
    weights: Weights
    which: str
    """``best`` or ``last``."""
    weighing: Weighing

    def predict(self, rows: Rows) -> tuple[Array, float]:
        """Predictions (n, k) and the mean loss: on every core, and the same bits on any number of them."""
        from threadpoolctl import threadpool_limits

        inference = Inference(
            self.network,
            self.weights,
            len(rows.inputs),
            weighted=rows.weights is not None,
            threads=os.cpu_count() or 1,
        )
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            loss = inference.run(rows.inputs, rows.targets, rows.weights)
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
    if "weights" not in summary:
        remedy = f"nncli resume {run.path} goes on"
        raise RunError("has no weights yet: its training did not end", where=str(run.path), remedy=remedy)
    which = summary["weights"]
    if which not in ("best", "last"):
        remedy = f"nncli resume {run.path} writes it again"
        message = f"its weights are best or last, and not {which!r:.60}"
        raise RunError(message, where=str(run.path / "summary.json"), remedy=remedy)
    tensors = run.load_weights(which)
    digests = summary.get("digests")
    if not isinstance(digests, dict) or digests.get(which) != digest_of(tensors):
        remedy = f"nncli resume {run.path} writes them again"
        raise RunError("its weights are not those that it was trained to", where=str(run.path), remedy=remedy)
    precision = np.dtype(config.training.precision)
    weights = Weights(np.zeros(network.layout.size, precision), network.initial_statistics(precision))
    views = network.tensors(weights)
    if set(views) != set(tensors) or any(views[name].shape != tensors[name].shape for name in views):
        raise RunError("its weights are of another network than its config", where=str(run.path), remedy="train again")
    for name, view in views.items():
        if tensors[name].dtype != view.dtype:
            message = f"{name} is of {tensors[name].dtype}, and its config asks for {view.dtype}"
            raise RunError(message, where=str(run.path), remedy="train again")
        if not np.isfinite(tensors[name]).all():
            raise RunError(f"{name} holds what is not finite", where=str(run.path), remedy="train again")
        view[...] = tensors[name]
    weighing = Weighing(_class_weights(run, summary, config, preprocessing), config.data.weight)
    return Trained(run, config, network, preprocessing, weights, which, weighing)


def _class_weights(
    run: Run, summary: dict[str, Any], config: Config, preprocessing: Preprocessing
) -> dict[str, float] | None:
    """What the classes counted in the training: ``balanced`` was worked out on its rows."""
    if config.class_weight is None or not isinstance(preprocessing.target, ClassEncoding):
        return None
    found = summary.get("class_weight")
    names = [str(name) for name in preprocessing.target.classes]
    if not isinstance(found, dict) or [*found] != names or not all(_is_weight(w) for w in found.values()):
        raise RunError("summary.json does not say what each class counts", where=str(run.path), remedy="train again")
    return {name: float(found[name]) for name in names}


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= LARGEST  # NaN is not


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> Evaluation:
    """Evaluate ``run`` on one of its splits, or on the rows of file ``data``.

    Raises:
        RunError: The run cannot be read, or has no such split.
        DataError: The data cannot be read, or are not those of the training any more.
    """
    trained = load_run(run)
    part = _split(trained, split) if data is None else _file(trained, data)
    rows = engine_rows(part, trained.network, trained.weighing)
    predictions, loss = trained.predict(rows)
    kind = kind_of(trained.config, trained.preprocessing, trained.network.outputs)
    scorer = Scorer(
        metrics_of(trained.config, kind, report=True), kind, trained.preprocessing, part, trained.network.loss
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # as in Scorer
        report = _report(scorer.scored(predictions), trained.preprocessing.target)
    return Evaluation(
        task=kind.task,
        data=split if data is None else str(data),
        weights=trained.which,
        rows=len(rows.inputs),
        loss=finite_or_none(loss),
        metrics=scorer.measure(predictions),
        loss_weights=_loss_weights(trained, part),
        **report,
    )


def _loss_weights(trained: Trained, part: Part) -> str | None:
    column, sources = trained.weighing.column, trained.weighing.sources(part)
    said = [f"weighted by {' and '.join(sources)}"] if sources else []
    if column is not None and part.weights is None:
        said.append(f"{part.table.origin} has no column {column!r} of weights: each row counts 1")
    return "; ".join(said) or None


def _split(trained: Trained, split: Split) -> Part:
    dataset = load_dataset(trained.config)
    trained_on = trained.run.read_json("environment.json").get("data")
    if dataset.fingerprint != trained_on:
        raise DataError(
            "the data changed since the training, so that its splits cannot be made again",
            where=str(trained.run.path),
            remedy="evaluate on a file: --data FILE",
        )
    if not dataset.preprocessing.agrees(trained.preprocessing):
        raise RunError(
            "does not follow from the run's config and data",
            where=str(trained.run.path / "preprocess.json"),
            remedy=f"remove it: nncli resume {trained.run.path} writes it again",
        )
    part: Part | None = getattr(debugging_rows(trained.config, dataset), split)
    if part is None:
        raise RunError(
            f"has no {split} rows",
            where=str(trained.run.path),
            remedy=f"set data.split.{split}, or evaluate on another split or a file" if split != "train" else "",
        )
    return part


def _file(trained: Trained, data: Path) -> Part:
    table = read_file(trained.config, data, weight_needed=False, kinds=trained.preprocessing.features.kinds)
    return prepare(table, trained.preprocessing, np.dtype(trained.config.training.precision))


def _report(rows: Scored, encoding: ClassEncoding | LabelEncoding | Scaling) -> dict[str, Any]:
    """Each class, label or target."""
    match encoding:
        case ClassEncoding():
            return _classification(rows, tuple(map(str, encoding.classes)))
        case LabelEncoding():
            averages = _averages(rows, ("micro", "macro", "weighted", "samples"))
            return {"labels": _each(rows, encoding.names), "averages": averages}
        case Scaling():
            return {"targets": _targets(rows, encoding.names)}


def _classification(rows: Scored, classes: tuple[str, ...]) -> dict[str, Any]:
    from sklearn.metrics import confusion_matrix

    report: dict[str, Any] = {"classes": _each(rows, classes), "averages": _averages(rows, ("macro", "weighted"))}
    if len(classes) <= MOST_CONFUSED:
        matrix = confusion_matrix(rows.truth, rows.decided, labels=np.arange(len(classes)))
        report["confusion"] = tuple(tuple(map(int, row)) for row in matrix)
    return report


def _each(rows: Scored, names: tuple[str, ...]) -> tuple[ClassReport, ...]:
    """How each class or label fared."""
    from sklearn.metrics import precision_recall_fscore_support

    every = np.arange(len(names))
    shares = precision_recall_fscore_support(rows.truth, rows.decided, labels=every, zero_division=np.nan)
    return tuple(
        ClassReport(name, finite_or_none(precision), finite_or_none(recall), finite_or_none(f1), int(count))
        for name, precision, recall, f1, count in zip(names, *shares, strict=True)
    )


def _averages(rows: Scored, averages: tuple[str, ...]) -> tuple[ClassReport, ...]:
    """Those of the metrics of these names: precision_macro, ..."""
    from sklearn.metrics import precision_recall_fscore_support

    found = []
    for average in averages:
        shares = precision_recall_fscore_support(rows.truth, rows.decided, average=average, zero_division=0)
        precision, recall, f1 = map(float, shares[:3])
        found.append(ClassReport(average, precision, recall, f1, len(rows.truth)))
    return tuple(found)


def _targets(rows: Scored, names: tuple[str, ...]) -> tuple[TargetReport, ...]:
    """How well each target of a regression is met."""
    reports = []
    for column, name in enumerate(names):
        one = slice(column, column + 1)
        kind = replace(rows.kind, columns=1)
        alone = Scored(kind, rows.truth[:, one], rows.outputs[:, one], rows.decided[:, one])
        r2 = None if R2().lacking(kind, alone.truth) else finite_or_none(R2().compute(alone))
        rmse, mae = (finite_or_none(metric.compute(alone)) for metric in (Rmse(), Mae()))
        reports.append(TargetReport(name, rmse, mae, r2))
    return tuple(reports)
