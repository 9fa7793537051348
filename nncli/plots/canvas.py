"""What all pictures share: their size and colours, and how one becomes a file."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nncli.errors import NncliError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES, DPI = (8.0, 5.0), 160
"""1280 by 800 points: to be read at 800 across, too."""
STRONG, FAINT, MARK, NOTE = "#0b4f8a", "#a9c6e0", "#c2410c", "#6b7280"
"""For what matters, for what it comes from, for a place in it, and for remarks; they differ in brightness, too."""
SOFTWARE = "nncli"
"""What the PNG files say that they were made by, so that only those are written over."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a run.

    Attributes:
        name: Of its file, without the suffix.
        title: A heading for it.
        alt: What it shows, in one or two sentences with its figures: for who cannot see it.
        figure: It.
    """

    name: str
    title: str
    alt: str
    figure: Figure


def new_figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """An empty picture with its labels. No window, no state of pyplot's: it belongs to whoever asked for it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=13)
    axes.set_xlabel(x, fontsize=12)
    axes.set_ylabel(y, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def refuse_foreign(path: Path) -> None:
    """Refuse to write over ``path`` unless it is a picture of ours.

    Raises:
        NncliError: It is something else.
    """
    try:
        head = path.read_bytes()[:1024]
    except FileNotFoundError:
        return
    except OSError as error:
        raise NncliError(f"cannot be written: {error.strerror or error}", where=str(path)) from None
    if not (head.startswith(b"\x89PNG\r\n\x1a\n") and f"Software\0{SOFTWARE}".encode() in head):
        raise NncliError("exists, and is no picture of nncli's", where=str(path), remedy="choose another name with -o")


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as PNG: the whole file or nothing, and never over something else.

    Raises:
        NncliError: Something else is there, or the file cannot be written.
    """
    refuse_foreign(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            whole = Path(folder) / path.name
            figure.savefig(whole, format="png", metadata={"Software": SOFTWARE})
            os.replace(whole, path)
    except OSError as error:
        raise NncliError(f"cannot be written: {error.strerror or error}", where=str(path)) from None
