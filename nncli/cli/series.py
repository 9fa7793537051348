"""Several trainings that belong together: what is told while they go on, and the tables of what they come to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nncli.cli.plain import count, fitted, print_json, print_lines
from nncli.text import figure, printable

if TYPE_CHECKING:
    from nncli.many import Job, Series
    from nncli.many.series import Watched

GAP = "  "
NOTHING = "–"
SOURCE = "Nadeau & Bengio 2003"


@contextmanager
def watched(*, quiet: bool) -> Iterator[Watched]:
    """Who is told of the trainings within; see ``shown``."""
    from nncli.cli.training import shown
    from nncli.many.series import Watched

    with shown(silent=quiet, brief=True) as screen:
        place = ""

        def turn(job: Job, number: int, jobs: int) -> None:
            nonlocal place
            place = f"{number + 1}/{jobs}  {job.path}"
            screen.next(number, jobs, "training")

        def done(job: Job, summary: Mapping[str, Any]) -> None:
            figures = summary["metrics"]
            own = {name: x for name, x in figures.items() if name.startswith("validation_")} or figures
            said = (f"{_words(name)} {figure(name, x)}".replace("validation", "val", 1) for name, x in own.items())
            screen.say(GAP.join([place, *said, f"({count(summary['epochs'], 'epoch')})"]))

        yield Watched(screen.began, screen.warned, screen.observe, turn=turn, done=done)


def print_series(series: Series, *, json: bool) -> None:
    """What several trainings came to, for a person or as JSON."""
    if json:
        print_json({"directory": str(series.path), **series.result})
    else:
        print_lines(*fitted(_lines(series), sys.stdout, indent=" " * 4))


def _lines(series: Series) -> Iterator[str]:
    result, configs = series.result, series.result["configs"]
    for name, found in configs.items():
        yield f"{name}: {_how_many(result)}, {sum(one['training_seconds'] for one in found['runs']):.1f} s"
        yield from _spreads(found["metrics"], result["confidence"])
        yield ""
    if "difference" in result:
        second, first = result["difference"]["of"]
        yield f"{second} minus {first}, on the same folds"
        yield from _differences(result["difference"]["metrics"], result["confidence"])
        yield ""
    yield from _notes(series)
    yield f"directory: {series.path}"


def _how_many(result: Mapping[str, Any]) -> str:
    if result["kind"] == "seeds":
        return f"{count(result['seeds'], 'seed')} on the same rows"
    repeats = f" × {count(result['repeats'], 'repeat')}" if result["repeats"] > 1 else ""
    return f"{count(result['folds'], 'fold')}{repeats}"


def _spreads(metrics: Mapping[str, Mapping[str, Any]], confidence: float) -> Iterator[str]:
    head = ("", "mean", "± sd", _interval_of(confidence), "min", "max")
    rows = [
        (
            _words(name),
            figure(name, x["mean"]),
            figure(name, x["sd"]),
            _interval(name, x),
            figure(name, x["min"]),
            figure(name, x["max"]),
        )
        for name, x in metrics.items()
    ]
    return table([head, *rows])


def _differences(metrics: Mapping[str, Mapping[str, Any]], confidence: float) -> Iterator[str]:
    head = ("", "mean", "± sd", _interval_of(confidence), "t", "df", "p")
    rows = [
        (
            _words(name),
            figure(name, x["mean"]),
            figure(name, x["sd"]),
            _interval(name, x),
            *(NOTHING if x[key] is None else f"{x[key]:.3g}" for key in ("t", "df", "p")),
        )
        for name, x in metrics.items()
    ]
    return table([head, *rows])


def _interval_of(confidence: float) -> str:
    return f"{confidence * 100:g} % interval"


def _interval(name: str, x: Mapping[str, Any]) -> str:
    return NOTHING if x["low"] is None else f"{figure(name, x['low'])} to {figure(name, x['high'])}"


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The first column begins at one place, the others end at one."""
    cells = [[*map(printable, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        numbers = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield GAP.join([first.ljust(widths[0]), *numbers]).rstrip()


def _notes(series: Series) -> Iterator[str]:
    """What a reader has to know of the figures, where it concerns them."""
    result = series.result
    trainings = "seeds" if result["kind"] == "seeds" else "folds"
    for name, found in result["configs"].items():
        of = f"{name}: " if len(result["configs"]) > 1 else ""
        n = len(found["runs"])
        for key, x in found["metrics"].items():
            if 0 < x["n"] < n:
                yield f"{of}{_words(key)}: from {x['n']} of {n} {trainings}, as in the others it is not defined"
    debugging = dict.fromkeys(key for config in series.plan.configs.values() for key in config.training.debugging)
    yield from (f"debugging runs (training.{key}), no result to rely on" for key in debugging)
    if result["kind"] == "seeds":
        yield "the spread is that of initial weights and order alone: other rows would add to it (nncli cv)"
        return
    yield f"interval{' and p' if 'difference' in result else ''}: approximate, as the folds share rows ({SOURCE})"
    if any(name.startswith("test_") for found in result["configs"].values() for name in found["metrics"]):
        yield "the test rows are the same in every training, so that they have no interval"
    watched = [figure for config in series.plan.configs.values() for figure in config.monitors.values()]
    if any(figure.startswith("validation") for figure in watched):
        yield "early stopping, or the schedule, watched the folds: their figures are a little too good"


def _words(name: str) -> str:
    return name.replace("_", " ", 1)
