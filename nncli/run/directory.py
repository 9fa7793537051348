"""The files of a run, and what they are called."""

from __future__ import annotations

import importlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from nncli.engine.buffers import Array
from nncli.errors import RunError
from nncli.registry import nearest
from nncli.run.checkpoints import Checkpoints
from nncli.run.files import cannot, read, sweep, write
from nncli.run.lock import locked
from nncli.run.log import Log
from nncli.run.tensors import digest_of, read_tensors, write_tensors

ROOT = Path("runs")
MEMBERS = "members"
"""The folder of the runs of an ensemble's members: 0, 1, ..."""
PLAN = "plan.json"
"""What marks a directory of several runs, and says which; see ``nncli.many``."""
WEIGHTS = "nncli-weights-1"
"""The format of files of weights."""
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's where it is there: of a sweep of small networks the other would take a tenth of the time."""
MOST_OF_JSON = 2**26
"""Bytes that a JSON file of a run may have."""
REPAIRED = ("summary.json", "preprocess.json")
"""What follows from the rest, so that resuming makes it again."""


class Run:
    """A directory with the files of one training. The layout is described in docs/run.md.

    Attributes:
        path: Where it is.
        metrics: Its metrics.csv.
        distributions: Its distributions.csv.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = Log(path / "metrics.csv")
        self.distributions = Log(path / "distributions.csv")

    @classmethod
    def create(cls, name: str, directory: Path | None = None, *, folder: str = "weights") -> Run:
        """Make a new run: ``directory``, which must not exist, or the first free of runs/NAME, runs/NAME-2, ...

        In it is a ``folder`` for the weights, or for the members of an ensemble.
        A run in runs/ becomes runs/latest; one elsewhere is not the business of that folder.

        Raises:
            RunError: ``directory`` exists, or cannot be made.
        """
        if directory is not None:
            run = cls(directory)
            try:
                directory.mkdir(parents=True)
            except FileExistsError:
                raise RunError(
                    "exists already", where=str(directory), remedy="a run is never written over: choose another --run"
                ) from None
            except OSError as error:
                raise cannot("make", directory, error) from None
        else:
            run = cls(first_free(name))
        run._make(folder)
        if run.path.resolve().parent == ROOT.resolve():
            _point_latest_at(run.path)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run at ``path``, or the newest for ``latest``.

        Raises:
            RunError: There is no run, or it leads out of its folder.
        """
        directory = Path(path)
        if str(path) == "latest" and not directory.exists():
            directory = ROOT / "latest"
            if not directory.exists():
                if directory.is_symlink():
                    raise RunError("the newest run was removed", where=str(directory), remedy="name another: runs/NAME")
                raise RunError("there is no run yet", where=str(directory), remedy="nncli train CONFIG makes one")
        if not directory.is_dir():
            if directory.exists():
                raise RunError("is a file, and a run is a directory", where=str(path), remedy="name one: runs/NAME")
            runs = [str(p) for p in directory.parent.glob("*") if (p / "config.yaml").exists()]
            guess = nearest(str(path), runs)
            remedy = f"did you mean {guess}?" if guess else "name a run's directory, or latest"
            raise RunError("no such run", where=str(path), remedy=remedy)
        for name in ("config.yaml", "weights", MEMBERS):
            if (directory / name).is_symlink():
                raise RunError("is a link", where=str(directory / name), remedy="a run keeps all of it in itself")
        if not (directory / "config.yaml").is_file():
            if (directory / PLAN).is_file():
                remedy = f"name one: nncli runs {path} lists them"
                raise RunError("holds several runs, and is none", where=str(path), remedy=remedy)
            raise RunError("not a run directory: it has no config.yaml", where=str(path))
        return cls(directory.parent / directory.readlink() if directory.is_symlink() else directory)

    @property
    def logs(self) -> dict[str, Log]:
        """What grows with its training, by name."""
        return {"metrics": self.metrics, "distributions": self.distributions}

    # -- an ensemble -----------------------------------------------------------------------------------------------

    def member(self, number: int) -> Run:
        """The run of a member of the ensemble, whether or not it is there.

        Raises:
            RunError: It leads out of the run.
        """
        path = self.path / MEMBERS / str(number)
        for part in (path.parent, path):
            if part.is_symlink():
                raise RunError("is a link", where=str(part), remedy="a run keeps all of it in itself")
        return Run(path)

    def make(self) -> None:
        """Make the directory of a member, as far as it is not there."""
        for part in (self.path.parent, self.path):
            if not part.is_dir():
                try:
                    part.mkdir(exist_ok=True)
                except OSError as error:
                    raise cannot("make", part, error) from None
        self._make("weights")

    def _make(self, folder: str) -> None:
        try:
            (self.path / folder).mkdir(exist_ok=True)
        except OSError as error:
            raise cannot("make", self.path / folder, error) from None

    # -- what a training writes ------------------------------------------------------------------------------------

    def write_config(self, resolved: Mapping[str, Any]) -> None:
        """Write the config with every default; it trains the same network again."""
        header = "# Every default written out: nncli train on this file trains the same network again.\n"
        text = yaml.dump(dict(resolved), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
        write(self.path / "config.yaml", header + text)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write ``content`` as strict JSON (a NaN is refused) to file ``name``."""
        write(self.path / name, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """The content of JSON file ``name``.

        Raises:
            RunError: It is missing or no JSON object.
        """
        path = self.path / name
        remedy = f"nncli resume {self.path} writes it again" if name in REPAIRED else "train again"
        try:
            text = read(path, MOST_OF_JSON).decode()
            content = json.loads(text, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError):
            raise RunError("is not JSON", where=str(path), remedy=remedy) from None
        except RunError as error:
            (problem,) = error.problems
            raise RunError(problem.message, where=problem.where, remedy=remedy) from None
        if not isinstance(content, dict):
            raise RunError("holds no JSON object", where=str(path), remedy=remedy)
        return content

    def save_weights(self, which: str, tensors: Mapping[str, Array]) -> str:
        """Write ``weights/{which}.safetensors`` and return the digest of its tensors."""
        write_tensors(self._weights(which), WEIGHTS, tensors)
        return digest_of(tensors)

    def load_weights(self, which: str) -> dict[str, Array]:
        """The tensors of ``weights/{which}.safetensors``, every byte checked.

        Raises:
            RunError: The file is missing, damaged, or not nncli's.
        """
        path = self._weights(which)
        try:
            return read_tensors(path, WEIGHTS)[0]
        except RunError as error:
            (problem,) = error.problems
            remedy = f"nncli resume {self.path} writes it again"
            raise RunError(problem.message, where=problem.where, remedy=remedy) from None

    def _weights(self, which: str) -> Path:
        folder = self.path / "weights"
        if folder.is_symlink():
            raise RunError("is a link", where=str(folder), remedy="a run keeps its weights itself")
        return folder / f"{which}.safetensors"

    def checkpoints(self, keep: int = 2) -> Checkpoints:
        """Those of the run, of which so many are kept."""
        return Checkpoints(self.path, keep)

    def estimator(self) -> Any:
        """A fitted ``nncli.MLPClassifier`` or ``nncli.MLPRegressor`` that predicts as the run does.

        Raises:
            RunError: It has no weights, or cannot be read.
        """
        # by name, as the package itself does it: estimators stand on top of runs, and load scikit-learn
        return importlib.import_module("nncli.estimator").from_run(self)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from writing to it; RunError if one does."""
        return locked(self.path)

    def sweep(self) -> None:
        """Remove what a killed process left half written; for who holds the lock."""
        for folder in (self.path, self.path / "weights"):
            sweep(folder)
        self.checkpoints().sweep()


def _finite(text: str) -> float:
    """A number of strict JSON, which knows no NaN and no infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def first_free(name: str) -> Path:
    """Make and return runs/NAME or runs/NAME-2, ...: mkdir itself decides between two processes that want the same."""
    try:
        ROOT.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot("make", ROOT, error) from None
    number = 2 if name == "latest" else 1  # runs/latest is the link to the newest
    while True:
        path = ROOT / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise cannot("make", path, error) from None
        else:
            return path


def _point_latest_at(run: Path) -> None:
    """Let runs/latest be a link to ``run``, replaced in one step."""
    try:
        ROOT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".latest.", dir=ROOT) as folder:
            link = Path(folder) / "latest"
            link.symlink_to(os.path.relpath(run.resolve(), ROOT.resolve()), target_is_directory=True)
            link.replace(ROOT / "latest")
    except OSError as error:
        raise cannot("write", ROOT / "latest", error) from None
