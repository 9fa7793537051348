"""What several ranks of MPI gain on one training, what their messages cost, and what that comes to on more machines.

    python benchmarks/scale_ranks.py

Needs mpiexec and mpi4py (pip install mpich mpi4py). Three tables: half the time of a message there and back, through
what the training sends them with, over shared memory and over TCP on the loopback; the time of a training step in one
process, on two threads of one, and in two ranks, in turn; and computed steps of many ranks, from those numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

SIZES = (8, 1 << 10, 1 << 14, 1 << 17, 1 << 19, 1 << 22)
"""Bytes of a message."""
NETWORKS = {
    "784-1024-1024-10, batch 256": (784, (1024, 1024), 10, 256, 12),
    "784-256-128-10, batch 256": (784, (256, 128), 10, 256, 40),
    "64-64-64-10, batch 64": (64, (64, 64), 10, 64, 200),
}
"""Features, units, classes, rows of a batch, batches of an epoch."""
WAYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "one process": (0, ("training.shards=2", "training.threads=1")),
    "two threads": (0, ("training.shards=2", "training.threads=2")),
    "one rank": (1, ("training.shards=2", "training.threads=1")),
    "two ranks": (2, ("training.shards=2", "training.threads=1")),
}
"""Ranks (0: without mpiexec), and changes to the config."""
OVER_TCP = {"MPIR_CVAR_NOLOCAL": "1", "UCX_TLS": "tcp,self", "FI_PROVIDER": "tcp"}
"""For MPICH on UCX or on libfabric: ranks of one machine take the way that those of two would."""
LINKS = {"10 Gbit/s Ethernet": (20e-6, 1.1e9), "100 Gbit/s, RDMA": (2e-6, 11e9)}
"""Seconds and bytes a second of a message between machines: orders of size from what such links are sold as."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each training in a round, about")
    parser.add_argument("--messages", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.messages:
        _send_and_receive()
        return
    links = {"shared memory": _messages({}), "TCP on the loopback": _messages(OVER_TCP)}
    print("half the time of a message there and back, µs (MB/s)")
    for name, times in links.items():
        cells = [f"{size:,} B {t * 1e6:.1f} ({size / t / 1e6:,.0f})" for size, t in times.items()]
        print(f"  {name}: {'; '.join(cells)}")
    with tempfile.TemporaryDirectory() as folder:
        for name, network in NETWORKS.items():
            steps = _trainings(Path(folder), network, options.rounds, options.seconds)
            _print_steps(name, steps, _parameters(network))
            _print_curves(network, statistics.median(steps["one process"]), links)


def _mpiexec(ranks: int, program: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    found = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        sys.exit("mpiexec is missing: pip install mpich mpi4py")
    line = [found, "-n", str(ranks), *program]
    return subprocess.run(line, env=os.environ | settings, capture_output=True, text=True, check=True)


# -- messages ----------------------------------------------------------------------------------------------------------


def _messages(settings: dict[str, str]) -> dict[int, float]:
    """Bytes -> seconds one way."""
    found = _mpiexec(2, [sys.executable, __file__, "--messages"], settings).stdout
    return {int(size): seconds for size, seconds in json.loads(found).items()}


def _send_and_receive() -> None:
    from nncli.ranks.mpi import MpiRanks

    ranks, times = MpiRanks(), {}
    for size in SIZES:
        array = np.zeros(size, np.uint8)
        there, back = ranks.sending(array, 1 - ranks.rank), ranks.receiving(array, 1 - ranks.rank)
        order = (there, back) if ranks.rank == 0 else (back, there)
        rounds = []
        for _ in range(20):
            repeats, began = max(2, min(200, (1 << 24) // size)), time.perf_counter()
            for _ in range(repeats):
                for transfer in order:
                    transfer.start()
                    transfer.wait()
            rounds.append((time.perf_counter() - began) / repeats / 2)
        times[size] = statistics.median(rounds)
    if ranks.rank == 0:
        print(json.dumps(times))
    else:
        ranks.called()
    ranks.end(0)


# -- trainings ---------------------------------------------------------------------------------------------------------


def _trainings(folder: Path, network: tuple[Any, ...], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Way -> seconds of a step in each round, the median of its epochs behind the first."""
    features, units, classes, batch, batches = network
    rng, rows = np.random.default_rng(0), batch * batches
    X, y = rng.standard_normal((rows, features)).astype(np.float32), rng.integers(0, classes, rows)
    np.savez(folder / "rows.npz", X=X, y=y)
    layers: list[dict[str, Any]] = [{"units": k, "activation": "relu"} for k in units]
    config = {
        "data": {
            "path": "rows.npz",
            "target": "y",
            "split": {"validation": 0, "test": 0},
            "preprocess": {"numeric": "none"},
        },
        "model": {"layers": [*layers, {"activation": "softmax"}]},
        "training": {"batch_size": batch, "checkpoint": None},
        "report": {"plots": False},
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    epochs = 3
    for number in range(rounds + 1):  # the first shows how long an epoch takes, and is not counted
        for way, (ranks, changes) in WAYS.items():
            shutil.rmtree(folder / "run", ignore_errors=True)
            program = [sys.executable, "-m", "nncli.cli.main", "train", str(folder / "c.yaml"), *changes]
            program += [f"training.epochs={epochs}", "--run", str(folder / "run"), "-q"]
            settings = {"OPENBLAS_NUM_THREADS": "1"}
            if ranks:
                _mpiexec(ranks, program, settings)
            else:
                subprocess.run(program, env=os.environ | settings, capture_output=True, check=True)
            table = (folder / "run" / "metrics.csv").read_text(encoding="utf-8").splitlines()
            times = [float(line.split(",")[2]) for line in table[1:]]
            if number:
                found[way].append(statistics.median(np.diff(times)) / batches)
            elif way == "one process":
                longer = max(3, int(seconds / (times[-1] / len(times))))
        epochs = longer
    return found


def _parameters(network: tuple[Any, ...]) -> int:
    features, units, classes, *_ = network
    widths = [features, *units, classes]
    return sum((a + 1) * b for a, b in pairwise(widths))


def _print_steps(name: str, steps: dict[str, list[float]], parameters: int) -> None:
    print(f"{name}: {parameters:,} parameters, {2 * 4 * parameters / 1e6:.2f} MB between two ranks in a step")
    for way, times in steps.items():
        ratio = statistics.median(a / b for a, b in zip(steps["one process"], times, strict=True))
        low, middle, high = (f(times) * 1e3 for f in (min, statistics.median, max))
        print(f"  {way:<12} {middle:.3f} ms a step ({low:.3f} to {high:.3f}), {ratio:.2f} times as fast")


# -- more of them ------------------------------------------------------------------------------------------------------


def step_of(
    ranks: int, compute: float, alone: float, parameters: int, link: tuple[float, float], stretch: int
) -> float:
    """Seconds of a step of so many ranks.

    Each computes its share; then the sums go up a binary tree in stretches, and the parameters down another. A stretch
    takes ``stretch / bandwidth`` a hop, and hops are passed by stretches one behind the other.

    Args:
        ranks: How many.
        compute: Seconds in which one computes the gradient of all shards.
        alone: Seconds of what rank 0 does by itself, the update.
        parameters: Numbers of 4 bytes.
        link: Seconds that a message takes however short it is, and bytes a second.
        stretch: Bytes.
    """
    latency, bandwidth = link
    hops = math.ceil(math.log2(ranks))
    number = max(1, parameters * 4 // stretch)
    one_way = (hops + number - 1) * (latency + parameters * 4 / number / bandwidth) if hops else 0.0
    return compute / ranks + alone + 2 * one_way


def _print_curves(network: tuple[Any, ...], step: float, links: dict[str, dict[int, float]]) -> None:
    """Steps of ranks on links, each rank with as many rows as the batch has here, and all with those together."""
    from nncli.training.sums import STRETCH

    parameters = _parameters(network)
    update = 28 * parameters / 20e9  # what Adam reads and writes, docs/performance.md
    measured = {name: (times[8], (1 << 19) / times[1 << 19]) for name, times in links.items()}
    for name, link in {**measured, **LINKS}.items():
        same, grown = [], []
        for ranks in (1, 2, 4, 16, 64, 256, 1024, 4096):
            t = step_of(ranks, step - update, update, parameters, link, STRETCH)
            if ranks <= network[3]:
                same.append(f"{ranks}: {step / t:.1f}")
            t = step_of(ranks, ranks * (step - update), update, parameters, link, STRETCH)
            grown.append(f"{ranks}: {step / t:.0%}")
        print(f"  {name} ({link[0] * 1e6:.1f} µs, {link[1] / 1e9:.1f} GB/s)")
        print(f"    times as fast, the same batch: {', '.join(same)}")
        print(f"    efficiency, so many batches at once: {', '.join(grown)}")


if __name__ == "__main__":
    main()
