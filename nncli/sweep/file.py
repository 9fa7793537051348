"""What a sweep's YAML file may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BeforeValidator, Field

from nncli.config.pieces import Strict
from nncli.config.schema import Name, Seed, Text

Real = Annotated[float, Ge(-1e308), Le(1e308)]
Whole = Annotated[int, Ge(-(2**53)), Le(2**53)]
MOST_TRIALS = 100_000
KINDS = ("choice", "integer", "log_integer", "uniform", "log_uniform")


class Range(Strict):
    """What a key of the config may be: one of the five kinds."""

    choice: Annotated[list[Any], MinLen(1)] | None = Field(None, description="one of these, whatever they are")
    integer: Annotated[list[Whole], MinLen(2)] | None = Field(None, description="[lowest, highest] whole number")
    log_integer: Annotated[list[Whole], MinLen(2)] | None = Field(
        None, description="the same, each order of magnitude as likely as the next"
    )
    uniform: Annotated[list[Real], MinLen(2)] | None = Field(None, description="[lowest, highest] number")
    log_uniform: Annotated[list[Real], MinLen(2)] | None = Field(
        None, description="the same, each order of magnitude as likely as the next"
    )
    steps: Annotated[int, Ge(1), Le(MOST_TRIALS)] | None = Field(None, description="on a grid: how many values")
    when: dict[str, Any] | None = Field(
        None, description="only there when these other keys of the space have this value, or one of a list of values"
    )


class Pruning(Strict):
    """Which trainings end early: at some epochs, those that are not among the best that came so far."""

    name: Literal["median", "halving"]
    every: Annotated[int, Ge(1)] | Literal["auto"] = Field(
        "auto", description="median: after so many epochs the worse half ends; auto: a quarter of training.epochs"
    )
    first: Annotated[int, Ge(1)] | Literal["auto"] = Field(
        "auto", description="halving: after how many epochs first; auto: training.epochs / factor³"
    )
    factor: Annotated[float, Gt(1), Le(100)] = Field(
        3.0, description="halving: of so many one goes on, for so many times the epochs"
    )


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
    pruning: Annotated[Pruning | None, BeforeValidator(_named)] = Field(
        None, description="trainings that end early: median, halving, or a mapping"
    )
