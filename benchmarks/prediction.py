"""Predictions of a million rows, beside those of ONNX Runtime with the same weights, both of them in turn.

    python benchmarks/prediction.py [--sizes 20-64-64-1 ...] [--rows 1000000] [--rounds 7] [--json FILE]

Both get their rows in memory and give an array of predictions, with as many threads as there are cores. ONNX Runtime
has one call with all rows, and calls with fewer at a time; in each round its fastest counts. The predictions must
agree. It needs the packages onnx and onnxruntime.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nncli.machine import choose_products

choose_products()  # as the command does, before anybody loads NumPy

# ruff: noqa: E402
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

from nncli.engine.activations import Relu, Softmax
from nncli.engine.buffers import Array
from nncli.engine.inference import Inference, batch_rows
from nncli.engine.layers import Activate, Dense, Layer
from nncli.engine.losses import CrossEntropyOfSoftmax, MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.parameters import Weights

SIZES = ("4-16-3", "20-64-64-1", "64-64-32-10", "784-128-10", "100-512-512-10")
CALLS = (1024, 4096, 16384)
"""Rows in a call of ONNX Runtime, beside all of them."""
MOST_BYTES = 1_000_000_000
"""Of the rows of one network; with wide rows there are fewer of them."""


def main() -> None:
    """Print the median times and the median of the rounds' ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="units of every layer, the input's first")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    environment = {
        "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    print(", ".join(f"{name} {value}" for name, value in environment.items()))
    print(f"milliseconds, medians of {options.rounds} rounds; a ratio below 1: nncli is faster")
    print(f"{'network':<16}{'rows':>10}{'batch':>7}{'nncli':>9}{'ONNX Runtime':>14}{'ratio':>7}  of single rounds")
    found = []
    for text in options.sizes:
        sizes = [int(size) for size in text.split("-")]
        figures = compare(sizes, min(options.rows, MOST_BYTES // (4 * sizes[0])), options.rounds)
        found.append({"network": text, **figures})
        ratios = figures["ratios"]
        print(
            f"{text:<16}{figures['rows']:>10,}{figures['batch']:>7}{figures['nncli']:>9.1f}"
            f"{figures['onnxruntime']:>14.1f}{figures['ratio']:>7.2f}  {min(ratios):.2f} to {max(ratios):.2f}",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps({"environment": environment, "networks": found}, indent=1) + "\n")


def compare(sizes: list[int], rows: int, rounds: int) -> dict[str, Any]:
    """Both on the same rows and weights, in turn."""
    network = relu_network(sizes)
    rng = np.random.default_rng(0)
    weights = network.initial_weights(rng, np.float32)
    inputs = np.ones((rows, sizes[0] + 1), np.float32)
    inputs[:, :-1] = rng.standard_normal((rows, sizes[0]), np.float32)
    features = np.ascontiguousarray(inputs[:, :-1])
    session = onnxruntime.InferenceSession(onnx_model(network, weights), providers=["CPUExecutionProvider"])
    inference = Inference(network, weights, rows, threads=os.cpu_count() or 1)

    def ours() -> Array:
        inference.run(inputs)
        return inference.predictions

    def theirs(call: int) -> Callable[[], Array]:
        if call >= rows:
            return lambda: session.run(None, {"X": features})[0]
        P = np.empty((rows, sizes[-1]), np.float32)

        def run() -> Array:
            for i in range(0, rows, call):
                P[i : i + call] = session.run(None, {"X": features[i : i + call]})[0]
            return P

        return run

    peers = [theirs(call) for call in (*CALLS, rows)]
    with threadpool_limits(1, user_api="blas"):
        expected = ours()
        for peer in peers:  # the first pass of each, which is not counted
            np.testing.assert_allclose(peer(), expected, rtol=1e-3, atol=1e-4)
        times = [(timed(ours), min(timed(peer) for peer in peers)) for _ in range(rounds)]
    ratios = [own / other for own, other in times]
    return {
        "rows": rows,
        "batch": batch_rows(network, np.float32),
        "nncli": statistics.median(own for own, _ in times),
        "onnxruntime": statistics.median(other for _, other in times),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def relu_network(sizes: list[int]) -> Network:
    """Relu in the hidden layers; softmax at the end, or a single output as it is."""
    layers: list[tuple[str, Layer]] = []
    for i, units in enumerate(sizes[1:]):
        layers += [(f"layers.{i}", Dense(units)), (f"layers.{i}", Activate(Relu()))]
    if sizes[-1] == 1:
        return Network(sizes[0], layers[:-1], MeanSquaredError())
    return Network(sizes[0], layers[:-1], CrossEntropyOfSoftmax(), Softmax())


def onnx_model(network: Network, weights: Weights) -> bytes:
    """The same network as Gemm, Relu and Softmax."""
    tensors, nodes, signal = network.layout.views(weights.theta), [], "X"

    def add(operator: str, *others: str, **attributes: int) -> None:
        nonlocal signal
        nodes.append(helper.make_node(operator, [signal, *others], [f"signal.{len(nodes)}"], **attributes))
        signal = f"signal.{len(nodes) - 1}"

    for stage in network.stages:
        if isinstance(stage.layer, Dense):
            add("Gemm", f"{stage.block}.weight", f"{stage.block}.bias")
        else:
            add("Relu")
    if network.link is not None:
        add("Softmax", axis=1)
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])]
        for name, width in (("X", network.inputs), (signal, network.outputs))
    ]
    initial = [numpy_helper.from_array(np.ascontiguousarray(tensor), name) for name, tensor in tensors.items()]
    graph = helper.make_graph(nodes, "network", *ends, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def timed(run: Callable[[], Array]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
