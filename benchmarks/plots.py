"""How long a picture takes: drawn and written, of few rows and of many.

    python benchmarks/plots.py [--repeat 5]

The time is the median of several, that of the processor, behind matplotlib's import, which is told apart.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from nncli.data.pixels import find_pixels, pixel_names
from nncli.plots.calibration import confidence, draw_calibration
from nncli.plots.canvas import Picture, save
from nncli.plots.confusion import draw_confusion
from nncli.plots.first_layer import draw_first_layer
from nncli.plots.intervals import draw_intervals
from nncli.plots.ranking import draw_precision_recall, draw_roc
from nncli.plots.regions import draw_regions, draw_surface
from nncli.plots.residuals import draw_predicted, draw_residuals


def classes(n: int, k: int) -> Iterator[tuple[str, Callable[[], Picture | None]]]:
    """The pictures of n rows in k classes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, k, n)
    Z = rng.normal(size=(n, k))
    Z[np.arange(n), codes] += 2
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    names = [f"class {j}" for j in range(k)]
    counts = np.zeros((k, k), np.int64)
    np.add.at(counts, (codes, P.argmax(axis=1)), 1)
    onehot = (codes[:, np.newaxis] == np.arange(k)).astype(np.int8)
    truth, scores, named = (onehot[:, 1:], P[:, 1:], names[1:]) if k == 2 else (onehot, P, names)
    size = f"{n:,} rows, {k:,} classes"
    yield f"confusion, {size}", lambda: draw_confusion(counts, names, "test")
    yield f"roc, {size}", lambda: draw_roc(truth, scores, named, "test")
    yield f"precision_recall, {size}", lambda: draw_precision_recall(truth, scores, named, "test")
    yield f"calibration, {size}", lambda: draw_calibration(*confidence(P, codes), "of the likeliest class", "test")


def numbers(n: int, k: int) -> Iterator[tuple[str, Callable[[], Picture | None]]]:
    """The pictures of n rows and k targets."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(n, k))
    predicted = truth + rng.normal(0, 0.3, (n, k))
    told = {0.1: predicted - 0.4, 0.5: predicted, 0.9: predicted + 0.4}
    names = [f"target {j}" for j in range(k)]
    size = f"{n:,} rows, {k} target{'s' if k > 1 else ''}"
    yield f"predicted, {size}", lambda: draw_predicted(truth, predicted, names, "test")
    yield f"residuals, {size}", lambda: draw_residuals(truth, predicted, names, "test")
    yield f"intervals, {size}", lambda: draw_intervals(truth, told, names, "test")


def others() -> Iterator[tuple[str, Callable[[], Picture | None]]]:
    """The pictures of two features, and of an image's weights; the networks themselves take no time here."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    yield (
        "regions, 1,000 rows, 2 classes",
        lambda: draw_regions(
            X,
            (X[:, 0] > 0).astype(int),
            ["no", "yes"],
            ["a", "b"],
            lambda Z: np.column_stack([1 / (1 + np.exp(4 * Z[:, 0])), 1 / (1 + np.exp(-4 * Z[:, 0]))]),
            "test",
        ),
    )
    yield "surface, 1,000 rows", lambda: draw_surface(X, X[:, 0], "y", ["a", "b"], lambda Z: Z[:, 0], "test")
    pixels = find_pixels(pixel_names(28, 28))
    assert pixels is not None
    weight = rng.normal(size=(784, 128))
    yield "first_layer, 28 x 28, 128 units", lambda: draw_first_layer(weight, pixels)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    cases = [
        *classes(30, 3),
        *classes(10_000, 10),
        *classes(1_000_000, 2),
        *classes(10_000, 1000),
        *numbers(100, 1),
        *numbers(1000, 6),
        *numbers(1_000_000, 1),
        *others(),
    ]
    start = time.process_time()
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401

    print(f"matplotlib's import {time.process_time() - start:5.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        for name, draw in cases:
            seconds = []
            for _ in range(repeat + 1):  # the first one fills caches
                start = time.process_time()
                picture = draw()
                assert picture is not None
                save(picture.figure, path)
                seconds.append(time.process_time() - start)
            print(f"{name:<45} {statistics.median(seconds[1:]):5.2f} s  {path.stat().st_size / 1000:4.0f} kB")


if __name__ == "__main__":
    main()
