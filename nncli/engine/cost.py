"""What a step costs, told from shapes alone: its matrix products, and how long loops may be worth compiling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nncli.engine.network import Network

THREAD = 8_000_000
"""Multiply-adds of a matrix product that are worth a thread of BLAS. Fewer would be, too (with 1,000,000 a product
takes three quarters of its time on two threads), if the machine had nothing else to do: threads of BLAS wait for each
other awake, and beside another busy program a product may last as long as a turn of the scheduler, milliseconds."""
SHARD = 5_000_000
"""Multiply-adds of a step that are worth a shard: a tenth of a millisecond, several times what it takes to meet."""
SHARD_ROWS, MANY_ROWS = 32, 256
"""Rows that a shard has at the least, and where there are more than two of them: each brings a gradient to be added."""
MOST_SHARDS = 8
SHARD_PARAMETER = 256
"""Multiply-adds of a step for each parameter that are worth a shard: a gradient more is to be added, from the cache of
another core. 784-128-10 in batches of 64 (128 for each parameter) gains nothing by two shards."""
SHARD_PARAMETERS = 1_000_000
"""Above so many, several gradients no longer stay in the caches, and adding them takes what shards save; the matrix
products are then large enough for threads of BLAS."""
CALLS = 15e-6
"""Seconds a step that loops save, however small the network is: fewer calls."""
PASSES = 1.4e-9
"""Seconds a step that they save for each parameter: fewer passes over the vectors of the optimizer."""
COMPILING = 1.0
"""Seconds that it takes to compile the loops (0.4 to load them another time)."""


@dataclass(frozen=True)
class Product:
    """A matrix of weights and the products of a step that it is in: Z = X W, dW = Xᵀ dZ, and dX = dZ Wᵀ if wanted.

    Attributes:
        block: Where it is.
        n: Rows of a batch.
        inner: Rows of W, the bias among them.
        units: Columns of W.
        back: Whether anybody wants dX; its columns are those of W without the bias.
        bias: Whether the last row of W is a bias.
        pieces: How many there are in its place, of so many shares of its rows.
    """

    block: str
    n: int
    inner: int
    units: int
    back: bool
    bias: bool
    pieces: int = 1

    @property
    def multiply_adds(self) -> int:
        """Of the product forward; the two back are about the same each."""
        return self.n * self.inner * self.units

    @property
    def step(self) -> int:
        """Multiply-adds of all of them."""
        return 2 * self.multiply_adds + self.back * self.n * (self.inner - self.bias) * self.units


def products(network: Network, n: int) -> Iterator[Product]:
    """Those of a step of ``n`` rows, in order."""
    learned = False
    for stage in network.stages:
        ones = stage.layer.takes_ones
        for parameter in stage.layer.parameters(stage.inputs):
            if parameter.role == "weight":
                rows, units = parameter.shape
                yield Product(stage.block, n, rows + ones, units, learned, ones, stage.layer.products)
        learned = learned or bool(stage.layer.parameters(stage.inputs))


def threads_worth(network: Network, n: int) -> int:
    """How many threads BLAS can use in the largest product of a step of ``n`` rows, were there cores enough."""
    largest = max((product.multiply_adds // product.pieces for product in products(network, n)), default=0)
    return max(1, largest // THREAD)


def shards_worth(network: Network, n: int) -> int:
    """In how many shards a batch of ``n`` rows goes, a power of 2; one, if its rows heed each other.

    It follows from shapes alone, so that the bits are the same on any number of cores.
    """
    if network.least_rows > 1 or network.layout.size > SHARD_PARAMETERS:
        return 1
    work = sum(product.step for product in products(network, n))
    fitting = [1]
    for shards in (2, 4, MOST_SHARDS):
        enough = max(shards * SHARD, (shards - 1) * SHARD_PARAMETER * network.layout.size)
        if work >= enough and n >= shards * (SHARD_ROWS if shards == 2 else MANY_ROWS):
            fitting.append(shards)
    return fitting[-1]


def saved_by_loops(network: Network, steps: int) -> float:
    """About how many seconds compiled loops save in ``steps`` steps, or fewer, when they are compiled already."""
    return steps * (CALLS + PASSES * network.layout.size)
