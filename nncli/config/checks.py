"""What takes more than one key to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nncli import scoring
from nncli.config.schema import Config
from nncli.engine import activations, losses, norms, optimizers
from nncli.errors import Problem
from nncli.registry import unknown


def cross_check(config: Config) -> Iterator[Problem]:
    """Everything in ``config`` that cannot work, though each key on its own is right."""
    yield from _data(config)
    yield from _model(config)
    yield from _metrics(config)
    yield from _schedule(config)
    yield from _monitors(config)
    yield from _minimizer(config)
    yield from _folds(config)
    if config.training.overfit_batches and config.training.fast_dev_run:
        message = "does not go together with training.overfit_batches"
        yield config.problem("training.fast_dev_run", message, "choose one of them")


def _data(config: Config) -> Iterator[Problem]:
    data = config.data
    if data.memory and data.source is not None:
        message = "says that the rows came from a program, and data.source names others"
        yield config.problem("data.memory", message, "leave one of them out")
    elif not data.memory and (data.source is None) == (data.path is None):
        said = "both are given" if data.source else "neither is given"
        yield config.problem("data", f"needs either source or path, {said}", "source: iris, or path: FILE")
    if data.source is not None:
        for key in ("target", "features", "drop", "weight", "validation_path", "test_path"):
            if getattr(data, key):
                yield config.problem(("data", key), "goes with data.path, not with data.source", "leave it out")
    validation = 0 if data.validation_path else data.split.validation
    test = 0 if data.test_path else data.split.test
    if validation + test >= 1:
        message = f"validation and test together are {validation + test:g} of the rows"
        yield config.problem("data.split", message, "leave some to train on")
    order, split = data.split.order, "data.split"
    for key in order:
        if data.source is not None:
            yield config.problem(f"{split}.{key}", "names a column, and data.source has none", "leave it out")
    if len(order) > 1:
        yield config.problem(split, "goes by group or by time, not by both", "leave one out")
    if config.folds is not None and config.ensemble is not None and "time" in order:
        message = "of rows that are to follow one another, the first would be in no fold"
        yield config.problem("data.split.time", message, "take `ensemble: {members: K, rows: all}`")
    if order and not data.split.shuffle and "time" in order:
        yield config.problem(f"{split}.shuffle", "the rows are in the order of split.time", "leave one out")
    targets = [data.target] if isinstance(data.target, str) else data.target or []
    for key, names in (("target", targets), ("features", data.features or []), ("drop", data.drop)):
        for name in sorted(name for name, count in Counter(names).items() if count > 1):
            yield config.problem(("data", key), f"names {name!r} twice")
    for name in sorted(set(targets) & set(data.features or [])):
        yield config.problem("data.features", f"holds the target {name!r}", "a target cannot be a feature")
    for key, names in (("target", targets), ("features", data.features or []), ("drop", data.drop)):
        if data.weight in names:
            yield config.problem("data.weight", f"{data.weight!r} is also in data.{key}", "name it in one place")
    for name in sorted(set(data.drop) & {*targets, *(data.features or [])}):
        yield config.problem("data.drop", f"drops {name!r}, which is used", "name it in one place")


def _folds(config: Config) -> Iterator[Problem]:
    fold, ensemble = config.data.split.fold, config.ensemble
    if fold is not None and fold.number >= fold.of:
        message = f"{fold.of} folds are numbered from 0 to {fold.of - 1} (is {fold.number})"
        yield config.problem("data.split.fold.number", message)
    if fold is not None and ensemble is not None:
        yield config.problem("data.split.fold", "is for one network, and ensemble trains several", "leave one out")
    elif config.folds is not None and config.data.validation_path is not None:
        where = "data.split.fold" if ensemble is None else "ensemble.rows"
        message = "folds take turns to validate, and data.validation_path has the rows for that"
        yield config.problem(where, message, "leave one of them out" if ensemble is None else "take all")
    if ensemble is not None and config.training.overfit_batches:
        message = "is for one network, and ensemble trains several"
        yield config.problem("training.overfit_batches", message, "try it with ensemble=null")


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
    loss = losses.registry[config.loss.name]
    if loss.natural_units and config.data.preprocess.target == "standardize":
        message = f"{loss.name} takes the target as it stands in the data, not standardized"
        yield config.problem("data.preprocess.target", message, "leave it out")
    output = blocks[-1].activation.name
    why = losses.objection(loss, activations.registry[output])
    if why:
        fitting = [a.name for a in activations.registry if not losses.objection(loss, a)]
        where = f"model.layers.{last}.activation"
        yield config.problem(where, why, f"fitting are {', '.join(fitting)}")


def _metrics(config: Config) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, metric in enumerate([] if config.metrics == "auto" else config.metrics):
        if metric.name in seen:
            yield config.problem(f"metrics.{i}", f"asks for {metric.name} twice", "name it once: it is a column's name")
        seen.add(metric.name)


def _schedule(config: Config) -> Iterator[Problem]:
    schedule, optimizer, epochs = config.schedule.build(), config.optimizer, config.training.epochs
    moves = schedule.moves != "never" or schedule.warmup_epochs or schedule.warmup_steps
    if moves and "learning_rate" not in type(optimizer).model_fields:
        message = f"{optimizer.name} has no learning rate that could move"
        yield config.problem("schedule", message, "leave it out")
    elif epochs:
        for objection in schedule.objections(epochs):
            where = f"schedule.{objection.setting}".rstrip(".")
            yield config.problem(where, objection.message, objection.remedy)


def _monitors(config: Config) -> Iterator[Problem]:
    data = config.data
    validates = data.validation_path or data.split.validation or config.training.overfit_batches or config.folds
    figures = ("train_loss", "validation_loss", *(f"validation_{name}" for name in scoring.registry.names))
    for where, monitor in config.monitors.items():
        name = monitor.removeprefix("validation_")
        meant = f"validation_{scoring.name_here(name) or name}"  # without the prefix, or by scikit-learn's name
        if monitor not in figures and meant in figures:
            yield config.problem(where, f"unknown figure {monitor!r}, did you mean {meant!r}?")
        elif monitor not in figures:
            yield config.problem(where, unknown("figure", monitor, figures))
        elif monitor.startswith("validation") and not validates:
            remedy = "set data.split.validation, or watch train_loss"
            yield config.problem(where, f"{monitor} needs validation rows", remedy)


def _minimizer(config: Config) -> Iterator[Problem]:
    """What goes with updates, and not with a method that looks at the whole problem."""
    name, training = config.optimizer.name, config.training
    if not issubclass(optimizers.registry[name], optimizers.Minimizer):
        return
    if training.batch_size not in ("auto", "full"):
        remedy = "set it to full, or leave it out"
        yield config.problem("training.batch_size", f"{name} takes all rows at once", remedy)
    for key in ("accumulate", "clip_value", "clip_norm", "average"):
        if getattr(training, key) != type(training).model_fields[key].default:
            message = f"goes with updates, and {name} has none: it moves by a line search"
            yield config.problem(("training", key), message, "leave it out")
    for i, block in enumerate(config.model.layers):
        if block.max_norm is not None:
            message = f"puts weights right after updates, and {name} has none: it moves by a line search"
            yield config.problem(f"model.layers.{i}.max_norm", message, "leave it out")
