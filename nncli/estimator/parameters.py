"""From the parameters of an estimator to a config, and from the config's keys to the names of parameters.

A parameter has the name of the config's key. The sections ``model``, ``regularization``, ``training`` and ``data``
only group keys, and are left out: ``training.epochs`` is ``epochs``. What is inside a mapping or a list is reached with
``__``: ``optimizer.learning_rate`` is ``optimizer__learning_rate``, ``model.layers.0.units`` is ``layers__0__units``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nncli.config.document import KeyPath
from nncli.config.loader import config_of
from nncli.config.schema import Config, Training
from nncli.engine import activations, losses
from nncli.errors import ConfigError, Problem
from nncli.estimator.rows import Kind

LEFT_OUT = {"checkpoint"}
"""Keys of ``training`` that are about files."""
PLACES: dict[str, KeyPath] = {
    "layers": ("model", "layers"),
    "input": ("model", "input"),
    "loss": ("loss",),
    "optimizer": ("optimizer",),
    "schedule": ("schedule",),
    "l1": ("regularization", "l1"),
    "l2": ("regularization", "l2"),
    **{key: ("training", key) for key in Training.model_fields if key not in LEFT_OUT},
    "split": ("data", "split"),
    "preprocess": ("data", "preprocess"),
    "metrics": ("metrics",),
    "ensemble": ("ensemble",),
}
"""Where in the config each parameter goes that is one of its keys."""
MAPPINGS = ("input", "split", "preprocess")
"""Of those, the sections that are never null: None leaves out the key."""
SWITCHES = ("early_stopping", "average")
"""Those that are null or a mapping: True stands for one with nothing but defaults."""
LOSSES: dict[Kind, str] = {"classes": "cross_entropy", "labels": "binary_cross_entropy", "numbers": "mse"}
OUTPUTS: dict[Kind, tuple[str, ...]] = {
    "classes": ("softmax", "sigmoid", "identity"),
    "labels": ("sigmoid", "identity"),
    "numbers": ("identity", "softplus", "softmax", "sigmoid"),
}
"""The activations of an output that is not said, the first that goes with the loss."""
DEFAULTS: dict[str, Any] = {"units": (100,), "activation": "relu", "dropout": 0.0}
"""The hidden blocks of a network of which nothing is said."""
_KEYS = re.compile(
    r"\b(?:seed$|(?:data|ensemble|loss|metrics|model|optimizer|regularization|schedule|training)(?:\.\w+)*)"
)


def config_from(
    parameters: Mapping[str, Any], target: Kind, data: Mapping[str, Any], seed: int, precision: str
) -> Config:
    """The config that ``parameters`` ask for.

    Args:
        parameters: All of them, by name.
        target: What is to be predicted.
        data: ``target`` and ``weight`` of the config's ``data``.
        seed: Of all random numbers.
        precision: If the parameter says ``auto``.

    Raises:
        ConfigError: What they say cannot be used; its places are keys of the config.
    """
    content: dict[str, Any] = {"name": "estimator", "seed": seed, "data": {"memory": True, **data}}
    for name, place in PLACES.items():
        value = plain(parameters[name])
        if name in SWITCHES and isinstance(value, bool):
            value = {} if value else None
        if name == "precision" and value == "auto":
            value = precision
        if value is None and name in MAPPINGS:
            continue
        _put(content, place, value)
    content["loss"] = _loss(content["loss"], target)
    if parameters["layers"] is None:
        content["model"]["layers"] = _default_network(parameters, content["loss"], target)
    elif said := [name for name in DEFAULTS if plain(parameters[name]) != plain(DEFAULTS[name])]:
        raise _twice(said)
    if parameters["learning_rate"] is not None:
        content["optimizer"] = put(content["optimizer"], ["learning_rate"], plain(parameters["learning_rate"]))
    return _split(content)


def _twice(said: Sequence[str]) -> ConfigError:
    message, remedy = "describes a network whose layers are not said, and layers says them", "say it in layers"
    return ConfigError([Problem(message, name, remedy) for name in said])


def _loss(value: Any, target: Kind) -> Any:
    """The loss, or the one that goes with the target."""
    if value == "auto":
        value = LOSSES[target]
    if isinstance(value, dict):
        value = {"name": LOSSES[target], **value}
        if value["name"] == "auto":
            value["name"] = LOSSES[target]
    return value


def _split(content: dict[str, Any]) -> Config:
    """No row is held out unless that is said, or, with the config's default share, a validation figure is watched."""
    said = content["data"].get("split", {})
    if isinstance(said, dict):
        said = content["data"]["split"] = {"test": 0, **said}
    config = config_of(content)
    if "validation" in said or any(figure.startswith("validation") for figure in config.monitors.values()):
        return config
    split = config.data.split.model_copy(update={"validation": 0.0})
    return config.model_copy(update={"data": config.data.model_copy(update={"split": split})})


def _default_network(parameters: Mapping[str, Any], loss: Any, target: Kind) -> list[Any]:
    units = plain(parameters["units"])
    hidden = {key: plain(parameters[key]) for key in DEFAULTS if key != "units"}
    blocks = [{"units": width, **hidden} for width in (units if isinstance(units, list) else [units])]
    return [*blocks, {"activation": _output(loss, target)}]


def _output(loss: Any, target: Kind) -> str:
    name = loss.get("name") if isinstance(loss, dict) else loss
    if not isinstance(name, str) or name not in losses.registry:
        return OUTPUTS["classes"][0]  # the loss is refused, and the schema's own default goes with this one
    record = losses.registry[name]
    fitting = [output for output in OUTPUTS[target] if not losses.objection(record, activations.registry[output])]
    return fitting[0] if fitting else OUTPUTS[target][0]


def plain(value: Any) -> Any:
    """``value`` as a YAML file would have it: lists, dicts with keys of text, Python's own numbers."""
    match value:
        case np.ndarray():
            return value.tolist()
        case np.generic():
            return value.item()
        case Mapping():
            return {str(key): plain(inside) for key, inside in value.items()}
        case list() | tuple():
            return [plain(inside) for inside in value]
    return value


def put(inside: Any, keys: Sequence[str], value: Any) -> Any:
    """A copy of ``inside`` with ``value`` at ``keys``; a name alone, or nothing, becomes a mapping that holds it.

    Raises:
        ValueError: There is no such place in it.
    """
    if not keys:
        return value
    key, *rest = keys
    if inside is None or isinstance(inside, bool | str):
        inside = {"name": inside} if isinstance(inside, str) else {}
    if isinstance(inside, list | tuple):
        if key not in map(str, range(len(inside))):
            raise ValueError(f"it has no entry {key}: there are {len(inside)}, counted from 0")
        changed = [put(entry, rest, value) if key == str(i) else entry for i, entry in enumerate(inside)]
        return type(inside)(changed)
    if isinstance(inside, Mapping):
        return {**inside, key: put(inside.get(key), rest, value)}
    raise ValueError(f"it is {inside!r}, and holds nothing called {key!r}")


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The names of all that is in a mapping or a list, however deep: ``optimizer__learning_rate``."""
    entries: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, Mapping):
        entries = iter(value.items())
    elif isinstance(value, list | tuple):
        entries = iter(enumerate(value))
    for key, entry in entries:
        yield f"{name}__{key}", entry
        yield from inside(f"{name}__{key}", entry)


def renamed(text: str, parameters: Mapping[str, Any]) -> str:
    """``text`` with the names of parameters in the place of the config's keys."""
    return _KEYS.sub(lambda found: _name(found[0], parameters), text)


def _name(key: str, parameters: Mapping[str, Any]) -> str:
    if key == "seed":
        return "random_state"
    path = key.split(".")
    for name, place in PLACES.items():
        if (*path[: len(place)],) != place:
            continue
        rest = path[len(place) :]
        if name == "layers" and parameters["layers"] is None:
            setting = rest[1:]  # behind the number of the block
            return "__".join(setting) if setting and setting[0] in DEFAULTS else "units"
        if name == "optimizer" and rest == ["learning_rate"] and parameters["learning_rate"] is not None:
            return "learning_rate"
        return "__".join([name, *rest])
    return key


def from_config(config: Config) -> dict[str, Any]:
    """The parameters with which an estimator asks for the network of ``config``."""
    content = config.resolved()
    found: dict[str, Any] = {"random_state": config.seed}
    for name, place in PLACES.items():
        value: Any = content
        for key in place:
            value = value[key]
        found[name] = value
    return found


def _put(content: dict[str, Any], place: KeyPath, value: Any) -> None:
    for key in place[:-1]:
        content = content.setdefault(str(key), {})
    content[str(place[-1])] = value
