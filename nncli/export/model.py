"""A run as one graph: raw features in; labels and probabilities, or values in their own units, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.scaling import Scaling
from nncli.engine.buffers import Array
from nncli.engine.losses.base import mean_of
from nncli.engine.residual import Fork, Join
from nncli.engine.special import PLAIN
from nncli.export.graph import Traced
from nncli.figures import kind_of
from nncli.trained import Predictor, Trained


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


def model_of(trained: Predictor) -> Model:
    """The graph of ``trained``, preprocessing included; of an ensemble, of all its networks and their mean."""
    names, target, loss = trained.preprocessing.features.names, trained.preprocessing.target, trained.network.loss
    inputs = Traced("input", (), len(names), np.float64)
    tensors: dict[str, Array] = {}
    stages: list[tuple[str, Traced]] = []
    signals = []
    several = len(trained.members) > 1
    for number, member in enumerate(trained.members):
        own, along = _network(member, inputs)
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
        names,
        inputs,
        outputs,
        targets,
        decision,
        tuple(stages),
        tensors,
    )


def _network(trained: Trained, inputs: Traced) -> tuple[dict[str, Array], list[tuple[str, Traced]]]:
    """The arrays of one network by name, and the signals along its way, from ``inputs`` to its outputs."""
    network, scaling, target = trained.network, trained.preprocessing.features, trained.preprocessing.target
    tensors = {"features.shift": scaling.shift, "features.scale": scaling.scale, **network.tensors(trained.weights)}
    if isinstance(target, Scaling):
        tensors |= {"target.scale": target.scale, "target.shift": target.shift}
    signal = inputs
    if scaling.method != "none":
        signal = (signal - tensors["features.shift"]) / tensors["features.scale"]
    signal = signal.astype(trained.dtype)
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
    return tensors, stages


def _readings(trained: Trained, signal: Traced) -> dict[str, Traced]:
    """What the outputs of one network say of numbers, in the target's own units."""
    scale = trained.preprocessing.target
    assert isinstance(scale, Scaling)
    told = trained.network.loss.readings(signal.astype(np.float64), scale.scale, scale.shift)  # type: ignore[arg-type]
    return dict(told)  # type: ignore[arg-type]
