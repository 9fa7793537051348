"""Which figures a config asks for, once it is known what its network predicts."""

from __future__ import annotations

from nncli.config.document import KeyPath
from nncli.config.schema import Config, metric_of
from nncli.data.preprocess import ClassEncoding, Preprocessing
from nncli.errors import ConfigError, Problem
from nncli.registry import nearest
from nncli.scoring import Kind, Metric, Scorer, registry


def kind_of(config: Config, preprocessing: Preprocessing, outputs: int) -> Kind:
    """What a network with so many ``outputs`` predicts."""
    target, activation = preprocessing.target, config.model.layers[-1].activation.build()
    low, high = activation.range
    each_on_its_own = preprocessing.task == "multilabel" or outputs == 1
    probabilities = activation.simplex or (each_on_its_own and low >= 0 and high <= 1)
    columns = len(target.classes) if isinstance(target, ClassEncoding) else len(target.names)
    return Kind(preprocessing.task, columns, probabilities)


def metrics_of(config: Config, kind: Kind, *, report: bool = False) -> tuple[Metric, ...]:
    """The metrics of every epoch: those asked for, or the task's quick ones, and one that is monitored.

    Args:
        config: What was asked for.
        kind: What is judged.
        report: Whether all that the task has for a report come first.

    Raises:
        ConfigError: A metric that cannot judge such rows.
    """
    quick = {m.name: m() for m in registry if kind.task in m.tasks and m.shown == "every epoch"}
    shown = {m.name: m() for m in registry if kind.task in m.tasks and m.shown != "when asked"} if report else {}
    asked: dict[str, Metric] = quick if config.metrics == "auto" else {m.name: m.build() for m in config.metrics}
    places: dict[str, KeyPath] = {name: ("metrics", i) for i, name in enumerate(asked)}
    for place, figure in config.monitors.items():
        metric = metric_of(figure)
        if metric is not None and metric not in asked:
            asked = {**asked, metric: registry[metric]()}
            places[metric] = place
    problems = [
        _problem(config, places[name], metric, kind) for name, metric in asked.items() if metric.objection(kind)
    ]
    if problems:
        raise ConfigError(problems)
    return tuple({**shown, **asked}.values())


def _problem(config: Config, place: KeyPath, metric: Metric, kind: Kind) -> Problem:
    why, remedy = metric.objection(kind), ""
    if kind.task not in metric.tasks:
        prefix = "validation_" if place in config.monitors else ""
        fitting = [m.name for m in registry if not m().objection(kind)]
        guess = nearest(metric.name, fitting)
        there = ", ".join(prefix + name for name in fitting)
        remedy = f"did you mean {prefix + guess!r}?" if guess else f"there are {there}"
    elif metric.needs == "probabilities":
        remedy = "softmax gives them, or, for two classes, one unit with sigmoid"
    return config.problem(place, why, remedy)


def refuse_undefined_monitor(config: Config, scorer: Scorer) -> None:
    """Refuse to watch a figure that the validation rows can never have."""
    lacking, remedy = scorer.undefined(), "watch validation_loss, or take more validation rows"
    problems = [
        config.problem(place, f"{metric} is not defined on the validation rows: it needs {lacking[metric]}", remedy)
        for place, metric in ((place, metric_of(figure)) for place, figure in config.monitors.items())
        if metric in lacking
    ]
    if problems:
        raise ConfigError(problems)
