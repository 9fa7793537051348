"""Loss and metrics of rows, in memory all at once or, of rows on disk, some after the others."""

from __future__ import annotations

from collections.abc import Iterator

from nncli.builder import Experiment, Rows
from nncli.data.dataset import Part
from nncli.data.maps import give_back
from nncli.engine.buffers import Array, Buffers
from nncli.engine.inference import Inference, batch_rows
from nncli.engine.parameters import Weights

BYTES = 1 << 24
"""About the bytes of the inputs that are gone through at a time, where they lie on disk."""


class Judge:
    """Measures rows at some weights, again and again.

    The predictions of rows on disk are kept in memory all together only where one of the metrics has to have them so.

    Args:
        experiment: Whose network and metrics it is.
        weights: Read at every run.
        rows: Which are judged.
        part: The same, as they were split off.
        buffers: Where the arrays come from, new ones when not given.
    """

    def __init__(
        self, experiment: Experiment, weights: Weights, rows: Rows, part: Part, buffers: Buffers | None = None
    ) -> None:
        self._rows, self._scorer, n = rows, experiment.scorer(part), len(rows.inputs)
        self._in_blocks = rows.mapped and self._scorer.additive
        size = n
        if self._in_blocks:
            batch = batch_rows(experiment.network, experiment.precision)
            size = min(n, max(1, BYTES // (rows.inputs[:1].nbytes * batch)) * batch)

        def bind(count: int) -> Inference:
            weighted = rows.weights is not None
            return Inference(experiment.network, weights, count, buffers, weighted=weighted)

        self._size, self._whole = size, bind(size)
        self._rest = bind(n % size) if n % size else self._whole

    def figures(self, split: str) -> dict[str, float | None]:
        """Loss and metrics, the names prefixed with ``split``; None for what is not defined."""
        total, n = 0.0, len(self._rows.inputs)
        if self._in_blocks:

            def blocks() -> Iterator[tuple[slice, Array]]:
                nonlocal total
                for start in range(0, n, self._size):
                    where = slice(start, min(start + self._size, n))
                    inference = self._whole if where.stop - start == self._size else self._rest
                    total += self._run(inference, where) * (where.stop - start)
                    yield where, inference.predictions

            metrics = self._scorer.measure_blocks(blocks())
            loss = total / n
        else:
            loss = self._run(self._whole, slice(None))
            metrics = self._scorer.measure(self._whole.predictions)
        return {f"{split}_{name}": value for name, value in {"loss": loss, **metrics}.items()}

    def _run(self, inference: Inference, where: slice) -> float:
        rows = self._rows
        w = None if rows.weights is None else rows.weights[where]
        loss = inference.run(rows.inputs[where], rows.targets[where], w)
        assert loss is not None  # there are targets
        if rows.mapped:
            give_back(rows.inputs, rows.targets, rows.weights)
        return loss
