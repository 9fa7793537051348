"""The pictures of how a training went."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nncli.plots.canvas import Picture
from nncli.plots.curves import draw_curves, draw_learning_rate, draw_together
from nncli.plots.distributions import Spread, draw_distributions
from nncli.seeing.view import View


def of_training(view: View) -> Iterator[Callable[[], Picture | None]]:
    """Curves, learning rate, weights and gradients over time; of an ensemble the curves of its members."""
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
