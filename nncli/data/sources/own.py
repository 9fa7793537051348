"""Generators of our own, in plain NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from nncli.data.sources.base import Source, registry
from nncli.data.table import Table


@registry.register
@dataclass(frozen=True)
class Xor(Source):
    """Clouds around (±1, ±1), of class 1 where the signs differ: what no single layer can tell apart."""

    name = "xor"
    n_samples: Annotated[int, Ge(4)] = 400
    noise: Annotated[float, Ge(0)] = 0.3
    seed: Annotated[int, Ge(0)] = 0

    def _load(self) -> Table:
        corner = np.arange(self.n_samples) % 4
        a, b = corner // 2, corner % 2
        X = np.stack([2 * a - 1, 2 * b - 1], axis=1).astype(np.float64)
        X += self.noise * np.random.default_rng(self.seed).standard_normal(X.shape)
        return self._table(X, a ^ b, categorical=True)


@registry.register
@dataclass(frozen=True)
class Spirals(Source):
    """One arm a class, all wound around the origin ``turns`` times, the rows spread evenly over the disk."""

    name = "spirals"
    n_samples: Annotated[int, Ge(4)] = 400
    n_classes: Annotated[int, Ge(2)] = 2
    turns: Annotated[float, Gt(0)] = 1.5
    noise: Annotated[float, Ge(0)] = 0.02
    seed: Annotated[int, Ge(0)] = 0

    def _load(self) -> Table:
        self._require(
            (
                self.n_samples >= self.n_classes,
                f"{self.n_samples} samples for {self.n_classes} classes",
                f"raise n_samples to {self.n_classes} at least",
            )
        )
        rng = np.random.default_rng(self.seed)
        arm = np.arange(self.n_samples) % self.n_classes
        radius = np.sqrt(rng.uniform(size=self.n_samples))
        angle = 2 * np.pi * (self.turns * radius + arm / self.n_classes)
        X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        X += self.noise * rng.standard_normal(X.shape)
        return self._table(X, arm, categorical=True)
