"""What came out, in tables: for the screen, for the docs, and as raw figures."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from benchmarks.speed.cases import CASES
from benchmarks.speed.commands import Command, JobFigures
from benchmarks.speed.contestants import ENTRIES, NNCLI, NUMPY_ALONE, PRODUCTS
from benchmarks.speed.rounds import CaseFigures, Timing

PACKAGES = (
    "nncli",
    "numpy",
    "numba",
    "scikit-learn",
    "torch",
    "jax",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "polars",
)
STEERING = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
)
"""Variables that change what is measured."""


@dataclass
class Figures:
    """All of one run of the benchmark.

    Attributes:
        machine: Processor, versions, BLAS, and the variables that steer them.
        rounds: How many, and how long a process was measured.
        left_out: Contestant -> why it did not take part.
        cases: By name.
        jobs: By name.
    """

    machine: dict[str, Any]
    rounds: dict[str, float]
    left_out: dict[str, str]
    cases: dict[str, CaseFigures] = field(default_factory=dict)
    jobs: dict[str, JobFigures] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nobody had to be excluded."""
        return not any(part.excluded for part in (*self.cases.values(), *self.jobs.values()))

    def to_json(self) -> str:
        """All raw figures."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Figures:
        """Read them back."""
        figures = cls(**json.loads(text))
        for name, case in figures.cases.items():
            case |= {"timings": {of: Timing(**timing) for of, timing in case["timings"].items()}}
            figures.cases[name] = CaseFigures(**case)
        for name, job in figures.jobs.items():
            job |= {"commands": {of: Command(**command) for of, command in job["commands"].items()}}
            figures.jobs[name] = JobFigures(**job)
        return figures


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    from nncli.run import environment

    here = environment([], "numba")
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    blas = [
        f"{pool['internal_api']} {pool['version']} ({pool['architecture']})"
        for pool in here["threadpools"]
        if pool["user_api"] == "blas"
    ]
    return {
        "processor": here["processor"],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "python": here["python"],
        "blas": sorted(set(blas)),
        "packages": found,
        "variables": {name: os.environ[name] for name in STEERING if name in os.environ},
    }


def machine_line(figures: Figures) -> str:
    """It in a line."""
    here = figures.machine
    packages = ", ".join(f"{name} {version}" for name, version in here["packages"].items())
    steered = "".join(f", {name}={value}" for name, value in here["variables"].items())
    processor = f"{here['processor']}, {here['cores']} cores"
    return f"{processor}, Python {here['python']}, {packages}, BLAS {', '.join(here['blas'])}{steered}"


def ratio(a: Sequence[float], b: Sequence[float]) -> float:
    """The median of the rounds' ratios: what drifts from round to round hits both alike."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def screen(figures: Figures) -> str:
    """Everything, to be read in a terminal."""
    lines = [machine_line(figures), ""]
    for name, case in figures.cases.items():
        gain = f"checked: losses from {case.losses[0]:.4f} to {case.losses[1]:.4f}"
        gain += f", deviation at most {CASES[name].tolerance:g}"
        lines.append(f"{name}: {case.title}, {case.steps} steps an epoch; {gain}")
        bases = [base for base in (NNCLI, NUMPY_ALONE, PRODUCTS) if base in case.timings]
        head = "".join(f"{'÷ ' + base:>22}" for base in bases)
        lines.append(f"  {'':<20}{'µs a step':>10}{'least':>9}{'most':>9}{head}{'deviation':>11}   form")
        for contestant, timing in case.timings.items():
            times = timing.microseconds
            ratios = "".join(f"{ratio(times, case.timings[base].microseconds):>22.2f}" for base in bases)
            row = f"  {contestant:<20}{statistics.median(times):>10.1f}{min(times):>9.1f}{max(times):>9.1f}{ratios}"
            deviation = "" if timing.deviation is None else f"{timing.deviation:.0e}"
            lines.append(f"{row}{deviation:>11}   {_form(timing)}")
        lines += [f"  {contestant}: EXCLUDED: {why}" for contestant, why in case.excluded.items()]
        lines.append("")
    for name, job in figures.jobs.items():
        lines.append(f"{name} as a command: {job.title}")
        lines.append(f"  {'':<20}{'seconds':>10}{'least':>9}{'most':>9}{'÷ ' + NNCLI:>10}{'MB':>9}{'accuracy':>10}")
        for contestant, command in job.commands.items():
            times = command.seconds
            lines.append(
                f"  {contestant:<20}{statistics.median(times):>10.2f}{min(times):>9.2f}{max(times):>9.2f}"
                f"{ratio(times, job.commands[NNCLI].seconds):>10.2f}{statistics.median(command.megabytes):>9.0f}"
                f"{command.accuracy:>10.4f}"
            )
        lines += [f"  {contestant}: EXCLUDED: {why}" for contestant, why in job.excluded.items()]
        lines.append("")
    lines += [f"left out: {contestant}: {why}" for contestant, why in figures.left_out.items()]
    return "\n".join(lines)


def markdown(figures: Figures) -> str:
    """The tables of the docs: microseconds and ratios of the steps, seconds and memory of the commands."""
    rounds, seconds = figures.rounds["rounds"], figures.rounds["seconds"]
    parts = [
        "# Every figure of the comparison of speed",
        f"Measured on: {machine_line(figures)}.\n\nMedians of {rounds} rounds of about {seconds} s each; every "
        "measurement in a fresh process, all in turn. Ratios are medians of the rounds' ratios.",
    ]
    cases = figures.cases
    if cases:
        names = [name for name in ENTRIES if any(name in case.timings for case in cases.values())]
        head = ["case", *names]

        def rows(cell: Any) -> list[list[str]]:
            return [
                [f"{name}: {case.title}", *(cell(case, case.timings[of]) if of in case.timings else "" for of in names)]
                for name, case in cases.items()
            ]

        parts += [
            "Microseconds a step:",
            _table(head, rows(lambda case, t: f"{statistics.median(t.microseconds):,.0f}")),
        ]
        against = rows(lambda case, t: f"{ratio(t.microseconds, case.timings[NNCLI].microseconds):.2f}")
        parts += [f"Time as a multiple of {NNCLI}'s:", _table(head, against)]
        forms = rows(lambda case, t: _form(t))
        parts += ["The form of each that was the fastest:", _table(head, forms)]
    if figures.jobs:
        names = [name for name in ENTRIES if any(name in job.commands for job in figures.jobs.values())]
        body = [
            [f"{name}: {job.title}", *(_command(job, of) if of in job.commands else "" for of in names)]
            for name, job in figures.jobs.items()
        ]
        parts += ["Whole commands, seconds (multiple of nncli's; peak memory):", _table(["job", *names], body)]
    excluded = {
        f"{contestant} in {name}": why
        for name, part in (*cases.items(), *figures.jobs.items())
        for contestant, why in part.excluded.items()
    }
    parts += [f"Left out: {contestant}: {why}" for contestant, why in (figures.left_out | excluded).items()]
    return "\n\n".join(parts) + "\n"


def _form(timing: Timing) -> str:
    threads = "" if timing.threads is None or timing.form else f"threads: {timing.threads}"
    return timing.form or threads


def _command(job: JobFigures, of: str) -> str:
    command = job.commands[of]
    times = ratio(command.seconds, job.commands[NNCLI].seconds)
    return f"{statistics.median(command.seconds):.2f} ({times:.2f}; {statistics.median(command.megabytes):.0f} MB)"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["-", *("-:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
