"""A batch forward and back through a network: every array, its name, and the formula it comes from.

The numbers are read from the engine, which is stopped after each of its stages; nothing is computed a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from nncli.engine.buffers import Array, Buffers
from nncli.engine.layers import Activate, Dense, Normalize
from nncli.engine.network import INPUT, Bound, Network
from nncli.engine.parameters import Parameter, Weights
from nncli.engine.penalties import Penalty
from nncli.engine.stages import Stage

SYMBOLS = {"dense": "Z", "activation": "A", "weight": "W", "bias": "b"}
"""What the field calls the output of a kind of layer, and a parameter; others are called by their own names."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """An array, and where it comes from.

    Attributes:
        name: What it is within its layer: ``Z``, ``dC/dW``.
        symbol: What it is in the formulas of the whole network: ``Z1``, ``∂C/∂W1``.
        formula: How the engine computes it; empty for what is given.
        values: The numbers.
        tensor: The name that the parameter has in a run's files, ``layers.0.weight``; empty for what is none.
    """

    name: str
    symbol: str
    formula: str
    values: Array
    tensor: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything; a number that is not finite is null."""
        tensor = {"tensor": self.tensor} if self.tensor else {}
        about = {"symbol": self.symbol, **tensor, "formula": self.formula, "shape": list(self.values.shape)}
        return {**about, "values": plain(self.values)}


@dataclass(frozen=True, eq=False)
class ExplainedLayer:
    """A block of the config: what is computed in it on the way forward and on the way back, in that order.

    Attributes:
        number: Its place, from 1, as in the symbols; 0 for what is done to the input in front of it.
        block: Its name in a run's files, ``layers.0``.
        does: ``dense, tanh``.
        inputs: How many numbers a row has before it, and ``outputs`` behind it.
        parameters: What it has learned.
        statistics: What it keeps of the batches of the training.
        forward: Its signals.
        backward: The gradient of the loss by each of its signals and parameters.
        penalty: The gradient of the penalty by the parameters that have one.
        fused: The activation that is computed together with the loss; empty where none is. It has no gradient of its
            own: the first gradient is by what comes before it.
    """

    number: int
    block: str
    does: str
    inputs: int
    outputs: int
    parameters: tuple[Quantity, ...]
    statistics: tuple[Quantity, ...]
    forward: tuple[Quantity, ...]
    backward: tuple[Quantity, ...]
    penalty: tuple[Quantity, ...]
    fused: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything, the quantities by their names."""
        groups = ("parameters", "statistics", "forward", "backward", "penalty")
        return {
            "layer": self.number,
            "name": self.block,
            "does": self.does,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "fused_with_loss": self.fused or None,
            **{group: {quantity.name: quantity.to_json() for quantity in getattr(self, group)} for group in groups},
        }


@dataclass(frozen=True, eq=False)
class Walk:
    """A batch forward and back.

    Attributes:
        inputs: X (n, d).
        targets: Class codes (n,) or values (n, k), as the loss takes them.
        layers: From the input to the output.
        predictions: (n, k).
        loss_name: The loss, or what it became together with the activation in front of it.
        loss_of: The symbol that the loss reads, Z2 or A2.
        losses: L (n,), the loss of each row; w·L where rows have weights.
        row_weights: w (n,), what each row counts; None where all count the same.
        loss: C, the mean of these.
        penalty: R, or None when the network has none.
        input_gradient: The gradient of the loss by X.
    """

    inputs: Quantity
    targets: Array
    layers: tuple[ExplainedLayer, ...]
    predictions: Array
    loss_name: str
    loss_of: str
    losses: Quantity
    row_weights: Array | None
    loss: float
    penalty: float | None
    input_gradient: Quantity

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        penalty = None if self.penalty is None else {"formula": f"R = {Penalty.formula}", "R": plain(self.penalty)}
        about = {"name": self.loss_name, "of": self.loss_of}
        weights = {} if self.row_weights is None else {"w": plain(self.row_weights)}
        return {
            "input": {"X": self.inputs.to_json(), "dC/dX": self.input_gradient.to_json()},
            "layers": [layer.to_json() for layer in self.layers],
            "loss": {**about, **weights, self.losses.name: self.losses.to_json(), "C": plain(self.loss)},
            "penalty": penalty,
        }


def walk(network: Network, weights: Weights, inputs: Array, targets: Array, row_weights: Array | None = None) -> Walk:
    """Take a batch forward and back, at the precision of ``weights``, and keep every array.

    The network is looked at as it predicts: nothing is dropped, and norms go by their running statistics.

    Args:
        network: The network.
        weights: What it has learned.
        inputs: (n, d + 1), ones in the last column.
        targets: (n,) codes or (n, k) values, as the loss takes them.
        row_weights: (n,), what each row counts in the loss, if not all count the same.
    """
    gradient = np.zeros_like(weights.theta)
    bound = network.bind(
        weights.theta,
        gradient,
        len(inputs),
        statistics=weights.statistics,
        evaluating=True,
        input_gradient=True,
        keep_signals=True,
        weighted=row_weights is not None,
    )
    bound.inputs[...] = inputs
    bound.targets[...] = targets
    if bound.row_weights is not None:
        bound.row_weights[...] = row_weights
    assert bound.input_gradient is not None
    with np.errstate(all="ignore"):  # an infinity is shown as it is
        bound.forward()
        loss = float(bound.loss())
        predictions = _predictions(bound)
        bound.backward_outputs()
        slopes: list[Array] = []
        for stage in reversed(bound.stages):
            # what an activation finds in this array, dC/dA, it replaces by dC/dZ: so a copy is made in between
            slopes.insert(0, stage.wires.dY.copy())
            stage.backward()
        of_loss, of_input = gradient.copy(), bound.input_gradient.copy()
        bound.backward_penalty()
        of_penalty = gradient.copy()
        penalty = float(bound.penalty()) if network.penalties() else None
    story = _Story(network, bound, predictions, slopes, of_loss, of_penalty)
    return Walk(
        inputs=Quantity("X", "X", "", bound.inputs[:, :-1].copy()),
        targets=bound.targets.copy(),
        layers=story.layers(),
        predictions=predictions,
        loss_name=_called(network.loss.name, {k: v for k, v in vars(network.loss).items() if v}),
        loss_of=story.names[-1]["out"],
        losses=_losses(bound),
        row_weights=None if bound.row_weights is None else bound.row_weights.copy(),
        loss=loss,
        penalty=penalty,
        input_gradient=Quantity("dC/dX", "∂C/∂X", story.formulas[0].get("dX", ""), of_input),
    )


def _losses(bound: Bound) -> Quantity:
    """What C is the mean of."""
    formula, values = bound.network.loss.formula, bound.losses.copy()
    if bound.row_weights is None:
        return Quantity("L", "L", formula, values)
    return Quantity("w·L", "w·L", f"w_i·L_i, {formula}", values)


def _predictions(bound: Bound) -> Array:
    """What the last layer's output means: the activation applied that the loss has taken in, if it has."""
    P = bound.outputs.copy()
    if bound.network.link is not None:
        forward, _ = bound.network.link.bind(bound.outputs, P, P, Buffers(P.dtype))
        forward()
    return P


class _Story:
    """The arrays of a walk, given their names and formulas."""

    def __init__(
        self,
        network: Network,
        bound: Bound,
        predictions: Array,
        slopes: list[Array],
        of_loss: Array,
        of_penalty: Array,
    ) -> None:
        self._network, self._bound, self._predictions, self._slopes = network, bound, predictions, slopes
        views = network.layout.views
        self._weights = network.tensors(bound.weights.copy())
        self._of_loss, self._of_penalty = views(of_loss), views(of_penalty)
        self._blocks = [
            (number, block, [i for i, _ in stages])
            for number, (block, stages) in enumerate(
                groupby(enumerate(network.stages), lambda e: e[1].block), start=network.stages[0].block != INPUT
            )
        ]
        self._last = self._blocks[-1][0]
        self.names = self._name()
        self.formulas = [
            {key: formula.format(**names) for key, formula in stage.layer.formulas().items()}
            for stage, names in zip(network.stages, self.names, strict=True)
        ]

    def _name(self) -> list[dict[str, str]]:
        """For each stage, what X, Y, dX, dY and its parameters are called, and ``out``: Y as what follows calls it."""
        names, X = [], "X"
        for number, _, indices in self._blocks:
            for i in indices:
                stage = self._network.stages[i]
                Y = f"{SYMBOLS.get(stage.layer.kind, stage.layer.kind)}{number}"
                out = f"A{number}" if self._is_linear(i) else Y
                parameters = {p.name: f"{SYMBOLS.get(p.name, p.name)}{number}" for p in _parameters(stage)}
                names.append({"X": X, "Y": Y, "dX": _d(X), "dY": _d(Y), "out": out, **parameters})
                X = out
        return names

    def _is_linear(self, i: int) -> bool:
        """Whether stage ``i`` ends a block without an activation, whose A is its Z."""
        stages = self._network.stages
        last = i + 1 == len(stages)
        ends = last or stages[i + 1].block != stages[i].block
        return ends and isinstance(stages[i].layer, Dense) and not (last and self._network.link is not None)

    def layers(self) -> tuple[ExplainedLayer, ...]:
        """Every block."""
        return tuple(self._layer(number, block, indices) for number, block, indices in self._blocks)

    def _layer(self, number: int, block: str, indices: list[int]) -> ExplainedLayer:
        stages = self._network.stages
        fused = self._network.link if number == self._last else None
        does = [_does(stages[i]) for i in indices]
        return ExplainedLayer(
            number=number,
            block=block,
            does=", ".join([*does, *([f"{fused.name} within the loss"] if fused else [])]),
            inputs=stages[indices[0]].inputs,
            outputs=stages[indices[-1]].outputs,
            parameters=tuple(q for i in indices for q in self._tensors(i, self._weights)),
            statistics=tuple(q for i in indices for q in self._statistics(i)),
            forward=tuple(q for i in indices for q in self._forward(i)),
            backward=tuple(q for i in reversed(indices) for q in self._backward(i)),
            penalty=tuple(q for i in indices for q in self._penalties(i)),
            fused=fused.name if fused else "",
        )

    def _forward(self, i: int) -> list[Quantity]:
        Y, out = self.names[i]["Y"], self.names[i]["out"]
        values = self._bound.stages[i].wires.Y.copy()
        found = [Quantity(_bare(Y), Y, self.formulas[i].get("Y", ""), values)]
        if out != Y:
            found.append(Quantity("A", out, f"{Y}, no activation", values))
        link = self._network.link
        if link is not None and i + 1 == len(self.names):
            A = f"A{self._last}"
            formula = Activate(link).formulas()["Y"].format(X=Y, Y=A)
            found.append(Quantity("A", A, formula, self._predictions))
        return found

    def _backward(self, i: int) -> list[Quantity]:
        names = self.names[i]
        if i + 1 < len(self.names):
            formula = self.formulas[i + 1].get("dX", "")
        else:
            derivative, share = self._network.loss.derivative, "1/n" if self._bound.row_weights is None else "w_i/n"
            formula = f"{share} · {derivative.partition(' = ')[0]}, {derivative}"
        found = []
        if names["out"] != names["Y"]:
            found.append(Quantity("dC/dA", _d(names["out"]), formula, self._slopes[i]))
            formula = f"{_d(names['out'])}, no activation"
        found.append(Quantity(f"dC/d{_bare(names['Y'])}", names["dY"], formula, self._slopes[i]))
        gradients = self._tensors(i, self._of_loss, prefix="dC/d")
        formulas = self.formulas[i]
        return found + [
            Quantity(q.name, _d(q.symbol), formulas.get(parameter.name, ""), q.values, q.tensor)
            for parameter, q in zip(_parameters(self._network.stages[i]), gradients, strict=True)
        ]

    def _penalties(self, i: int) -> list[Quantity]:
        penalized = dict(self._network.penalties())
        return [
            Quantity(q.name, _d(q.symbol, "R"), _slope(penalized[q.tensor], q.symbol), q.values, q.tensor)
            for q in self._tensors(i, self._of_penalty, prefix="dR/d")
            if q.tensor in penalized
        ]

    def _statistics(self, i: int) -> list[Quantity]:
        stage, number = self._network.stages[i], self._number(i)
        names = [(p.name, f"{stage.block}.{p.name}") for p in stage.layer.statistics(stage.inputs)]
        return [Quantity(name, f"{name}{number}", "", self._weights[tensor], tensor) for name, tensor in names]

    def _number(self, i: int) -> int:
        """That of the block of stage ``i``."""
        return next(number for number, _, indices in self._blocks if i in indices)

    def _tensors(self, i: int, views: Mapping[str, Array], prefix: str = "") -> list[Quantity]:
        """The parameters of stage ``i``, or something of their shapes."""
        stage = self._network.stages[i]
        return [
            Quantity(f"{prefix}{SYMBOLS.get(p.name, p.name)}", self.names[i][p.name], "", views[tensor], tensor)
            for p in _parameters(stage)
            for tensor in (f"{stage.block}.{p.name}",)
        ]


def _parameters(stage: Stage) -> tuple[Parameter, ...]:
    return stage.layer.parameters(stage.inputs)


def _does(stage: Stage) -> str:
    """``dense``, ``tanh``, ``leaky_relu (negative_slope = 0.01)``, ``batch norm (epsilon = 1e-05, momentum = 0.1)``."""
    layer = stage.layer
    if isinstance(layer, Activate):
        return _called(layer.activation.name, vars(layer.activation))
    if isinstance(layer, Normalize):
        return _called(f"{layer.norm.name} norm", vars(layer.norm))
    return layer.kind


def _called(name: str, settings: Mapping[str, Any]) -> str:
    """``huber (delta = 1)``."""
    said = ", ".join(f"{key} = {value if isinstance(value, list) else f'{value:g}'}" for key, value in settings.items())
    return f"{name} ({said})" if said else name


def _slope(penalty: Penalty, W: str) -> str:
    """The gradient of a penalty, its numbers put in."""
    terms = [f"{penalty.l1:g}·sign({W})"] * bool(penalty.l1) + [f"{penalty.l2:g}·{W}"] * bool(penalty.l2)
    return " + ".join(terms)


def _d(symbol: str, of: Literal["C", "R"] = "C") -> str:
    return f"∂{of}/∂{symbol}"


def _bare(symbol: str) -> str:
    """Without the number of its layer."""
    return symbol.rstrip("0123456789")


def plain(values: Array | float) -> Any:
    """Lists of numbers or text for strict JSON, which knows no infinity and no NaN: those become None."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        finite = np.isfinite(array)
        array = array.astype(object)
        array[~finite] = None
    return array.tolist()
