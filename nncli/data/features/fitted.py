"""All feature columns of a table, encoded for a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator

from nncli.data.cells import SHOWN, Array, Cells, Kind
from nncli.data.columns import missing
from nncli.data.features.category import Category
from nncli.data.features.date import Date
from nncli.data.features.numbers import Numbers
from nncli.data.features.quantiles import Quantiles
from nncli.data.jsonable import fields, malformed, sequence, texts
from nncli.data.scaling import Scaling
from nncli.data.slots import Slot
from nncli.data.table import BadCells, chunks, feature_remedy
from nncli.data.writing import write
from nncli.errors import DataError, Problem

Numeric: TypeAlias = Literal["standardize", "robust", "minmax", "quantile", "log", "none"]
Categorical: TypeAlias = Literal["one_hot", "embedding"]
Dates: TypeAlias = Literal["cyclic"]
KINDS: dict[str, Kind] = {
    **dict.fromkeys(get_args(Numeric), "number"),
    **dict.fromkeys(get_args(Categorical), "category"),
    **dict.fromkeys(get_args(Dates), "date"),
}
"""What a column has to hold for each of the encodings."""
GROUPS: dict[str, type[Numbers] | type[Category] | type[Date]] = {
    "numbers": Numbers,
    "category": Category,
    "date": Date,
}


@dataclass(frozen=True)
class Encoding:
    """How features are to be encoded.

    Attributes:
        numeric: The scaling of numbers.
        categorical: What becomes of text.
        dates: What becomes of dates; ``refuse``: they are named as a mistake.
        gaps: ``impute``: filled and marked; ``refuse``: named as mistakes.
        rare: In how many training rows a text has to stand to count on its own.
        clip: The bound of scaled numbers, if any.
        bins: Into how many pieces a number is cut for a piecewise-linear embedding, if it is.
        columns: For single columns, another encoding.
    """

    numeric: str = "standardize"
    categorical: str = "one_hot"
    dates: str = "cyclic"
    gaps: str = "impute"
    rare: int = 3
    clip: float | None = None
    bins: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the columns hold that it names."""
        return {name: KINDS[method] for name, method in self.columns.items()}

    def of(self, name: str, kind: Kind) -> str:
        """How the column ``name`` is encoded, which holds ``kind``."""
        common: dict[Kind, str] = {"number": self.numeric, "category": self.categorical, "date": self.dates}
        return self.columns.get(name, common[kind])


@dataclass(frozen=True, eq=False)
class Features:
    """Fitted on the training rows, and then applied to every row.

    Attributes:
        names: The columns of the table, in its order.
        groups: Those that are encoded alike; together they have every column once. The input of the network is their
            results, side by side.
        refuses_gaps: Whether a gap is a mistake.
    """

    names: tuple[str, ...]
    groups: tuple[Numbers | Category | Date, ...]
    refuses_gaps: bool = False

    @classmethod
    def fit(
        cls,
        cells: Cells,
        rows: Array,
        encoding: Encoding,
        place: Callable[[int], str],
        weights: Array | None = None,
    ) -> Features:
        """Fit on ``rows`` of ``cells``, and on nothing else of it.

        Args:
            cells: The features of the training table.
            rows: (m,) indices of the training rows.
            encoding: What becomes of them.
            place: Where a row stands.
            weights: (n,) what each row counts in a mean; one that weighs 0 counts nowhere.

        Raises:
            DataError: Columns that cannot be encoded as asked for; gaps, if they are refused.
        """
        _look_at(cells, encoding)
        if weights is not None and weights[rows].any():
            rows = rows[weights[rows] > 0]
        if encoding.gaps == "refuse":
            _refuse_gaps(cells.values, cells.names, np.arange(len(cells.values)), place)
        gaps = _with_gaps(cells.values, rows)
        alike: dict[tuple[str, bool], list[int]] = {}
        others: list[Category | Date] = []
        problems: list[Problem] = []
        for j, name in enumerate(cells.names):
            kind = cells.kind(name)
            method = encoding.of(name, kind)
            if kind == "number":
                alike.setdefault((method, bool(gaps[j])), []).append(j)
                continue
            column = cells.values[rows, j]
            if kind == "date":
                others.append(Date.fit(name, column))
                continue
            coded = method == "embedding"
            try:
                levels = cells.levels[name]
                others.append(Category.fit(name, levels, column, cells.origin, least=encoding.rare, coded=coded))
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError(problems)
        numbers = [
            Numbers.fit(
                method,
                tuple(cells.names[j] for j in columns),
                cells.values,
                rows,
                None if len(columns) == len(cells.names) else columns,
                marked=marked,
                clip=encoding.clip,
                bins=encoding.bins,
                weights=weights,
            )
            for (method, marked), columns in alike.items()
        ]
        return cls(cells.names, (*numbers, *others), encoding.gaps == "refuse")

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What the columns of the network's input stand for."""
        return tuple(slot for group in self.groups for slot in group.slots)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each column of the network's input is called."""
        return tuple(name for group in self.groups for name in group.outputs)

    @property
    def width(self) -> int:
        """How many they are."""
        return sum(slot.width for slot in self.slots)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each column of the table holds."""
        kinds: dict[str, Kind] = {"numbers": "number", "category": "category", "date": "date"}
        found = {name: kinds[group.kind] for group in self.groups for name in group.names}
        return {name: found[name] for name in self.names}

    @property
    def categories(self) -> dict[str, Category]:
        """The columns of text."""
        return {group.name: group for group in self.groups if isinstance(group, Category)}

    @property
    def plain(self) -> bool:
        """Whether every column is a number, so that a matrix of numbers holds all of them."""
        return all(isinstance(group, Numbers) for group in self.groups)

    @property
    def unchanged(self) -> bool:
        """Whether rows go into the network as they stand in the table."""
        match self.groups:
            case (Numbers(scaling=Scaling(method="none"), marked=False, clip=None),):
                return True
        return False

    def coded(self, cells: Cells) -> Callable[[Array], Array]:
        """What gives, for indices of rows (k,), the columns (k, d) that `formula` takes.

        Raises:
            DataError: Columns that are missing, or hold something else than those of the training rows.
        """
        values = cells.select(self.names)
        problems = [
            Problem(
                f"it holds a {cells.kind(name)}, and that of the training table a {kind}",
                f"{cells.origin}, column {name!r}",
                "give it as the training table has it",
            )
            for name, kind in self.kinds.items()
            if cells.kind(name) != kind
        ]
        if problems:
            raise DataError(problems[:SHOWN])
        lookups = [
            (j, self.categories[n].lookup(cells.levels[n])) for j, n in enumerate(self.names) if n in cells.levels
        ]

        def some(rows: Array) -> Array:
            x = values[rows].astype(np.float64, copy=False)
            for j, lookup in lookups:
                x[:, j] = lookup[np.where(np.isnan(x[:, j]), -1, x[:, j]).astype(np.intp)]
            return x

        return some

    def formula(self, X: Any) -> Any:
        """The input of the network (n, width) of the coded columns ``X`` (n, d), in NumPy's functions."""
        parts = self.parts(X)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def parts(self, X: Any) -> list[Any]:
        """What each of the groups makes of the coded columns ``X`` (n, d)."""
        return [group.formula(self._columns(X, group.names)) for group in self.groups]

    def apply(self, cells: Cells, rows: Array, out: Array, place: Callable[[int], str]) -> None:
        """Write the input of the network for ``rows`` (m,) of ``cells`` into ``out`` (m, width).

        Raises:
            DataError: Columns as in `coded`; numbers that ``out`` cannot hold; gaps, where they are refused.
        """
        coded = self.coded(cells)
        if self.refuses_gaps:
            _refuse_gaps(cells.select(self.names), self.names, rows, place)
        sources = [slot.name for slot in self.slots for _ in range(slot.width)]
        write(lambda some: self.formula(coded(some)), rows, out, place, sources)

    def shown(self, cells: Cells, rows: Array) -> Array:
        """For each number of the network's input (m, width) the cell that it comes from: a number, a text, or None."""
        own = {name: np.array(cells.read(name, rows), object) for name in self.names}
        shown = np.column_stack([own[slot.name] for slot in self.slots for _ in range(slot.width)])
        return shown.astype(np.float64) if self.plain else shown

    def drawn(self, n: int, rng: Generator) -> Cells:
        """Random rows such as the training rows might have been."""
        values = np.empty((n, len(self.names)))
        levels = {name: category.levels for name, category in self.categories.items()}
        for group in self.groups:
            at = [self.names.index(name) for name in group.names]
            match group:
                case Numbers(scaling=Scaling() as scaling):
                    values[:, at] = scaling.invert(rng.standard_normal((n, len(at))))
                case Numbers(scaling=Quantiles() as scaling):
                    for j, knots in zip(at, scaling.knots, strict=True):
                        values[:, j] = rng.choice(knots, n)
                case Category():
                    values[:, at[0]] = rng.integers(0, len(group.levels), n)
                case Date():
                    values[:, at[0]] = group.shift + group.scale * rng.standard_normal(n)
        dates = frozenset(group.name for group in self.groups if isinstance(group, Date))
        return Cells("drawn rows", values, self.names, levels, dates)

    def agrees(self, other: Features) -> bool:
        """Whether both were fitted on the same data; see `Group.agrees`."""
        return (self.names, len(self.groups)) == (other.names, len(other.groups)) and all(
            one.agrees(another) for one, another in zip(self.groups, other.groups, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; its floats come back bit for bit."""
        return {
            "names": list(self.names),
            "gaps": "refuse" if self.refuses_gaps else "impute",
            "groups": [group.to_json() for group in self.groups],
        }

    @classmethod
    def from_json(cls, data: object, where: str) -> Features:
        """Read what `to_json` wrote; raise DataError for anything else."""
        found = fields(data, {"names", "gaps", "groups"}, where)
        groups: list[Numbers | Category | Date] = []
        for i, one in enumerate(sequence(found["groups"], f"{where}.groups")):
            place = f"{where}.groups.{i}"
            kind = one.get("kind") if isinstance(one, dict) else None
            if kind not in GROUPS:
                raise malformed(f"kinds are {', '.join(GROUPS)}", place)
            groups.append(GROUPS[kind].from_json(one, place))
        names = texts(found["names"], f"{where}.names")
        if not names or sorted(names) != sorted(name for group in groups for name in group.names):
            raise malformed("the groups have to hold every column once", where)
        if found["gaps"] not in ("impute", "refuse"):
            raise malformed("gaps: impute or refuse is expected", where)
        return cls(names, tuple(groups), found["gaps"] == "refuse")

    def _columns(self, X: Any, names: tuple[str, ...]) -> Any:
        if names == self.names:
            return X
        at = [self.names.index(name) for name in names]
        if at == [*range(at[0], at[0] + len(at))]:
            return X[:, at[0] : at[0] + len(at)]
        return np.take(X, at, axis=1)


def _look_at(cells: Cells, encoding: Encoding) -> None:
    """Refuse single columns that are not there or hold something else, and dates, if they are refused."""
    problems = [
        Problem(missing("feature", name, cells.names), "data.preprocess.columns")
        for name in encoding.columns
        if name not in cells.names
    ]
    for name, kind in cells.kinds.items():
        method = encoding.of(name, kind)
        where = f"{cells.origin}, column {name!r}"
        if method == "refuse":
            remedy = f"`data.preprocess.dates: cyclic` takes their parts, `data.drop: [{name}]` leaves them out"
            problems.append(Problem("it holds dates", where, remedy))
        elif KINDS[method] != kind:
            remedy = f"the encodings of a {kind} are {', '.join(m for m, k in KINDS.items() if k == kind)}"
            problems.append(Problem(f"it holds a {kind}, and {method} is for a {KINDS[method]}", where, remedy))
    if problems:
        raise DataError(problems[:SHOWN])


def _with_gaps(values: Array, rows: Array) -> Array:
    """Which columns (d,) have a gap among ``rows``."""
    found = np.zeros(values.shape[1], bool)
    if values.dtype.kind == "f":
        for part in chunks(len(rows), len(found), values):
            found |= np.isnan(values[rows[part]]).any(axis=0)
    return found


def _refuse_gaps(values: Array, names: tuple[str, ...], rows: Array, place: Callable[[int], str]) -> None:
    bad = BadCells(place)
    if values.dtype.kind == "f":
        for part in chunks(len(rows), len(names), values):
            some = rows[part]
            wrong = np.argwhere(np.isnan(values[some]))
            first = [(int(some[r]), names[c], "empty cell", feature_remedy(names[c])) for r, c in wrong[:SHOWN]]
            bad.add(len(wrong), first)
    bad.refuse()
