"""How much faster gradcheck's complex step is than one forward pass for each entry, both of them in turn.

    OPENBLAS_NUM_THREADS=1 python benchmarks/gradcheck.py

Both take the derivative of the loss by every parameter of a network on random rows, with the engine's own forward pass
at complex128; they must agree to 1e-12.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from nncli.engine.activations import Relu, Softmax
from nncli.engine.buffers import Array
from nncli.engine.layers import Activate, Dense, Layer
from nncli.engine.losses import CrossEntropyOfSoftmax
from nncli.engine.network import Network
from nncli.gradcheck.complex_step import STEP, complex_step
from nncli.gradcheck.copies import Point


def main() -> None:
    """Print the median times and the median of the rounds' ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="64-64-32-10", help="units of every layer, the input's first")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split("-")]
    print(f"{options.sizes}: milliseconds for every parameter; median (fastest to slowest) of {options.rounds} rounds")
    for rows in (1, 8, 32):
        point = at(sizes, rows)
        pairs = [(timed(one_pass_an_entry, point), timed(all_at_once, point)) for _ in range(options.rounds)]
        ratio = statistics.median(slow / quick for slow, quick in pairs)
        slow, quick = ([pair[i] for pair in pairs] for i in (0, 1))
        print(
            f"{rows:>3} rows, {point.theta.size:,} parameters: one pass an entry {spread(slow)}, "
            f"together {spread(quick)}, ratio {ratio:.1f}"
        )


def at(sizes: list[int], rows: int) -> Point:
    """A relu network with softmax cross-entropy, and random rows."""
    layers: list[tuple[str, Layer]] = []
    for i, units in enumerate(sizes[1:]):
        layers += [(f"layers.{i}", Dense(units)), (f"layers.{i}", Activate(Relu()))]
    network = Network(sizes[0], layers[:-1], CrossEntropyOfSoftmax(), Softmax())
    rng = np.random.default_rng(0)
    inputs = np.ones((rows, sizes[0] + 1))
    inputs[:, :-1] = rng.normal(size=(rows, sizes[0]))
    theta = network.initialize(rng, np.float64) + 1e-3 * rng.normal(size=network.layout.size)
    point = Point(network, theta, inputs, rng.integers(0, sizes[-1], rows))
    wanted = one_pass_an_entry(point)
    assert np.abs(all_at_once(point) - wanted).max() < 1e-12 * np.abs(wanted).max()
    return point


def one_pass_an_entry(point: Point) -> Array:
    """What a textbook does: move an entry, run the network, take the imaginary part."""
    batch = point.bind(dtype=np.complex128)
    slopes = np.zeros(point.theta.size)
    for entry in range(point.theta.size):
        batch.theta[entry] += 1j * STEP
        batch.forward()
        slopes[entry] = batch.loss().imag / STEP
        batch.theta[entry] = point.theta[entry]
    return slopes


def all_at_once(point: Point) -> Array:
    """What gradcheck does, stage by stage."""
    fresh = Point(point.network, point.theta, point.inputs, point.targets)  # nothing remembered from the last round
    places = [(i, place) for i, place in enumerate(point.network.places) if place.stop > place.start]
    sizes = [(i, np.arange(place.stop - place.start)) for i, place in places]
    return np.concatenate([complex_step(fresh, i, entries, lambda done: None).loss for i, entries in sizes])


def timed(run: Callable[[Point], Array], point: Point) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    run(point)
    return 1e3 * (time.perf_counter() - began)


def spread(times: list[float]) -> str:
    """Median, fastest and slowest."""
    return f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"


if __name__ == "__main__":
    main()
