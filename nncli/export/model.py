"""A run as one graph: raw features in; labels and probabilities, or values in their own units, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.features import Features, Numbers
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.losses.base import mean_of
from nncli.engine.residual import Fork, Join
from nncli.engine.special import PLAIN
from nncli.export.graph import Traced
from nncli.figures import kind_of
from nncli.trained import Predictor, Trained

FEATURES = "features"
"""What the matrix of all columns is called."""


@dataclass(frozen=True)
class Decision:
    """How outputs become labels.

    Attributes:
        classes: The labels, text or whole numbers; none where each output is a label of its own, 0 or 1.
        threshold: What a single output has to be above, or each of several labels.
        outputs: What is decided by.
    """

    classes: tuple[str, ...] | tuple[int, ...]
    threshold: float
    outputs: Traced


@dataclass(frozen=True)
class Model:
    """What is written to a file.

    Attributes:
        name: Of the run.
        task: Classification, multilabel, or regression.
        inputs: What it wants, as it stands in the table: one matrix ``features`` (n, d) at float64, where every column
            is a number, or else a column (n, 1) for each.
        features: The names of the columns, in order.
        outputs: By name: ``probabilities`` (n, classes or labels), or ``scores`` that are none; of a regression
            ``prediction`` (n, k) and what else the loss tells, each in the target's own units.
        targets: The names of the columns of a regression or of the labels.
        decision: Where there are labels to decide on.
        stages: (name, signal) along the way, for whoever reads the file.
        tensors: The network's own arrays by name.
    """

    name: str
    task: str
    features: tuple[str, ...]
    inputs: tuple[Traced, ...]
    outputs: dict[str, Traced]
    targets: tuple[str, ...]
    decision: Decision | None
    stages: tuple[tuple[str, Traced], ...]
    tensors: dict[str, Array]


def model_of(trained: Predictor) -> Model:
    """The graph of ``trained``, preprocessing included; of an ensemble, of all its networks and their mean."""
    features, target, loss = trained.preprocessing.features, trained.preprocessing.target, trained.network.loss
    inputs, missing = _inputs(features), trained.config.data.preprocess.missing_values
    tensors: dict[str, Array] = {}
    stages: list[tuple[str, Traced]] = []
    signals = []
    several = len(trained.members) > 1
    for number, member in enumerate(trained.members):
        own, along = _network(member, _columns(member.preprocessing.features, inputs, missing))
        tensors |= {f"members.{number}.{name}" if several else name: array for name, array in own.items()}
        stages += [(f"member {number}, {name}" if several else name, signal) for name, signal in along]
        signals.append(along[-1][1])
    kind = kind_of(trained.config, trained.preprocessing, trained.network.outputs)
    decision: Decision | None = None
    targets: tuple[str, ...] = ()
    outputs: dict[str, Traced] = {}
    if isinstance(target, Scaling):
        told = [_readings(member, signal) for member, signal in zip(trained.members, signals, strict=True)]
        outputs, targets = loss.pooled(told) if several else told[0], target.names
    else:
        signal = mean_of(signals) if several else signals[0]
        if several:
            stages.append(("the mean of all members", signal))
        decision = Decision(target.classes if isinstance(target, ClassEncoding) else (), loss.threshold, signal)
        outputs = {"probabilities" if kind.probabilities else "scores": signal}
        targets = target.names if isinstance(target, LabelEncoding) else ()
    return Model(
        trained.run.path.name,
        kind.task,
        features.names,
        inputs,
        outputs,
        targets,
        decision,
        tuple(stages),
        tensors,
    )


def _network(trained: Trained, columns: Traced) -> tuple[dict[str, Array], list[tuple[str, Traced]]]:
    """The arrays of one network by name, and the signals along its way, from the ``columns`` to its outputs."""
    network, features, target = trained.network, trained.preprocessing.features, trained.preprocessing.target
    tensors = {**_tensors(features), **network.tensors(trained.weights)}
    if isinstance(target, Scaling):
        tensors |= {"target.scale": target.scale, "target.shift": target.shift}
    parts = features.parts(columns)
    encoded: Any = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    signal: Traced = encoded.astype(trained.dtype)
    stages = [(f"{_few(group.names)}, encoded", part) for group, part in zip(features.groups, parts, strict=True)]
    stages.append(("the features as the network takes them", signal))
    remembered: list[Traced] = []
    for stage in network.stages:
        layer, d_in = stage.layer, stage.inputs
        names = [p.name for p in (*layer.parameters(d_in), *layer.statistics(d_in))]
        own = {name: tensors[f"{stage.block}.{name}"] for name in names}
        if isinstance(layer, Fork):
            remembered.append(signal)
        given = (remembered.pop(),) if isinstance(layer, Join) else ()
        signal = layer.reference(signal, own, given, PLAIN)
        stages.append((f"{stage.block}: {layer.label}", signal))
    if network.link is not None:
        signal = network.link.reference(signal, PLAIN)
        stages.append((f"output: {network.link.name}", signal))
    return tensors, stages


def _readings(trained: Trained, signal: Traced) -> dict[str, Traced]:
    """What the outputs of one network say of numbers, in the target's own units."""
    scale = trained.preprocessing.target
    assert isinstance(scale, Scaling)
    return scale.readings(trained.network.loss, signal.astype(np.float64))


def _inputs(features: Features) -> tuple[Traced, ...]:
    """What the model is given."""
    if features.plain:
        return (Traced("input", (), len(features.names), np.float64, {"name": FEATURES}),)
    return tuple(
        Traced("input", (), 1, object if kind == "category" else np.float64, {"name": name, "kind": kind})
        for name, kind in features.kinds.items()
    )


def _columns(features: Features, inputs: tuple[Traced, ...], missing: list[str]) -> Traced:
    """The columns (n, d) that ``Features.formula`` takes, made of what the model is given."""
    if features.plain:
        return inputs[0]
    columns: list[Traced] = []
    for given, name in zip(inputs, features.names, strict=True):
        category = features.categories.get(name)
        if category is None:
            columns.append(given)
            continue
        *known, gap = category.lookup(category.levels).tolist()
        numbers = dict.fromkeys(["", *missing], gap) | dict(zip(category.levels, known, strict=True))
        other = len(known) + 1.0
        columns.append(Traced("lookup", (given,), 1, np.float64, {"numbers": numbers, "other": other}))
    joined: Any = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)  # type: ignore[arg-type]
    return joined  # type: ignore[no-any-return]


def _few(names: tuple[str, ...]) -> str:
    """Whose the columns are; they may be named to be more than a comment."""
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return "".join(c if c.isprintable() else "_" for c in listed)


def _tensors(features: Features) -> dict[str, Array]:
    """The arrays of the preprocessing, by names for those who read the file."""
    found: dict[str, Array] = {}
    for i, group in enumerate(group for group in features.groups if isinstance(group, Numbers)):
        prefix = "features" if not i else f"features.{i}"
        match group.scaling:
            case Scaling() as scaling:
                found |= {f"{prefix}.shift": scaling.shift, f"{prefix}.scale": scaling.scale}
        found[f"{prefix}.fill"] = group.fill
    return found
