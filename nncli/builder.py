"""Config + dataset -> experiment: the one place where the config meets the engine."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from nncli.config.schema import Block, Config, Regularization, Split
from nncli.data.dataset import Dataset, Part, make_dataset
from nncli.data.files import is_folder, read_table
from nncli.data.idx import read_idx_folder
from nncli.data.preprocess import ClassEncoding, LabelEncoding, Preprocessing
from nncli.data.scaling import Scaling
from nncli.data.table import SHOWN, Table, shortened
from nncli.engine import activations, initializers, losses
from nncli.engine import kernels as loops
from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Kernels
from nncli.engine.constraints import MaxNorm
from nncli.engine.cost import COMPILING, saved_by_loops, shards_worth, threads_worth
from nncli.engine.initializers import Initializer
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.losses import Loss
from nncli.engine.network import INPUT, Network
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.norms import Norm
from nncli.engine.optimizers import Minimizer, Optimizer
from nncli.engine.penalties import Penalty
from nncli.engine.randomness import Purpose, Streams, stream
from nncli.engine.residual import Fork, Join
from nncli.engine.schedules import Schedule
from nncli.errors import ConfigError, DataError, Problem
from nncli.figures import kind_of, metrics_of, refuse_undefined_monitor
from nncli.scoring import Kind, Metric, Scorer
from nncli.weighing import Weighing

BATCH = 32
"""Rows in a batch if nothing is said."""
SPLIT = {"data.split", *(f"data.split.{key}" for key in Split.model_fields)}
"""Keys that only the data can show to be wrong."""


@dataclass(frozen=True)
class Rows:
    """Rows as the engine takes them: ``inputs`` (n, d + 1), ``targets`` as the loss wants them, ``weights`` if any."""

    inputs: Array
    targets: Array
    weights: Array | None = None


@dataclass(frozen=True)
class Experiment:
    """All that a training needs.

    Attributes:
        config: What was asked for.
        dataset: The data as split and preprocessed.
        network: The mathematics.
        optimizer: The rule of descent, or what minimizes on all rows at once.
        schedule: How its learning rate moves.
        train: The training rows; ``validation`` and ``test`` likewise, None where there are none.
        kind: What is predicted.
        metrics: What is measured after each epoch.
        weighing: What each row counts in the loss.
    """

    config: Config
    dataset: Dataset
    network: Network
    optimizer: Optimizer | Minimizer
    schedule: Schedule
    train: Rows
    validation: Rows | None
    test: Rows | None
    kind: Kind
    metrics: tuple[Metric, ...]
    weighing: Weighing

    @property
    def precision(self) -> DTypeLike:
        """float32 or float64."""
        return np.dtype(self.config.training.precision)

    @property
    def batch_size(self) -> int:
        """Rows in a batch; never more than there are."""
        return _batch_size(self.config, self.optimizer, len(self.train.inputs))

    @property
    def steps_per_epoch(self) -> int:
        """Updates in a pass over the training rows."""
        batches = math.ceil(len(self.train.inputs) / self.batch_size)
        return math.ceil(batches / self.config.training.accumulate)

    @property
    def threads(self) -> int:
        """As asked for, or as many as there are cores and the shards, or the largest matrix product, can use."""
        if self.config.training.threads != "auto":
            return self.config.training.threads
        useful = self.shards if self.shards > 1 else threads_worth(self.network, self.batch_size)
        return min(os.cpu_count() or 1, useful)

    @property
    def blas_threads(self) -> int:
        """Those of a matrix product: one, where the shards of a batch have the threads."""
        return 1 if self.shards > 1 else self.threads

    @property
    def shards(self) -> int:
        """In how many pieces a batch goes through the network: as asked for, or as its work is worth."""
        if self.config.training.shards != "auto":
            return self.config.training.shards
        return 1 if isinstance(self.optimizer, Minimizer) else shards_worth(self.network, self.batch_size)

    @property
    def kernels(self) -> Kernels:
        """As asked for, or compiled loops where numba is there and they save more time than it takes to compile them.

        The number of steps is that of the config, so that it does not depend on how a training goes.
        """
        if self.config.training.kernels != "auto":
            return self.config.training.kernels
        steps = self.steps_per_epoch * self.config.training.epochs
        saves = saved_by_loops(self.network, steps) > COMPILING
        return "numba" if saves and loops.available() else "numpy"

    def scorer(self, part: Part) -> Scorer:
        """What measures the predictions for ``part``."""
        return Scorer(self.metrics, self.kind, self.dataset.preprocessing, part, self.network.loss)


def build(config: Config) -> Experiment:
    """Read the data and build the network.

    Raises:
        DataError: The data cannot be used.
        ConfigError: The config does not fit the data.
    """
    if config.training.fast_dev_run:
        config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})
    dataset = load_dataset(config)
    network = build_network(config, dataset.preprocessing)
    weighing = Weighing.fit(config, dataset)
    dataset = debugging_rows(config, dataset)

    def rows(part: Part | None) -> Rows | None:
        return None if part is None else engine_rows(part, network, weighing)

    train = engine_rows(dataset.train, network, weighing)
    _refuse_unreachable_targets(config, dataset)
    kind = kind_of(config, dataset.preprocessing, network.outputs)
    experiment = Experiment(
        config,
        dataset,
        network,
        config.optimizer.build(),
        config.schedule.build(),
        train,
        rows(dataset.validation),
        rows(dataset.test),
        kind,
        metrics_of(config, kind),
        weighing,
    )
    _refuse_endless_warmup(experiment)
    if dataset.validation is not None:
        refuse_undefined_monitor(config, experiment.scorer(dataset.validation))
    _refuse_noise_under_a_minimizer(experiment)
    _refuse_lonely_rows(experiment)
    _refuse_missing_compiler(config)
    _refuse_shards(experiment)
    return experiment


def _refuse_shards(experiment: Experiment) -> None:
    """More pieces than there are rows, or a training that does not go in pieces."""
    shards, size, config = experiment.shards, experiment.batch_size, experiment.config
    if shards == 1:
        return
    if isinstance(experiment.optimizer, Minimizer):
        message = f"{experiment.optimizer.name} takes all rows in one piece"
    elif experiment.network.least_rows > 1:
        block = next(s.block for s in experiment.network.stages if s.layer.least_rows > 1)
        message = f"model.{block}.norm takes a batch in one piece: its rows are normalized together"
    elif shards > size:
        message = f"a batch of {_count(size, 'row')} has no {shards} shards"
    else:
        return
    raise ConfigError([config.problem("training.shards", message, "leave it at auto")])


def _refuse_missing_compiler(config: Config) -> None:
    """Loops are asked for that nothing can compile."""
    if config.training.kernels == "numba" and not loops.available():
        remedy = "pip install 'nncli[fast]', or leave it at auto: the bits are the same"
        raise ConfigError([config.problem("training.kernels", "numba is not installed", remedy)])


def _refuse_noise_under_a_minimizer(experiment: Experiment) -> None:
    """A line search compares values of one function: a network that draws random numbers is another every time."""
    network, config = experiment.network, experiment.config
    if not isinstance(experiment.optimizer, Minimizer):
        return
    noisy = {stage.block: stage.layer.kind for stage in network.stages if stage.layer.noise(stage.inputs)}
    message = f"is random, and {experiment.optimizer.name} needs the same loss whenever the weights are the same"
    remedy = "leave it out, or choose another optimizer"
    problems = [config.problem(f"model.{block}", f"{kind} {message}", remedy) for block, kind in noisy.items()]
    if problems:
        raise ConfigError(problems)


def _refuse_endless_warmup(experiment: Experiment) -> None:
    """A warm-up of more updates than the training has, which nobody knows before the rows are counted."""
    epochs, steps, warmup = experiment.config.training.epochs, experiment.steps_per_epoch, experiment.schedule.warmup
    if epochs and warmup(steps) > steps * epochs and not experiment.config.training.fast_dev_run:
        message = f"a warm-up of {warmup(steps)} steps is longer than the training, which has {steps * epochs}"
        remedy = "shorten it, or raise training.epochs"
        raise ConfigError([experiment.config.problem("schedule.warmup_steps", message, remedy)])


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
    loss, target = losses.registry[config.loss.name], data.preprocess.target
    if loss.regression and train.categorical:
        message = f"{loss.name} goes with a target of numbers, and this one stands for classes"
        raise ConfigError([config.problem("loss", message, "cross_entropy goes with classes")])
    try:
        return make_dataset(
            train,
            validation=validation,
            test=test,
            classification=True if loss.classification else False if loss.regression else None,
            numeric=data.preprocess.numeric,
            target="none" if loss.natural_units and target == "auto" else target,
            validation_share=data.split.validation,
            test_share=data.split.test,
            stratify=None if data.split.stratify == "auto" else data.split.stratify,
            shuffle=data.split.shuffle,
            rng=stream(config.seed, Purpose.SPLIT),
            dtype=np.dtype(config.training.precision),
        )
    except DataError as error:
        if not all(problem.where in SPLIT for problem in error.problems):
            raise
        raise ConfigError([config.problem(p.where, p.message, p.remedy) for p in error.problems]) from None


def debugging_rows(config: Config, dataset: Dataset) -> Dataset:
    """``dataset``; in a debugging run, with the rows of the first batches alone to train on.

    They are those that the first epoch would begin with. A run that is to overfit them validates on them, too.
    """
    for key, batches in config.training.debugging.items():
        n = len(dataset.train)
        size = _batch_size(config, config.optimizer.build(), n)
        first = dataset.train.take(Streams(config.seed, Purpose.ORDER).of(1).permutation(n)[: batches * size])
        validation = first if key == "overfit_batches" else dataset.validation
        dataset = replace(dataset, train=first, validation=validation)
    return dataset


def _batch_size(config: Config, optimizer: Optimizer | Minimizer, n: int) -> int:
    size = config.training.batch_size
    if size == "auto":
        size = "full" if isinstance(optimizer, Minimizer) else BATCH
    return n if size == "full" else min(size, n)


def read_file(config: Config, path: Path, *, weight_needed: bool = True) -> Table:
    """Read ``path`` with the columns that ``config`` names; of a folder of IDX files, the training images.

    Unless ``weight_needed``, the column of weights may be missing.
    """
    data = config.data
    folder = is_folder(path)
    if folder and data.weight is not None and weight_needed:
        problem = config.problem("data.weight", f"{path.name} is a folder of IDX files, which has no columns")
        raise ConfigError([problem])
    if folder:
        return read_idx_folder(path)[0]
    if data.source is not None:
        target = data.source.build().load().target_names  # a file for a run on built-in data: the same columns
    else:
        target = (data.target,) if isinstance(data.target, str) else tuple(data.target or ())
    return read_table(
        path,
        target=target,
        features=None if data.features is None else tuple(data.features),
        drop=tuple(data.drop),
        weight=data.weight,
        weight_needed=weight_needed,
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
    if data.weight is None and is_folder(path):
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
    fused = loss.fuse(output)
    if fused is not None:
        layers.pop()
        return Network(len(preprocessing.features.names), layers, fused, output)
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
    said, activation = config.model.layers[last].units, activations.registry[config.model.layers[last].activation.name]
    encoding, loss = preprocessing.target, config.loss.build()
    where = f"model.layers.{last}.units"
    if not isinstance(encoding, ClassEncoding):
        fitting, why = [len(encoding.names)], f"the target has {_count(len(encoding.names), 'column')}"
        if loss.outputs_per_target > 1:
            fitting = [fitting[0] * loss.outputs_per_target]
            why += f", and {loss.name} takes {loss.outputs_per_target} outputs for each"
    else:
        k = len(encoding.classes)
        binary = k == 2 and not activation.simplex and loss.needs != "distribution"
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


def _refuse_unreachable_targets(config: Config, dataset: Dataset) -> None:
    """Numbers or labels: an output activation that cannot take the values of the target would train to nonsense."""
    encoding = dataset.preprocessing.target
    if isinstance(encoding, ClassEncoding):
        return
    last = len(config.model.layers) - 1
    activation = config.model.layers[last].activation.build()
    where = f"model.layers.{last}.activation"
    loss = losses.registry[config.loss.name]
    if activation.simplex and loss.needs != "distribution":
        labels = isinstance(encoding, LabelEncoding)
        target = "each label applies or not on its own" if labels else "the target is a number"
        message = f"{activation.name} makes its outputs sum to 1, but {target}"
        remedy = "use sigmoid" if labels else "use identity, or cross_entropy for classes"
        raise ConfigError([config.problem(where, message, remedy)])
    low, high = activation.range
    Y = dataset.train.targets
    if not _reaches(activation, Y):
        scaled = isinstance(encoding, Scaling) and encoding.method != "none"
        unit = "standardized " if scaled else ""
        message = (
            f"{activation.name} gives values from {low:g} to {high:g}, "
            f"but the {unit}target runs from {Y.min():.3g} to {Y.max():.3g}"
        )
        fitting = [a.name for a in activations.registry if not losses.objection(loss, a) and _reaches(a(), Y)]
        remedy = "use identity, or preprocess.target: none if that fits"
        raise ConfigError([config.problem(where, message, remedy if "identity" in fitting else _one_of(fitting))])


def _reaches(activation: Activation, Y: Array) -> bool:
    low, high = activation.range
    return bool(Y.min() >= low and Y.max() <= high)


def _one_of(names: list[str]) -> str:
    return f"use {' or '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}" if names else ""


def engine_rows(part: Part, network: Network, weighing: Weighing) -> Rows:
    """``part`` with its targets in the form that the network's loss takes, and what its rows count in it.

    Raises:
        DataError: Targets that it does not take; the first few rows are named.
    """
    targets = part.targets
    _refuse_misfits(part, network.loss)
    if network.loss.targets == "values" and targets.dtype.kind == "i":
        codes = targets
        targets = np.zeros((len(codes), network.outputs), part.inputs.dtype)
        if network.outputs == 1:
            targets[:, 0] = codes
        else:
            targets[np.arange(len(codes)), codes] = 1
    return Rows(part.inputs, targets, weighing.weights(part))


def _refuse_misfits(part: Part, loss: Loss) -> None:
    if part.targets.dtype.kind == "i":
        return
    wrong = np.flatnonzero(loss.misfits(part.targets))
    if len(wrong):
        remedy = "correct the row, or take another loss (`loss: mse` takes any numbers)"
        problems = [
            Problem(
                f"the loss takes {loss.takes}; this row has {_few(part.targets[row])}", part.place(int(row)), remedy
            )
            for row in wrong[:SHOWN]
        ]
        raise DataError(shortened(problems, len(wrong)))


def _few(values: Array) -> str:
    """``1, 0.5``; of many, the first."""
    return ", ".join([f"{x:.6g}" for x in values[:6]] + ["..."] * (len(values) > 6))
