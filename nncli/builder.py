"""Config + dataset -> experiment: the one place where the config meets the engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from nncli.config.schema import Block, Config, Regularization
from nncli.data.dataset import Dataset, Part, make_dataset
from nncli.data.files import read_table
from nncli.data.idx import read_idx_folder
from nncli.data.preprocess import ClassEncoding, LabelEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.data.table import Table
from nncli.engine import initializers, losses
from nncli.engine.activations import Activation
from nncli.engine.buffers import Array
from nncli.engine.constraints import MaxNorm
from nncli.engine.initializers import Initializer
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.network import INPUT, Network
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.norms import Norm
from nncli.engine.optimizers import Optimizer
from nncli.engine.penalties import Penalty
from nncli.engine.randomness import Purpose, stream
from nncli.engine.residual import Fork, Join
from nncli.errors import ConfigError
from nncli.figures import kind_of, metrics_of, refuse_undefined_monitor
from nncli.scoring import Kind, Metric, Scorer

WORTH_TWO_THREADS = 50_000_000
"""Multiply-adds of one forward pass of a batch, above which BLAS on several threads is faster than on one."""


@dataclass(frozen=True)
class Rows:
    """Rows as the engine takes them: ``inputs`` (n, d + 1), and ``targets`` as the loss wants them."""

    inputs: Array
    targets: Array


@dataclass(frozen=True)
class Experiment:
    """All that a training needs.

    Attributes:
        config: What was asked for.
        dataset: The data as split and preprocessed.
        network: The mathematics.
        optimizer: The rule of descent.
        train: The training rows; ``validation`` and ``test`` likewise, None where there are none.
        kind: What is predicted.
        metrics: What is measured after each epoch.
    """

    config: Config
    dataset: Dataset
    network: Network
    optimizer: Optimizer
    train: Rows
    validation: Rows | None
    test: Rows | None
    kind: Kind
    metrics: tuple[Metric, ...]

    @property
    def precision(self) -> DTypeLike:
        """float32 or float64."""
        return np.dtype(self.config.training.precision)

    @property
    def batch_size(self) -> int:
        """Rows in a batch; never more than there are."""
        n, size = len(self.train.inputs), self.config.training.batch_size
        return n if size == "full" else min(size, n)

    @property
    def threads(self) -> int:
        """BLAS threads: as asked for, or one unless the matrices are large."""
        if self.config.training.threads != "auto":
            return self.config.training.threads
        dense = [stage for stage in self.network.stages if isinstance(stage.layer, Dense)]
        work = self.batch_size * sum((stage.inputs + 1) * stage.outputs for stage in dense)
        return 1 if work < WORTH_TWO_THREADS else os.cpu_count() or 1

    def scorer(self, part: Part) -> Scorer:
        """What measures the predictions for ``part``."""
        return Scorer(self.metrics, self.kind, self.dataset.preprocessing, part)


def build(config: Config) -> Experiment:
    """Read the data and build the network.

    Raises:
        DataError: The data cannot be used.
        ConfigError: The config does not fit the data.
    """
    dataset = load_dataset(config)
    network = build_network(config, dataset.preprocessing)
    _refuse_unreachable_targets(config, network, dataset)

    def rows(part: Part | None) -> Rows | None:
        return None if part is None else engine_rows(part, network)

    kind = kind_of(config, dataset.preprocessing, network.outputs)
    experiment = Experiment(
        config,
        dataset,
        network,
        config.optimizer.build(),
        engine_rows(dataset.train, network),
        rows(dataset.validation),
        rows(dataset.test),
        kind,
        metrics_of(config, kind),
    )
    if dataset.validation is not None:
        refuse_undefined_monitor(config, experiment.scorer(dataset.validation))
    _refuse_lonely_rows(experiment)
    return experiment


def _refuse_lonely_rows(experiment: Experiment) -> None:
    """Batch norm: of a row that is alone in its batch, nothing is left when its mean is taken from it."""
    least, n, size = experiment.network.least_rows, len(experiment.train.inputs), experiment.batch_size

    def fits(size: int) -> bool:
        return size >= least and (n % size == 0 or n % size >= least)

    if fits(size):
        return
    block = next(stage.block for stage in experiment.network.stages if stage.layer.least_rows == least)
    message = f"model.{block}.norm needs at least {least} rows in a batch, "
    message += f"and the last of {_count(n, 'training row')} has {n % size}" if size >= least else f"and it has {size}"
    fitting = next((other for other in range(size + 1, n + 1) if fits(other)), None)
    other = "use norm: layer" if fitting is None else f"use norm: layer, or a batch_size that fits, such as {fitting}"
    raise ConfigError([experiment.config.problem("training.batch_size", message, other)])


def load_dataset(config: Config) -> Dataset:
    """Read, split and preprocess the data that ``config`` names."""
    data = config.data
    train, validation, test = _tables(config)
    return make_dataset(
        train,
        validation=validation,
        test=test,
        classification=True if losses.registry[config.loss.name].classification else None,
        numeric=data.preprocess.numeric,
        target=data.preprocess.target,
        validation_share=data.split.validation,
        test_share=data.split.test,
        stratify=None if data.split.stratify == "auto" else data.split.stratify,
        shuffle=data.split.shuffle,
        rng=stream(config.seed, Purpose.SPLIT),
        dtype=np.dtype(config.training.precision),
    )


def read_file(config: Config, path: Path) -> Table:
    """Read ``path`` with the columns that ``config`` names; of a folder of IDX files, the training images."""
    data = config.data
    if path.is_dir():
        return read_idx_folder(path)[0]
    if data.source is not None:
        target = data.source.build().load().target_names  # a file for a run on built-in data: the same columns
    else:
        target = (data.target,) if isinstance(data.target, str) else tuple(data.target or ())
    return read_table(
        path, target=target, features=None if data.features is None else tuple(data.features), drop=tuple(data.drop)
    )


def _tables(config: Config) -> tuple[Table, Table | None, Table | None]:
    data = config.data
    if data.source is not None:
        table: Table = data.source.build().load()
        return table, None, None
    path = config.data_path("path")
    assert path is not None  # cross_check: one of source and path is given
    own = {key: config.data_path(key) for key in ("validation_path", "test_path")}
    validation, test = (None if file is None else read_file(config, file) for file in own.values())
    if path.is_dir():
        images, test_images = read_idx_folder(path)
        return images, validation, test if test is not None else test_images
    return read_file(config, path), validation, test


def build_network(config: Config, preprocessing: Preprocessing) -> Network:
    """The network of ``config`` for data so preprocessed."""
    _refuse_one_class(config, preprocessing)
    blocks, given = config.model.layers, config.model.input
    layers: list[tuple[str, Layer]] = [(INPUT, layer) for layer in _random(given.noise, given.dropout)]
    width = len(preprocessing.features.names)
    for i, block in enumerate(blocks):
        last = i == len(blocks) - 1
        units = _output_units(config, preprocessing) if last else block.units
        assert units is not None  # cross_check: only the last block may leave them out
        layers += [(f"layers.{i}", layer) for layer in _layers(block, width, units, config.regularization)]
        width = units
    loss, output = config.loss.build(), blocks[-1].activation.build()
    if output.name in loss.fused:
        layers.pop()
        return Network(len(preprocessing.features.names), layers, loss.fused[output.name](), output)
    return Network(len(preprocessing.features.names), layers, loss)


def _layers(block: Block, inputs: int, units: int, common: Regularization) -> Iterator[Layer]:
    """What a block is made of, in order."""
    activation = block.activation.build()
    norm: Norm | None = None if block.norm is None else block.norm.build()
    initializer = _initializer(block, activation)
    penalty = Penalty(common.l1 if block.l1 is None else block.l1, common.l2 if block.l2 is None else block.l2)
    constraint = None if block.max_norm is None else MaxNorm(block.max_norm)
    bias = not (norm and norm.takes_out_bias) if block.bias == "auto" else block.bias
    if block.residual:
        yield Fork()
    yield Dense(units, bias, initializer, penalty, constraint)
    if norm is not None:
        yield Normalize(norm)
    if activation.name != "identity":
        yield Activate(activation)
    yield from _random(block.noise, block.dropout)
    if block.residual:
        yield Join(inputs, units, initializer, penalty, constraint)


def _random(noise: float, dropout: float) -> Iterator[Layer]:
    if noise:
        yield GaussianNoise(noise)
    if dropout:
        yield Dropout(dropout)


def _initializer(block: Block, activation: Activation) -> Initializer:
    if block.initializer == "auto":
        return initializers.registry[activation.initializer]()
    initializer: Initializer = block.initializer.build()
    return initializer


def _output_units(config: Config, preprocessing: Preprocessing) -> int:
    """The width of the last block: it follows from the target, and what the config says must fit."""
    last = len(config.model.layers) - 1
    said, activation = config.model.layers[last].units, config.model.layers[last].activation.name
    encoding = preprocessing.target
    where = f"model.layers.{last}.units"
    if not isinstance(encoding, ClassEncoding):
        fitting, why = [len(encoding.names)], f"the target has {_count(len(encoding.names), 'column')}"
    else:
        k = len(encoding.classes)
        binary = k == 2 and activation != "softmax" and config.loss.name != "cross_entropy"
        fitting, why = [1, 2] if binary else [k], f"the target has {k} classes"
    if said is None:
        return fitting[0]
    if said not in fitting:
        wanted = " or ".join(map(str, fitting))
        raise ConfigError([config.problem(where, f"must be {wanted} (is {said}): {why}", "or leave it out")])
    return said


def _refuse_one_class(config: Config, preprocessing: Preprocessing) -> None:
    """Several labels: a loss that takes the code of one class has nothing to say about them."""
    encoding, loss = preprocessing.target, losses.registry[config.loss.name]
    if isinstance(encoding, LabelEncoding) and loss.targets == "codes":
        message = f"{loss.name} is for one class a row, and the target has {len(encoding.names)} columns"
        remedy = "binary_cross_entropy takes each as a label on its own; or name one column in data.target"
        raise ConfigError([config.problem("loss", message, remedy)])


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _refuse_unreachable_targets(config: Config, network: Network, dataset: Dataset) -> None:
    """Numbers or labels: an output activation that cannot take the values of the target would train to nonsense."""
    encoding = dataset.preprocessing.target
    if isinstance(encoding, ClassEncoding):
        return
    last = len(config.model.layers) - 1
    activation = config.model.layers[last].activation.build()
    where = f"model.layers.{last}.activation"
    if activation.simplex:
        labels = isinstance(encoding, LabelEncoding)
        target = "each label applies or not on its own" if labels else "the target is a number"
        message = f"{activation.name} makes its outputs sum to 1, but {target}"
        remedy = "use sigmoid" if labels else "use identity, or cross_entropy for classes"
        raise ConfigError([config.problem(where, message, remedy)])
    low, high = activation.range
    Y = dataset.train.targets
    if Y.min() < low or Y.max() > high:
        scaled = isinstance(encoding, Scaling) and encoding.method != "none"
        unit = "standardized " if scaled else ""
        message = (
            f"{activation.name} gives values from {low:g} to {high:g}, "
            f"but the {unit}target runs from {Y.min():.3g} to {Y.max():.3g}"
        )
        raise ConfigError([config.problem(where, message, "use identity, or preprocess.target: none if that fits")])


def engine_rows(part: Part, network: Network) -> Rows:
    """``part`` with its targets in the form that the network's loss takes."""
    targets = part.targets
    if network.loss.targets == "values" and targets.dtype.kind == "i":
        codes = targets
        targets = np.zeros((len(codes), network.outputs), part.inputs.dtype)
        if network.outputs == 1:
            targets[:, 0] = codes
        else:
            targets[np.arange(len(codes)), codes] = 1
    return Rows(part.inputs, targets)
