"""The layers in front of the first block that learn what the columns of a table mean to the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from nncli.engine import kernels
from nncli.engine.buffers import Array, Buffers, Step, rows_of
from nncli.engine.embeddings.base import Edges, NoEmbedding, NumberArrays, NumberEmbedding, by_feature, ones_for
from nncli.engine.embeddings.codes import Code, CodeArrays, bind_codes
from nncli.engine.embeddings.columns import Columns
from nncli.engine.layers import Layer, Wires
from nncli.engine.parameters import Layout, Parameter
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.text import count

NO_COLUMNS = Columns(())


@dataclass(frozen=True)
class Embedding(Layer):
    """Y = [units of the numbers, columns that go in as they are, units of the codes]: the input by what it stands for.

    Args:
        numbers: What numbers become.
        number_columns: Which columns of the input they are.
        edges: Of each of them, where its range is cut, if ``numbers`` wants to know that.
        passed_columns: The columns that go in as they are; those of the numbers, too, if they go along.
        codes: What the columns of codes hold.
        code_columns: Which columns they are.
    """

    numbers: NumberEmbedding = field(default_factory=NoEmbedding)
    number_columns: Columns = NO_COLUMNS
    edges: tuple[Edges, ...] = ()
    passed_columns: Columns = NO_COLUMNS
    codes: tuple[Code, ...] = ()
    code_columns: Columns = NO_COLUMNS
    penalty: Penalty = NO_PENALTY

    kind = "embedding"
    reads_rows_anywhere = False

    @property
    def label(self) -> str:
        """With what it embeds."""
        numbers = f"{self.numbers.name}, {count(len(self.number_columns), 'number')}"
        found = [numbers] * bool(self.learned_units) + [count(len(self.codes), "code")] * bool(self.codes)
        return f"embedding ({', '.join(found)})"

    @property
    def learned_units(self) -> int:
        """Those of all numbers."""
        return self.numbers.units * len(self.number_columns)

    @property
    def products(self) -> int:  # type: ignore[override]
        """One for each feature."""
        return max(1, len(self.number_columns))

    @property
    def _bins(self) -> tuple[int, ...]:
        return tuple(len(own) - 1 for own in self.edges) or (1,) * len(self.number_columns)

    def width(self, d_in: int) -> int:
        """Of all together."""
        return self.learned_units + len(self.passed_columns) + sum(code.units for code in self.codes)

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """A table for each code, then those of the numbers."""
        tables = [Parameter(f"table_{i}", (code.levels, code.units), "table") for i, code in enumerate(self.codes)]
        return (*tables, *self.numbers.parameters(self._bins)) if self.learned_units else tuple(tables)

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """Tables are N(0, 1): as far apart as standardized numbers."""
        tables = {name for name in tensors if name.startswith("table_")}
        for name in (name for name in tensors if name in tables):
            tensors[name][...] = rng.standard_normal(tensors[name].shape)
        if self.learned_units:
            own = {name: tensor for name, tensor in tensors.items() if name not in tables}
            self.numbers.initialize(own, self._bins, rng)

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """Each kind of column by itself, all of one kind together."""
        X, Y, dX, dY = wires.X, wires.Y, wires.dX, wires.dY
        if wires.theta.ndim == 1 and X.ndim > 2:  # copies that share their parameters: so many rows more
            X, Y, dX, dY = rows_of(X), rows_of(Y), None if dX is None else rows_of(dX), rows_of(dY)
        learned, passed = self.learned_units, len(self.passed_columns)
        parts = [slice(0, learned), slice(learned, learned + passed), slice(learned + passed, Y.shape[-1])]
        forward, backward = [], list[Step]()
        if dX is not None:
            backward.append(partial(dX.fill, 0))
        if learned:
            steps = self._numbers(X, Y[..., parts[0]], dX, dY[..., parts[0]], wires, buffers)
            forward.append(steps[0])
            backward.append(steps[1])
        if passed:
            forward.append(self.passed_columns.read(X, np.moveaxis(Y[..., parts[1]], -1, 0)))
            if dX is not None:
                backward.append(self.passed_columns.add(dX, np.moveaxis(dY[..., parts[1]], -1, 0)))
        if self.codes:
            size = sum(code.size for code in self.codes)
            tables, d_tables = wires.theta[..., :size], wires.gradient[..., :size]
            arrays = CodeArrays(X, Y[..., parts[2]], dY[..., parts[2]], tables, d_tables)
            steps = bind_codes(arrays, self.code_columns, self.codes, buffers)
            forward.append(steps[0])
            backward.append(steps[1])
        return _in_order(forward), _in_order(backward)

    def _numbers(
        self, X: Array, Y: Array, dX: Array | None, dY: Array, wires: Wires, buffers: Buffers
    ) -> tuple[Step, Step]:
        """What reads the numbers and embeds them."""
        d, rows = len(self.number_columns), X.shape[:-1]
        x = buffers.rows((d, *rows))
        copy = self.number_columns.read(X, x)
        dx = None if dX is None else buffers.rows(x.shape)
        layout = Layout((parameter.name, parameter) for parameter in self.parameters(X.shape[-1]))
        arrays = NumberArrays(
            x[..., np.newaxis, :],
            by_feature(Y, d),
            None if dx is None else dx[..., np.newaxis, :],
            by_feature(dY, d),
            layout.views(wires.theta),
            layout.views(wires.gradient),
        )
        embed, back = self.numbers.bind(arrays, self.edges, buffers)
        if dX is None or dx is None:
            return _in_order([copy, embed]), back
        return _in_order([copy, embed]), _in_order([back, self.number_columns.add(dX, dx)])

    def formulas(self) -> Mapping[str, str]:
        """That of the numbers, and what is done with tables."""
        codes = bool(self.codes)
        tables = {f"table_{i}": "Σ of the rows of {dY} whose code is that of the row" for i in range(len(self.codes))}
        if not self.learned_units:
            return {"Y": "{X}, and rows of tables for the codes", "dX": "{dY} of what goes in as it is", **tables}
        own = {name: text.replace("dz", "{dY}").replace("x", "{X}") for name, text in self.numbers.slopes.items()}
        return {
            "Y": f"of each number x_f: {self.numbers.formula}" + "; of each code its row of its table" * codes,
            "dX": self.numbers.derivative,
            **own,
            **tables,
        }

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        def column(place: int) -> Any:
            return X[:, place : place + 1]

        own = self.number_columns.places if self.learned_units else ()
        parts = [
            *(self.numbers.reference(column(place), i, tensors, self.edges, xp) for i, place in enumerate(own)),
            *(X[:, there] for there, _ in self.passed_columns.runs),
            *(xp.rows(tensors[f"table_{i}"], column(place)) for i, place in enumerate(self.code_columns.places)),
        ]
        return xp.concatenate(parts, axis=1)

    def switches(self, X: Array) -> tuple[Array, ...]:
        """The inner edges of bins, and what changes its sign half-way between two codes."""
        own = self.numbers.switches(X[..., self.number_columns.places], self.edges) if self.learned_units else ()
        codes = (np.cos(np.pi * X[..., self.code_columns.places].real),) if self.codes else ()
        return (*own, *codes)


@dataclass(frozen=True)
class Rectify(Layer):
    """Y = max(X, 0) of the first units; the others are left as they are."""

    units: int

    kind = "relu"
    in_place = True
    keeps_output = True
    passes_gradient = True

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """The two steps of relu on a part of the signal."""
        X, Y = wires.X, wires.Y
        part = slice(0, self.units)
        rest, rest_of_input = Y[..., self.units :], X[..., self.units :]
        rectify = kernels.rectify.bind(buffers, X[..., part], Y[..., part])
        back = kernels.rectify_back.bind(buffers, Y[..., part], wires.dY[..., part])
        if X is Y:
            return rectify, back

        def forward() -> None:
            rectify()
            np.copyto(rest, rest_of_input)

        return forward, back

    def formulas(self) -> Mapping[str, str]:
        """Those of relu."""
        return {
            "Y": f"max({{X}}, 0) of the first {count(self.units, 'unit')}, {{X}} of the others",
            "dX": f"{{dY}} ⊙ [{{X}} > 0] of the first {count(self.units, 'unit')}, {{dY}} of the others",
        }

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        rectified = xp.maximum(X[:, : self.units], 0)
        return rectified if self.units == X.shape[1] else xp.concatenate([rectified, X[:, self.units :]], axis=1)

    def switches(self, X: Array) -> tuple[Array, ...]:
        """The distance from 0."""
        return (X[..., : self.units],)


@dataclass(frozen=True)
class Scale(Layer):
    """Y = X ⊙ scale, a number for each unit, 1 at the start: which inputs count (Holzmüller et al. 2024)."""

    kind = "scaling"
    passes_gradient = True

    def parameters(self, d_in: int) -> tuple[Parameter, ...]:
        """The diagonal of a weight that has nothing else."""
        return (Parameter("scale", (d_in,), "scale"),)

    def initialize(self, tensors: Mapping[str, Array], rng: Generator) -> None:
        """It starts where it changes nothing."""
        tensors["scale"][...] = 1

    def bind(self, wires: Wires, buffers: Buffers) -> tuple[Step, Step]:
        """A product each way."""
        X, Y, dX, dY = wires.X, wires.Y, wires.dX, wires.dY
        scale, d_scale = wires.theta[..., np.newaxis, :], wires.gradient[..., np.newaxis, :]
        S, ones = buffers.scratch(X.shape), ones_for(X.shape[-2], buffers).swapaxes(-1, -2)

        def forward() -> None:
            np.multiply(X, scale, out=Y)

        def backward() -> None:
            np.multiply(dY, X, out=S)
            np.matmul(ones, S, out=d_scale)
            if dX is not None:
                np.multiply(dY, scale, out=dY)

        return forward, backward

    def formulas(self) -> Mapping[str, str]:
        """A product each way."""
        return {"Y": "{X} ⊙ {scale}", "dX": "{dY} ⊙ {scale}", "scale": "Σ_rows {dY} ⊙ {X}"}

    def reference(self, X: Any, tensors: Mapping[str, Any], given: tuple[Any, ...], xp: Any) -> Any:
        return X * tensors["scale"]


def _in_order(steps: list[Step]) -> Step:
    """All of them, one after the other."""
    if len(steps) == 1:
        return steps[0]

    def run() -> None:
        for step in steps:
            step()

    return run
