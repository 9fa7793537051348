"""What a sweep's YAML file may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BeforeValidator, ConfigDict, Field

from nncli.config.pieces import Strict
from nncli.config.schema import Name, Seed, Text

Real = Annotated[float, Ge(-1e308), Le(1e308)]
Whole = Annotated[int, Ge(-(2**53)), Le(2**53)]
MOST_TRIALS = 100_000
KINDS = ("choice", "integer", "log_integer", "uniform", "log_uniform")


_ENDS: dict[str, Any] = {"minItems": 2, "maxItems": 2}
_ABOVE_0: dict[str, Any] = {**_ENDS, "items": {"exclusiveMinimum": 0}}


class Range(Strict):
    """What a key of the config may be: one of the five kinds."""

    choice: Annotated[list[Any], MinLen(1)] | None = Field(None, description="one of these, whatever they are")
    integer: list[Whole] | None = Field(None, description="[lowest, highest] whole number", json_schema_extra=_ENDS)
    log_integer: list[Whole] | None = Field(
        None, description="the same, each order of magnitude as likely as the next", json_schema_extra=_ABOVE_0
    )
    uniform: list[Real] | None = Field(None, description="[lowest, highest] number", json_schema_extra=_ENDS)
    log_uniform: list[Real] | None = Field(
        None, description="the same, each order of magnitude as likely as the next", json_schema_extra=_ABOVE_0
    )
    steps: Annotated[int, Ge(1), Le(MOST_TRIALS)] | None = Field(None, description="on a grid: how many values")
    when: dict[str, Any] | None = Field(
        None, description="only there when these other keys of the space have this value, or one of a list of values"
    )


_NAMED = ConfigDict(json_schema_extra={"required": ["name"]})


class Median(Strict):
    """After some epochs each time, the worse half of those that came so far ends."""

    model_config = _NAMED
    name: Literal["median"] = "median"
    every: Annotated[int, Ge(1)] | Literal["auto"] = Field(
        "auto", description="after so many epochs each time; auto: a quarter of training.epochs"
    )

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """After which epochs trainings of so many are compared."""
        every = max(1, epochs // 4) if self.every == "auto" else self.every
        return tuple(range(every, epochs, every))

    @property
    def share(self) -> float:
        """Of those that came to a rung, how many go on."""
        return 0.5


class Halving(Strict):
    """Successive halving: of those that came so far one of some goes on, for as many times the epochs."""

    model_config = _NAMED
    name: Literal["halving"] = "halving"
    first: Annotated[int, Ge(1)] | Literal["auto"] = Field(
        "auto", description="after how many epochs first; auto: training.epochs / factor³"
    )
    factor: Annotated[float, Gt(1), Le(100)] = Field(
        3.0, description="of so many one goes on, for so many times the epochs"
    )

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """After which epochs trainings of so many are compared."""
        first = max(1, round(epochs / self.factor**3)) if self.first == "auto" else self.first
        found, rung = [], float(first)
        while round(rung) < epochs:
            found.append(round(rung))
            rung *= self.factor
        return tuple(dict.fromkeys(found))

    @property
    def share(self) -> float:
        """Of those that came to a rung, how many go on."""
        return 1 / self.factor


Pruning: TypeAlias = Median | Halving
"""Which trainings end early: at some epochs, those that are not among the best that came so far."""


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class SweepFile(Strict):
    """The content of a sweep's YAML file."""

    name: Name | None = Field(None, description="of the sweep; the file's stem if not said")
    config: Text = Field(description="the config that is varied: a path, from this file")
    set: dict[str, Any] = Field({}, description="keys of the config that are other than there, in every trial")
    space: Annotated[dict[str, Any], MinLen(1)] = Field(
        description="keys of the config, and what each may be: a list, or a mapping as below"
    )
    method: Literal["grid", "random", "tpe"] = Field(
        "random", description="all combinations; at random; or where a model of those before expects the best"
    )
    trials: Annotated[int, Ge(1), Le(MOST_TRIALS)] | None = Field(
        None, description="how many trainings; of a grid all of it"
    )
    seed: Seed = Field(0, description="of what is drawn; that of the trainings is the config's")
    monitor: Text = Field("validation_loss", description="the figure that decides: validation_ and loss or a metric")
    pruning: Annotated[Annotated[Pruning, Field(discriminator="name")] | None, BeforeValidator(_named)] = Field(
        None, description="trainings that end early: median, halving, or a mapping"
    )
