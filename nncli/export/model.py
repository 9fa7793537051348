"""A run as one graph: raw features in; labels and probabilities, or values in their own units, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.engine.buffers import Array
from nncli.engine.residual import Fork, Join
from nncli.engine.special import PLAIN
from nncli.evaluation import Trained
from nncli.export.graph import Traced
from nncli.figures import kind_of


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
        features: The names of the columns that it wants, in order.
        inputs: They, (n, d) at float64, as they stand in the table.
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
    inputs: Traced
    outputs: dict[str, Traced]
    targets: tuple[str, ...]
    decision: Decision | None
    stages: tuple[tuple[str, Traced], ...]
    tensors: dict[str, Array]


def model_of(trained: Trained) -> Model:
    """The graph of ``trained``, preprocessing included."""
    network, scaling, target = trained.network, trained.preprocessing.features, trained.preprocessing.target
    inputs = Traced("input", (), len(scaling.names), np.float64)
    tensors = {"features.shift": scaling.shift, "features.scale": scaling.scale, **network.tensors(trained.weights)}
    signal = inputs
    if scaling.method != "none":
        signal = (signal - tensors["features.shift"]) / tensors["features.scale"]
    signal = signal.astype(trained.weights.theta.dtype)
    stages = [("the features as the network takes them", signal)]
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
            readings = network.loss.readings(P, tensors["target.scale"], tensors["target.shift"])  # type: ignore[arg-type]
            outputs, targets = dict(readings), scale.names  # type: ignore[arg-type]
    return Model(
        trained.run.path.name,
        kind.task,
        scaling.names,
        inputs,
        outputs,
        targets,
        decision,
        tuple(stages),
        tensors,
    )
