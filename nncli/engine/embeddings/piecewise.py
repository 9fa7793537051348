"""A number as a learned function that is linear between given edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from numpy.random import Generator

from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.embeddings.base import (
    Edges,
    NumberArrays,
    NumberEmbedding,
    Units,
    columns,
    matrices,
    ones_for,
    registry,
    spread,
)
from nncli.engine.parameters import Parameter


@registry.register
@dataclass(frozen=True)
class PiecewiseLinear(NumberEmbedding):
    """Each number says how far it has come in each of its bins, and those are mixed by weights of its own.

    The bins are those of the training rows, and nothing about them is learned. Beyond the outer edges the first and
    the last bin go on, so that no two numbers look alike. With ``relu`` it is the Q-LR of the paper, without it Q-L.
    """

    bins: Annotated[int, Ge(1), Le(10_000)] = 48
    units: Units = 8
    relu: bool = False

    name = "piecewise_linear"
    formula = (
        "z_f = e·weight_f + bias_f, e_t = (x_f − edge_t−1)/(edge_t − edge_t−1) cut to 0..1,"
        " but open below in the first bin and above in the last"
    )
    derivative = "dx_f = Σ_t de_t/(edge_t − edge_t−1) over the bins that are not cut there, de = weight_f·dz_f"
    source = "Gorishniy, Rubachev & Babenko 2022"
    slopes = MappingProxyType({"weight": "eᵀ · dz", "bias": "Σ_rows dz"})
    takes_edges = True

    def parameters(self, bins: tuple[int, ...]) -> tuple[Parameter, ...]:
        weight = Parameter("weight", (sum(bins), self.units), "weight")
        return weight, Parameter("bias", (len(bins), self.units), "bias")

    def initialize(self, tensors: Mapping[str, Array], bins: tuple[int, ...], rng: Generator) -> None:
        rows = np.repeat(bins, bins)[:, np.newaxis]
        tensors["weight"][...] = spread(tensors["weight"].shape, 1, rng) / np.sqrt(rows)
        tensors["bias"][...] = spread(tensors["bias"].shape, 1, rng) / np.sqrt(bins)[:, np.newaxis]

    def bind(self, arrays: NumberArrays, edges: tuple[Edges, ...], buffers: Buffers) -> tuple[Step, Step]:
        """Neighbours with equally many bins are computed side by side; whoever orders them so has few calls."""
        steps, feature, row = [], 0, 0
        for bins, same in groupby(len(own) - 1 for own in edges):
            d = len(list(same))
            here, rows = slice(feature, feature + d), slice(row, row + d * bins)
            feature, row = here.stop, rows.stop

            def cut(views: Mapping[str, Array], here: slice = here, rows: slice = rows) -> dict[str, Array]:
                return {"weight": views["weight"][..., rows, :], "bias": views["bias"][..., here, :]}

            part = NumberArrays(
                arrays.x[here],
                arrays.Z[here],
                None if arrays.dx is None else arrays.dx[here],
                arrays.dZ[here],
                cut(arrays.tensors),
                cut(arrays.slopes),
            )
            steps.append(_bind(part, np.array(edges[here]), buffers))

        def forward() -> None:
            for step, _ in steps:
                step()

        def backward() -> None:
            for _, step in steps:
                step()

        return forward, backward

    def reference(self, x: Any, i: int, tensors: Mapping[str, Any], edges: tuple[Edges, ...], xp: Any) -> Any:
        own = np.array(edges[i])
        least, most = np.zeros(len(own) - 1), np.ones(len(own) - 1)
        least[0], most[-1] = -np.inf, np.inf
        cut = xp.minimum(xp.maximum((x - own[:-1]) / np.diff(own), least), most)
        end = list(accumulate(len(one) - 1 for one in edges))[i]
        return xp.dot(cut, tensors["weight"][end - len(own) + 1 : end]) + tensors["bias"][i]

    def switches(self, X: Array, edges: tuple[Edges, ...]) -> tuple[Array, ...]:
        """The distance from each inner edge."""
        inner = [own[1:-1] for own in edges]
        which = np.repeat(np.arange(len(edges)), [len(own) for own in inner])
        return (X[..., which] - np.concatenate([np.zeros(0), *inner]),)


def _bind(arrays: NumberArrays, edges: Array, buffers: Buffers) -> tuple[Step, Step]:
    """The two steps of features with edges (d, bins + 1)."""
    x, Z, dx, dZ, tensors, slopes = arrays.x, arrays.Z, arrays.dx, arrays.dZ, arrays.tensors, arrays.slopes
    (d, *lead, _, n), bins = x.shape, edges.shape[1] - 1
    b, db = columns(tensors["bias"]), columns(slopes["bias"])
    W, dW = matrices(tensors["weight"], d), matrices(slopes["weight"], d)
    real = np.zeros(0, buffers.dtype).real.dtype
    shape = (d, *(1 for _ in lead), bins, 1)
    low, per_width = buffers.rows(shape, real), buffers.rows(shape, real)
    low[...] = edges[:, :-1].reshape(shape)
    per_width[...] = (1 / np.diff(edges)).reshape(shape)
    E = buffers.rows((d, *lead, bins, n))
    cut_above, cut_below = E[..., :-1, :], E[..., 1:, :]
    W_T, dZ_T, ones = W.swapaxes(-1, -2), dZ.swapaxes(-1, -2), ones_for(n, buffers)

    def forward() -> None:
        np.subtract(x, low, out=E)
        np.multiply(E, per_width, out=E)
        np.minimum(cut_above, 1, out=cut_above)
        np.maximum(cut_below, 0, out=cut_below)
        np.matmul(W_T, E, out=Z)
        np.add(Z, b, out=Z)

    def to_parameters() -> None:
        np.matmul(E, dZ_T, out=dW)
        np.matmul(dZ, ones, out=db)

    if dx is None:
        return forward, to_parameters
    G = buffers.scratch((E.size,)).reshape(E.shape)
    open_ = buffers.scratch((E.size,), dtype=bool).reshape(E.shape)

    def backward() -> None:
        to_parameters()
        np.matmul(W, dZ, out=G)
        np.multiply(G, per_width, out=G)
        np.less(cut_above, 1, out=open_[..., :-1, :])
        open_[..., -1, :] = True
        np.multiply(G, open_, out=G)
        np.greater(cut_below, 0, out=open_[..., 1:, :])
        open_[..., 0, :] = True
        np.multiply(G, open_, out=G)
        np.add.reduce(G, axis=-2, keepdims=True, out=dx)

    return forward, backward
