"""What a run says of the rows of a file: row by row, in the same memory however many there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from nncli.builder import reading
from nncli.data.blocks import ROWS, Block, frames_of, numbered
from nncli.data.cells import Array
from nncli.data.delimited import read_blocks
from nncli.data.files import SEPARATORS
from nncli.data.frame import features_from_frame
from nncli.data.preprocess import ClassEncoding, LabelEncoding
from nncli.data.table import place
from nncli.engine.inference import Inference, batch_rows
from nncli.engine.metrics import decide, decide_labels
from nncli.errors import DataError, RunError
from nncli.run import Run
from nncli.run.files import replaced
from nncli.trained import Predictor, load_run

if TYPE_CHECKING:
    import polars as pl

WRITTEN = (*SEPARATORS, ".parquet")
"""How the name of a file ends that can be written."""
FORMULA = r"^[=+\-@\t\r]"
"""How a cell begins that a spreadsheet would compute; formulas can call programs."""


def predict(
    run: Run,
    data: Path | None,
    output: Path | None,
    *,
    probabilities: bool = False,
    keep: tuple[str, ...] | None = None,
) -> int:
    """Write a row for each row of ``data``: the columns that are kept, and what the run says.

    Args:
        run: A run that has weights.
        data: A ``.csv`` or ``.tsv`` (also ``.gz``), or a ``.parquet`` file; None: CSV from stdin.
        output: A ``.csv``, ``.tsv`` or ``.parquet`` file, which appears when it is whole; None: CSV to stdout.
        probabilities: Whether every class or label has a column of its own, too.
        keep: Columns of ``data`` that come first; None: those that are neither feature nor target nor weight.

    Returns:
        How many rows were written.

    Raises:
        RunError: The run cannot be read, or ``output`` cannot be written.
        DataError: ``data`` cannot be read; columns or cells that cannot be used are named.
    """
    from threadpoolctl import threadpool_limits

    trained = load_run(run)
    kind = ".csv" if output is None else output.suffix.lower()
    if kind not in WRITTEN:
        remedy = f"end it in {', '.join(WRITTEN[:-1])} or {WRITTEN[-1]}"
        raise RunError("is no kind of table that can be written", where=str(output), remedy=remedy)
    writer = _Writer(trained, probabilities, keep, formulas=kind == ".parquet")
    with ExitStack() as around:
        around.enter_context(threadpool_limits(1, user_api="blas"))
        around.enter_context(np.errstate(all="ignore"))
        parts = _rechunked(_parts(data), _batch_rows(trained))
        frames = (writer.frame(part, "stdin" if data is None else data.name) for part in parts)
        if output is None:
            return _write_text(frames, sys.stdout.buffer, SEPARATORS[kind])
        temporary = around.enter_context(replaced(output))
        if kind == ".parquet":
            return _write_parquet(frames, temporary)
        return _write_text(frames, around.enter_context(temporary.open("wb")), SEPARATORS[kind])


def _batch_rows(trained: Predictor) -> int:
    """Rows that are whole batches of every network."""
    return lcm(*(batch_rows(member.network, trained.dtype) for member in trained.members))


class _Writer:
    def __init__(
        self, trained: Predictor, probabilities: bool, keep: tuple[str, ...] | None, *, formulas: bool
    ) -> None:
        self._trained, self._probabilities, self._keep = trained, probabilities, keep
        self._text = (lambda column: column) if formulas else _harmless
        self._inferences: list[Inference] = []

    def frame(self, part: Block, origin: str) -> pl.DataFrame:
        """What is written of ``part``."""
        import polars as pl

        trained, frame = self._trained, part.frame
        features, n = trained.preprocessing.features, len(frame)
        how = reading(trained.config, features.kinds)
        cells = features_from_frame(
            frame, origin, features.names, how, first_line=part.first_line, first_row=part.first_row
        )
        before, rows = 0 if part.first_line is not None else part.first_row, np.arange(n)
        if not self._inferences or len(self._inferences[0].predictions) != n:
            cores = os.cpu_count() or 1
            self._inferences = [Inference(m.network, m.weights, n, threads=cores) for m in trained.members]
        for member, inference in zip(trained.members, self._inferences, strict=True):
            inputs = np.ones((n, member.network.inputs + 1), member.dtype)
            member.preprocessing.features.apply(
                cells, rows, inputs[:, :-1], lambda row: place(origin, part.first_line, before + row)
            )
            inference.run(inputs)
        told = self._told(trained.together([inference.predictions for inference in self._inferences]))
        kept = self._kept(frame, tuple(told), origin)
        said = [pl.Series(name, values) for name, values in told.items()]
        return pl.DataFrame([self._text(column) for column in [*kept, *said]])

    def _kept(self, frame: pl.DataFrame, told: tuple[str, ...], origin: str) -> list[pl.Series]:
        data = self._trained.config.data
        target = [data.target] if isinstance(data.target, str) else data.target or []
        known = {*self._trained.preprocessing.features.names, *target, data.weight}
        names = [name for name in frame.columns if name not in known] if self._keep is None else list(self._keep)
        for name in names:
            if name not in frame.columns:
                raise DataError(f"no column {name!r} to keep", where=origin, remedy="look at --keep")
            if name in told:
                remedy = "rename it, or say with --keep which columns are kept"
                raise DataError(f"its column {name!r} has the name of an answer", where=origin, remedy=remedy)
        return [frame[name] for name in names]

    def _told(self, P: Array) -> dict[str, Array]:
        trained, threshold = self._trained, self._trained.network.loss.threshold
        match trained.preprocessing.target:
            case ClassEncoding() as encoding:
                told = {"prediction": np.array(encoding.classes)[decide(P, threshold)]}
                if not self._probabilities:
                    return told
                both = np.hstack([1 - P, P]) if P.shape[1] == 1 else P
                return told | {f"probability_{name}": both[:, i] for i, name in enumerate(encoding.classes)}
            case LabelEncoding() as encoding:
                decided = decide_labels(P, threshold).astype(np.int8)
                told = {f"prediction_{name}": decided[:, i] for i, name in enumerate(encoding.names)}
                if not self._probabilities:
                    return told
                return told | {f"probability_{name}": P[:, i] for i, name in enumerate(encoding.names)}
            case scale:
                readings = scale.readings(trained.network.loss, P.astype(np.float64))
                several = len(scale.names) > 1
                return {
                    f"{kind.replace(' ', '_')}_{name}" if several else kind.replace(" ", "_"): values[:, i]
                    for kind, values in readings.items()
                    for i, name in enumerate(scale.names)
                }


def _harmless(column: pl.Series) -> pl.Series:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it; numbers are left alone."""
    import polars as pl

    if column.dtype != pl.String:
        return column
    formula = column.str.contains(FORMULA) & column.cast(pl.Float64, strict=False).is_null()
    if not formula.any():
        return column
    return pl.select(pl.when(formula).then(pl.lit("'") + column).otherwise(column)).to_series().alias(column.name)


def _parts(data: Path | None) -> Iterator[Block]:
    """The rows of ``data`` as they come."""
    return numbered(read_blocks(sys.stdin.buffer, "stdin", ",") if data is None else frames_of(data))


def _rechunked(parts: Iterator[Block], batch: int) -> Iterator[Block]:
    """The same rows in parts of whole batches, but for the last: they have the same bits however they came.

    The last bits of a product depend on the number of its rows: the batches are those of the whole file at once.
    """
    import polars as pl

    step = max(1, ROWS // batch) * batch
    waiting: Block | None = None
    for part in parts:
        if waiting is None:
            waiting = part
        else:  # where lines mean nothing in one of them, they mean nothing in both
            line = None if part.first_line is None else waiting.first_line
            waiting = Block(pl.concat([waiting.frame, part.frame]), line, waiting.first_row)
        while len(waiting.frame) >= step:
            head, rest = waiting.frame[:step], waiting.frame[step:]
            yield Block(head, waiting.first_line, waiting.first_row)
            line = None if waiting.first_line is None else waiting.first_line + step
            waiting = Block(rest, line, waiting.first_row + step)
    if waiting is not None and len(waiting.frame):
        yield waiting


def _write_text(frames: Iterator[pl.DataFrame], file: BinaryIO, separator: str) -> int:
    """How many rows were written."""
    rows = 0
    for frame in frames:
        file.write(frame.write_csv(include_header=not rows, separator=separator).encode())
        file.flush()
        rows += len(frame)
    return rows


def _write_parquet(frames: Iterator[pl.DataFrame], path: Path) -> int:
    """How many rows were written. All frames have the columns of the first: polars takes them as they come."""
    import polars as pl
    from polars.io.plugins import register_io_source

    first, rows = next(frames, pl.DataFrame()), 0

    def source(*asked: object) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in chain([first], frames):
            rows += len(frame)
            yield frame

    register_io_source(source, schema=first.schema).sink_parquet(path)
    return rows
