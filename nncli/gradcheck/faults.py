"""A catalogue of mistakes that people make in a backward pass, to be planted into one: does gradcheck find them?

A fault changes what one piece of a network (a layer, the loss, a penalty) does in ``backward``, and nothing else: the
forward pass, the parameters, the formulas stay those of the piece. Each fault is one record. ``plant`` puts it into a
copy of a network, where it fits; of several fitting layers it takes the middle one, so that layers stand before and
behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from nncli.engine.buffers import Array, Step
from nncli.engine.embeddings import Embedding, Periodic
from nncli.engine.layers import Activate, Dense, Layer, Normalize, Wires
from nncli.engine.losses import Loss
from nncli.engine.network import Network
from nncli.engine.noise import Dropout
from nncli.engine.parameters import Layout
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork
from nncli.engine.stages import Stage
from nncli.registry import Registry

Piece = TypeVar("Piece")


class Fault(ABC):
    """A mistake in a backward pass. Subclasses are final and registered."""

    name: ClassVar[str]
    formula: ClassVar[str]
    """What is done in place of what."""
    sits_in: ClassVar[str]
    """Where it fits, in words."""

    @abstractmethod
    def plant(self, network: Network) -> Network | None:
        """A copy of ``network`` with the fault in it; None where it does not fit."""


registry: Registry[Fault] = Registry("fault")


def _spoiled(piece: Piece, spoil: Callable[..., Step]) -> Piece:
    """A copy of ``piece`` whose backward step is ``spoil(*what it was bound to, backward)``."""
    whole = type(piece)

    def bind(self: Any, *arrays: Any) -> tuple[Any, Step]:
        forward, backward = whole.bind(self, *arrays)  # type: ignore[attr-defined]
        return forward, spoil(*arrays, backward)

    copy: Piece = object.__new__(type(whole.__name__, (whole,), {"bind": bind}))
    copy.__dict__.update(piece.__dict__)
    return copy


def _slopes(layer: Layer, wires: Wires) -> dict[str, Array]:
    """The gradient of a layer by the names of its parameters."""
    return Layout((p.name, p) for p in layer.parameters(wires.X.shape[-1])).views(wires.gradient)


class LayerFault(Fault):
    """A fault of one layer."""

    @abstractmethod
    def fits(self, layer: Layer) -> bool:
        """Whether ``layer`` can have it."""

    def shows(self, stage: Stage) -> bool:
        """Whether it makes any difference in this place."""
        return True

    @abstractmethod
    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        """What is done in place of ``backward``."""

    def plant(self, network: Network) -> Network | None:
        fitting = [i for i, stage in enumerate(network.stages) if self.fits(stage.layer) and self.shows(stage)]
        if not fitting:
            return None
        guilty = fitting[len(fitting) // 2]

        def layer_of(i: int) -> Layer:
            layer = network.stages[i].layer
            if i != guilty:
                return layer
            return _spoiled(layer, lambda wires, buffers, backward: self.spoil(layer, wires, backward))

        layers = [(stage.block, layer_of(i)) for i, stage in enumerate(network.stages)]
        return Network(network.inputs, layers, network.loss, network.link)


class DenseFault(LayerFault):
    """A fault of a dense layer."""

    sits_in = "a dense layer"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Dense)


class LossFault(Fault):
    """A fault of the loss."""

    sits_in = "the loss"

    def fits(self, loss: Loss) -> bool:
        """Whether ``loss`` can have it."""
        return True

    @abstractmethod
    def spoil(self, P: Array, Y: Array, D: Array, backward: Step) -> Step:
        """What is done in place of ``backward``."""

    def plant(self, network: Network) -> Network | None:
        if not self.fits(network.loss):
            return None
        loss = _spoiled(network.loss, lambda P, Y, L, D, scale, buffers, backward: self.spoil(P, Y, D, backward))
        layers = [(stage.block, stage.layer) for stage in network.stages]
        return Network(network.inputs, layers, loss, network.link)


class PenaltyFault(Fault):
    """A fault of the penalties."""

    sits_in = "a penalty (regularization)"

    @abstractmethod
    def spoil(self, penalty: Penalty, W: Array, G: Array, backward: Step) -> Step:
        """What is done in place of ``backward``, which adds to ``G``."""

    def plant(self, network: Network) -> Network | None:
        if not network.penalties():
            return None

        def layer_of(layer: Layer) -> Layer:
            if not layer.penalty:
                return layer
            penalty = layer.penalty
            spoiled = _spoiled(penalty, lambda W, G, buffers, backward: self.spoil(penalty, W, G, backward))
            copy: Layer = object.__new__(type(layer))
            copy.__dict__.update(layer.__dict__ | {"penalty": spoiled})
            return copy

        layers = [(stage.block, layer_of(stage.layer)) for stage in network.stages]
        return Network(network.inputs, layers, network.loss, network.link)


@registry.register
class Factor(DenseFault):
    """A gradient that is too large by a thousandth."""

    name = "factor_1.001"
    formula = "dW, db ← 1.001·dW, 1.001·db"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            wires.gradient[...] *= 1.001

        return wrong


@registry.register
class OneEntry(DenseFault):
    """A single entry that is too large by a thousandth: the last of a weight."""

    name = "one_entry"
    formula = "the last entry of dW ← 1.001 times itself"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        last = wires.gradient.reshape(-1, wires.dY.shape[-1])[wires.X.shape[-1] - 1 - layer.takes_ones]

        def wrong() -> None:
            backward()
            last[-1] *= 1.001

        return wrong


@registry.register
class SignFlip(DenseFault):
    """The gradient that is handed on has the wrong sign."""

    name = "sign_flip"
    formula = "dX ← −dX"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            if wires.dX is not None:
                np.negative(wires.dX, out=wires.dX)

        return wrong


@registry.register
class TransposedWeight(DenseFault):
    """The weight is read along its other axis."""

    name = "transposed_weight"
    formula = "dX ← dZ V, V the numbers of W read as (units, d_in)"
    sits_in = "a dense layer whose weight has several rows and several columns"

    def shows(self, stage: Stage) -> bool:
        return stage.inputs > 1 and stage.outputs > 1

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            if wires.dX is not None:
                units, d_in = wires.dY.shape[-1], wires.dX.shape[-1]
                wires.dX[...] = wires.dY @ wires.theta[: units * d_in].reshape(units, d_in)

        return wrong


@registry.register
class ZeroedBias(DenseFault):
    """The bias is never told to move."""

    name = "zeroed_bias"
    formula = "db ← 0"
    sits_in = "a dense layer with a bias"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Dense) and layer.bias

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            wires.gradient[-wires.dY.shape[-1] :] = 0

        return wrong


@registry.register
class OffByOneBatch(DenseFault):
    """The sum over the rows begins with the second."""

    name = "off_by_one_batch"
    formula = "dW ← X[1:]ᵀ dZ[1:]"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            matrix = wires.gradient.reshape(wires.X.shape[-1], -1)
            np.matmul(wires.X[1:].T, wires.dY[1:], out=matrix)

        return wrong


@registry.register
class SinglePrecision(DenseFault):
    """Half of the digits are lost on the way."""

    name = "single_precision"
    formula = "dW, db ← rounded to float32"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            wires.gradient[...] = wires.gradient.astype(np.float32)

        return wrong


@registry.register
class Accumulated(DenseFault):
    """A gradient is added to what the pass before left; the first pass is right."""

    name = "accumulated"
    formula = "dW, db ← dW, db + those of the pass before"

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        before = np.zeros_like(wires.gradient)

        def wrong() -> None:
            backward()
            wires.gradient[...] += before
            before[...] = wires.gradient

        return wrong


@registry.register
class ForgottenDerivative(LayerFault):
    """The activation is passed over on the way back."""

    name = "forgotten_derivative"
    formula = "dZ ← dA"
    sits_in = "an activation"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Activate)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        return lambda: None


@registry.register
class WrongMask(LayerFault):
    """The units that are on are taken from the row before."""

    name = "wrong_relu_mask"
    formula = "dz_ij ← dA_ij·[a_i−1,j > 0]"
    sits_in = "a rectifier (an activation with a kink at 0)"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Activate) and 0.0 in layer.activation.kinks

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            wires.dY[...] *= np.roll(wires.Y > 0, 1, axis=0)

        return wrong


class NormFault(LayerFault):
    """A term that is missing in the derivative of a norm: its μ or its σ is taken for a constant."""

    sits_in = "a norm"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Normalize)

    @abstractmethod
    def term(self, dX_hat: Array, X_hat: Array, mean: Callable[[Array], Array]) -> Array:
        """σ times what is missing; ``mean`` is over what is normalized together."""

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        assert isinstance(layer, Normalize)
        norm = layer.norm
        if wires.evaluating and norm.statistics:  # there they are constants
            return backward
        scale, shift = wires.theta.reshape(2, -1)

        def mean(array: Array) -> Array:
            return np.asarray(array.mean(axis=norm.axis, keepdims=True))

        def wrong() -> None:
            backward()
            if wires.dX is None:
                return
            X_hat, dX_hat = (wires.Y - shift) / scale, wires.dY * scale
            times_sigma = dX_hat - mean(dX_hat) - X_hat * mean(dX_hat * X_hat)
            # the norm keeps its σ to itself: it is how much smaller what it handed on is than this
            per_sigma = mean(wires.dX * times_sigma) / mean(times_sigma * times_sigma)
            wires.dX[...] += self.term(dX_hat, X_hat, mean) * per_sigma

        return wrong


@registry.register
class NormWithoutMean(NormFault):
    """The mean that a norm takes off its input is forgotten on the way back."""

    name = "norm_without_mean"
    formula = "dX ← dX without the term of ∂μ/∂X"

    def term(self, dX_hat: Array, X_hat: Array, mean: Callable[[Array], Array]) -> Array:
        return mean(dX_hat)


@registry.register
class NormWithoutVariance(NormFault):
    """The deviation that a norm divides its input by is taken for a constant on the way back."""

    name = "norm_without_variance"
    formula = "dX ← dX without the term of ∂σ/∂X"

    def term(self, dX_hat: Array, X_hat: Array, mean: Callable[[Array], Array]) -> Array:
        return X_hat * mean(dX_hat * X_hat)


@registry.register
class EvaluatedAsTrained(LayerFault):
    """A norm that goes by its running statistics is differentiated as if they depended on the batch."""

    name = "evaluated_as_trained"
    formula = "as it predicts, dX ← dX less the terms of ∂μ/∂X and ∂σ/∂X"
    sits_in = "a norm with running statistics"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Normalize) and bool(layer.norm.statistics)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        if not wires.evaluating:
            return backward
        scale, shift = wires.theta.reshape(2, -1)

        def wrong() -> None:
            backward()
            if wires.dX is not None:
                X_hat = (wires.Y - shift) / scale
                wires.dX[...] -= wires.dX.mean(axis=0) + X_hat * (wires.dX * X_hat).mean(axis=0)

        return wrong


@registry.register
class ForgottenMask(LayerFault):
    """Dropout drops on the way forward alone."""

    name = "forgotten_dropout_mask"
    formula = "dX ← dY"
    sits_in = "dropout"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Dropout)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        return lambda: None


@registry.register
class ForgottenSkip(LayerFault):
    """Of a residual block, the way around it is forgotten."""

    name = "forgotten_skip"
    formula = "dX ← what comes through the block alone"
    sits_in = "a residual block"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Fork)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        return lambda: None


@registry.register
class RepeatedCode(LayerFault):
    """Of the rows of a batch that look up the same row of a table, the last alone is heard: ``dT[codes] = dY``."""

    name = "repeated_code"
    formula = "dT[c] ← dY of the last row whose code is c"
    sits_in = "an embedding of codes"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Embedding) and bool(layer.codes)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        assert isinstance(layer, Embedding)
        code, place = layer.codes[0], layer.code_columns.places[0]
        table = _slopes(layer, wires)["table_0"]
        begin = wires.dY.shape[-1] - sum(code.units for code in layer.codes)

        def wrong() -> None:
            backward()
            for row, level in enumerate(wires.X[:, place].real.astype(int)):
                table[level] = wires.dY[row, begin : begin + code.units]

        return wrong


@registry.register
class ForgottenTurn(LayerFault):
    """The 2π of a periodic embedding is forgotten when it is differentiated."""

    name = "forgotten_2pi"
    formula = "∂C/∂frequencies ← itself over 2π"
    sits_in = "a periodic embedding"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Embedding) and isinstance(layer.numbers, Periodic)

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        frequencies = _slopes(layer, wires)["frequencies"]

        def wrong() -> None:
            backward()
            frequencies[...] /= 2 * np.pi

        return wrong


@registry.register
class MissingMean(LossFault):
    """The mean over the rows is forgotten."""

    name = "missing_mean"
    formula = "dC/dP ← n·dC/dP"

    def spoil(self, P: Array, Y: Array, D: Array, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            D[...] *= len(P)

        return wrong


@registry.register
class SoftmaxDiagonal(Fault):
    """Of softmax, only the units' own slopes are kept: its Jacobian without what is off the diagonal."""

    name = "softmax_diagonal"
    formula = "dz_j ← da_j·a_j·(1 − a_j); fused with cross-entropy, dz_j ← 0 but for the right class"
    sits_in = "softmax"

    def plant(self, network: Network) -> Network | None:
        return _SoftmaxLayer().plant(network) or _SoftmaxLoss().plant(network)


class _SoftmaxLayer(LayerFault):
    name = "softmax_diagonal"

    def fits(self, layer: Layer) -> bool:
        return isinstance(layer, Activate) and layer.activation.simplex

    def spoil(self, layer: Layer, wires: Wires, backward: Step) -> Step:
        def wrong() -> None:
            wires.dY[...] *= wires.Y * (1 - wires.Y)

        return wrong


class _SoftmaxLoss(LossFault):
    name = "softmax_diagonal"

    def fits(self, loss: Loss) -> bool:
        return loss.name == "cross_entropy of softmax"

    def spoil(self, P: Array, Y: Array, D: Array, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            D[...] *= Y[:, np.newaxis] == np.arange(P.shape[-1])

        return wrong


@registry.register
class ForgottenPenalty(PenaltyFault):
    """The penalty is in the value and not in the gradient."""

    name = "forgotten_penalty"
    formula = "dW ← dW without ∂R/∂W"

    def spoil(self, penalty: Penalty, W: Array, G: Array, backward: Step) -> Step:
        return lambda: None


@registry.register
class PenaltyFactor(PenaltyFault):
    """The half in l2/2·Σw² is forgotten when it is differentiated."""

    name = "penalty_factor"
    formula = "∂R/∂W ← 2·∂R/∂W"

    def spoil(self, penalty: Penalty, W: Array, G: Array, backward: Step) -> Step:
        def wrong() -> None:
            backward()
            backward()

        return wrong
