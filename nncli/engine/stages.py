"""Layers in their places within a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Layer, Wires


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

    def noise(self, n: int, buffers: Buffers) -> tuple[Array, ...]:
        """The random arrays of its layer for batches of ``n`` rows, quiet as yet."""
        dtype = np.zeros(0, buffers.dtype).real.dtype
        arrays = tuple(buffers.keep((n, width), dtype) for width in self.layer.noise(self.inputs))
        self.layer.quiet(arrays)
        return arrays


@dataclass(frozen=True)
class BoundStage:
    """A stage with its arrays, and the two functions that work on them."""

    stage: Stage
    wires: Wires
    forward: Step
    backward: Step
