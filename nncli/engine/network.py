"""A network: a chain of layers, a loss, one flat parameter vector; bound to arrays, it runs batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, StandIns, Step, buffers_like
from nncli.engine.constraints import MaxNorm
from nncli.engine.layers import Layer, Wires
from nncli.engine.losses import Loss
from nncli.engine.parameters import Layout, Parameter, Weights
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.engine.stages import BoundStage, Stage
from nncli.engine.weights import weighted as weigh

INPUT, LOSS, PENALTY = "input", "loss", "penalty"
"""Whose arrays they are that belong to no block of the config (``Buffers.owner``).

What is done to the input in front of the first block is a block of its own, INPUT, too.
"""


class Network:
    """The mathematics of one network. It holds no parameters: they are handed in as one flat vector.

    Args:
        inputs: The number of features.
        layers: (block name, layer) in order.
        loss: What follows the last layer.
        link: The activation that turns the last layer's output into predictions, when ``loss`` has taken that
            activation in (``Loss.fuse``); None when the last layer gives the predictions itself.
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

    @cached_property
    def statistics(self) -> Layout:
        """The names and places of all running statistics, which lie in a vector of their own."""
        return Layout(
            (f"{stage.block}.{statistic.name}", statistic)
            for stage in self.stages
            for statistic in stage.layer.statistics(stage.inputs)
        )

    def tensors(self, weights: Weights) -> dict[str, Array]:
        """Every parameter and every running statistic by name, as views."""
        return self.layout.views(weights.theta) | self.statistics.views(weights.statistics)

    @property
    def least_rows(self) -> int:
        """The fewest rows that a batch of the training may have."""
        return max((stage.layer.least_rows for stage in self.stages), default=1)

    def penalties(self) -> list[tuple[str, Penalty]]:
        """(tensor name, penalty) of every weight that has one."""
        return [(name, layer.penalty) for name, layer in self._weights() if layer.penalty]

    def constraints(self) -> list[tuple[str, MaxNorm]]:
        """(tensor name, constraint) of every weight that has one."""
        return [(name, layer.constraint) for name, layer in self._weights() if layer.constraint is not None]

    def _weights(self) -> Iterator[tuple[str, Layer]]:
        """The name of every weight, with the layer that it is of."""
        for stage in self.stages:
            for parameter in stage.layer.parameters(stage.inputs):
                if parameter.penalized:
                    yield f"{stage.block}.{parameter.name}", stage.layer

    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where the parameters of each stage lie in the flat vector."""
        return _places([stage.layer.parameters(stage.inputs) for stage in self.stages])

    @cached_property
    def statistics_places(self) -> tuple[slice, ...]:
        """Where the running statistics of each stage lie in theirs."""
        return _places([stage.layer.statistics(stage.inputs) for stage in self.stages])

    @property
    def noisy(self) -> bool:
        """Whether any of its layers draws random numbers in the training."""
        return any(stage.layer.noise(stage.inputs) for stage in self.stages)

    def after(self, i: int) -> Network:
        """What comes behind stage ``i``, as a network of its own; its parameters are the rest of the flat vector."""
        rest = self.stages[i + 1 :]
        return Network(self.stages[i].outputs, [(stage.block, stage.layer) for stage in rest], self.loss, self.link)

    def of_last_batch(self) -> Network:
        """The same, but that running statistics are those of the last batch: for a training on all rows at once."""
        layers = [(stage.block, stage.layer.of_last_batch()) for stage in self.stages]
        return Network(self.inputs, layers, self.loss, self.link)

    def overwrites_input(self, i: int) -> bool:
        """Whether stage ``i`` may write its output over its input: nobody needs the input afterwards."""
        return i > 0 and self.stages[i].layer.in_place and not self.stages[i - 1].layer.keeps_output

    def initialize(self, rng: Generator, dtype: DTypeLike) -> Array:
        """Draw the initial parameter vector (size,)."""
        theta = np.zeros(self.layout.size, dtype)
        self.fill(theta, rng)
        return theta

    def fill(self, theta: Array, rng: Generator) -> None:
        """Fill ``theta`` (size,) with initial parameters."""
        views = self.layout.views(theta)
        for stage in self.stages:
            names = [parameter.name for parameter in stage.layer.parameters(stage.inputs)]
            stage.layer.initialize({name: views[f"{stage.block}.{name}"] for name in names}, rng)

    def initial_statistics(self, dtype: DTypeLike) -> Array:
        """The running statistics before the first batch (size,)."""
        statistics = np.zeros(self.statistics.size, dtype)
        self.reset(statistics)
        return statistics

    def reset(self, statistics: Array) -> None:
        """Fill ``statistics`` (size,) with what they are before the first batch."""
        views = self.statistics.views(statistics)
        for stage in self.stages:
            names = [statistic.name for statistic in stage.layer.statistics(stage.inputs)]
            stage.layer.reset({name: views[f"{stage.block}.{name}"] for name in names})

    def weights(self, buffers: Buffers) -> Weights:
        """Room for both, not filled."""
        return Weights(buffers.keep((self.layout.size,)), buffers.keep((self.statistics.size,)))

    def initial_weights(self, rng: Generator, dtype: DTypeLike) -> Weights:
        """Both: where a training begins."""
        return Weights(self.initialize(rng, dtype), self.initial_statistics(dtype))

    def bind_constraints(self, theta: Array, buffers: Buffers) -> Step | None:
        """What puts the weights of ``theta`` right after an update, in place; None where there is no constraint."""
        views = self.layout.views(theta)
        steps = [constraint.bind(views[name], buffers) for name, constraint in self.constraints()]

        def constrain() -> None:
            for step in steps:
                step()

        return constrain if steps else None

    def bind(
        self,
        theta: Array,
        gradient: Array | None,
        n: int,
        *,
        statistics: Array | None = None,
        evaluating: bool = False,
        inputs: Array | None = None,
        input_gradient: bool = False,
        keep_signals: bool = False,
        buffers: Buffers | None = None,
        weighted: bool = False,
        of: int | None = None,
    ) -> Bound:
        """Allocate everything that a batch of ``n`` rows needs, and return the functions that run it.

        Args:
            theta: The parameters (size,).
            gradient: Where the gradient goes, of the shape of ``theta``. None to go forward alone: then there is no
                room for the gradient of anything, and backward is refused (a TypeError names a stand-in).
            n: Rows in a batch.
            statistics: The running statistics (size,); those before the first batch when not given.
            evaluating: Whether to bind the network as it predicts (nothing random, norms by their running statistics),
                and not as it trains. Backward is the derivative of that.
            inputs: An array (..., n, inputs + 1) to read batches from, with ones in its last column; allocated
                when not given. Leading axes are copies of the network that share their parameters, run side by side
                and forward alone (laid out as ``Buffers`` does it); it may be complex while ``theta`` is real.
            input_gradient: Whether backward computes the gradient of the input, too.
            keep_signals: Whether every signal stays readable after ``forward``; otherwise a layer that works in place
                writes over its input.
            buffers: Where the arrays come from, new ones when not given; ``StandIns`` tell what they would take.
            weighted: Whether each row has a weight in the loss; see ``row_weights``.
            of: How many rows the batch has, if these ``n`` are a shard of it: then the loss is their share of its mean.

        Raises:
            ValueError: A batch of so few rows cannot be trained on.
        """
        if not evaluating and n < self.least_rows:
            raise ValueError(f"needs {self.least_rows} rows in a batch of the training")
        if statistics is None:
            statistics = self.initial_statistics(theta.real.dtype)
        overwrites = [not keep_signals and self.overwrites_input(i) for i in range(len(self.stages))]
        if buffers is None:
            buffers = buffers_like(theta if inputs is None else inputs)
        weights = Weights(theta, statistics)
        return Bound(
            self, weights, gradient, n, inputs, overwrites, input_gradient, evaluating, buffers, weighted, of or n
        )


class Bound:
    """A network bound to a batch size, a precision and a parameter vector.

    Fill ``inputs`` (but for its last column, of ones), ``targets``, and ``row_weights`` if it has any, then call
    ``forward``, ``loss``, ``backward``. None of them allocates anything that grows with the batch or the network.

    Attributes:
        weights: What it is bound to; ``theta`` and ``statistics`` are its two vectors.
        inputs: (..., n, d + 1), the batch, row by row in memory, as rows are gathered.
        targets: (n,) class codes or (n, k) values, as the loss wants them.
        row_weights: (n,), what each row counts in the loss, 1 as yet; None if the binding is not weighted.
        outputs: (..., n, k), what the last layer gives.
        losses: (..., n), the loss of each row times its weight, after ``loss``.
        settles: Whether there is anything to ``settle``.
        output_gradient: (..., n, k), the gradient by ``outputs``, until backward has gone through the last layer.
        input_gradient: (..., n, d), after ``backward``, if it was asked for.
        stages: Every stage as it is bound, in order.
        backward_stages: Those that backward goes through, in its order.
        signals: (name, array) of the input and every layer's output, in order. A layer that works in place has
            written over its input, unless the signals were to be kept.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        gradient: Array | None,
        n: int,
        inputs: Array | None,
        overwrites: list[bool],
        input_gradient: bool,
        evaluating: bool,
        buffers: Buffers,
        weighted: bool,
        of: int,
    ) -> None:
        theta, statistics = weights.theta, weights.statistics
        lead = () if inputs is None else inputs.shape[:-2]
        gradients: Buffers = StandIns(buffers.dtype) if gradient is None else buffers  # nobody runs backward
        if gradient is None:
            gradient = gradients.keep(theta.shape, theta.dtype)
        self.network, self.weights, self.gradient, self.n = network, weights, gradient, n
        self._of = of
        self.theta, self.statistics = theta, statistics
        buffers.owner = INPUT
        self.inputs = buffers.rows((n, network.inputs + 1)) if inputs is None else inputs
        if inputs is None:
            self.inputs[:, -1] = 1
        self.input_gradient = gradients.keep((*lead, n, network.inputs)) if input_gradient else None
        self.signals: list[tuple[str, Array]] = [(INPUT, self.inputs[..., :-1])]
        bound: list[BoundStage] = []
        settle: list[Step | None] = []

        signal, slope, wanted = self.inputs, self.input_gradient, input_gradient
        open_forks: list[tuple[Array, Array]] = []
        room = gradients.scratch if lead else gradients.keep  # copies are run forward alone
        places = zip(network.stages, network.places, network.statistics_places, strict=True)
        for i, (stage, place, seen) in enumerate(places):
            layer, shape = stage.layer, (*lead, n, stage.outputs)
            buffers.owner = stage.block
            if overwrites[i]:
                output = signal
            else:
                # whoever reads this array may want a column of ones beside it
                reader = next((j for j in range(i + 1, len(overwrites)) if not overwrites[j]), None)
                ones = reader is not None and network.stages[reader].layer.takes_ones
                output = _signal(lead, n, stage.outputs, ones, buffers)
            dY = slope if layer.passes_gradient and slope is not None else room(shape)
            skip = d_skip = None
            if isinstance(layer, Fork):
                skip, d_skip = output[..., : stage.outputs], room(shape)
                open_forks.append((skip, d_skip))
            elif isinstance(layer, Join) and open_forks:
                skip, d_skip = open_forks.pop()
            elif isinstance(layer, Join):  # its fork lies in front of this network: what it remembered is a constant
                skip, d_skip = (buffers.keep((n, layer.d_skip), theta.dtype) for _ in range(2))
            X = signal if layer.takes_ones else signal[..., : stage.inputs]
            wires = Wires(
                X=X,
                Y=X if overwrites[i] else output[..., : stage.outputs],
                dX=slope,
                dY=dY,
                theta=theta[place],
                gradient=gradient[place],
                statistics=statistics[seen],
                measured=buffers.rows((*lead, 0 if evaluating else seen.stop - seen.start)),
                evaluating=evaluating,
                noise=() if evaluating else stage.noise(n, buffers),
                skip=skip,
                d_skip=d_skip,
            )
            bound.append(BoundStage(stage, wires, *layer.bind(wires, buffers)))
            if not evaluating and not lead:
                settle.append(layer.settle(wires, buffers))
            self.signals.append((stage.name, wires.Y))
            # in front of the first layer that learns, nobody wants a gradient but who has asked for the input's
            wanted = wanted or place.start < place.stop
            signal, slope = output, wires.dY if wanted else None
        self.stages = tuple(bound)
        self.outputs = self.signals[-1][1]
        buffers.owner = LOSS
        self.losses = buffers.rows((*lead, n))
        self.targets = (
            buffers.rows((n,), np.intp)
            if network.loss.targets == "codes"
            else buffers.rows((n, network.outputs // network.loss.outputs_per_target), theta.real.dtype)
        )
        self.output_gradient = room(self.outputs.shape) if slope is None else slope
        self._loss, self._slope_of_loss = network.loss.bind(
            self.outputs, self.targets, self.losses, self.output_gradient, 1 / of, buffers
        )
        self.row_weights = buffers.rows((n,), theta.real.dtype) if weighted else None
        if self.row_weights is not None:
            self.row_weights[...] = 1
            self._loss, self._slope_of_loss = weigh(
                self._loss, self._slope_of_loss, self.losses, self.output_gradient, self.row_weights, buffers
            )
        tensors, slopes = network.layout.views(theta), network.layout.views(gradient)
        buffers.owner = PENALTY
        penalties = [penalty.bind(tensors[name], slopes[name], buffers) for name, penalty in network.penalties()]
        self._penalties: list[Callable[[], Array]] = [value for value, _ in penalties]
        self._penalty_slopes = [add for _, add in penalties]
        self._forward = [stage.forward for stage in bound]
        first = 0 if input_gradient else next((i for i, p in enumerate(network.places) if p.stop), len(bound))
        self.backward_stages = tuple(reversed(bound[first:]))
        self._backward = [stage.backward for stage in self.backward_stages]
        self._settle = [step for step in settle if step is not None]
        self.settles = bool(self._settle)

    def draw(self, rng: Generator) -> None:
        """Fill the random arrays of all layers for another batch; until then, nothing is random."""
        for bound in self.stages:
            if bound.wires.noise:
                bound.stage.layer.draw(bound.wires.noise, rng)

    def forward(self) -> None:
        """Run the batch through every layer."""
        for run in self._forward:
            run()

    def loss(self) -> Array:
        """The mean of the batch's ``losses``, after ``forward``: a scalar for each copy (...), without penalties."""
        self._loss()
        return np.add.reduce(self.losses, axis=-1) / self._of  # type: ignore[no-any-return]

    def penalty(self) -> Array:
        """The sum of all penalties on the parameters, a scalar."""
        return sum((value() for value in self._penalties), start=np.zeros((), self.theta.dtype))

    def backward(self) -> None:
        """Write the gradient of ``loss() + penalty()`` to ``gradient``, after ``loss``; twice gives the same bits."""
        self._slope_of_loss()
        for back in self._backward:
            back()
        for add in self._penalty_slopes:
            add()

    def settle(self) -> None:
        """Move the running statistics by the batch that went forward: once for every update, bound as it trains."""
        for move in self._settle:
            move()

    # -- the same in pieces, for those who look on --

    def backward_outputs(self) -> None:
        """Write the gradient of ``loss()`` by the outputs to ``output_gradient``; the stages can take it from there."""
        self._slope_of_loss()

    def backward_loss(self) -> None:
        """Write the gradient of ``loss()`` alone to ``gradient``, after ``loss``."""
        self.backward_outputs()
        for back in self._backward:
            back()

    def add_penalties(self) -> None:
        """Add the gradient of ``penalty()`` to ``gradient``."""
        for add in self._penalty_slopes:
            add()

    def backward_penalty(self) -> None:
        """Write the gradient of ``penalty()`` alone to ``gradient``."""
        self.gradient[...] = 0
        self.add_penalties()

    def first_not_finite(self) -> str | None:
        """The first tensor, in the order of computation, that holds a NaN or an infinity."""
        tensors = self.network.tensors(self.weights).items()
        for name, array in (*tensors, *self.signals, ("loss", self.losses)):
            if not np.isfinite(array).all():
                return name
        return None


def _places(tensors: list[tuple[Parameter, ...]]) -> tuple[slice, ...]:
    """For the tensors of each stage, where they lie in a vector that holds all, one after the other."""
    sizes = [sum(tensor.size for tensor in some) for some in tensors]
    return tuple(slice(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True))


def _signal(lead: tuple[int, ...], n: int, width: int, ones: bool, buffers: Buffers) -> Array:
    """An array for n rows of a signal, with a last column of ones if the next layer takes one."""
    array = buffers.keep((*lead, n, width + ones))
    if ones:
        array[..., -1] = 1
    return array
