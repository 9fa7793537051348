"""Pictures, as tests look at them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from nncli.plots.canvas import Picture, save

HOSTILE = (
    "_",
    "_hidden",
    "$x^2",
    "a$b$c",
    r"\frac{1}$",
    "\x1b[31mred",
    "n" * 150,
    "火",
    "🔥",
    "two\nlines",
    "",
    "\u202eright",
)
"""Names from strangers."""


def png(picture: Picture) -> bytes:
    """What ``save`` writes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        save(picture.figure, path)
        return path.read_bytes()


def drawn(picture: Picture | None) -> Picture:
    """It, after everything has its place; nothing sticks out of the paper, no letter is too small, no number is NaN."""
    assert picture is not None
    figure = picture.figure
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 > -0.01, box
    assert box.y0 > -0.01, box
    assert box.x1 < width + 0.01, box
    assert box.y1 < height + 0.01, box
    assert all(text.get_fontsize() >= 10 for text in figure.findobj(Text) if text.get_text() and text.get_visible())
    said = [picture.alt, *texts(figure)]
    assert not [words for words in said if "nan" in words.lower().split() or "inf" in words.lower().split()]
    assert picture.alt.endswith(".")
    assert picture.alt.isprintable()
    return picture


def texts(figure: Figure) -> list[str]:
    """All that is written."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def legend(axes: Axes) -> list[str]:
    """What its legend says."""
    return [text.get_text() for text in _legend(axes).get_texts()]


def hides_nothing(axes: Axes) -> bool:
    """Whether its legend stands where nothing is drawn: outside the axes."""
    return not _legend(axes).get_window_extent().overlaps(axes.get_window_extent().expanded(0.99, 0.99))


def _legend(axes: Axes) -> Legend:
    figure = axes.get_figure(root=True)
    assert figure is not None
    found = axes.get_legend()
    return figure.legends[0] if found is None else found
