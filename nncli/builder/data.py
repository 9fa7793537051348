"""The rows that a config names: read, split, preprocessed, and in the form that its loss takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.random import Generator

from nncli.builder.order import Order
from nncli.config.schema import Config, Split
from nncli.data.cells import SHOWN, Kind
from nncli.data.dataset import Dataset, Part, make_dataset
from nncli.data.features import KINDS, Encoding
from nncli.data.files import is_folder, read_table
from nncli.data.idx import read_idx_folder
from nncli.data.kinds import Reading
from nncli.data.preprocess import Preprocessing
from nncli.data.stored.windows import in_batches, windows
from nncli.data.table import Table, shortened
from nncli.engine import losses
from nncli.engine.buffers import Array
from nncli.engine.cost import shards_worth
from nncli.engine.embeddings import NumberEmbedding
from nncli.engine.losses import Loss
from nncli.engine.network import Network
from nncli.engine.optimizers import Minimizer, Optimizer
from nncli.engine.randomness import Purpose, stream
from nncli.errors import ConfigError, DataError, Problem
from nncli.weighing import Weighing

BATCH = 32
"""Rows in a batch if nothing is said."""
OF_DATA = {"data.split", *(f"data.split.{key}" for key in Split.model_fields), "data.preprocess.columns"}
"""Keys that only the data can show to be wrong."""


@dataclass(frozen=True)
class Rows:
    """Rows as the engine takes them: ``inputs`` (n, d + 1), ``targets`` as the loss wants them, ``weights`` if any.

    Those that are ``mapped`` lie on disk, the training rows in a random order: they are gone through a few at a time.
    """

    inputs: Array
    targets: Array
    weights: Array | None = None
    mapped: bool = False


@dataclass(frozen=True)
class Tables:
    """The rows of a training, before any split: ``train``, and, where they are tables of their own, the others."""

    train: Table
    validation: Table | None = None
    test: Table | None = None


def load_dataset(config: Config, tables: Tables | None = None, fitted: Preprocessing | None = None) -> Dataset:
    """Split and preprocess ``tables``, by default those that ``config`` names, which are read.

    The preprocessing is ``fitted`` already, or is fitted on the training rows. Of an ensemble on folds, all rows of the
    folds are training rows: they are those of its members together.
    """
    data = config.data
    tables = tables or read_tables(config)
    train, validation, test = tables.train, tables.validation, tables.test
    refuse_other_target(config, train)
    fold = data.split.fold
    with placed_in_config(config):
        return make_dataset(
            train,
            validation=validation,
            test=test,
            classification=asks_for_classes(config),
            encoding=feature_encoding(config),
            target=target_scaling(config),
            validation_share=data.split.validation,
            test_share=data.split.test,
            stratify=None if data.split.stratify == "auto" else data.split.stratify,
            shuffle=data.split.shuffle,
            folds=config.folds,
            fold=None if fold is None else fold.number,
            rng=split_stream(config),
            fold_rng=split_stream(config, fold.repeat) if fold is not None and fold.repeat else None,
            dtype=np.dtype(config.training.precision),
            fitted=fitted,
        )


def refuse_other_target(config: Config, train: Table) -> None:
    """Refuse a target that the loss does not go with.

    Raises:
        ConfigError: It is of classes and the loss for numbers, or the loss tells a deviation of a logarithm.
    """
    loss = losses.registry[config.loss.name]
    if loss.regression and train.categorical:
        message = f"{loss.name} goes with a target of numbers, and this one stands for classes"
        raise ConfigError([config.problem("loss", message, "cross_entropy goes with classes")])
    if loss.spreads and config.data.preprocess.target == "log":
        message = f"{loss.name} tells a deviation, and that of a logarithm is none of the target"
        remedy = "take `loss: quantile`, whose quantiles can be turned back, or another scaling"
        raise ConfigError([config.problem("data.preprocess.target", message, remedy)])


def asks_for_classes(config: Config) -> bool | None:
    """Whether the loss is one for classes; None: as the table says."""
    loss = losses.registry[config.loss.name]
    return True if loss.classification else False if loss.regression else None


def target_scaling(config: Config) -> str:
    """That of a regression's target."""
    target = config.data.preprocess.target
    return "none" if losses.registry[config.loss.name].natural_units and target == "auto" else target


def split_stream(config: Config, *key: int) -> Generator:
    """The random numbers of the split, and within it for ``key``."""
    split = config.data.split
    return stream(config.seed if split.seed is None else split.seed, Purpose.SPLIT, *key)


@contextmanager
def placed_in_config(config: Config) -> Iterator[None]:
    """What only the data show to be wrong with the config is said at its keys.

    Raises:
        ConfigError: In place of a DataError about some of them.
    """
    try:
        yield
    except DataError as error:
        if not all(problem.where in OF_DATA for problem in error.problems):
            raise
        by_folds = {"data.split.fold": "ensemble"} if config.ensemble is not None else {}
        raise ConfigError(
            [config.problem(by_folds.get(p.where, p.where), p.message, p.remedy) for p in error.problems]
        ) from None


def feature_encoding(config: Config) -> Encoding:
    """What is to become of the features."""
    said = config.data.preprocess
    numbers: NumberEmbedding = config.model.input.numbers.build()
    return Encoding(
        said.numeric,
        said.categorical,
        said.dates,
        said.missing,
        said.rare,
        said.clip,
        numbers.bins if numbers.takes_edges else None,
        columns=said.columns,
    )


def debugging_rows(config: Config, dataset: Dataset, network: Network) -> Dataset:
    """``dataset``; in a debugging run of ``network``, with the rows of the first batches alone to train on.

    They are those that the first epoch would begin with. A run that is to overfit them validates on them, too.
    """
    for key, batches in config.training.debugging.items():
        part = dataset.train
        order = order_of(config, network, part)
        if part.shelf is None or order.shards > 1:
            chosen = order.first(batches)
        else:
            rows = windows(part.inputs, order.streams(0).of(1))
            chosen = np.concatenate([*islice(in_batches(rows, order.size), batches)])
        first = part.take(chosen)
        # a part of its own: rank 0 lets go of the rows that train (Experiment.release_rows), and judges these
        validation = replace(first) if key == "overfit_batches" else dataset.validation
        dataset = replace(dataset, train=first, validation=validation)
    return dataset


def batch_size(config: Config, optimizer: Optimizer | Minimizer, n: int) -> int:
    """Rows in a batch of ``n`` rows in all; never more than there are."""
    size = config.training.batch_size
    if size == "auto":
        size = "full" if isinstance(optimizer, Minimizer) else BATCH
    return n if size == "full" else min(size, n)


def shards_of(
    config: Config, network: Network, optimizer: Optimizer | Minimizer, n: int, *, mapped: bool = False
) -> int:
    """In how many pieces a batch of ``n`` rows in all goes through ``network``: as asked for, or as is worth it.

    Rows that are ``mapped`` go in one: those of several shards lie all over the disk.
    """
    said = config.training.shards
    if said != "auto":
        return said
    whole = mapped or isinstance(optimizer, Minimizer)
    return 1 if whole else shards_worth(network, batch_size(config, optimizer, n))


def order_of(config: Config, network: Network, part: Part) -> Order:
    """The order of the training rows."""
    optimizer, n, mapped = config.optimizer.build(), len(part), part.shelf is not None
    shards = shards_of(config, network, optimizer, n, mapped=mapped)
    return Order(config.seed, n, batch_size(config, optimizer, n), shards)


def read_file(
    config: Config,
    path: Path,
    *,
    weight_needed: bool = True,
    kinds: Mapping[str, Kind] | None = None,
    order: Mapping[str, str] | None = None,
) -> Table:
    """Read ``path`` with the columns that ``config`` names; of a folder of IDX files, the training images.

    Args:
        config: The config.
        path: The file.
        weight_needed: Whether the column of weights has to be there, if there is one.
        kinds: What the features hold, where that is known.
        order: The columns by which its rows are split, where they are.
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
        order=order,
        reading=reading(config, kinds),
    )


def reading(config: Config, kinds: Mapping[str, Kind] | None) -> Reading:
    """How cells are to be read, if it is known of some columns what ``kinds`` they are."""
    said = config.data.preprocess
    named = {name: KINDS[method] for name, method in said.columns.items()}
    return Reading({**named, **(kinds or {})}, frozenset(said.missing_values))


def read_tables(config: Config) -> Tables:
    """Read the rows that ``config`` names."""
    data = config.data
    if data.memory and data.path is None:
        message = "the rows came from a program that trained an estimator, and no file of the run has them"
        remedy = (
            "nncli evaluate takes others: --data FILE; nncli resume RUN data.path=FILE tells it a file with the same"
        )
        raise ConfigError([config.problem("data.memory", message, remedy)])
    if data.source is not None:
        table: Table = data.source.build().load()
        return Tables(table)
    path = config.data_path("path")
    assert path is not None  # cross_check: one of source and path is given
    folder = data.weight is None and is_folder(path)
    images, test_images = read_idx_folder(path) if folder else (None, None)
    train = images or read_file(config, path, order=data.split.order)
    own = {key: config.data_path(key) for key in ("validation_path", "test_path")}
    validation, test = (
        None if file is None else read_file(config, file, kinds=train.cells.kinds) for file in own.values()
    )
    return Tables(train, validation, test if test is not None else test_images)


def engine_rows(part: Part, network: Network, weighing: Weighing) -> Rows:
    """``part`` with its targets in the form that the network's loss takes, and what its rows count in it.

    Raises:
        DataError: Targets that it does not take; the first few rows are named.
    """
    for some in part.blocks():
        _refuse_misfits(some, network.loss)
    return Rows(part.inputs, _engine_targets(part, network), weighing.weights(part), part.shelf is not None)


def _engine_targets(part: Part, network: Network) -> Array:
    """The targets, those of a class as numbers where the loss takes numbers: 0 and 1, in a column for each output."""
    if network.loss.targets != "values" or part.targets.dtype.kind != "i":
        return part.targets

    def made() -> Iterator[Array]:
        for some in part.blocks():
            codes = some.targets
            targets = np.zeros((len(codes), network.outputs), part.inputs.dtype)
            if network.outputs == 1:
                targets[:, 0] = codes
            else:
                targets[np.arange(len(codes)), codes] = 1
            yield targets

    if part.shelf is not None:
        return part.shelf.array("numbers", (len(part), network.outputs), part.inputs.dtype, made)
    (targets,) = made()
    return targets


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
