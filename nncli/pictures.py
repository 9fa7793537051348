"""Which pictures a run has, and what they are drawn of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from nncli.plots.canvas import Picture, save
from nncli.plots.curves import draw_curves, draw_learning_rate, draw_together
from nncli.plots.distributions import Spread, draw_distributions
from nncli.run import Run
from nncli.view import View, look_at

FOLDER = "plots"


def draw(run: Run) -> list[Path]:
    """Draw all pictures of ``run`` into its folder of them, and return their files.

    Raises:
        NncliError: Something else is there by the name of one, or it cannot be written.
    """
    return [save_in(run, picture) for picture in pictures_of(look_at(run))]


def save_in(run: Run, picture: Picture) -> Path:
    """Write ``picture`` into the folder of those of ``run``."""
    path = run.path / FOLDER / f"{picture.name}.png"
    save(picture.figure, path)
    return path


def pictures_of(view: View) -> Iterator[Picture]:
    """All that there is to draw, one after the other, so that no two of them are in the memory."""
    for make in (*_of_training(view),):
        if (picture := make()) is not None:
            yield picture


def _of_training(view: View) -> Iterator[Callable[[], Picture | None]]:
    if view.config.ensemble is not None:
        yield lambda: draw_together(view.histories, view.best_epochs, f"{view.name}: each member")
        return
    history = view.histories[view.name]
    yield lambda: draw_curves(history, view.best_epochs[view.name], view.name)
    yield lambda: draw_learning_rate(history, view.name)
    yield lambda: _distributions(view)


def _distributions(view: View) -> Picture | None:
    """Of the weights of each layer; biases and the like say less, and are many."""
    rows, numbers = view.run.distributions.rows(), view.run.distributions.numbers()
    if not rows or not {"epoch", "low", "high", "bin_0"} <= {*numbers} or not {"tensor", "of"} <= {*rows[0]}:
        return None
    counts = np.stack([numbers[name] for name in numbers if name.startswith("bin_")], axis=1)
    whole = np.isfinite(counts).all(axis=1) & np.isfinite(numbers["low"]) & np.isfinite(numbers["high"])
    tensors, of = (np.array([row[name] for row in rows]) for name in ("tensor", "of"))
    both: dict[str, dict[str, Spread]] = {"weights": {}, "gradients": {}}
    for kind, spreads in both.items():
        for tensor in dict.fromkeys(map(str, tensors)):
            at = (tensors == tensor) & (of == kind) & whole
            if at.any() and tensor.endswith("weight"):
                epochs, low, high = (numbers[name][at] for name in ("epoch", "low", "high"))
                spreads[tensor] = Spread(epochs, low, high, counts[at])
    return draw_distributions(both["weights"], both["gradients"], view.name)
