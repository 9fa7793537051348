"""A network: a chain of layers, a loss, one flat parameter vector; bound to arrays, it runs batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Layer, Wires
from nncli.engine.losses import Loss
from nncli.engine.parameters import Layout
from nncli.engine.penalties import Penalty


@dataclass(frozen=True)
class Stage:
    """A layer in its place: the block that it belongs to (``layers.0``) and the number of its inputs."""

    block: str
    layer: Layer
    inputs: int

    @property
    def outputs(self) -> int:
        """The number of its outputs."""
        return self.layer.width(self.inputs)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.block}.{self.layer.kind}"


class Network:
    """The mathematics of one network. It holds no parameters: they are handed in as one flat vector.

    Args:
        inputs: The number of features.
        layers: (block name, layer) in order.
        loss: What follows the last layer.
        link: The activation that turns the last layer's output into predictions, when ``loss`` has taken that
            activation in (``Loss.fused``); None when the last layer gives the predictions itself.
    """

    def __init__(
        self, inputs: int, layers: list[tuple[str, Layer]], loss: Loss, link: Activation | None = None
    ) -> None:
        stages = []
        width = inputs
        for block, layer in layers:
            stages.append(Stage(block, layer, width))
            width = stages[-1].outputs
        self.inputs = inputs
        self.outputs = width
        self.stages = tuple(stages)
        self.loss = loss
        self.link = link

    @cached_property
    def layout(self) -> Layout:
        """The names and places of all parameters."""
        return Layout(
            (f"{stage.block}.{parameter.name}", parameter)
            for stage in self.stages
            for parameter in stage.layer.parameters(stage.inputs)
        )

    def penalties(self) -> list[tuple[str, Penalty]]:
        """(tensor name, penalty) of every weight that has one."""
        return [
            (f"{stage.block}.{parameter.name}", stage.layer.penalty)
            for stage in self.stages
            for parameter in stage.layer.parameters(stage.inputs)
            if stage.layer.penalty and parameter.role == "weight"
        ]

    def overwrites_input(self, i: int) -> bool:
        """Whether stage ``i`` may write its output over its input: nobody needs the input afterwards."""
        return i > 0 and self.stages[i].layer.in_place and not self.stages[i - 1].layer.keeps_output

    def ones_wanted_after(self, i: int) -> bool:
        """Whether whoever reads the output of stage ``i`` wants a column of ones beside it."""
        for reader in range(i + 1, len(self.stages)):
            if not self.overwrites_input(reader):
                return self.stages[reader].layer.takes_ones
        return False

    def initialize(self, rng: Generator, dtype: DTypeLike) -> Array:
        """Draw the initial parameter vector (size,)."""
        theta = np.zeros(self.layout.size)
        views = self.layout.views(theta)
        for stage in self.stages:
            names = [parameter.name for parameter in stage.layer.parameters(stage.inputs)]
            stage.layer.initialize({name: views[f"{stage.block}.{name}"] for name in names}, rng)
        return theta.astype(dtype)

    def bind(
        self, theta: Array, gradient: Array, n: int, *, inputs: Array | None = None, input_gradient: bool = False
    ) -> Bound:
        """Allocate everything that a batch of ``n`` rows needs, and return the functions that run it.

        Args:
            theta: The parameters (..., size); leading axes are independent copies of the network, run side by side.
            gradient: Where the gradient goes, of the shape of ``theta``.
            n: Rows in a batch.
            inputs: An array (..., n, inputs + 1) to read batches from, with ones in its last column; allocated
                when not given.
            input_gradient: Whether backward computes the gradient of the input, too.
        """
        return Bound(self, theta, gradient, n, inputs, input_gradient)


class Bound:
    """A network bound to a batch size, a precision and a parameter vector.

    Fill ``inputs`` (but for its last column, of ones) and ``targets``, then call ``forward``, ``loss``, ``backward``.
    None of them allocates anything that grows with the batch or the network.

    Attributes:
        inputs: (..., n, d + 1), the batch, row by row in memory, as rows are gathered.
        targets: (n,) class codes or (n, k) values, as the loss wants them.
        outputs: (..., n, k), what the last layer gives.
        losses: (..., n), the loss of each row, after ``loss``.
        input_gradient: (..., n, d), after ``backward``, if it was asked for.
        signals: (name, array) of the input and every layer's output, in order. A layer that works in place has
            written over its input.
    """

    def __init__(
        self, network: Network, theta: Array, gradient: Array, n: int, inputs: Array | None, input_gradient: bool
    ) -> None:
        buffers = Buffers(theta.dtype)
        lead = theta.shape[:-1]
        self.network, self.theta, self.gradient, self.n = network, theta, gradient, n
        self.inputs = np.ones((*lead, n, network.inputs + 1), theta.dtype) if inputs is None else inputs
        self.input_gradient = buffers.keep((*lead, n, network.inputs)) if input_gradient else None
        self.signals: list[tuple[str, Array]] = [("input", self.inputs[..., :-1])]
        self._forward: list[Step] = []
        self._backward: list[Step] = []

        signal, slope = self.inputs, self.input_gradient
        end = 0
        for i, stage in enumerate(network.stages):
            layer, shape = stage.layer, (*lead, n, stage.outputs)
            start, end = end, end + sum(p.size for p in layer.parameters(stage.inputs))
            overwrites = network.overwrites_input(i)
            output = signal if overwrites else _signal(lead, n, stage.outputs, network.ones_wanted_after(i), buffers)
            wires = Wires(
                X=signal if layer.takes_ones else signal[..., : stage.inputs],
                Y=output[..., : stage.outputs],
                dX=slope,
                dY=slope if layer.passes_gradient and slope is not None else buffers.keep(shape),
                theta=theta[..., start:end],
                gradient=gradient[..., start:end],
            )
            run, back = layer.bind(wires, buffers)
            self._forward.append(run)
            self._backward.insert(0, back)
            self.signals.append((stage.name, wires.Y))
            signal, slope = output, wires.dY
        self.outputs = self.signals[-1][1]
        self.losses = np.zeros((*lead, n), theta.dtype)
        self.targets = (
            np.zeros(n, np.intp)
            if network.loss.targets == "codes"
            else np.zeros(self.outputs.shape[-2:], theta.real.dtype)
        )
        # A network without layers has nowhere to send the gradient: that is refused where networks are built.
        assert slope is not None
        self._loss, self._slope_of_loss = network.loss.bind(
            self.outputs, self.targets, self.losses, slope, 1 / n, buffers
        )
        weights, slopes = network.layout.views(theta), network.layout.views(gradient)
        bound = [penalty.bind(weights[name], slopes[name], buffers) for name, penalty in network.penalties()]
        self._penalties: list[Callable[[], Array]] = [value for value, _ in bound]
        self._backward += [add for _, add in bound]

    def forward(self) -> None:
        """Run the batch through every layer."""
        for run in self._forward:
            run()

    def loss(self) -> Array:
        """The mean loss of the batch, after ``forward``: a scalar for each copy (...), without penalties."""
        self._loss()
        return np.add.reduce(self.losses, axis=-1) / self.n  # type: ignore[no-any-return]

    def penalty(self) -> Array:
        """The sum of all penalties on the parameters, a scalar for each copy (...)."""
        return sum((value() for value in self._penalties), start=np.zeros(self.theta.shape[:-1], self.theta.dtype))

    def backward(self) -> None:
        """Write the gradient of ``loss() + penalty()`` to ``gradient``, after ``loss``; twice gives the same bits."""
        self._slope_of_loss()
        for back in self._backward:
            back()

    def first_not_finite(self) -> str | None:
        """The first tensor, in the order of computation, that holds a NaN or an infinity."""
        parameters = self.network.layout.views(self.theta).items()
        for name, array in (*parameters, *self.signals, ("loss", self.losses)):
            if not np.isfinite(array).all():
                return name
        return None


def _signal(lead: tuple[int, ...], n: int, width: int, ones: bool, buffers: Buffers) -> Array:
    """An array for n rows of a signal, with a last column of ones if the next layer takes one."""
    array = buffers.keep((*lead, n, width + ones))
    if ones:
        array[..., -1] = 1
    return array
