"""Which trainings there are: each has a place and a config, which follow from what was asked for alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, ValidationError

from nncli.builder.members import LARGEST_SEED
from nncli.config.loader import config_of
from nncli.config.schema import Config, Fold, Name
from nncli.config.values import as_written, flattened
from nncli.engine.randomness import Purpose, stream
from nncli.errors import NncliError, Problem, RunError

FORMAT = "nncli-plan-1"
SWEEP = "nncli-sweep-1"
"""What a sweep writes in its place."""
MOST = 1000
"""Folds, repeats and seeds."""


@dataclass(frozen=True)
class Job:
    """A training. It knows of no other, so that they can be trained in whatever order, and wherever.

    Attributes:
        path: Of its run, from the directory of all of them: ``repeat-0/fold-3``, ``wide/repeat-0/fold-3``, ``seed-7``.
        of: By which name the plan has its config.
        numbers: Which it is: ``{"repeat": 0, "fold": 3}``, ``{"seed": 7}``.
        config: What is trained.
    """

    path: str
    of: str
    numbers: Mapping[str, int]
    config: Config

    def __str__(self) -> str:
        return ", ".join(f"{key} {number}" for key, number in self.numbers.items())


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes:
        kind: ``cv`` for folds, ``seeds`` for one split and several seeds.
        configs: One, or two that are compared, by name.
        counts: How many ``folds`` and ``repeats``, or ``seeds``.
        machine: Of each config ``threads`` and ``shards``: what it left to the machine, the same for all trainings.
        data: Of each config the fingerprint of its data.
    """

    kind: Literal["cv", "seeds"]
    configs: Mapping[str, Config]
    counts: Mapping[str, int]
    machine: Mapping[str, Mapping[str, int]]
    data: Mapping[str, str]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All trainings; those of two configs on the same fold follow one another."""
        return tuple(self._jobs())

    def _jobs(self) -> Iterator[Job]:
        configs = {name: self._pinned(name) for name in self.configs}
        folder = {name: f"{name}/" if len(configs) > 1 else "" for name in configs}
        if self.kind == "seeds":
            for name, config in configs.items():
                for seed in range(config.seed, config.seed + self.counts["seeds"]):
                    yield Job(f"{folder[name]}seed-{seed}", name, {"seed": seed}, seed_config(config, seed))
            return
        folds = self.counts["folds"]
        for repeat in range(self.counts["repeats"]):
            for fold in range(folds):
                for name, config in configs.items():
                    path = f"{folder[name]}repeat-{repeat}/fold-{fold}"
                    numbers = {"repeat": repeat, "fold": fold}
                    yield Job(path, name, numbers, fold_config(config, folds, repeat, fold))

    def _pinned(self, name: str) -> Config:
        """The config with what was left to the machine written out."""
        config = self.configs[name]
        training = config.training.model_copy(update=dict(self.machine.get(name, {})))
        return config.model_copy(update={"training": training})

    def fitted(self, machine: Mapping[str, Mapping[str, int]], data: Mapping[str, str]) -> Plan:
        """The same, once the data are read."""
        return replace(self, machine=machine, data=data)

    def refuse_other(self, asked: Plan, directory: str) -> None:
        """Refuse to go on with ``asked`` in place of this.

        Raises:
            NncliError: For every count and every key that differs.
        """
        remedy = f"leave it as it was, or choose another --run than {directory}"
        problems = []
        if (self.kind, len(self.configs)) != (asked.kind, len(asked.configs)):
            has = f"{_words(self)}, and not {_words(asked)}"
            raise NncliError(f"holds {has}", where=directory, remedy="choose another --run")
        for key, number in self.counts.items():
            if asked.counts[key] != number:
                problems.append(Problem(f"was {number}", f"--{key} {asked.counts[key]}", remedy))
        for before, config in zip(self.configs.values(), asked.configs.values(), strict=True):
            old, new = dict(flattened(before.resolved())), dict(flattened(config.resolved()))
            problems += [
                config.problem(key, f"was {_value(old, key)}, and is {_value(new, key)}", remedy)
                for key in dict.fromkeys([*old, *new])
                if _value(old, key) != _value(new, key)
            ]
        if problems:
            raise NncliError(problems)

    def to_json(self) -> dict[str, Any]:
        """As plan.json has it."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "counts": dict(self.counts),
            "configs": {name: config.resolved() for name, config in self.configs.items()},
            "machine": {name: dict(numbers) for name, numbers in self.machine.items()},
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str) -> Plan:
        """The plan that ``to_json`` wrote.

        Raises:
            RunError: It is none.
            ConfigError: A config in it is none.
        """
        if content.get("format") == SWEEP:
            raise RunError("holds a sweep", where=where, remedy="nncli sweep goes on with it, or choose another --run")
        try:
            written = _Written.model_validate(dict(content))
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise RunError(
                f"is no plan of nncli: {place} is not as it writes it", where=where, remedy="train anew"
            ) from None
        counts = {"folds", "repeats"} if written.kind == "cv" else {"seeds"}
        if (
            written.counts.keys() != counts
            or not written.configs.keys() == written.machine.keys() == written.data.keys()
        ):
            raise RunError("is no plan of nncli: its parts do not fit together", where=where, remedy="train anew")
        configs = {name: config_of(one) for name, one in written.configs.items()}
        machine = {name: one.model_dump() for name, one in written.machine.items()}
        return cls(written.kind, configs, written.counts, machine, written.data)


def fold_config(config: Config, folds: int, repeat: int, fold: int) -> Config:
    """The config of the training that validates on ``fold``: that of one network, with a seed of its own.

    Initial weights and order vary with the fold, as they would from one training to the next: what is judged is the
    config, and not one seed of it (Bouthillier et al. 2021, Accounting for Variance in Machine Learning Benchmarks).
    """
    seed = int(stream(config.seed, Purpose.MEMBER, repeat, fold).integers(LARGEST_SEED))
    return _with(config, seed, Fold(of=folds, number=fold, repeat=repeat))


def seed_config(config: Config, seed: int) -> Config:
    """The same training on the same rows by another ``seed``."""
    return _with(config, seed, config.data.split.fold)


def _with(config: Config, seed: int, fold: Fold | None) -> Config:
    split = config.data.split
    own = split.model_copy(update={"seed": config.seed if split.seed is None else split.seed, "fold": fold})
    return config.model_copy(update={"seed": seed, "data": config.data.model_copy(update={"split": own})})


def _value(flat: Mapping[str, Any], key: str) -> str:
    return as_written(flat[key]) if key in flat else "not there"


def _words(plan: Plan) -> str:
    several = "of two configs" if len(plan.configs) > 1 else "of one config"
    return f"{'a cross-validation' if plan.kind == 'cv' else 'trainings by several seeds'} {several}"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Machine(_Strict):
    threads: Annotated[int, Ge(1), Le(1024)]
    shards: Annotated[int, Ge(1), Le(2**20)]


class _Written(_Strict):
    """plan.json, which anybody may have written."""

    format: Literal["nncli-plan-1"]
    kind: Literal["cv", "seeds"]
    counts: dict[str, Annotated[int, Ge(1), Le(MOST)]]
    configs: dict[Name, dict[str, Any]]
    machine: dict[Name, _Machine]
    data: dict[Name, str]
