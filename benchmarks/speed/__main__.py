"""nncli beside every framework that is installed, on six networks and as a whole command.

    python -m benchmarks.speed [--quick] [--cases mnist wide] [--json speed.json] [--docs]

From the root of the checkout, on a machine that does nothing else. All take turns, each measurement in a fresh process.
Exit code 1: somebody had to be excluded, because it failed or trains another network than nncli.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speed import report
from benchmarks.speed.cases import CASES
from benchmarks.speed.commands import JOBS, run_job
from benchmarks.speed.contestants import ENTRIES, NNCLI, NUMPY_ALONE, PRODUCTS
from benchmarks.speed.picture import draw
from benchmarks.speed.rounds import ROOT, FailedError, run_case

OURS = (PRODUCTS, NNCLI, NUMPY_ALONE)


def main() -> None:
    """Measure, print and write what was asked for."""
    options = _options()
    if options.figures:
        figures = report.Figures.from_json(options.figures.read_text(encoding="utf-8"))
    else:
        try:
            figures = _measured(options)
        except FailedError as error:
            sys.exit(f"nncli itself fails, and there is nothing to compare with: {error}")
    print(report.screen(figures))
    if options.docs:
        options.docs.mkdir(parents=True, exist_ok=True)
        (options.docs / "speed.md").write_text(report.markdown(figures), encoding="utf-8")
        (options.docs / "speed.json").write_text(figures.to_json(), encoding="utf-8")
        draw(figures, options.docs)
    sys.exit(0 if figures.sound else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = [name for name in ENTRIES if name not in OURS]
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES), help="whose steps; none if empty")
    parser.add_argument("--commands", nargs="*", choices=JOBS, default=list(JOBS), help="which whole commands")
    parser.add_argument("--peers", nargs="*", choices=peers, default=peers, help="whom to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tries", type=int, default=2, help="of each form in the heat, of which the fastest counts")
    parser.add_argument(
        "--without-forms", nargs="*", default=[], metavar="TEXT", help="forms with this in their names are not tried"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.8, help="that a process is measured for, at least two epochs"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round, one form of each: whether all works, not how fast it is"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures")
    docs = ROOT / "docs" / "performance"
    parser.add_argument(
        "--docs",
        type=Path,
        nargs="?",
        const=docs,
        metavar="FOLDER",
        help="write tables and pictures (docs/performance)",
    )
    parser.add_argument("--figures", type=Path, metavar="FILE", help="show what --json wrote, and measure nothing")
    options = parser.parse_args()
    if options.rounds < 1 or options.tries < 1 or options.seconds <= 0:
        parser.error("--rounds, --tries and --seconds have to be more than 0")
    if options.quick:
        options.rounds, options.seconds = 1, 0.2
    return options


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("rounds", "seconds", "tries", "without_forms")}


def _measured(options: argparse.Namespace) -> report.Figures:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    machine = report.machine()
    for name, value in machine["variables"].items():
        say(f"warning: {name}={value} changes what is measured; unset it to see what a user sees")
    entries = [entry for entry in ENTRIES.values() if entry.name in (*OURS, *options.peers)]
    left_out = {entry.name: why for entry in entries if (why := entry.missing())}
    left_out |= {name: "not asked for" for name in ENTRIES if name not in (*OURS, *options.peers)}
    for name, why in left_out.items():
        say(f"left out: {name}: {why}")
    entries = [entry for entry in entries if entry.name not in left_out]
    figures = report.Figures(machine, _settings(options), left_out)

    def keep() -> None:
        if options.json:  # after each case: what is measured is not lost when the next one fails
            options.json.write_text(figures.to_json(), encoding="utf-8")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in (CASES[name] for name in options.cases):
            figures.cases[case.name] = run_case(
                case,
                entries,
                rounds=options.rounds,
                seconds=options.seconds,
                tries=0 if options.quick else options.tries,
                without=options.without_forms,
                folder=folder,
                say=say,
            )
            keep()
        for job in (JOBS[name] for name in options.commands):
            figures.jobs[job.name] = run_job(job, entries, rounds=options.rounds, folder=folder, say=say)
            keep()
    return figures


if __name__ == "__main__":
    main()
