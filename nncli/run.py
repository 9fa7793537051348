"""The run directory: everything about one training, in files that other programs can read."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nncli.engine.buffers import Array
from nncli.errors import RunError
from nncli.machine import processor
from nncli.registry import nearest

ROOT = Path("runs")


class Run:
    """A directory with the files of one training. The layout is described in docs/run.md."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics_columns: list[str] | None = None

    @classmethod
    def create(cls, name: str, directory: Path | None = None) -> Run:
        """Make a new run: ``directory``, which must not exist, or the first free of runs/NAME, runs/NAME-2, ...

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
                raise _cannot("make", directory, error) from None
        else:
            run = cls(_first_free(name))
        try:
            (run.path / "weights").mkdir()
        except OSError as error:
            raise _cannot("make", run.path / "weights", error) from None
        if run.path.resolve().parent == ROOT.resolve():
            _point_latest_at(run.path)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run at ``path``, or the newest for ``latest``.

        Raises:
            RunError: There is no run.
        """
        directory = Path(path)
        if str(path) == "latest" and not directory.exists():
            directory = ROOT / "latest"
            if not directory.exists():
                if directory.is_symlink():
                    raise RunError("the newest run was removed", where=str(directory), remedy="name another: runs/NAME")
                raise RunError("there is no run yet", where=str(directory), remedy="nncli train CONFIG makes one")
        if not directory.is_dir():
            runs = [str(p) for p in directory.parent.glob("*") if (p / "config.yaml").exists()]
            guess = nearest(str(path), runs)
            raise RunError("no such run", where=str(path), remedy=f"did you mean {guess}?" if guess else "")
        if not (directory / "config.yaml").is_file():
            raise RunError("not a run directory: it has no config.yaml", where=str(path))
        return cls(directory.resolve() if directory.is_symlink() else directory)

    # -- what a training writes ------------------------------------------------------------------------------------

    def write_config(self, resolved: Mapping[str, Any]) -> None:
        """Write the config with every default; it trains the same network again."""
        header = "# Every default written out: nncli train on this file trains the same network again.\n"
        self._write("config.yaml", header + yaml.safe_dump(dict(resolved), sort_keys=False, allow_unicode=True))

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write ``content`` as strict JSON (a NaN is refused) to file ``name``."""
        self._write(name, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """The content of JSON file ``name``.

        Raises:
            RunError: It is missing or no JSON object.
        """
        path = self.path / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise _cannot("read", path, error) from None
        except (ValueError, RecursionError):
            raise RunError("is not JSON", where=str(path), remedy="train again") from None
        if not isinstance(content, dict):
            raise RunError("holds no JSON object", where=str(path), remedy="train again")
        return content

    def append_metrics(self, row: Mapping[str, float | int | None]) -> None:
        """Add one epoch to metrics.csv; the first row decides the columns, what is missing or None stays empty."""
        path = self.path / "metrics.csv"
        first = self._metrics_columns is None
        columns = self._metrics_columns = self._metrics_columns or list(row)
        try:
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
                if first:
                    writer.writeheader()
                writer.writerow(row)
        except OSError as error:
            raise _cannot("write", path, error) from None

    def save_weights(self, which: str, tensors: Mapping[str, Array]) -> str:
        """Write ``weights/{which}.safetensors`` and return the digest of its tensors."""
        from safetensors.numpy import save

        digest = digest_of(tensors)
        plain = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        self._write(f"weights/{which}.safetensors", save(plain, {"format": "nncli-1", "sha256": digest}))
        return digest

    def load_weights(self, which: str) -> dict[str, Array]:
        """The tensors of ``weights/{which}.safetensors``, their digest checked.

        Raises:
            RunError: The file is missing, damaged, or not nncli's.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self.path / "weights" / f"{which}.safetensors"
        try:
            content = path.read_bytes()
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            tensors: dict[str, Array] = load(content)
            digest = header["__metadata__"]["sha256"]
        except OSError as error:
            raise _cannot("read", path, error) from None
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunError(f"is no weights file of nncli ({error})", where=str(path), remedy="train again") from None
        if digest_of(tensors) != digest:
            raise RunError("is damaged: its content does not match its digest", where=str(path), remedy="train again")
        return tensors

    def _write(self, name: str, content: str | bytes) -> None:
        """Write a whole file or nothing: to a unique name beside it, to the disk, then renamed into its place."""
        path = self.path / name
        raw = content.encode() if isinstance(content, str) else content
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).chmod(0o666 & ~_umask())
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _cannot("write", path, error) from None


def _umask() -> int:
    """What the user keeps from others; mkstemp keeps everything."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def digest_of(tensors: Mapping[str, Array]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in the order of the names: the identity of a set of weights."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def environment(command: list[str], kernels: str) -> dict[str, Any]:
    """What a run's bits depend on besides its config: versions, BLAS and its threads, the processor, the command."""
    from threadpoolctl import threadpool_info

    packages = ["nncli", "numpy", "scipy", "scikit-learn", "polars", "safetensors"]
    if kernels == "numba":
        packages += ["numba", "llvmlite"]
    return {
        "command": command,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": processor().get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "kernels": kernels,
        "packages": {name: metadata.version(name) for name in packages},
        "threadpools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "num_threads", "architecture")}
            for pool in threadpool_info()
        ],
    }


def _first_free(name: str) -> Path:
    """Make and return runs/NAME or runs/NAME-2, ...: mkdir itself decides between two processes that want the same."""
    try:
        ROOT.mkdir(exist_ok=True)
    except OSError as error:
        raise _cannot("make", ROOT, error) from None
    number = 2 if name == "latest" else 1  # runs/latest is the link to the newest
    while True:
        path = ROOT / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise _cannot("make", path, error) from None
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
        raise _cannot("write", ROOT / "latest", error) from None


def _cannot(verb: str, path: Path, error: OSError) -> RunError:
    return RunError(f"cannot {verb} it: {error.strerror or error}", where=str(path))
