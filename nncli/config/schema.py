"""The config: every key, its type, its bounds, its default and what it means."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from nncli import scoring
from nncli.config.document import Document, KeyPath, display
from nncli.config.pieces import Piece, Strict, piece_field
from nncli.data import sources
from nncli.data.features import Categorical, Dates, Numeric
from nncli.data.kinds import MISSING
from nncli.engine import activations, embeddings, initializers, losses, norms, optimizers, schedules
from nncli.errors import Problem

ClassWeight = Literal["balanced"] | dict[str, Annotated[float, Ge(0)]]


def _class_weight(loss: type[losses.Loss]) -> dict[str, Any]:
    """The key that a loss has beside its settings, if it is one for classes."""
    meaning = "of a loss for classes: what a row of each class counts; balanced, or a table of classes, others count 1"
    return {"class_weight": (ClassWeight | None, Field(None, description=meaning))} if loss.classification else {}


if TYPE_CHECKING:
    Activation: TypeAlias = Piece
    Initializer: TypeAlias = Piece
    Loss: TypeAlias = Piece
    Metric: TypeAlias = Piece
    Norm: TypeAlias = Piece
    NumberEmbedding: TypeAlias = Piece
    Optimizer: TypeAlias = Piece
    Schedule: TypeAlias = Piece
    Source: TypeAlias = Piece
else:
    Activation = piece_field(activations.registry, "identity")
    Initializer = piece_field(initializers.registry, "glorot_uniform")
    Loss = piece_field(losses.registry, "cross_entropy", _class_weight)
    Metric = piece_field(scoring.registry, "accuracy")
    Norm = piece_field(norms.registry, "layer")
    NumberEmbedding = piece_field(embeddings.registry, "periodic")
    Optimizer = piece_field(optimizers.registry, "adam")
    Schedule = piece_field(schedules.registry, "constant")
    Source = piece_field(sources.registry, "iris")

Share = Annotated[float, Ge(0), Lt(1)]
Factor = Annotated[float, Ge(0)]
Seed = Annotated[int, Ge(0), Lt(2**63)]
Count = Annotated[int, Ge(1), Le(1_000_000_000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1)]
SQLITE = "sqlite:///"


class Fold(Strict):
    """Rows that are cut into folds, of which one validates."""

    of: Annotated[int, Ge(2), Le(1000)] = Field(description="how many folds there are")
    number: Annotated[int, Ge(0), Lt(1000)] = Field(description="the one that validates, from 0; the others train")
    repeat: Annotated[int, Ge(0), Lt(1000)] = Field(
        0, description="which drawing of the folds, from 0; the test rows are the same in each"
    )


class Split(Strict):
    """How the rows are shared out. An own file for a part replaces its share."""

    validation: Share = Field(0.15, description="share of the rows that is looked at after each epoch; 0 for none")
    test: Share = Field(0.15, description="share of the rows that the training never sees; 0 for none")
    stratify: Literal["auto"] | bool = Field("auto", description="keep the shares of the classes; auto: for classes")
    shuffle: bool = Field(
        True, description="draw the rows at random; false: the last are the test rows, and those before them validate"
    )
    group: Text | None = Field(None, description="a column: rows that have the same in it are in the same part")
    time: Text | None = Field(
        None, description="a column of dates or numbers: the latest rows are the test rows, and those before validate"
    )
    fold: Fold | None = Field(
        None, description="cut all but the test rows into folds, and validate on one, in place of the share"
    )
    seed: Seed | None = Field(None, description="the rows are drawn by it; the config's if not said")

    @property
    def order(self) -> dict[str, str]:
        """The columns that it goes by."""
        return {key: name for key, name in (("group", self.group), ("time", self.time)) if name is not None}


class Preprocess(Strict):
    """What is done to the columns; fitted on the training rows alone."""

    numeric: Numeric = Field(
        "standardize",
        description="numbers: to mean 0 and deviation 1; to median 0 and quartiles 1 apart; to 0..1; to normal "
        "scores by quantiles; standardized logarithms, sign(x)·log(1 + |x|); or left as they are",
    )
    clip: Annotated[float, Gt(0)] | None = Field(
        None, description="scaled numbers are bent so that none goes beyond it: x/√(1 + (x/clip)²)"
    )
    categorical: Categorical = Field(
        "one_hot", description="text: a column of 0 and 1 for each value, or a learned embedding"
    )
    rare: Count = Field(3, description="text: values that fewer training rows have share one column")
    dates: Literal[Dates, "refuse"] = Field(
        "cyclic", description="dates: time, and sine and cosine of the year, the week and the day; or refused"
    )
    missing: Literal["impute", "refuse"] = Field(
        "impute", description="gaps: filled with the middle of the column, and an own column says where; or refused"
    )
    missing_values: list[str] = Field(
        list(MISSING), description="what stands in a feature of a text file where there is nothing; an empty cell, too"
    )
    columns: dict[Text, Numeric | Categorical | Dates] = Field({}, description="another encoding for single columns")
    target: Literal["auto", "standardize", "log", "none"] = Field(
        "auto", description="scaling of a regression target, whose figures are in its own units; auto: standardize"
    )


class Data(Strict):
    """Where the rows come from: a built-in source, a file, or a program that hands them over."""

    source: Source | None = Field(None, description="a built-in data set or generator")
    path: Text | None = Field(None, description="csv, tsv, parquet, npz, or a folder of .npy or of IDX files")
    memory: bool = Field(
        False, description="of a run of an estimator: the rows came from a program; path may name a file with the same"
    )
    stored: Literal["auto"] | bool = Field(
        "auto",
        description="whether the rows are prepared once, lie on disk, and are read from there a few at a time; "
        "auto: where the table would not fit into memory",
    )
    validation_path: Text | None = Field(None, description="an own file for validation")
    test_path: Text | None = Field(None, description="an own file for the test")
    target: Text | Annotated[list[Text], MinLen(1)] | None = Field(None, description="the column to predict, or a list")
    features: Annotated[list[Text], MinLen(1)] | None = Field(
        None, description="the columns to use; all others if not said"
    )
    drop: list[Text] = Field([], description="columns to leave out")
    weight: Text | None = Field(None, description="a column that says what each row counts in the loss; no feature")
    split: Split = Split()
    preprocess: Preprocess = Preprocess()


class Block(Strict):
    """One entry of model.layers: dense, then norm, activation, noise, dropout and the sum with its input, as asked."""

    units: Annotated[int, Ge(1), Le(1_000_000)] | None = Field(
        None, description="its width; the last block's follows from the target"
    )
    activation: Activation = Field("identity", description="what it does to its sums", validate_default=True)
    initializer: Literal["auto"] | Initializer = Field("auto", description="initial weights; auto: fits the activation")
    bias: Literal["auto"] | bool = Field(
        "auto", description="whether it adds a bias; auto: yes, but in front of norm: batch, which takes it out again"
    )
    norm: Norm | None = Field(None, description="brings its sums to one scale, in front of the activation")
    noise: Factor = Field(0.0, description="deviation of the normal noise that is added to its values in the training")
    dropout: Share = Field(0.0, description="share of its values that are set to 0 at random in the training")
    residual: bool = Field(
        False, description="whether its input is added at its end; through learned weights where the widths differ"
    )
    l1: Factor | None = Field(None, description="penalty on its weights in place of regularization.l1")
    l2: Factor | None = Field(None, description="penalty on its weights in place of regularization.l2")
    max_norm: Annotated[float, Gt(0)] | None = Field(
        None, description="how long the weights of each unit may be together; longer ones are cut after every step"
    )


class Input(Strict):
    """What is done to the inputs in front of the first block."""

    numbers: NumberEmbedding = Field(
        "none", description="what each number becomes; none: it goes in as it is", validate_default=True
    )
    embedding_units: Literal["auto"] | Annotated[int, Ge(1), Le(10_000)] = Field(
        "auto", description="units of a category that comes as a code; auto: min(600, 1.6·levels^0.56)"
    )
    noise: Factor = Field(0.0, description="deviation of the normal noise that is added to them in the training")
    dropout: Share = Field(
        0.0, description="share of them that are set to 0 at random in the training, the others enlarged"
    )
    scale: bool = Field(False, description="whether each is multiplied by a learned number of its own, 1 at the start")


class Model(Strict):
    """The network."""

    input: Input = Input()
    layers: Annotated[list[Block], MinLen(1)] = Field(description="its blocks, from the input to the output")


class Regularization(Strict):
    """Penalties on all weights, biases left out: l1·Σ|w| + l2/2·Σw²."""

    l1: Factor = Field(0.0, description="factor of the absolute values")
    l2: Factor = Field(0.0, description="factor of half the squares")


def metric_of(figure: str) -> str | None:
    """The metric that a monitored figure is, on the validation rows; None for a loss."""
    name = figure.removeprefix("validation_")
    return None if name == figure or name == "loss" else name


def higher_is_better(figure: str) -> bool:
    """Which way a monitored figure gets better."""
    metric = metric_of(figure)
    return metric is not None and scoring.registry[metric].higher_is_better


class EarlyStopping(Strict):
    """When to stop before the last epoch."""

    monitor: str = Field("validation_loss", description="train_loss, validation_loss, or validation_ and a metric")
    mode: Literal["auto", "min", "max"] = Field(
        "auto", description="whether lower or higher is better; auto: as the figure has it"
    )
    patience: Count = Field(20, description="epochs without a better value before it stops")
    min_delta: Annotated[float, Ge(0)] = Field(0.0, description="what counts as better")
    restore_best: bool = Field(True, description="whether the weights of the best epoch are the result")

    @property
    def higher_is_better(self) -> bool:
        """Which way the monitored figure gets better."""
        return higher_is_better(self.monitor) if self.mode == "auto" else self.mode == "max"


class Average(Strict):
    """An exponential moving average of the parameters, which is validated and kept in their place."""

    decay: Share = Field(0.999, description="how much of it stays at an update; less in the first ones")


EVERY = re.compile(r"([1-9]\d{0,8}) (epoch|step|minute)s?")


def _every(text: Any) -> Any:
    if not isinstance(text, str) or not EVERY.fullmatch(text):
        raise PydanticCustomError("every", "a number of epochs, steps or minutes: 1 epoch, 500 steps, 10 minutes")
    return text


Every = Annotated[str, BeforeValidator(_every), WithJsonSchema({"type": "string", "pattern": f"^{EVERY.pattern}$"})]


class Checkpoint(Strict):
    """When all that a training goes on from is written to a file."""

    every: Every = Field("1 minute", description="N epochs, N steps, or N minutes; and whenever the training ends")
    keep: Annotated[int, Ge(1), Le(1000)] = Field(2, description="how many of them stay")

    @property
    def period(self) -> tuple[int, str]:
        """How many of what: epoch, step or minute."""
        match = EVERY.fullmatch(self.every)
        assert match is not None
        return int(match[1]), match[2]


class Training(Strict):
    """The loop."""

    epochs: Annotated[int, Ge(0), Le(1_000_000_000)] = Field(
        100, description="passes over the training rows, or iterations"
    )
    batch_size: Count | Literal["full", "auto"] = Field(
        "auto", description="rows in a step, or full; auto: 32, or full where the optimizer takes all rows at once"
    )
    precision: Literal["float32", "float64"] = Field("float32", description="of all numbers in the training")
    early_stopping: EarlyStopping | None = Field(None, description="stop when a figure gets no better")
    accumulate: Count = Field(1, description="batches whose mean gradient makes one update")
    clip_value: Annotated[float, Gt(0)] | None = Field(None, description="the largest entry that a gradient may have")
    clip_norm: Annotated[float, Gt(0)] | None = Field(
        None, description="the greatest length of the whole gradient, which is scaled down to it"
    )
    average: Average | None = Field(None, description="average the parameters over the updates")
    checkpoint: Checkpoint | None = Field(
        Checkpoint(), description="what `nncli resume` goes on from; null: none is written, not even at the end"
    )
    overfit_batches: Count | None = Field(
        None, description="for debugging: train on the rows of so many batches, and validate on the same"
    )
    fast_dev_run: bool | Count = Field(
        False, description="for debugging: one epoch of so many batches (true: one), to see whether all works"
    )
    threads: Annotated[int, Ge(1), Le(1024)] | Literal["auto"] = Field(
        "auto", description="of the machine's cores; auto: one, unless the work of a step is worth more"
    )
    shards: Annotated[int, Ge(1), Le(65536)] | Literal["auto"] = Field(
        "auto",
        description="pieces of a batch, on threads or on the ranks of mpiexec, their gradients added in a fixed order; "
        "auto: as the work is worth",
    )
    kernels: Literal["auto", "numpy", "numba"] = Field(
        "auto", description="whether loops are compiled, to the same bits; auto: where numba is there and it saves time"
    )

    @property
    def debugging(self) -> dict[str, int]:
        """Which of the two debugging runs it is, if one: its key, and of how many batches."""
        said = {"overfit_batches": self.overfit_batches or 0, "fast_dev_run": int(self.fast_dev_run)}
        return {key: batches for key, batches in said.items() if batches}


Members = Annotated[int, Ge(2), Le(1000)]


class Ensemble(Strict):
    """Several networks whose predictions are averaged."""

    members: Members = Field(description="how many networks")
    rows: Literal["auto", "folds", "all"] = Field(
        "auto",
        description="folds: each validates on a fold of its own and trains on the others; all: each trains on all "
        "training rows, by a seed of its own; auto: folds, where data.split has a share to validate on",
    )


def _ensemble(said: int | Ensemble | None) -> Ensemble | None:
    return Ensemble(members=said) if isinstance(said, int) else said


if TYPE_CHECKING:
    SeveralOrOne: TypeAlias = Ensemble | None
else:
    SeveralOrOne = Annotated[Members | Ensemble | None, AfterValidator(_ensemble)]


class Report(Strict):
    """What else a training leaves to look at."""

    plots: Literal["auto"] | bool = Field(
        "auto",
        description="pictures at the end; auto: of a training that took a minute, others wait for `nncli report`",
    )
    tensorboard: bool = Field(False, description="event files for TensorBoard, in the run's folder tensorboard")
    mlflow: bool | Text = Field(
        False,
        description="a run of MLflow: the URI of its server, sqlite:///FILE, or a folder; true: MLFLOW_TRACKING_URI, "
        "or what MLflow takes by itself",
    )

    @property
    def mlflow_place(self) -> bool | str:
        """The same, found from every folder as it is from this one."""
        place = self.mlflow
        if not isinstance(place, str) or place in ("databricks", "databricks-uc", "uc"):
            return place
        if place.startswith(SQLITE):
            return f"{SQLITE}{Path(place.removeprefix(SQLITE)).resolve()}"
        return place if re.match(r"[A-Za-z][\w+.-]+:", place) else str(Path(place).resolve())


class Config(Strict):
    """The content of a YAML file, every default filled in."""

    name: Name | None = Field(None, description="of the run; the file's stem if not said")
    seed: Seed = Field(0, description="all random numbers follow from it")
    data: Data
    model: Model
    loss: Loss = Field("cross_entropy", description="what the training makes small", validate_default=True)
    optimizer: Optimizer = Field("adam", description="how the parameters move", validate_default=True)
    schedule: Schedule = Field("constant", description="how the learning rate moves", validate_default=True)
    regularization: Regularization = Regularization()
    training: Training = Training()
    metrics: Literal["auto"] | list[Metric] = Field(
        "auto", description="what is measured after each epoch and at the end; auto: the quick ones of the task"
    )

    ensemble: SeveralOrOne = Field(
        None, description="train several networks, and average what they predict: how many, or a mapping"
    )

    report: Report = Report()

    _document: Document = PrivateAttr(default_factory=lambda: Document({}))
    _file: Path = PrivateAttr(default=Path("config.yaml"))

    @property
    def class_weight(self) -> dict[str, float] | Literal["balanced"] | None:
        """What the classes count in the loss, if not all the same."""
        said: dict[str, float] | Literal["balanced"] | None = getattr(self.loss, "class_weight", None)
        return said

    @property
    def folds(self) -> int | None:
        """In how many folds the rows are cut: those of an ensemble, or those of which one validates.

        An ensemble that leaves it to us goes by folds where some of the rows are to be looked at after each epoch.
        """
        data, ensemble = self.data, self.ensemble
        if ensemble is None:
            return None if data.split.fold is None else data.split.fold.of
        fitting = data.split.validation > 0 and data.validation_path is None
        return ensemble.members if ensemble.rows == "folds" or (ensemble.rows == "auto" and fitting) else None

    @property
    def name_or_stem(self) -> str:
        """The name of its runs."""
        stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in self._file.stem)
        return self.name or stem.lstrip(".-") or "run"

    @property
    def monitors(self) -> dict[KeyPath, str]:
        """The figures that are watched from epoch to epoch, by the keys that name them."""
        early, watched = self.training.early_stopping, self.schedule.build().watches
        return {
            **({} if early is None else {("training", "early_stopping", "monitor"): early.monitor}),
            **({} if watched is None else {("schedule", "monitor"): watched}),
        }

    def data_path(self, key: Literal["path", "validation_path", "test_path"]) -> Path | None:
        """The file that ``data.key`` names: relative to the config, or, from the command line, to where we are."""
        value = getattr(self.data, key)
        if value is None:
            return None
        overridden = not self._document.overridden.isdisjoint({("data",), ("data", key)})
        return Path(value) if overridden else self._file.parent / value

    def resolved(self) -> dict[str, Any]:
        """Plain values with every default written out, paths absolute: trains the same network from anywhere."""
        content = self.model_dump()
        content["name"] = self.name_or_stem
        if self.ensemble is not None:
            content["ensemble"]["rows"] = "all" if self.folds is None else "folds"
        keys: tuple[Literal["path", "validation_path", "test_path"], ...] = ("path", "validation_path", "test_path")
        for key in keys:
            path = self.data_path(key)
            content["data"][key] = None if path is None else str(path.resolve())
        content["report"]["mlflow"] = self.report.mlflow_place
        return content

    def written(self) -> dict[str, Any]:
        """What the file says, without defaults, but with paths that lead to the same from anywhere, and a name."""
        content = copy.deepcopy(self._document.value)
        resolved = self.resolved()
        content["name"] = resolved["name"]
        for key in ("path", "validation_path", "test_path"):
            if content["data"].get(key) is not None:
                content["data"][key] = resolved["data"][key]
        if isinstance(content.get("report"), dict) and "mlflow" in content["report"]:
            content["report"]["mlflow"] = resolved["report"]["mlflow"]
        return content

    def untracked(self) -> Config:
        """The same training, of which no tracker is told."""
        report = self.report.model_copy(update={"tensorboard": False, "mlflow": False})
        return self.model_copy(update={"report": report})

    def problem(self, path: str | KeyPath, message: str, remedy: str = "") -> Problem:
        """``message`` about the value at ``path`` (``model.layers.0.units``), with its position in the file."""
        if isinstance(path, str):
            path = tuple(int(key) if key.isdigit() else key for key in path.split("."))
        return Problem(message, f"{self._document.where(path)}  {display(path)}".strip(), remedy)
