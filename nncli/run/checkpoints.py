"""The checkpoints of a run: the newest few, each in a file of its own."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nncli.engine.buffers import Array
from nncli.errors import RunError
from nncli.run.files import cannot, sweep
from nncli.run.tensors import read_tensors, write_tensors

KIND = "nncli-checkpoint-1"
FOLDER = "checkpoints"
NAME = re.compile(r"(\d{1,18})\.safetensors")


@dataclass(frozen=True)
class State:
    """All that a training goes on from.

    Attributes:
        vectors: By name, the arrays that it has; whoever takes a state to keep it copies them.
        numbers: What else there is, as strict JSON.
    """

    vectors: Mapping[str, Array]
    numbers: Mapping[str, Any]


class Checkpoints:
    """Those in ``run/checkpoints``, named by their place in the order of their making.

    A new one is written beside the others, and the oldest are removed once it is safe. So at every instant the newest
    one is whole, but for a disk that loses what it said it had; then the one before is.

    Args:
        run: The run's directory.
        keep: How many stay.
    """

    def __init__(self, run: Path, keep: int = 2) -> None:
        self.folder, self._keep = run / FOLDER, keep

    def save(self, state: State) -> Path:
        """Add one, and remove those that are too many.

        Raises:
            RunError: It cannot be written; the others are as they were.
        """
        names = self._numbers()
        path = self.folder / f"{max(names, default=0) + 1:06d}.safetensors"
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot("make", self.folder, error) from None
        write_tensors(path, KIND, state.vectors, json.dumps(state.numbers, allow_nan=False))
        for _, old in sorted(names.items(), reverse=True)[self._keep - 1 :]:
            with contextlib.suppress(OSError):  # a file too many does no harm
                old.unlink()
        return path

    def load(self) -> Iterator[tuple[Path, State | RunError]]:
        """The newest, and those before it while they are asked for; what is wrong with one that is not whole."""
        for _, path in sorted(self._numbers().items(), reverse=True):
            try:
                vectors, notes = read_tensors(path, KIND)
                numbers = json.loads(notes)
                if not isinstance(numbers, dict):
                    raise ValueError("its state is no object")
            except RunError as error:
                yield path, error
            except (ValueError, RecursionError) as error:
                yield path, RunError(f"was not written by nncli ({error})", where=str(path))
            else:
                yield path, State(vectors, numbers)

    def __bool__(self) -> bool:
        """Whether there is one, whole or not."""
        return bool(self._numbers())

    def sweep(self) -> None:
        """Remove what a killed process left half written."""
        if not self.folder.is_symlink():
            sweep(self.folder)

    def _numbers(self) -> dict[int, Path]:
        if self.folder.is_symlink():
            raise RunError("is a link", where=str(self.folder), remedy="a run keeps its checkpoints itself")
        try:
            found = [(NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        except OSError:  # there is no folder yet
            return {}
        return {int(match[1]): path for match, path in found if match is not None}
