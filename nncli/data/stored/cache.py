"""The folder of prepared rows: what lies in it, and whether it is all there."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nncli.data.cells import Array
from nncli.data.dataset import Dataset, Part
from nncli.data.maps import ArrayFile, digest_of_file, mapped, mapped_at, place_of
from nncli.data.preprocess import Preprocessing
from nncli.data.table import Table
from nncli.errors import DataError

CONTENTS = "contents.json"
FORMAT = "nncli-rows-1"
PARTS = ("train", "validation", "test")
TABLES = "tables"


@dataclass(eq=False)
class Cache:
    """Prepared rows in a folder, which is whole as soon as its list of contents is there.

    Attributes:
        folder: Where they are.
        contents: What ``contents.json`` says: of what they were made (``key``), the tables, the preprocessing, and for
            each file its size and digest.
        told: What is to be said of how they came to be there.
        keeper: Removes them when nobody has them any more; None: they stay.
    """

    folder: Path
    contents: dict[str, Any] = field(default_factory=dict)
    told: str = ""
    keeper: weakref.finalize[..., Any] | None = None

    @classmethod
    def begin(cls, folder: Path, key: str) -> Cache:
        """An empty one, for what is made of ``key``."""
        return cls(folder, {"format": FORMAT, "key": key, "files": {}})

    @classmethod
    def open(cls, folder: Path, key: str) -> Cache:
        """The one in ``folder``, every byte checked.

        Raises:
            DataError: It is not there, was made of something else than ``key``, or is damaged.
        """
        with _refused(folder):
            contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
            cache = cls(folder, contents)
            if (contents["format"], contents["key"]) != (FORMAT, key):
                raise DataError("they were made of something else", where=str(folder))
            for name, said in contents["files"].items():
                path = folder / name
                if path.stat().st_size != said["bytes"] or digest_of_file(path) != said["sha256"]:
                    raise DataError(f"{name} is damaged", where=str(folder))
            for name, said in contents["in_place"].items():
                if _identity(Path(said["path"])) != said["identity"]:
                    raise DataError(f"the {name} table lies in a file that has changed", where=str(folder))
            return cache

    def end(self, dataset: Dataset, tables: dict[str, Table]) -> None:
        """Write down what was made, so that it is whole."""
        self.contents["fingerprint"] = dataset.fingerprint
        self.contents["preprocess"] = dataset.preprocessing.to_json()
        self.contents["tables"] = {role: _described(table) for role, table in tables.items()}
        self.contents["in_place"] = {
            role: _placed(table.features)
            for role, table in tables.items()
            if not (self.tables(role) / "features.npy").exists()
        }
        self.contents["parts"] = {
            name: "train" if part.table is tables["train"] else name
            for name, part in ((name, getattr(dataset, name)) for name in PARTS)
            if part is not None
        }
        for path in sorted(self.folder.rglob("*.npy")):
            self._list(path)
        self._write()

    def dataset(self) -> Dataset:
        """What was made, mapped.

        Raises:
            DataError: Its list of contents is not one.
        """
        with _refused(self.folder):
            preprocessing = Preprocessing.from_json(self.contents["preprocess"], str(self.folder / CONTENTS))
            tables = {role: self._table(role, said) for role, said in self.contents["tables"].items()}
            parts = {
                name: self.part(name, tables[role], self._listed_in(name))
                for name, role in self.contents["parts"].items()
            }
            return Dataset(
                preprocessing,
                parts["train"],
                parts.get("validation"),
                parts.get("test"),
                self.contents["fingerprint"],
                self,
            )

    def part(self, name: str, table: Table, arrays: Iterable[str]) -> Part:
        """One of the parts, whose rows are of ``table``, with the arrays of these names."""
        shelf = Shelf(self, name, {array: mapped(self.folder / name / f"{array}.npy") for array in arrays})
        own = shelf.arrays
        return Part(own["inputs"], own["targets"], own["rows"], table, shelf)

    def tables(self, role: str) -> Path:
        """The folder of a table as it was read."""
        return self.folder / TABLES / role

    def add(self, path: Path) -> None:
        """List another file."""
        self._list(path)
        self._write()

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file["bytes"] for file in self.contents["files"].values())

    @property
    def fitted_on(self) -> int:
        """Of how many training rows the preprocessing comes."""
        return int(self.contents["fitted_on"])

    def _listed_in(self, folder: str) -> list[str]:
        """The names of the arrays in a folder that were looked at: what else lies there is not read."""
        paths = map(PurePosixPath, self.contents["files"])
        return [path.stem for path in paths if path.parent == PurePosixPath(folder)]

    def _list(self, path: Path) -> None:
        name = path.relative_to(self.folder).as_posix()
        self.contents["files"][name] = {"bytes": path.stat().st_size, "sha256": digest_of_file(path)}

    def _write(self) -> None:
        temporary = self.folder / f".{CONTENTS}.partial"
        temporary.write_text(json.dumps(self.contents, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.folder / CONTENTS)

    def _table(self, role: str, said: dict[str, Any]) -> Table:
        arrays = {name: mapped(self.tables(role) / f"{name}.npy") for name in self._listed_in(f"{TABLES}/{role}")}
        placed = self.contents["in_place"].get(role)
        if placed is not None:
            shape = tuple(placed["shape"])
            arrays["features"] = mapped_at(Path(placed["path"]), placed["offset"], shape, np.dtype(placed["dtype"]))
        return Table(
            features=arrays["features"],
            target=arrays["target"],
            weights=arrays.get("weights"),
            feature_names=tuple(said["feature_names"]),
            target_names=tuple(said["target_names"]),
            levels={name: tuple(texts) for name, texts in said["levels"].items()},
            dates=frozenset(said["dates"]),
            looked_at=True,
            **{key: said[key] for key in ("origin", "categorical", "first_line", "weight_name")},
        )


@dataclass(frozen=True, eq=False)
class Shelf:
    """Where the arrays of a part lie.

    Attributes:
        cache: In which.
        name: The folder in it.
        arrays: ``inputs``, ``targets``, ``rows``, of a regression ``values``, and those that were made later.
    """

    cache: Cache
    name: str
    arrays: dict[str, Array]

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, made: Callable[[], Iterator[Array]]) -> Array:
        """The array of this name, which is made of the blocks of its rows that ``made`` gives if it is not there."""
        if name not in self.arrays:
            path = self.cache.folder / self.name / f"{name}.npy"
            temporary = path.with_name(f".{path.name}.partial")
            temporary.unlink(missing_ok=True)
            with ArrayFile(temporary, shape, dtype) as file:
                for rows in made():
                    file.append(rows)
            temporary.replace(path)
            self.cache.add(path)
            self.arrays[name] = mapped(path)
        return self.arrays[name]


@contextmanager
def _refused(folder: Path) -> Iterator[None]:
    """Whatever comes of a list of contents that is damaged, or not of this program, is a DataError."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{Path(str(error.filename)).name} is not there", where=str(folder)) from None
    except KeyError as error:
        raise DataError(f"not whole: {error} is not there", where=str(folder)) from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"not whole: {error}", where=str(folder)) from None


def _described(table: Table) -> dict[str, Any]:
    said = {
        "origin": table.origin,
        "feature_names": table.feature_names,
        "target_names": table.target_names,
        "categorical": table.categorical,
        "first_line": table.first_line,
        "weight_name": table.weight_name,
        "levels": dict(table.levels),
        "dates": sorted(table.dates),
    }
    plain: dict[str, Any] = json.loads(json.dumps(said))
    return plain


def _placed(features: Array) -> dict[str, Any]:
    """Where features lie that were not written."""
    place = place_of(features)
    assert place is not None  # what was not written is mapped
    path, offset = place
    return {
        "path": str(path.resolve()),
        "offset": offset,
        "shape": list(features.shape),
        "dtype": features.dtype.str,
        "identity": _identity(path),
    }


def _identity(path: Path) -> list[int]:
    """What changes when a file is written to."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
