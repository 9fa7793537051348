"""What a training shows in a terminal of some size: lines that fit, the less important parts left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from nncli.cli.course import Course, Figure, Speed
from nncli.cli.glyphs import Glyphs
from nncli.cli.sparkline import sparkline
from nncli.text import figure

Line: TypeAlias = list[tuple[str, str]]
"""Pieces of text, each with its style; empty for the usual one."""

WIDEST = 100
"""Columns after which a line gets no wider."""
MOST = 8
"""Figures that are shown."""
BAR = 8
"""Columns that a bar has at least."""
CURVE = 10
"""And a curve."""
GAP = 2
ECHO = "^C"
"""What the terminal writes behind the last line at a Ctrl-C, which must not wrap."""


def compose(course: Course, speed: Speed, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """The lines of a display, none of them wider than ``width``, and no more than ``height``."""
    width = min(width, WIDEST)
    lines = [_head(course, speed, glyphs, width), *_figures(course, glyphs, width, max(0, min(MOST, height - 2)))]
    if foot := _foot(course, speed, glyphs, width - len(ECHO)):
        lines.append([(foot, "dim")])
    fitting = [_cut(_trimmed(line), width, glyphs) for line in lines][: max(1, height)]
    if sum(len(text) for text, _ in fitting[-1]) > width - len(ECHO) and len(fitting) < height:
        fitting.append([])
    return fitting


def duration(seconds: float) -> str:
    """``0:07``, ``4:05``, ``1:02:03``."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _head(course: Course, speed: Speed, glyphs: Glyphs, width: int) -> Line:
    """Which epoch, the bar, and the time left."""
    now = min(course.epochs, int(course.done) + (course.done < course.epochs))
    epoch = f"epoch {now:>{len(str(course.epochs))}}/{course.epochs}"
    member = f"{course.member.word} {course.member.number}/{course.member.of}" if course.member else ""
    left = "" if speed.left is None else f"{duration(speed.left)} left"
    at_most = f"{left} at most" if left and course.patience is not None else left
    percent = f"{course.share:4.0%}"
    short = epoch.removeprefix("epoch ").strip()
    for before, behind in (
        ([member, epoch], [percent, at_most]),
        ([member, epoch], [percent, left]),
        ([member, epoch], [left]),
        ([epoch], [left]),
        ([short], [left]),
    ):
        before, behind = [x for x in before if x], [x for x in behind if x]
        bar = width - sum(len(x) + GAP for x in (*before, *behind))
        if bar >= BAR:
            done = int(course.share * bar)
            line: Line = [(text + " " * GAP, "bold") for text in before]
            line += [(glyphs.done * done, "cyan"), (glyphs.rest * (bar - done), "dim")]
            return line + [(" " * GAP + text, "") for text in behind]
    return [(short, "bold"), (f"{' ' * GAP}{left}" if left else "", "")]


def _figures(course: Course, glyphs: Glyphs, width: int, most: int) -> Iterator[Line]:
    """A line each: name, value, how it stands to the best, and the curve of a loss."""
    shown = list(course.figures.items())[:most]
    if not shown:
        return
    names = [_name(name) for name, _ in shown]
    values = [_value(name, one.value, glyphs) for name, one in shown]
    cells = max(map(len, values))
    column = min(max(map(len, names)), max(4, width - GAP - cells))
    cells = min(max(cells, 9), max(cells, width - GAP - column))  # a column that holds still as the digits change
    room = width - column - GAP - cells
    beside, against = _columns([one for _, one in shown], room, glyphs)
    for name, value, (_, one), said in zip(names, values, shown, against, strict=True):
        told = name if len(name) <= column else name[: column - 1] + glyphs.cut
        line: Line = [(f"{told:<{column}}{' ' * GAP}", "dim"), (f"{value:<{cells}}", "bold")]
        line.append((f"{' ' * GAP}{said:<{beside}}" if beside else "", "green" if one.newest_is_best else "yellow"))
        points = room - (GAP + beside if beside else 0) - GAP
        if one.curve is not None and points >= CURVE:
            line.append((" " * GAP + sparkline(one.curve.resampled(points), glyphs.ticks), "blue"))
        yield line


def _columns(shown: Sequence[Figure], room: int, glyphs: Glyphs) -> tuple[int, list[str]]:
    """How much is said of each figure and its best one, and in how many columns, so that there is room for a curve."""
    # a width that holds still while the figures move
    for detail, least in ((3, 34), (2, 20), (1, 6)):
        said = [_against(one, detail, glyphs) for one in shown]
        needed = max(least, *map(len, said))
        if room - GAP - needed - GAP >= CURVE:
            return needed, said
    for detail in (2, 1, 0):
        said = [_against(one, detail, glyphs) for one in shown]
        needed = max(map(len, said))
        if room - GAP - needed >= 0:
            return needed, said
    return 0, [""] * len(shown)


def _against(one: Figure, detail: int, glyphs: Glyphs) -> str:
    """How a figure stands to its best; the arrow says which way from there it has gone, or to there."""
    if one.value is None or one.best is None:
        return ""
    if one.newest_is_best:
        arrow = glyphs.up if one.higher_is_better else glyphs.down
        return f"{arrow} best" if detail else arrow
    above = one.value > one.best
    arrow = glyphs.equal if one.value == one.best else glyphs.up if above else glyphs.down
    amount = "" if one.value == one.best else f" {abs(one.value - one.best):.2g}"
    if detail == 3:
        where = "as the best" if not amount else "above the best" if above else "below the best"
        return f"{arrow}{amount} {where}, epoch {one.best_epoch}"
    if detail == 2:
        return f"{arrow}{amount} (epoch {one.best_epoch})"
    return arrow


def _name(name: str) -> str:
    return name.replace("validation", "val").replace("_", " ")


def _value(name: str, value: float | None, glyphs: Glyphs) -> str:
    return glyphs.dash if value is None else figure(name, value)


def _foot(course: Course, speed: Speed, glyphs: Glyphs, width: int) -> str:
    """The learning rate, the speed and the patience, as much of them as there is room for."""
    rate = [] if course.rate is None else [f"{course.rate:.3g}"]
    steps = [] if speed.steps is None else [f"{speed.steps:,.0f}" if speed.steps >= 10 else f"{speed.steps:.2g}"]
    patience = [] if course.patience is None or not course.waiting else [f"{course.waiting} of {course.patience}"]
    long = [f"no better for {x} epochs" for x in patience]
    short = [f"no better {x}" for x in patience]
    for parts in (
        [f"learning rate {x}" for x in rate] + [f"{x} steps a second" for x in steps] + long,
        [f"rate {x}" for x in rate] + [f"{x} steps/s" for x in steps] + long,
        [f"rate {x}" for x in rate] + [f"{x} steps/s" for x in steps] + short,
        [f"rate {x}" for x in rate] + short,
        short or [f"rate {x}" for x in rate],
    ):
        text = f" {glyphs.dot} ".join(parts)
        if len(text) <= width:
            return text
    return ""


def _trimmed(line: Line) -> Line:
    """Without the spaces at its end, which a terminal that became narrower may wrap or not."""
    while line and not line[-1][0].strip():
        line = line[:-1]
    return [*line[:-1], (line[-1][0].rstrip(), line[-1][1])] if line else line


def _cut(line: Line, width: int, glyphs: Glyphs) -> Line:
    """What fits of it."""
    fitting: Line = []
    for text, style in line:
        if len(text) > width:
            return [*fitting, (text[: max(0, width - 1)] + glyphs.cut, style)] if width > 0 else fitting
        fitting.append((text, style))
        width -= len(text)
    return fitting
