"""Config + dataset -> experiment: the one place where the config meets the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nncli.builder.data import Rows, Tables, debugging_rows, engine_rows, load_dataset, read_tables
from nncli.builder.experiment import Experiment
from nncli.builder.members import member_config
from nncli.builder.network import build_network
from nncli.builder.refusals import (
    refuse_endless_warmup,
    refuse_lonely_rows,
    refuse_missing_compiler,
    refuse_noise_under_a_minimizer,
    refuse_shards,
    refuse_unreachable_targets,
)
from nncli.builder.stored import Place, lies_on_disk, read_dataset
from nncli.config.schema import Config
from nncli.data.dataset import Part
from nncli.data.preprocess import Preprocessing
from nncli.figures import kind_of, metrics_of, refuse_undefined_monitor
from nncli.weighing import Weighing


def build(
    config: Config,
    tables: Tables | None = None,
    fitted: Preprocessing | None = None,
    place: Place | None = None,
) -> Experiment:
    """Read the data, unless ``tables`` has them, and build the network; of an ensemble, that of its first member.

    The preprocessing is that of an earlier training, ``fitted``, or is fitted on the training rows. ``place`` is where
    rows go that are to lie on disk.

    Raises:
        DataError: The data cannot be used.
        ConfigError: The config does not fit the data.
    """
    if config.ensemble is not None:
        if tables is None:
            lies_on_disk(config)  # which is refused
            tables = read_tables(config)
        load_dataset(config, tables)  # what is wrong with the folds is said of the ensemble
        config = member_config(config, 0)
    if config.training.fast_dev_run:
        config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})
    dataset = read_dataset(config, tables, fitted, place)
    network = build_network(config, dataset.preprocessing)
    weighing = Weighing.fit(config, dataset)
    dataset = debugging_rows(config, dataset, network)

    def rows(part: Part | None) -> Rows | None:
        return None if part is None else engine_rows(part, network, weighing)

    train = engine_rows(dataset.train, network, weighing)
    refuse_unreachable_targets(config, dataset)
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
    refuse_endless_warmup(experiment)
    if dataset.validation is not None:
        refuse_undefined_monitor(config, experiment.scorer(dataset.validation))
    refuse_noise_under_a_minimizer(experiment)
    refuse_lonely_rows(experiment)
    refuse_missing_compiler(config)
    refuse_shards(experiment)
    return experiment


def build_members(
    config: Config, tables: Tables, fitted: Sequence[Preprocessing] | None = None
) -> Iterator[Experiment]:
    """What the training of each member of an ensemble needs, one after the other: none knows of the others.

    The preprocessing of each is that of an earlier training, ``fitted``, or is fitted on its training rows.

    Raises:
        DataError, ConfigError: As ``build``.
    """
    assert config.ensemble is not None
    for number in range(config.ensemble.members):
        yield build(member_config(config, number), tables, fitted[number] if fitted else None)
