"""What takes more than one key to judge."""

from __future__ import annotations

from collections.abc import Iterator

from nncli import scoring
from nncli.config.schema import Config
from nncli.engine import activations, losses, norms
from nncli.errors import Problem
from nncli.registry import unknown


def cross_check(config: Config) -> Iterator[Problem]:
    """Everything in ``config`` that cannot work, though each key on its own is right."""
    yield from _data(config)
    yield from _model(config)
    yield from _metrics(config)
    yield from _early_stopping(config)


def _data(config: Config) -> Iterator[Problem]:
    data = config.data
    if (data.source is None) == (data.path is None):
        said = "both are given" if data.source else "neither is given"
        yield config.problem("data", f"needs either source or path, {said}", "source: iris, or path: FILE")
    if data.source is not None:
        for key in ("target", "features", "drop", "validation_path", "test_path"):
            if getattr(data, key):
                yield config.problem(("data", key), "goes with data.path, not with data.source", "leave it out")
    validation = 0 if data.validation_path else data.split.validation
    test = 0 if data.test_path else data.split.test
    if validation + test >= 1:
        message = f"validation and test together are {validation + test:g} of the rows"
        yield config.problem("data.split", message, "leave some to train on")
    targets = [data.target] if isinstance(data.target, str) else data.target or []
    for key, names in (("target", targets), ("features", data.features or []), ("drop", data.drop)):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield config.problem(("data", key), f"names {name!r} twice")
    for name in sorted(set(targets) & set(data.features or [])):
        yield config.problem("data.features", f"holds the target {name!r}", "a target cannot be a feature")
    for name in sorted(set(data.drop) & {*targets, *(data.features or [])}):
        yield config.problem("data.drop", f"drops {name!r}, which is used", "name it in one place")


def _model(config: Config) -> Iterator[Problem]:
    blocks = config.model.layers
    for i, block in enumerate(blocks[:-1]):
        if block.units is None:
            yield config.problem(f"model.layers.{i}", "needs units", "only the last block's follow from the target")
    last = len(blocks) - 1
    for key, what in (("dropout", "none may be missing"), ("noise", "they are no place for noise")):
        if getattr(blocks[-1], key):
            where, remedy = f"model.layers.{last}.{key}", "set it on the block before, or leave it out"
            yield config.problem(where, f"the output block's values are the predictions: {what}", remedy)
    for i, block in enumerate(blocks):
        if block.bias is True and block.norm is not None and norms.registry[block.norm.name].takes_out_bias:
            message = f"{block.norm.name} norm takes out again what is added to all rows alike; its shift is the bias"
            yield config.problem(f"model.layers.{i}.bias", message, "leave it out")
    if blocks[-1].residual:
        remedy = "set it on the block before, or leave it out"
        yield config.problem(f"model.layers.{last}.residual", "goes with a hidden block, not with the output", remedy)
    output = blocks[-1].activation.name
    why = losses.objection(losses.registry[config.loss.name], activations.registry[output])
    if why:
        fitting = [a.name for a in activations.registry if not losses.objection(losses.registry[config.loss.name], a)]
        where = f"model.layers.{last}.activation"
        yield config.problem(where, why, f"fitting are {', '.join(fitting)}")


def _metrics(config: Config) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, metric in enumerate([] if config.metrics == "auto" else config.metrics):
        if metric.name in seen:
            yield config.problem(f"metrics.{i}", f"asks for {metric.name} twice", "name it once: it is a column's name")
        seen.add(metric.name)


def _early_stopping(config: Config) -> Iterator[Problem]:
    early, data = config.training.early_stopping, config.data
    if early is None:
        return
    where = "training.early_stopping.monitor"
    figures = ("train_loss", "validation_loss", *(f"validation_{name}" for name in scoring.registry.names))
    name = early.monitor.removeprefix("validation_")
    meant = f"validation_{scoring.name_here(name) or name}"  # without the prefix, or by scikit-learn's name
    if early.monitor not in figures and meant in figures:
        yield config.problem(where, f"unknown figure {early.monitor!r}, did you mean {meant!r}?")
    elif early.monitor not in figures:
        yield config.problem(where, unknown("figure", early.monitor, figures))
    elif early.monitor.startswith("validation") and not (data.validation_path or data.split.validation):
        yield config.problem(
            where, f"{early.monitor} needs validation rows", "set data.split.validation, or watch train_loss"
        )
