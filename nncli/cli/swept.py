"""What a sweep shows: a line for each trial that is over, and the best of them at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from nncli.cli.plain import count, fitted, is_drawn_on, print_json, print_lines
from nncli.cli.series import GAP, table
from nncli.config.values import as_written
from nncli.text import figure, printable

if TYPE_CHECKING:
    from nncli.sweep import Sweep, Swept, Watched
    from nncli.sweep.trial import Trial

SHOWN = 10
"""Trials in the table at the end; all are in leaderboard.csv."""
HOW = {"grid": "on a grid", "random": "at random", "tpe": "by a model of those before"}


@contextmanager
def watched(sweep: Sweep, *, quiet: bool, others: bool) -> Iterator[Watched]:
    """Who is told of the sweep within; a signal that ends it gives the command its exit code.

    Of trainings that ``others`` do, a bar tells how many are over.
    """
    from nncli.cli.training import shown
    from nncli.sweep import Stopped, Watched

    with ExitStack() as around:
        screen = around.enter_context(shown(silent=quiet, brief=True))
        bar: Callable[[float], None] | None = None
        if others and not quiet and is_drawn_on(sys.stderr):
            from nncli.cli.progress import progress

            bar = around.enter_context(progress("trials"))
        begun = 0

        def checked(sweep: Sweep) -> None:
            screen.say(_opening(sweep))

        def turn(path: str, trials: int) -> None:
            nonlocal begun
            screen.next(begun, trials, "trial")
            begun += 1

        def ended(trial: Trial, best: Trial | None, over: int, trials: int) -> None:
            nonlocal begun
            begun = over
            if bar is not None:
                bar(over / trials)
            known = [f"best {figure(sweep.monitor, best.value)}"] if best is not None else []
            screen.say(GAP.join([f"{over}/{trials}", trial.path, _ended(trial, sweep.monitor), *known]))

        try:
            yield Watched(checked, screen.began, screen.warned, screen.observe, turn, ended)
        except Stopped as stopped:
            screen.say(str(stopped))
            raise typer.Exit(stopped.exit_code) from None


def _opening(sweep: Sweep) -> str:
    """What is about to be done, in a line."""
    keys = count(len(sweep.space.dimensions), "key")
    best = "highest" if sweep.higher_is_better else "lowest"
    early = f"; the worse end early, after {_epochs(sweep.rungs)}" if sweep.rungs else ""
    words = sweep.monitor.replace("_", " ")
    return (
        f"{sweep.name}: {count(sweep.trials, 'trial')} {HOW[sweep.method]} over {keys}, for the {best} {words}{early}"
    )


def _ended(trial: Trial, monitor: str) -> str:
    """How a trial ended."""
    if trial.state not in ("completed", "pruned"):
        return f"{trial.state}: {trial.problem}"
    early = "ended early after " if trial.state == "pruned" else ""
    return f"{_short(monitor)} {figure(monitor, trial.value)}, {early}{count(trial.epochs, 'epoch')}"


def _epochs(rungs: tuple[int, ...]) -> str:
    shown = [*map(str, rungs[:4]), *["..."] * (len(rungs) > 4)]
    return f"{', '.join(shown)} epochs"


def print_swept(swept: Swept, *, json: bool) -> None:
    """What a sweep came to, for a person or as JSON."""
    if json:
        print_json({"directory": str(swept.path), **swept.result})
    else:
        print_lines(*fitted(_lines(swept), sys.stdout, indent=" " * 4))


def _lines(swept: Swept) -> Iterator[str]:
    from nncli.sweep.result import BEST, LEADERBOARD, ranked_json

    result, monitor = swept.result, swept.sweep.monitor
    states = ", ".join(f"{n} {state}" for state, n in result["states"].items())
    seconds = sum(one.get("training_seconds", 0.0) for one in result["trials"])
    yield f"{swept.sweep.name}: {count(len(result['trials']), 'trial')}: {states}; {seconds:.1f} s of training"
    best = ranked_json(result)[:SHOWN]
    rows = [
        (str(rank), one["run"], figure(monitor, one["value"]), str(one["epochs"])) for rank, one in enumerate(best, 1)
    ]
    values = ["", *(_values(one["values"]) for one in best)]
    lines = table([("", "", _short(monitor), "epochs"), *rows])
    yield from (f"{line}{GAP}{words}".rstrip() for line, words in zip(lines, values, strict=True))
    if len(result["trials"]) > SHOWN:
        yield f"all of them: {swept.path / LEADERBOARD}"
    yield ""
    yield "the figures of the best are a little too good: they chose it; its test figures chose nothing"
    tests = {name: x for name, x in result["best"]["metrics"].items() if name.startswith("test_")}
    if tests:
        yield GAP.join(f"{name.replace('_', ' ', 1)} {figure(name, x)}" for name, x in tests.items())
    yield f"best: {swept.path / BEST} ({result['best']['run']})"


def _short(monitor: str) -> str:
    return monitor.replace("validation_", "val ", 1)


def _values(values: Mapping[str, Any]) -> str:
    """As ``nncli train`` takes them, numbers to four digits."""
    return " ".join(
        printable(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={as_written(value)}")
        for key, value in values.items()
    )
