"""What is trained: six networks, from one where only the calls count to one where only the matrix products do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True)
class Case:
    """A network, its data and its descent; relu between the layers, float32 throughout.

    Attributes:
        name: What it is called.
        widths: Units of every layer, the input's first.
        batch: Rows in a step.
        steps: Steps in an epoch. There are ``batch * steps`` rows: only whole batches, so that JAX can scan an epoch.
        loss: Softmax cross-entropy, or the mean squared error of a linear output.
        optimizer: Adam with its usual settings, or plain gradient descent.
        learning_rate: Constant.
        tolerance: How far the loss of a contestant may be from nncli's after the checked steps, as a share of what
            these steps gained. Each is above what rounding does, and the place that scikit-learn and Keras give to
            Adam's epsilon (measured: to 2e-3 for deep, 4e-4 for wide, 4e-5 for mnist, 8e-6 for the others), and below
            what faults do (measured: a learning rate 5 % lower, the epochs' orders exchanged, the second order
            reversed, the first bias left out).
        one_thread: Whether peers are tried on one thread, too; hopeless where the products are large.
    """

    name: str
    widths: tuple[int, ...]
    batch: int
    steps: int
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    tolerance: float = 1e-4
    one_thread: bool = True

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(inputs, units) of every dense layer."""
        return list(pairwise(self.widths))

    @property
    def title(self) -> str:
        """Its sizes in a line."""
        hidden = list(self.widths)
        same = len(hidden) > 5 and len(set(hidden[1:-1])) == 1
        sizes = f"{hidden[0]}-{len(hidden) - 2}x{hidden[1]}-{hidden[-1]}" if same else "-".join(map(str, hidden))
        return f"{sizes}, batch {self.batch}, {self.optimizer}"


# As many rows as the data sets of these names have, so that what a contestant does once an epoch counts as it counts
# there. Those of mnist and wide do not fit into a cache: a gather fetches them from memory.
CASES = {
    case.name: case
    for case in (
        Case("iris", (4, 16, 3), batch=16, steps=9),
        Case("digits", (64, 64, 32, 10), batch=32, steps=56),
        Case("mnist", (784, 128, 10), batch=64, steps=937, tolerance=2e-4),
        Case("wide", (784, 1024, 1024, 10), batch=256, steps=64, tolerance=1e-3, one_thread=False),
        Case("deep", (64, *[128] * 8, 10), batch=128, steps=256, tolerance=3e-3),
        Case(
            "regression",
            (32, 256, 256, 1),
            batch=1024,
            steps=64,
            loss="mse",
            optimizer="sgd",
            learning_rate=1e-2,
            tolerance=1e-5,
        ),
    )
}
