"""A run as one graph: raw features in; labels and probabilities, or values in their own units, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncli.data.features import Features, Numbers
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.residual import Fork, Join
from nncli.engine.special import PLAIN
from nncli.evaluation import Trained
from nncli.export.graph import Traced
from nncli.figures import kind_of

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


def model_of(trained: Trained) -> Model:
    """The graph of ``trained``, preprocessing included."""
    network, features, target = trained.network, trained.preprocessing.features, trained.preprocessing.target
    tensors = {**_tensors(features), **network.tensors(trained.weights)}
    inputs, columns = _inputs(features, trained.config.data.preprocess.missing_values)
    parts = features.parts(columns)
    encoded: Any = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    signal: Traced = encoded.astype(trained.weights.theta.dtype)
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
    kind = kind_of(trained.config, trained.preprocessing, network.outputs)
    decision: Decision | None = None
    targets: tuple[str, ...] = ()
    said = "probabilities" if kind.probabilities else "scores"
    match target:
        case ClassEncoding():
            decision = Decision(target.classes, network.loss.threshold, signal)
            outputs = {said: signal}
        case LabelEncoding():
            decision = Decision((), network.loss.threshold, signal)
            outputs, targets = {said: signal}, target.names
        case scale:
            P = signal.astype(np.float64)
            tensors |= {"target.scale": scale.scale, "target.shift": scale.shift}
            outputs, targets = scale.readings(network.loss, P), scale.names
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


def _inputs(features: Features, missing: list[str]) -> tuple[tuple[Traced, ...], Traced]:
    """What the model is given, and the columns (n, d) that ``Features.formula`` takes, made of it."""
    if features.plain:
        matrix = Traced("input", (), len(features.names), np.float64, {"name": FEATURES})
        return (matrix,), matrix
    inputs, columns = [], []
    for name, kind in features.kinds.items():
        text = kind == "category"
        inputs.append(Traced("input", (), 1, object if text else np.float64, {"name": name, "kind": kind}))
        columns.append(inputs[-1])
        if text:
            category = features.categories[name]
            *known, gap = category.lookup(category.levels).tolist()
            numbers = dict.fromkeys(["", *missing], gap) | dict(zip(category.levels, known, strict=True))
            other = len(known) + 1.0
            columns[-1] = Traced("lookup", (inputs[-1],), 1, np.float64, {"numbers": numbers, "other": other})
    return tuple(inputs), columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)  # type: ignore[arg-type, return-value]


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
