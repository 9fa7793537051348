"""What all pictures share: their size and colours, and how one becomes a file."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from nncli.engine.buffers import Array
from nncli.errors import NncliError
from nncli.text import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

P = ParamSpec("P")
T = TypeVar("T")

INCHES, DPI = (8.0, 5.0), 160
"""1280 by 800 points: to be read at 800 across, too."""
STRONG, FAINT, MARK, NOTE = "#0b4f8a", "#a9c6e0", "#c2410c", "#6b7280"
"""For what matters, for what it comes from, for a place in it, and for remarks; they differ in brightness, too."""
CYCLE = ("#0072b2", "#e69f00", "#000000", "#009e73", "#56b4e9", "#cc79a7", "#d55e00", "#999999")
"""For things of one kind, told apart with any eyes (Okabe & Ito 2008); neighbours differ in brightness, too."""
DASHES = ("-", "--", "-.", ":", (0, (7, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
"""What tells them apart where there is no colour."""
SMALL, MEDIUM, LARGE = 10, 11, 13
"""Points of letters: the smallest are still read at 800 across."""
PANELS = 6
"""So many small pictures stand in one at most."""
POINTS = 5000
"""So many rows are drawn one by one at most."""
FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "WenQuanYi Zen Hei", "Microsoft YaHei"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Malgun Gothic", "Arial Unicode MS"),
)
"""Where letters are looked for that matplotlib's own font lacks: two of those that the machine has."""
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


def plain(draw: Callable[P, T]) -> Callable[P, T]:
    """``draw`` in matplotlib's own settings.

    Those of a person's matplotlibrc would change the bytes of a picture, and could hand the names in it to TeX.
    """

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams["font.family"] = list(_families())
            return draw(*args, **kwargs)

    return inside


@cache
def _families() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *[name for name in FONTS if name in there][:2])


@cache
def _fonts() -> tuple[Any, ...]:
    from matplotlib.font_manager import findfont, get_font

    return tuple(get_font(findfont(name)) for name in _families())


def short(text: str, longest: int = 24) -> str:
    """``text`` as one line that is not longer: without its middle, because names often differ at their end.

    >>> short("a rather long name of a class", 16)
    'a rather… class'
    """
    text = printable(text)
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1].rstrip()}…{text[-tail:]}"


def label(text: str, longest: int = 24) -> str:
    """A stranger's ``text`` as matplotlib draws it: no formula in it, and letters that no font has are spelled."""
    text = printable(text)
    unknown = [c for c in set(text) if not any(font.get_char_index(ord(c)) for font in _fonts())]
    spelled = text.translate({ord(c): ascii(c)[1:-1] for c in unknown})
    return short(spelled, longest).replace("$", r"\$")


def rows_of(split: str, n: int) -> str:
    """``test, 1,797 rows``, in a title."""
    return f"{split}, {n:,} {'row' if n == 1 else 'rows'}"


def number(value: float | np.floating[Any]) -> str:
    """``value`` in a sentence: four digits."""
    return f"{value:.4g}".replace("-", "−")


def thinned(n: int, most: int = POINTS) -> Array:
    """The indices of ``most`` of n rows, evenly spread and the same every time; all of them if they are not more."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.intp)


def room(*values: Array, share: float = 0.05) -> tuple[float, float]:
    """The ends of an axis that has all ``values`` on it, with some room; also where they are all the same."""
    low, high = (float(end(value)) for end, value in ((np.min, values[0]), (np.max, values[0])))
    for value in values[1:]:
        low, high = min(low, float(value.min())), max(high, float(value.max()))
    margin = share * (high - low)
    if margin <= 1e-9 * max(abs(low), abs(high)):  # less than ticks could tell
        margin = 0.05 * max(abs(low), abs(high)) or 1.0
    return low - margin, high + margin


def new_figure(title: str, x: str, y: str, inches: tuple[float, float] = INCHES) -> tuple[Figure, Axes]:
    """An empty picture with its labels. No window, no state of pyplot's: it belongs to whoever asked for it."""
    figure, grid = new_grid("", 1, 1, inches)
    axes: Axes = grid[0, 0]
    axes.set_title(title, loc="left", fontsize=LARGE)
    axes.set_xlabel(x, fontsize=12)
    axes.set_ylabel(y, fontsize=12)
    axes.tick_params(labelsize=11)
    return figure, axes


def new_grid(
    title: str, rows: int, columns: int, inches: tuple[float, float] = INCHES, **settings: Any
) -> tuple[Figure, Array]:
    """An empty picture of several, and its axes (rows, columns); ``settings`` are those of ``Figure.subplots``."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(
        w_pad=0.08, h_pad=0.08, compress=True
    )  # inches: labels stand off the edge of the paper
    figure = Figure(figsize=inches, dpi=DPI, layout=layout)
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=LARGE)
    grid: Array = figure.subplots(rows, columns, squeeze=False, **settings)
    for axes in grid.flat:
        style(axes)
    return figure, grid


def style(axes: Axes) -> None:
    """The lines around and behind what is drawn, as in every picture."""
    axes.tick_params(labelsize=SMALL)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def columns(axes: Axes, values: Array, bins: int, ends: tuple[float, float], *, upright: bool = True) -> None:
    """A histogram, as one artist: a rectangle for each column takes many times as long."""
    counts, edges = np.histogram(values, bins, ends)
    way: Any = "vertical" if upright else "horizontal"
    axes.stairs(counts, edges, fill=True, color=FAINT, orientation=way)
    axes.stairs(counts, edges, color=STRONG, linewidth=0.9, orientation=way)
    if upright:
        axes.set_ylim(0, 1.05 * counts.max())
    else:
        axes.set_xlim(0, 1.05 * counts.max())


def remark(figure: Figure, *texts: str) -> None:
    """Write those ``texts`` that are not empty below everything else."""
    said = "; ".join(text for text in texts if text)
    if said:
        import textwrap

        lines = "\n".join(textwrap.wrap(said, int(figure.get_figwidth() * 13)))
        figure.supxlabel(lines, x=0.012, ha="left", fontsize=SMALL, color=NOTE)


def explain_lines(
    where: Axes | Figure, handles: Sequence[Artist], labels: Sequence[str], *, title: str | None = None, **settings: Any
) -> Legend:
    """A legend whose ``labels`` may begin with an underscore, which matplotlib takes for a wish to be left out.

    That of a figure stands at its right, that of axes where the ``settings`` say: not upon what it explains.
    """
    from matplotlib.figure import Figure

    if isinstance(where, Figure):
        settings |= {"loc": "outside right upper", "frameon": False}
    looks = {"fontsize": SMALL, "title_fontsize": MEDIUM, "alignment": "left", "framealpha": 0.9}
    shown: Any = where.legend  # its signature has a case for each place of a legend
    legend: Legend = shown(handles, ["-"] * len(handles), title=title, **(looks | settings))
    for text, words in zip(legend.get_texts(), labels, strict=True):
        text.set_text(words)
    return legend


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


@plain
def written(figure: Figure) -> bytes:
    """``figure`` as PNG, to be part of a page."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": SOFTWARE})
    return file.getvalue()


@plain
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
