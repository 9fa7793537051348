"""An ensemble in memory: its members, each trained as one network is, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import zip_longest
from math import fsum
from pathlib import Path
from typing import Any, TypeAlias

from nncli.builder import Tables, build, load_dataset, member_config
from nncli.config.loader import config_of
from nncli.config.schema import Config
from nncli.data.cells import Array
from nncli.data.preprocess import Preprocessing
from nncli.data.table import Table
from nncli.engine.network import Network
from nncli.ensembles import Known, Plan, plan_ensemble, summary_of
from nncli.errors import ConfigError
from nncli.estimator.fitted import Fitted, Going, Row, made_in, train
from nncli.estimator.problems import TrainingDivergedError
from nncli.estimator.screen import Screen
from nncli.evaluation import judge_folds
from nncli.run import MEMBERS, Run
from nncli.text import count
from nncli.trained import Ensemble, Trained, pooled
from nncli.weighing import Weighing


@dataclass(frozen=True, eq=False)
class FittedEnsemble:
    """What is left of the training of several networks.

    Attributes:
        content: The config of all of them, every default written out.
        preprocessing: What was fitted on the training rows of all of them; each member has its own.
        members: What is left of each.
        summary: What the ensemble's summary.json says.
        environment: What the bits depend on.
    """

    content: dict[str, Any]
    preprocessing: Preprocessing
    members: tuple[Fitted, ...]
    summary: dict[str, Any]
    environment: dict[str, Any]

    @cached_property
    def config(self) -> Config:
        """The config, read back."""
        return config_of(self.content)

    @property
    def network(self) -> Network:
        """That of the first: all have the same outputs and the same loss."""
        return self.members[0].network

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Of each epoch, the mean of every figure over the members that went it."""
        return tuple(
            _mean_row([row for row in rows if row]) for rows in zip_longest(*(member.rows for member in self.members))
        )

    @property
    def epochs(self) -> int:
        """The most that a member went."""
        return max(member.epochs for member in self.members)

    @property
    def resumable(self) -> bool:
        """Whether every member can go on as if it had not stopped."""
        return all(member.resumable for member in self.members)

    @property
    def tensors(self) -> dict[str, Array]:
        """Those of all members: ``members.0.layers.0.weight``, ..."""
        return {
            f"members.{number}.{name}": tensor
            for number, member in enumerate(self.members)
            for name, tensor in member.tensors.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        """The fields: all else is made again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def outputs(self, X: Array) -> Array:
        """What the networks say of rows X (n, d) together, (n, k): the same bits as ``nncli predict``."""
        each = [member.preprocessing for member in self.members]
        return pooled(self.preprocessing, each, self.network.loss, [member.outputs(X) for member in self.members])


Learned: TypeAlias = Fitted | FittedEnsemble
"""What an estimator has learned: one network, or several."""


def refuse_another_number(config: Config, before: Learned) -> None:
    """Refuse to go on with other networks than those that there are.

    Raises:
        ConfigError: ``config`` asks for more or fewer of them.
    """
    now = 1 if config.ensemble is None else config.ensemble.members
    then = len(before.members) if isinstance(before, FittedEnsemble) else 1
    if now != then:
        message = f"asks for {count(now, 'network')}, and the training before was of {count(then, 'network')}"
        remedy = "fit a new estimator: sklearn.base.clone makes one"
        raise ConfigError([config.problem("ensemble", message, remedy)])


def train_ensemble(
    config: Config,
    table: Table,
    fitted: Preprocessing | None,
    going: Going,
    before: FittedEnsemble | None,
    screen: Screen,
) -> FittedEnsemble:
    """Train every member as ``nncli train`` does, one after the other, and keep what came of them in memory.

    Args:
        config: Of the ensemble.
        table: The rows.
        fitted: The preprocessing of all, if it is not to be fitted on the training rows.
        going: How each member begins, and how far it goes.
        before: An earlier training, of as many members.
        screen: Is told of each.

    Raises:
        ConfigError, DataError: As the training of one network.
        TrainingDivergedError: A member left the finite numbers.
    """
    assert config.ensemble is not None
    known = None if fitted is None else Known(fitted, (fitted,) * config.ensemble.members)
    if before is not None:
        known = Known(before.preprocessing, tuple(member.preprocessing for member in before.members))
    plan = plan_ensemble(config, Tables(table), known)
    members = []
    for number in range(plan.members):
        own = member_config(plan.config, number)
        experiment = build(own, plan.tables, known.each[number] if known else None)
        screen.turn(number, plan.members)
        screen.began(experiment)
        earlier = before.members[number] if before else None
        try:
            members.append(train(experiment, going, earlier, warned=screen.warned, observe=screen.observe))
        except TrainingDivergedError as error:
            problems = [replace(problem, where=f"member {number}") for problem in error.problems]
            raise TrainingDivergedError(problems) from None
    continued = going == "one epoch" and before is not None
    earlier_environment = before.environment if before else None
    return FittedEnsemble(
        content=plan.config.resolved(),
        preprocessing=plan.dataset.preprocessing,
        members=tuple(members),
        summary=_summary(plan, members),
        environment=made_in(plan.kernels, plan.dataset.fingerprint, earlier_environment, continued=continued),
    )


def _summary(plan: Plan, members: Sequence[Fitted]) -> dict[str, Any]:
    """What the summary of the run of an ensemble says; of one that partial_fit has not brought to its end, that."""
    each = tuple(_trained(number, member) for number, member in enumerate(members))
    together = Ensemble(Run(Path()), plan.config, plan.dataset.preprocessing, each, plan.weighing)
    out_of_fold = None
    if plan.config.folds is not None:
        datasets = (
            load_dataset(member_config(plan.config, number), plan.tables, member.preprocessing)
            for number, member in enumerate(members)
        )
        folds = (dataset.validation for dataset in datasets if dataset.validation is not None)  # each fold has rows
        out_of_fold = judge_folds(together, folds, plan.dataset.train)
    summary = summary_of(together, plan.dataset, out_of_fold, [member.summary for member in members])
    if any(member.summary["status"] == "interrupted" for member in members):
        summary["status"] = "interrupted"
    return summary


def _trained(number: int, member: Fitted) -> Trained:
    """A member as its run would be read back."""
    return Trained(
        Run(Path(MEMBERS) / str(number)),
        member.config,
        member.network,
        member.preprocessing,
        member.weights,
        member.summary["weights"],
        Weighing(member.summary.get("class_weight"), member.config.data.weight),
    )


def _mean_row(rows: Sequence[Row]) -> Row:
    return {name: _mean([row[name] for row in rows]) for name in rows[0]}


def _mean(values: Sequence[float | int | None]) -> float | int | None:
    """The mean of those that are there; what they agree in stays as it is."""
    there = [value for value in values if value is not None]
    if not there or all(value == there[0] for value in there):
        return there[0] if there else None
    return fsum(there) / len(there)
