"""A comparison as tables of text, as a screen and a page show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nncli.config.values import as_written
from nncli.seeing.comparison import Comparison
from nncli.text import figure

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """What is said of a run, and whether it is better than what is said of the others."""

    text: str
    better: bool = False

    def __str__(self) -> str:
        return f"{self.text}*" if self.better else self.text


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        title: What it is of.
        rows: The names of its rows, and of each a cell for each run.
    """

    title: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def sheets(comparison: Comparison) -> Iterator[Sheet]:
    """What differs in the configs, what differs in the environments, and the figures."""
    names = [*comparison.runs]
    for title, differing in (("config", comparison.config), ("environment", comparison.environment)):
        yield Sheet(
            title,
            tuple(
                (key, tuple(Cell(as_written(row[name]) if name in row else NOTHING) for name in names))
                for key, row in differing.items()
            ),
        )
    yield Sheet(
        "figures",
        tuple(
            (one.name, tuple(Cell(_figure(one.name, one.values.get(name)), name in one.better) for name in names))
            for one in comparison.figures
        ),
    )


def _figure(name: str, value: float | None) -> str:
    return str(value) if isinstance(value, int) else figure(name, value)
