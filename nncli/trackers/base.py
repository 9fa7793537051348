"""What a tracker is told, and in which form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from nncli.run import Run

Row: TypeAlias = Mapping[str, float | int | str | None]
"""Of metrics.csv or of distributions.csv; a cell that is empty is None."""


@dataclass(frozen=True)
class Beginning:
    """What is known of a training before its next step.

    Attributes:
        run: Whose.
        config: The resolved one.
        made_in: The content of environment.json.
        epochs: The rows of metrics.csv, all epochs that are over.
        distributions: Those of distributions.csv.
    """

    run: Run
    config: Mapping[str, Any]
    made_in: Mapping[str, Any]
    epochs: Sequence[Row]
    distributions: Sequence[Row]

    @property
    def settings(self) -> dict[str, str | float | bool]:
        """The config, key path -> value, without what is not set, and what trains no other network."""
        return dict(_flat({key: value for key, value in self.config.items() if key not in ("name", "report")}, ""))


class Tracker(Protocol):
    """One training on one tracker. Whatever a method raises is the end of it."""

    def epochs(self, rows: Sequence[Row]) -> None:
        """More rows of metrics.csv."""

    def distributions(self, rows: Sequence[Row]) -> None:
        """More rows of distributions.csv."""

    def end(self, summary: Mapping[str, Any]) -> None:
        """The training is over, and this is its summary.json: nothing that was told may be lost behind this call."""

    def close(self) -> None:
        """Let go of all that is held, in whatever state; raises nothing."""


def files_of(run: Run) -> Iterator[Path]:
    """What a run has to show, as far as it is there; no link leads out of it."""
    names = ["config.yaml", "environment.json", "preprocess.json", "metrics.csv", "distributions.csv"]
    names += ["summary.json", "gradcheck.json", "report.html"]
    found = [*(run.path / name for name in names), *sorted((run.path / "weights").glob("*.safetensors"))]
    found += sorted((run.path / "plots").glob("*.png"))
    yield from (path for path in found if path.is_file() and not path.is_symlink() and not path.parent.is_symlink())


def figures_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """The figures at the end, as far as they are defined."""
    metrics = summary.get("metrics")
    found = metrics if isinstance(metrics, Mapping) else {}
    return {str(name): float(value) for name, value in found.items() if isinstance(value, int | float)}


def _flat(content: Any, path: str) -> Iterator[tuple[str, str | float | bool]]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list):
        for i, value in enumerate(content):
            yield from _flat(value, f"{path}.{i}")
    elif content is not None:
        yield path, content if isinstance(content, str | int | float) else str(content)
