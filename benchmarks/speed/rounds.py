"""The contestants of a case take turns: a heat that checks each and finds its fastest form, then the rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.cases import Case
from benchmarks.speed.contestants import NNCLI, Entry
from benchmarks.speed.material import CHECKED_STEPS, Material, loss

ROOT = Path(__file__).parents[2]
LONGEST = 900
"""Seconds after which a process is given up."""

Say = Callable[[str], None]


@dataclass
class Timing:
    """One contestant on one case.

    Attributes:
        form: The label of its fastest form.
        tried: Label of each form -> microseconds a step in the heat.
        microseconds: A step, in each round.
        threads: How many it worked on, if it says so.
        deviation: Of its loss from nncli's after the checked steps, as a share of what they gained; None for those
            that train nothing.
    """

    form: str
    tried: dict[str, float]
    microseconds: list[float] = field(default_factory=list)
    threads: int | None = None
    deviation: float | None = None


@dataclass
class CaseFigures:
    """All of one case.

    Attributes:
        title: Its sizes.
        steps: Steps in an epoch.
        losses: Before the checked steps, and after them with nncli.
        timings: By contestant.
        excluded: Contestant -> why: it failed, or it trains another network.
    """

    title: str
    steps: int
    losses: tuple[float, float]
    timings: dict[str, Timing] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)


class FailedError(Exception):
    """A process ended badly; the message says how."""


def run_case(
    case: Case,
    entries: list[Entry],
    *,
    rounds: int,
    seconds: float,
    tries: int,
    without: list[str],
    folder: Path,
    say: Say,
) -> CaseFigures:
    """Check all, find their forms, and let them take turns.

    ``tries`` of each form are made, but of those with a text of ``without`` in their names; 0 takes the first form.

    Raises:
        FailedError: nncli itself fails: there is nothing to compare with.
    """
    checked = Material.write(folder / case.name / "check", case, steps=CHECKED_STEPS)
    timed = Material.write(folder / case.name / "time", case, steps=case.steps)
    start = loss(case, checked.weights, *checked.rows)
    form, *_ = next(entry for entry in entries if entry.name == NNCLI).forms(case)
    reached = _measure(checked, NNCLI, form.label, 0)["loss"]
    figures = CaseFigures(case.title, case.steps, (start, reached))
    for entry in entries:
        say(f"{case.name}: heat, {entry.name}")
        try:
            figures.timings[entry.name] = _heat(entry, checked, timed, figures.losses, seconds / 2, tries, without)
        except FailedError as error:
            if entry.name == NNCLI:
                raise
            figures.excluded[entry.name] = str(error)
            say(f"{case.name}: {entry.name} is excluded: {error}")
    for number in range(rounds):
        names = list(figures.timings)
        first = number % len(names)  # another one begins each round: nobody always follows the same one
        for name in names[first:] + names[:first]:
            say(f"{case.name}: round {number + 1} of {rounds}, {name}")
            timing = figures.timings[name]
            measured = _measure(timed, name, timing.form, seconds)
            timing.microseconds.append(measured["microseconds"])
    return figures


def _heat(
    entry: Entry,
    checked: Material,
    timed: Material,
    losses: tuple[float, float],
    seconds: float,
    tries: int,
    without: list[str],
) -> Timing:
    """Every form is checked and timed; the fastest goes on to the rounds."""
    start, wanted = losses
    tried: dict[str, float] = {}
    threads: dict[str, int | None] = {}
    deviations = []
    forms = [form for form in entry.forms(timed.case) if not any(text in form.label for text in without)]
    for form in forms if tries else forms[:1]:
        check = _measure(checked, entry.name, form.label, 0)
        if "loss" in check:
            deviation = abs(check["loss"] - wanted) / abs(start - wanted)
            if not deviation <= timed.case.tolerance:
                raise FailedError(
                    f"it trains another network{form.label and f' ({form.label})'}: after the same steps its loss is "
                    f"{check['loss']:.6f}, and nncli's is {wanted:.6f} (at the start {start:.6f})"
                )
            deviations.append(deviation)
        # the fastest of some tries counts: spinning threads once made compiled PyTorch 30 times slower in its best form
        found = (_measure(timed, entry.name, form.label, seconds) for _ in range(tries or 1))
        tried[form.label] = min(measured["microseconds"] for measured in found)
        threads[form.label] = check["threads"]
    fastest = min(tried, key=tried.__getitem__)
    return Timing(fastest, tried, threads=threads[fastest], deviation=max(deviations, default=None))


def _measure(material: Material, contestant: str, form: str, seconds: float) -> dict[str, Any]:
    """The figures of a fresh process."""
    arguments = [str(material.folder), contestant, form, str(seconds)]
    return json.loads(fresh([sys.executable, "-m", "benchmarks.speed.measure", *arguments]).splitlines()[-1])  # type: ignore[no-any-return]


def fresh(command: list[str], folder: Path = ROOT) -> str:
    """What a new process in ``folder`` prints; it finds this checkout first.

    Raises:
        FailedError: It fails, or takes too long.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise FailedError(f"not done after {LONGEST} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FailedError(last)
    return done.stdout
