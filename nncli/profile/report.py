"""What a profile found, as plain records. All times are in seconds a step: an update, with all of its batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

DATA, UPDATE = ("rows", "noise"), ("accumulate", "penalty", "clip", "optimizer", "max norm", "average")
"""The names of the parts that get the batch, and of those that move the parameters; each in the order of a step."""


@dataclass(frozen=True)
class LayerTime:
    """A layer in its place.

    Attributes:
        block: ``layers.0``, as in the names of its tensors.
        layer: What a summary calls it.
        kind: What sort of layer it is.
        forward: Its time forward.
        backward: Its time back; None where backward does not come: nothing in front of it learns.
        forward_flops: Operations of its matrix product forward, a multiply-add being two; 0 if it has none.
        backward_flops: Of those back.
    """

    block: str
    layer: str
    kind: str
    forward: float
    backward: float | None
    forward_flops: float
    backward_flops: float

    @property
    def total(self) -> float:
        """Both ways."""
        return self.forward + (self.backward or 0.0)

    @property
    def gflops(self) -> float | None:
        """10⁹ operations a second that its products reach; None without any."""
        flops = self.forward_flops + self.backward_flops
        return flops / self.total / 1e9 if flops and self.total > 0 else None


@dataclass(frozen=True)
class Part:
    """What else a step does, by its name in ``DATA`` or ``UPDATE``, or ``statistics``."""

    name: str
    time: float


@dataclass(frozen=True)
class Trial:
    """The same training with one setting changed, measured in turn with it.

    Attributes:
        change: The override.
        step: Its time.
        ratio: Of its time for a row to that of the training as it is: the median of the rounds.
    """

    change: str
    step: float
    ratio: float


@dataclass(frozen=True)
class Profile:
    """Where the time of a step goes.

    Attributes:
        source: The name of the config.
        widths: Of the input and of every layer with a weight.
        parameters: How many numbers it learns.
        precision: float32 or float64.
        batch_size: Rows in a batch.
        accumulate: Batches in a step.
        steps_per_epoch: Steps in a pass over the training rows.
        steps: Steps of the whole training.
        optimizer: Its name.
        loss: Its name.
        threads: BLAS threads.
        cores: Cores of the machine.
        asked: The kernels of the config.
        kernels: What came of it.
        compiler: Whether numba is installed.
        loops: The operations that are bound as compiled loops.
        saved: About how much loops save, told from the size of the network; 0 if they are bound.
        measured: Steps that were measured without a clock inside.
        step: The time of a step in the training loop as it is.
        layers: Every layer, in order.
        loss_forward: The time of the loss.
        loss_backward: Of its gradient.
        parts: Whatever else a step does.
        products: The time of its bare matrix products, one after the other.
        trials: What was tried.
    """

    source: str
    widths: tuple[int, ...]
    parameters: int
    precision: str
    batch_size: int
    accumulate: int
    steps_per_epoch: int
    steps: int
    optimizer: str
    loss: str
    threads: int
    cores: int
    asked: str
    kernels: str
    compiler: bool
    loops: tuple[str, ...]
    saved: float
    measured: int
    step: float
    layers: tuple[LayerTime, ...]
    loss_forward: float
    loss_backward: float
    parts: tuple[Part, ...]
    products: float
    trials: tuple[Trial, ...]

    @property
    def clocked(self) -> float:
        """All that was measured piece by piece."""
        layers = sum(layer.total for layer in self.layers)
        return layers + self.loss_forward + self.loss_backward + sum(part.time for part in self.parts)

    @property
    def between(self) -> float:
        """What is left of the step: Python between the calls. Less than 0 where a clock inside slows the pieces."""
        return self.step - self.clocked

    @property
    def over_products(self) -> float:
        """How many times its bare matrix products a step takes."""
        return self.step / self.products

    @property
    def sharded(self) -> Trial | None:
        """What the training really does where its batches go in shards: what is looked at is one in one piece."""
        return next((trial for trial in self.trials if trial.change.startswith("training.shards")), None)

    def part(self, name: str) -> float:
        """The time of the part of that name; 0 if there is none."""
        return sum(part.time for part in self.parts if part.name == name)

    def to_json(self) -> dict[str, Any]:
        """Every figure, as plain data of strict JSON."""
        found = asdict(self)
        for layer, record in zip(self.layers, found["layers"], strict=True):
            record["gflops"] = layer.gflops
        return found | {
            "unit": "seconds a step",
            "between": self.between,
            "over_products": self.over_products,
            "products_share": self.products / self.step,
        }


def time_text(seconds: float) -> str:
    """As a person says it, in the unit of a step.

    >>> time_text(14.21e-6), time_text(15.3084e-3)
    ('14.2 µs', '15,308 µs')
    """
    microseconds = seconds * 1e6
    return f"{microseconds:.1f} µs" if microseconds < 999.5 else f"{microseconds:,.0f} µs"
