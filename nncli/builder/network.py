"""The network that a config describes, for data of some kind."""

from __future__ import annotations

from collections.abc import Iterator

from nncli.builder.inputs import input_layers, random_layers
from nncli.config.schema import Block, Config, Regularization
from nncli.data.preprocess import ClassEncoding, LabelEncoding, Preprocessing
from nncli.engine import activations, initializers, losses
from nncli.engine.activations import Activation
from nncli.engine.constraints import MaxNorm
from nncli.engine.initializers import Initializer
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.network import INPUT, Network
from nncli.engine.norms import Norm
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.errors import ConfigError
from nncli.text import count


def build_network(config: Config, preprocessing: Preprocessing) -> Network:
    """The network of ``config`` for data so preprocessed."""
    _refuse_one_class(config, preprocessing)
    blocks, slots = config.model.layers, preprocessing.features.slots
    layers: list[tuple[str, Layer]] = [(INPUT, layer) for layer in input_layers(config, slots)]
    inputs = width = sum(slot.width for slot in slots)
    for _, layer in layers:
        width = layer.width(width)
    for i, block in enumerate(blocks):
        last = i == len(blocks) - 1
        units = _output_units(config, preprocessing) if last else block.units
        assert units is not None  # cross_check: only the last block may leave them out
        layers += [(f"layers.{i}", layer) for layer in _layers(block, width, units, config.regularization)]
        width = units
    loss, output = config.loss.build(), blocks[-1].activation.build()
    fused = loss.fuse(output)
    if fused is not None:
        layers.pop()
        return Network(inputs, layers, fused, output)
    return Network(inputs, layers, loss)


def _layers(block: Block, inputs: int, units: int, common: Regularization) -> Iterator[Layer]:
    """What a block is made of, in order."""
    activation = block.activation.build()
    norm: Norm | None = None if block.norm is None else block.norm.build()
    initializer = _initializer(block, activation)
    penalty = Penalty(common.l1 if block.l1 is None else block.l1, common.l2 if block.l2 is None else block.l2)
    constraint = None if block.max_norm is None else MaxNorm(block.max_norm)
    bias = not (norm and norm.takes_out_bias) if block.bias == "auto" else block.bias
    if block.residual:
        yield Fork()
    yield Dense(units, bias, initializer, penalty, constraint)
    if norm is not None:
        yield Normalize(norm)
    if activation.name != "identity":
        yield Activate(activation)
    yield from random_layers(block.noise, block.dropout)
    if block.residual:
        yield Join(inputs, units, initializer, penalty, constraint)


def _initializer(block: Block, activation: Activation) -> Initializer:
    if block.initializer == "auto":
        return initializers.registry[activation.initializer]()
    initializer: Initializer = block.initializer.build()
    return initializer


def _output_units(config: Config, preprocessing: Preprocessing) -> int:
    """The width of the last block: it follows from the target, and what the config says must fit."""
    last = len(config.model.layers) - 1
    said, activation = config.model.layers[last].units, activations.registry[config.model.layers[last].activation.name]
    encoding, loss = preprocessing.target, config.loss.build()
    where = f"model.layers.{last}.units"
    if not isinstance(encoding, ClassEncoding):
        fitting, why = [len(encoding.names)], f"the target has {count(len(encoding.names), 'column')}"
        if loss.outputs_per_target > 1:
            fitting = [fitting[0] * loss.outputs_per_target]
            why += f", and {loss.name} takes {loss.outputs_per_target} outputs for each"
    else:
        k = len(encoding.classes)
        binary = k == 2 and not activation.simplex and loss.needs != "distribution"
        fitting, why = [1, 2] if binary else [k], f"the target has {k} classes"
    if said is None:
        return fitting[0]
    if said not in fitting:
        wanted = " or ".join(map(str, fitting))
        raise ConfigError([config.problem(where, f"must be {wanted} (is {said}): {why}", "or leave it out")])
    return said


def _refuse_one_class(config: Config, preprocessing: Preprocessing) -> None:
    """Several labels: a loss that takes the code of one class has nothing to say about them."""
    encoding, loss = preprocessing.target, losses.registry[config.loss.name]
    if isinstance(encoding, LabelEncoding) and loss.targets == "codes":
        message = f"{loss.name} is for one class a row, and the target has {len(encoding.names)} columns"
        remedy = "binary_cross_entropy takes each as a label on its own; or name one column in data.target"
        raise ConfigError([config.problem("loss", message, remedy)])
