"""What a sweep tries: for each key of the config the values that it may take, and when it is there at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, TypeAlias

from numpy.random import Generator

Kind: TypeAlias = Literal["choice", "integer", "log_integer", "uniform", "log_uniform"]
Values: TypeAlias = dict[str, Any]
"""Of a trial: a value for each key that is there in it."""


@dataclass(frozen=True)
class Dimension:
    """What one key may be.

    Attributes:
        key: Of the config: ``optimizer.learning_rate``.
        kind: How ``values`` are meant.
        values: Of a choice all of them, otherwise the lowest and the highest, both of which it may be.
        steps: On a grid it is so many values, evenly spread from the lowest to the highest; of integers by default all.
        when: It is there only when each of these keys is there, too, and has one of these values.
    """

    key: str
    kind: Kind
    values: tuple[Any, ...]
    steps: int | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def applies(self, chosen: Mapping[str, Any]) -> bool:
        """Whether it is there beside what was ``chosen`` of the keys that it depends on."""
        return all(key in chosen and among(chosen[key], values) for key, values in self.when.items())

    def position(self, value: Any) -> int:
        """Which of its choices ``value`` is."""
        return next(number for number, other in enumerate(self.values) if _same(value, other))

    def has(self, value: Any) -> bool:
        """Whether it may be that."""
        if self.kind == "choice":
            return among(value, self.values)
        fitting = type(value) is int if self.kind.endswith("integer") else type(value) in (int, float)
        return fitting and bool(self.values[0] <= value <= self.values[1])

    def draw(self, rng: Generator) -> Any:
        """A value at random: each as likely as any other, or, for ``log``, each order of magnitude."""
        if self.kind == "choice":
            return self.values[int(rng.integers(len(self.values)))]
        low, high = self.values
        if self.kind == "integer":
            return int(rng.integers(low, high, endpoint=True))
        if self.kind == "uniform":
            return float(rng.uniform(low, high))
        if self.kind == "log_integer":  # as wide as the values that are rounded to each
            return min(max(round(math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5)))), low), high)
        return min(max(math.exp(rng.uniform(math.log(low), math.log(high))), low), high)

    @property
    def size(self) -> float:
        """How many values it has; ∞ of real numbers."""
        if self.kind == "choice":
            return len(self.values)
        return self.values[1] - self.values[0] + 1 if self.kind.endswith("integer") else math.inf

    def grid(self) -> Sequence[Any]:
        """The values on a grid, each once."""
        if self.kind == "choice":
            return self.values
        low, high = self.values
        whole = self.kind.endswith("integer")
        if self.steps is None or (whole and self.steps > high - low):
            return range(low, high + 1)
        if self.steps == 1:
            return (low,)
        log = self.kind.startswith("log")
        a, b = (math.log(low), math.log(high)) if log else (low, high)
        between = (a + (b - a) * i / (self.steps - 1) for i in range(1, self.steps - 1))
        inner = (math.exp(x) if log else x for x in between)
        return tuple(dict.fromkeys((low, *(round(x) if whole else x for x in inner), high)))


@dataclass(frozen=True)
class Space:
    """All dimensions, each behind those that it depends on."""

    dimensions: tuple[Dimension, ...]

    def has(self, values: Any) -> bool:
        """Whether ``values`` are some that it has."""
        keys = {dimension.key for dimension in self.dimensions}
        return (
            isinstance(values, dict)
            and values.keys() <= keys
            and all(
                dimension.applies(values) == (dimension.key in values)
                and (dimension.key not in values or dimension.has(values[dimension.key]))
                for dimension in self.dimensions
            )
        )

    def draw(self, rng: Generator) -> Values:
        """Values at random. As many numbers are drawn whatever they come to."""
        drawn = [(dimension, dimension.draw(rng)) for dimension in self.dimensions]
        chosen: Values = {}
        for dimension, value in drawn:
            if dimension.applies(chosen):
                chosen[dimension.key] = value
        return chosen

    def grid(self) -> Iterator[Values]:
        """Every combination once, the last key moving first."""
        yield from self._grid({}, self.dimensions)

    def _grid(self, chosen: Values, left: Sequence[Dimension]) -> Iterator[Values]:
        if not left:
            yield dict(chosen)
        elif not left[0].applies(chosen):
            yield from self._grid(chosen, left[1:])
        else:
            for value in left[0].grid():
                yield from self._grid({**chosen, left[0].key: value}, left[1:])

    def corners(self) -> Iterator[Values]:
        """Values of which each dimension is at each of its ends once at least, beside the first values of the others.

        Of what depends on others, with all values of those that it is there for.
        """
        seen = []
        for dimension in self.dimensions:
            keys, choices = list(dimension.when), list(dimension.when.values())
            for fixed in product(*choices):
                for end in dimension.values:
                    asked = {**dict(zip(keys, fixed, strict=True)), dimension.key: end}
                    found = self._with(asked)
                    if found is not None and found not in seen:
                        seen.append(found)
                        yield found

    def _with(self, asked: Mapping[str, Any]) -> Values | None:
        """The first values that have what is ``asked``; None where they exclude one another."""
        possible = {key: [value] for key, value in asked.items()}
        for dimension in reversed(self.dimensions):  # what is there wants what it depends on to be there
            if dimension.key in possible:
                for key, values in dimension.when.items():
                    known = possible.get(key, values)
                    possible[key] = [value for value in known if among(value, values)]
                    if not possible[key]:
                        return None
        chosen: Values = {}
        for dimension in self.dimensions:
            if dimension.applies(chosen):
                chosen[dimension.key] = possible.get(dimension.key, dimension.values)[0]
        return chosen if all(key in chosen and _same(chosen[key], value) for key, value in asked.items()) else None

    def size(self, most: float = math.inf) -> float:
        """How many different values it has; as soon as there are more than ``most``, it is not counted on."""
        return self._count({}, self.dimensions, lambda dimension: dimension.size, most)

    def grid_size(self, most: float = math.inf) -> float:
        """How many combinations ``grid`` gives, likewise."""
        return self._count({}, self.dimensions, lambda dimension: len(dimension.grid()), most)

    def _count(
        self, chosen: Values, left: Sequence[Dimension], values: Callable[[Dimension], float], most: float
    ) -> float:
        """Only what others depend on is gone through value by value; the values of all else are so many times more."""
        if not left:
            return 1
        first, rest = left[0], left[1:]
        if not first.applies(chosen):
            return self._count(chosen, rest, values, most)
        if not any(first.key in other.when for other in rest):
            return values(first) * self._count({**chosen, first.key: None}, rest, values, most)
        found = 0.0
        for value in first.values:
            found += self._count({**chosen, first.key: value}, rest, values, most)
            if found > most:
                break
        return found


def among(value: Any, values: Sequence[Any]) -> bool:
    """Whether ``value`` is one of them: true is not 1."""
    return any(_same(value, other) for other in values)


def _same(a: Any, b: Any) -> bool:
    """Whether two values are written alike: true is not 1."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
