"""What a trained network is worth: the metrics of a run on any of its splits, or on a new file."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nncli.builder import (
    Place,
    Tables,
    debugging_rows,
    engine_rows,
    load_dataset,
    member_config,
    read_dataset,
    read_file,
    read_tables,
)
from nncli.data.dataset import Dataset, Part, prepare
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.errors import DataError, RunError
from nncli.figures import kind_of, metrics_of
from nncli.run import Run
from nncli.scoring import Scored, Scorer
from nncli.scoring.numbers import R2, Mae, Rmse
from nncli.scoring.scorer import finite_or_none
from nncli.trained import Ensemble, Predictor, Trained, load_run

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
class MemberReport:
    """How one network of an ensemble fares alone; its loss is that of its own scaling of the target."""

    number: int
    rows: int
    loss: float | None
    metrics: dict[str, float | None]


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
    members: tuple[MemberReport, ...] | None = None
    """Of an ensemble: each alone."""
    out_of_fold: bool | None = None
    """True where each row was predicted by the one member that did not train on it."""

    def to_json(self) -> dict[str, Any]:
        """All that the task has."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, eq=False)
class Judged:
    """What a run makes of some rows.

    Attributes:
        rows: They.
        predictions: (n, outputs).
        loss: Their mean loss.
        members: How each network of an ensemble fares alone.
        out_of_fold: Whether each row was predicted by the one member that did not train on it.
    """

    rows: Part
    predictions: Array
    loss: float
    members: tuple[MemberReport, ...] | None = None
    out_of_fold: bool = False


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> Evaluation:
    """Evaluate ``run`` on one of its splits, or on the rows of file ``data``.

    Of an ensemble on folds, the validation rows are those of all folds, each predicted by the one member that did not
    train on it.

    Raises:
        RunError: The run cannot be read, or has no such split.
        DataError: The data cannot be read, or are not those of the training any more.
    """
    trained = load_run(run)
    judged = judge_split(trained, split) if data is None else judge(trained, _file(trained, data))
    return evaluation_of(trained, judged, split if data is None else str(data))


def evaluation_of(trained: Predictor, judged: Judged, data: str) -> Evaluation:
    """The figures of what ``trained`` makes of rows, which are called ``data``."""
    scorer = scorer_of(trained, judged.rows, report=True)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # as in Scorer
        report = _report(scorer.scored(judged.predictions), trained.preprocessing.target)
    return Evaluation(
        task=trained.preprocessing.task,
        data=data,
        weights=trained.which,
        rows=len(judged.rows),
        loss=finite_or_none(judged.loss),
        metrics=scorer.measure(judged.predictions),
        loss_weights=_loss_weights(trained, judged.rows),
        members=judged.members,
        out_of_fold=judged.out_of_fold or None,
        **report,
    )


def judge_split(trained: Predictor, split: Split) -> Judged:
    """What ``trained`` makes of one of its splits; see ``evaluate``.

    Raises:
        RunError: It has no such split.
        DataError: The data cannot be read, or are not those of the training any more.
    """
    if split == "validation" and isinstance(trained, Ensemble) and trained.config.folds is not None:
        tables = read_tables(trained.config)
        return judge_out_of_fold(trained, tables, _dataset(trained, tables).train)
    return judge(trained, _split(trained, split))


def judge(trained: Predictor, part: Part) -> Judged:
    """What ``trained`` makes of rows in the form of its preprocessing."""
    rows = engine_rows(part, trained.network, trained.weighing)
    if isinstance(trained, Trained):
        return Judged(part, *trained.predict(rows))
    outputs, reports = [], []
    for number, member in enumerate(trained.members):
        own = prepare(part.table, member.preprocessing, member.dtype, part.rows)
        P, report = _member_alone(number, member, own)
        outputs.append(P)
        reports.append(report)
    predictions = trained.together(outputs)
    return Judged(part, predictions, trained.loss(predictions, rows), tuple(reports))


def judge_out_of_fold(trained: Ensemble, tables: Tables, part: Part) -> Judged:
    """What the members make of the rows of their folds, which are together those of ``part``.

    Each row is predicted by the one member that did not train on it, so that the figures are those of rows that were
    not seen; of one network, and not of the average of all.

    Raises:
        RunError: The preprocessing of a member does not follow from the data.
    """

    def folds() -> Iterator[Part]:
        for number, member in enumerate(trained.members):
            dataset = load_dataset(member_config(trained.config, number), tables)
            _refuse_foreign(member, dataset)
            assert dataset.validation is not None  # each fold has rows
            yield dataset.validation

    return judge_folds(trained, folds(), part)


def judge_folds(trained: Ensemble, folds: Iterable[Part], part: Part) -> Judged:
    """The same, of ``folds`` that are there: of each member the rows that it did not train on, in its own form."""
    found: list[tuple[Array, Array]] = []
    reports = []
    for number, (member, fold) in enumerate(zip(trained.members, folds, strict=True)):
        P, report = _member_alone(number, member, fold)
        found.append((fold.rows, trained.alone(number, P)))
        reports.append(report)
    where = np.concatenate([rows for rows, _ in found])
    P = np.concatenate([predictions for _, predictions in found])
    predictions = P[np.argsort(where)]  # the rows of a part are sorted
    rows = engine_rows(part, trained.network, trained.weighing)
    return Judged(part, predictions, trained.loss(predictions, rows), tuple(reports), out_of_fold=True)


def _member_alone(number: int, member: Trained, part: Part) -> tuple[Array, MemberReport]:
    """The outputs of a member for rows in the form of its preprocessing, and what they are worth."""
    P, loss = member.predict(engine_rows(part, member.network, member.weighing))
    figures = scorer_of(member, part).measure(P)
    return P, MemberReport(number, len(part), finite_or_none(loss), figures)


def scorer_of(trained: Predictor, part: Part, *, report: bool = False) -> Scorer:
    """What measures the predictions for ``part``: by the metrics of every epoch, or also those of a ``report``."""
    kind = kind_of(trained.config, trained.preprocessing, trained.network.outputs)
    metrics = metrics_of(trained.config, kind, report=report)
    return Scorer(metrics, kind, trained.preprocessing, part, trained.network.loss)


def _loss_weights(trained: Predictor, part: Part) -> str | None:
    column, sources = trained.weighing.column, trained.weighing.sources(part)
    said = [f"weighted by {' and '.join(sources)}"] if sources else []
    if column is not None and part.weights is None:
        said.append(f"{part.table.origin} has no column {column!r} of weights: each row counts 1")
    return "; ".join(said) or None


def _split(trained: Predictor, split: Split) -> Part:
    dataset = _dataset(trained)
    if isinstance(trained, Trained):
        dataset = debugging_rows(trained.config, dataset, trained.network)
    part: Part | None = getattr(dataset, split)
    if part is None:
        raise RunError(
            f"has no {split} rows",
            where=str(trained.run.path),
            remedy=f"set data.split.{split}, or evaluate on another split or a file" if split != "train" else "",
        )
    return part


def _dataset(trained: Predictor, tables: Tables | None = None) -> Dataset:
    """The data of the training, made again."""
    dataset = read_dataset(trained.config, tables, place=Place(trained.run.path))
    trained_on = trained.run.read_json("environment.json").get("data")
    if dataset.fingerprint != trained_on:
        raise DataError(
            "the data changed since the training, so that its splits cannot be made again",
            where=str(trained.run.path),
            remedy="evaluate on a file: --data FILE",
        )
    _refuse_foreign(trained, dataset)
    return dataset


def _refuse_foreign(trained: Predictor, dataset: Dataset) -> None:
    if not dataset.preprocessing.agrees(trained.preprocessing):
        raise RunError(
            "does not follow from the run's config and data",
            where=str(trained.run.path / "preprocess.json"),
            remedy=f"remove it: nncli resume {trained.run.path} writes it again",
        )


def _file(trained: Predictor, data: Path) -> Part:
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
