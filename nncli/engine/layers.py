"""Layers: differentiable maps with parameters, forward and backward side by side.

A layer knows shapes and mathematics, and owns no array. Bound to its wires it hands back two functions: forward reads
X and writes Y; backward finds dC/dY in ``dY``, writes dC/dX to ``dX``, and dC/dθ of its own parameters to its slice of
the flat gradient. As in the derivation in the docs: Z = X W + b, dW = Xᵀ dZ, db = Σ_rows dZ, dX = dZ Wᵀ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, Step, rows_of
from nncli.engine.constraints import MaxNorm
from nncli.engine.initializers import GlorotUniform, Initializer
from nncli.engine.norms import Norm, NormArrays
from nncli.engine.parameters import Layout, Parameter
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.engine.products import product


def no_array() -> Array:
    """For what a layer does not have."""
    return np.zeros(0)


@dataclass(frozen=True)
class Wires:
    """The arrays between which a layer is bound.

    Leading axes, where there are any, are copies of the network side by side. ``theta`` has them too if each copy has
    parameters of its own; without them all copies share one set, which may be real where the signals are complex
    (forward alone: that is how a numerical derivative looks at what comes behind the place that it moves).

    Attributes:
        X: The input, (..., n, d_in); with one more column, of ones, for a layer that asks for it (``takes_ones``).
        Y: The output, (..., n, d_out); the array of ``X`` for a layer that is ``in_place``.
        dX: Where dC/dX goes, (..., n, d_in); None when nobody wants it.
        dY: Where dC/dY is found, (..., n, d_out); the array of ``dX`` for a layer that ``passes_gradient``.
        theta: The layer's own slice of the parameter vector, (..., size).
        gradient: The same slice of the gradient, (..., size).
        statistics: The layer's slice of the running statistics, the same for all copies.
        measured: What the batch that went forward shows in their place, (..., size); forward writes it, in training.
        evaluating: Whether the layer is bound as it predicts, not as it trains.
        noise: What the layer draws, an array (n, width) for each of ``Layer.noise``; the same for all copies, and
            none where it is evaluating.
        skip: The signal that a ``Fork`` remembers and its ``Join`` adds, (..., n, d_skip).
        d_skip: Its gradient, which the join writes and the fork adds to that of its input.
    """

    X: Array
    Y: Array
    dX: Array | None
    dY: Array
    theta: Array
    gradient: Array
    statistics: Array = field(default_factory=no_array)
    measured: Array = field(default_factory=no_array)
    evaluating: bool = False
    noise: tuple[Array, ...] = ()
    skip: Array | None = None
    d_skip: Array | None = None


class Layer(ABC):
    """One map in the chain. Subclasses are final and frozen."""

    kind: ClassVar[str]
    takes_ones: bool = False
    """Whether its input comes with a column of ones, which carries the bias through the matrix products."""
    in_place: bool = False
    """Whether it may write its output over its input."""
    keeps_output: bool = False
    """Whether backward reads the output, so that the next layer must not write over it."""
    passes_gradient: bool = False
    """Whether backward leaves dC/dX in the array where it found dC/dY."""
    least_rows: int = 1
    """The fewest rows that a batch of the training may have."""
    reads_rows_anywhere: bool = True
    """Whether it can be bound to other rows at next to no cost; otherwise rows are copied to where it reads them."""
    products: int = 1
    """Into how many matrix products its weight is cut."""
    penalty: Penalty = NO_PENALTY
    """On its weights; biases and scales have none."""
    constraint: MaxNorm | None = None
    """On its weights, too."""

    @property
    def label(self) -> str:
        """What a summary of the network calls it."""
        return self.kind

    def width(self, d_in: int) -> int:
        """The number of outputs for ``d_in`` inputs."""
        return d_in

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """What it learns, in the order of its slice of the parameter vector."""
        return ()

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """Fill its parameters, by their names within the layer, with their initial values."""
        return

    def statistics(self, d_in: int) -> tuple[Parameter, ...]:
        """What it keeps of the batches that it has seen, to predict by; nothing for most."""
        return ()

    def reset(self, tensors: Mapping[str, Array]) -> None:
        """Fill its statistics, by their names within the layer, with what they are before the first batch."""
        return

    def settle(self, wires: Wires, buffers: Buffers) -> Step | None:
        """What moves the running statistics by the batch that went forward; a step of its own, once an update."""
        return None

    def formulas(self) -> Mapping[str, str]:
        """How it computes Y, dX and the gradient of each parameter outside of the training, for a reader.

        The keys are "Y", "dX" and the parameters' names; in the formulas, {X}, {Y}, {dX}, {dY} and {the name of a
        parameter} stand for what the array is called where the formula is shown.
        """
        return {}

    def noise(self, d_in: int) -> tuple[int, ...]:
        """The widths of the random arrays that it needs for each batch; none for most."""
        return ()

    def draw(self, noise: tuple[Array, ...], rng: Generator) -> None:
        """Fill its random arrays for another batch."""
        return

    def quiet(self, noise: tuple[Array, ...]) -> None:
        """Fill them so that nothing is random: outside of the training."""
        return

    @abstractmethod
    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """Return (forward, backward) over ``wires``."""

    def of_last_batch(self) -> Layer:
        """The same, but that running statistics are those of the last batch; see ``Norm.of_last_batch``."""
        return self

    def widened(self, units: int) -> Layer | None:
        """This layer with ``units`` units, if its parameters are one matrix (rows, units) and no unit heeds another.

        Then the units of many copies can be computed side by side, each from its own column.
        """
        return None

    @abstractmethod
    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        """Y by the formula, in the functions of ``xp``.

        X comes without a column of ones. ``tensors`` holds the layer's parameters; as it predicts, its statistics, too.
        ``given`` is the layer's noise, or the signal that a join adds.
        """

    def switches(self, X: Array) -> tuple[Array, ...]:
        """What changes its sign where the layer goes over from one piece to another; see ``Activation.kinks``."""
        return ()


@dataclass(frozen=True)
class Dense(Layer):
    """Z = X W + b, W (d_in, units), b (units,).

    In the flat vector b follows W, and so both together are one matrix with a row more than W: [X 1] [W; b] is the
    whole layer in one matrix product, and [X 1]ᵀ dZ the gradient of both. It saves a pass over Z each way.
    """

    units: int
    bias: bool = True
    initializer: Initializer = field(default_factory=GlorotUniform)
    penalty: Penalty = NO_PENALTY
    constraint: MaxNorm | None = None

    kind = "dense"

    @property
    def takes_ones(self) -> bool:  # type: ignore[override]
        """With a bias, yes."""
        return self.bias

    def width(self, d_in: int) -> int:
        """The number of units."""
        return self.units

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """The weight and, if there is one, the bias."""
        weight = Parameter("weight", (d_in, self.units), "weight")
        return (weight, Parameter("bias", (self.units,), "bias")) if self.bias else (weight,)

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """Draw the weight; the bias starts at zero."""
        weight = tensors["weight"]
        fan_in, fan_out = weight.shape
        weight[...] = self.initializer.draw(fan_in, fan_out, rng)
        if self.bias:
            tensors["bias"][...] = 0

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """Two functions: one matrix product forward, two back (one where dX is not wanted)."""
        X, Z, dX, dZ = wires.X, wires.Y, wires.dX, wires.dY
        rows = X.shape[-1]
        lead = wires.theta.shape[:-1]
        if not lead and X.ndim > 2:  # copies that share their parameters: one product over the rows of all
            X, Z, dX, dZ = rows_of(X), rows_of(Z), None if dX is None else rows_of(dX), rows_of(dZ)
        W = wires.theta.reshape(*lead, rows, self.units)  # with the bias as its last row
        dW = wires.gradient.reshape(*lead, rows, self.units)
        W_without_bias = W[..., :-1, :] if self.bias else W
        # Signals lie unit by unit in memory (see Buffers), and a product is written fastest along its memory: so Z and
        # dX are computed as their transposes, Zᵀ = Wᵀ Xᵀ and dXᵀ = W dZᵀ.
        X_T, W_T, Z_T, dZ_T = (array.swapaxes(-1, -2) for array in (X, W, Z, dZ))
        if W.dtype != X.dtype:  # of complex rows, real weights take the two parts alike, as two rows
            X_T, Z_T = X_T.view(W.dtype), Z_T.view(W.dtype)

        forward, to_parameters = product(W_T, X_T, Z_T), product(X_T, dZ, dW)
        if dX is None:
            return forward, to_parameters
        to_input = product(W_without_bias, dZ_T, dX.swapaxes(-1, -2))

        def backward() -> None:
            to_parameters()
            to_input()

        return forward, backward

    def formulas(self) -> Mapping[str, str]:
        """The three lines of the derivation."""
        Y = "{X} · {weight}" + " + {bias}" * self.bias
        return {"Y": Y, "dX": "{dY} · {weight}ᵀ", "weight": "{X}ᵀ · {dY}", "bias": "Σ_rows {dY}"}

    def widened(self, units: int) -> Layer:
        """Column c of [W; b] makes unit c."""
        return replace(self, units=units)

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        Z = xp.dot(X, tensors["weight"])
        return Z + tensors["bias"] if self.bias else Z


@dataclass(frozen=True)
class Activate(Layer):
    """A = f(Z), f one of the registered activations; what it learns, the layer learns."""

    activation: Activation

    kind = "activation"
    keeps_output = True
    passes_gradient = True

    @property
    def in_place(self) -> bool:  # type: ignore[override]
        """As its activation says."""
        return self.activation.in_place

    @property
    def label(self) -> str:
        """The activation's name."""
        return self.activation.name

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """Those of the activation."""
        return self.activation.parameters(d_in)

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """As the activation says."""
        self.activation.initialize(tensors)

    def formulas(self) -> Mapping[str, str]:
        """As the record states them; softmax is not computed entry by entry."""
        f = self.activation
        if f.simplex:
            return {"Y": f"{f.name}({{X}}), a_j = {f.formula}", "dX": f.derivative}
        return {
            "Y": f"f({{X}}), f(z) = {f.formula}",
            "dX": f"{{dY}} ⊙ f'({{X}}), f'(z) = {f.derivative}",
            **f.slopes,
        }

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """The activation's own two functions."""
        layout = Layout((parameter.name, parameter) for parameter in self.parameters(wires.X.shape[-1]))
        tensors, slopes = layout.views(wires.theta), layout.views(wires.gradient)
        return self.activation.bind_learned(wires.X, wires.Y, wires.dY, tensors, slopes, buffers)

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return self.activation.reference_learned(X, tensors, xp)

    def switches(self, X: Array) -> tuple[Array, ...]:
        """The distance from each kink."""
        return tuple(X - kink for kink in self.activation.kinks)


@dataclass(frozen=True)
class Normalize(Layer):
    """Y = scale·X̂ + shift, X̂ normalized by one of the registered norms."""

    norm: Norm

    kind = "norm"
    in_place = True

    def of_last_batch(self) -> Layer:
        """As its norm."""
        return replace(self, norm=self.norm.of_last_batch())

    @property
    def label(self) -> str:
        """With the norm's name."""
        return f"{self.norm.name} norm"

    @property
    def least_rows(self) -> int:  # type: ignore[override]
        """As the norm says."""
        return self.norm.least_rows

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """A scale and a shift for each unit."""
        return Parameter("scale", (d_in,), "scale"), Parameter("shift", (d_in,), "bias")

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """They start where they change nothing."""
        tensors["scale"][...] = 1
        tensors["shift"][...] = 0

    def statistics(self, d_in: int) -> tuple[Parameter, ...]:
        """Those of the norm, a number for each unit."""
        return tuple(Parameter(name, (d_in,), "statistic") for name in self.norm.statistics)

    def reset(self, tensors: Mapping[str, Array]) -> None:
        """As the norm says."""
        for name, value in self.norm.statistics.items():
            tensors[name][...] = value

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """The norm's own two functions: those of the training, or those that predict."""
        arrays = self._arrays(wires)
        return self.norm.bind_evaluation(arrays, buffers) if wires.evaluating else self.norm.bind(arrays, buffers)

    def settle(self, wires: Wires, buffers: Buffers) -> Step | None:
        """The norm's own, if it has statistics."""
        return self.norm.settle(self._arrays(wires), buffers) if self.norm.statistics else None

    def _arrays(self, wires: Wires) -> NormArrays:
        d = wires.X.shape[-1]

        def rows(flat: Array) -> tuple[Array, ...]:
            return tuple(flat[..., np.newaxis, i : i + d] for i in range(0, flat.shape[-1], d))

        scale, shift = rows(wires.theta)
        d_scale, d_shift = wires.gradient[..., :d], wires.gradient[..., d:]
        return NormArrays(
            wires.X,
            wires.Y,
            wires.dX,
            wires.dY,
            scale,
            shift,
            d_scale,
            d_shift,
            running=rows(wires.statistics),
            measured=rows(wires.measured),
        )

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return self.norm.reference(X, tensors, xp)

    def formulas(self) -> Mapping[str, str]:
        """As the record states them."""
        return {
            "Y": f"norm({{X}}), {self.norm.evaluation_formula or self.norm.formula}",
            "dX": self.norm.evaluation_derivative or self.norm.derivative,
            "scale": "Σ_rows {dY} ⊙ x̂",
            "shift": "Σ_rows {dY}",
        }
