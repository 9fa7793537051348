"""What a config comes to: every default, the network, the steps and the memory of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nncli.builder import build, build_members, read_tables
from nncli.config.loader import load_config
from nncli.config.schema import Config
from nncli.engine.summary import BlockSummary, blocks_of
from nncli.errors import ConfigError, NncliError, Problem
from nncli.training.memory import Memory, memory_of, refuse_too_large


@dataclass(frozen=True)
class Summary:
    """A right config, and what it comes to.

    Attributes:
        resolved: The config with every default written out, as a run keeps it.
        task: ``classification`` or ``regression``.
        inputs: The number of features, as the network sees them.
        blocks: The input, every block, the loss, the penalties.
        rows: Split -> how many rows it has: ``train``, ``validation``, ``test``.
        batch_size: Rows in a batch.
        accumulate: Batches in a step.
        epochs: At most; early stopping may end the training before.
        steps_per_epoch: Steps of an epoch.
        memory: What the training takes.
        members: Of an ensemble, how many: all else is that of the first, and one is trained after the other.
    """

    resolved: dict[str, Any]
    task: str
    inputs: int
    blocks: tuple[BlockSummary, ...]
    rows: dict[str, int]
    batch_size: int
    accumulate: int
    epochs: int
    steps_per_epoch: int
    memory: Memory
    members: int | None = None

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        return sum(block.parameters for block in self.blocks)

    @property
    def multiply_adds(self) -> int:
        """Of the matrix products of one row on its way forward."""
        return sum(block.multiply_adds for block in self.blocks)

    @property
    def steps(self) -> int:
        """Of all epochs."""
        return self.epochs * self.steps_per_epoch

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data of strict JSON."""
        return {
            "config": self.resolved,
            "task": self.task,
            "inputs": self.inputs,
            "blocks": [block.to_json() for block in self.blocks],
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "memory": self.memory.to_json(),
            **({} if self.members is None else {"members": self.members}),
        }


def summarize(config: Config) -> Summary:
    """Read the data of ``config``, and tell what its training would be; no network is allocated.

    Raises:
        DataError: The data cannot be used.
        ConfigError: The config does not fit the data, or takes more memory than there is.
    """
    tables = None if config.ensemble is None else read_tables(config)
    experiment = build(config, tables)
    if tables is not None:
        for each in build_members(config, tables):
            refuse_too_large(each)
    memory = memory_of(experiment)
    refuse_too_large(experiment, memory)
    splits = {"train": experiment.train, "validation": experiment.validation, "test": experiment.test}
    size, resolved = experiment.batch_size, config.resolved()
    return Summary(
        resolved=resolved,
        task=experiment.dataset.task,
        inputs=experiment.network.inputs,
        blocks=blocks_of(experiment.network, size, experiment.precision, weighted=experiment.train.weights is not None),
        rows={name: 0 if rows is None else len(rows.inputs) for name, rows in splits.items()},
        batch_size=size,
        accumulate=config.training.accumulate,
        epochs=experiment.config.training.epochs,
        steps_per_epoch=experiment.steps_per_epoch,
        memory=memory,
        members=None if config.ensemble is None else config.ensemble.members,
    )


def validate(*paths: str | Path, overrides: Sequence[str] = ()) -> list[Summary]:
    """Check each of the configs at ``paths``, with ``overrides`` laid over it, as a training would.

    Raises:
        ConfigError: With every problem of every file. The data of a config are looked at once all configs are right in
            themselves.
    """
    configs: list[tuple[str | Path, Config]] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            configs.append((path, load_config(path, overrides)))
        except NncliError as error:
            problems += error.problems
    summaries: list[Summary] = []
    for path, config in configs:
        try:
            summaries.append(summarize(config))
        except ConfigError as error:  # has its position in the file
            problems += error.problems
        except NncliError as error:
            whose = f"{path}: " if len(paths) > 1 else ""
            problems += [Problem(p.message, f"{whose}{p.where}".removesuffix(": "), p.remedy) for p in error.problems]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return summaries
