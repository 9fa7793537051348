"""Which recipe is the best: one thing changed at a time, on the tables that are not held out.

    python -m benchmarks.tables.study STAGE... [--splits 0 1] [--task classification]

Each recipe is trained with two seeds on each split. `single` is the mean of the two, `score` that of their average.
Results go to results/study/TASK/, a file a recipe; a rerun adds what is missing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import report, results
from benchmarks.tables.catalogue import Record, Task, held_out, of_task
from benchmarks.tables.columns import with_dates
from benchmarks.tables.matrix import Encoding
from benchmarks.tables.measure import score
from benchmarks.tables.ours import Recipe, decide, trained
from benchmarks.tables.splits import split
from benchmarks.tables.stages import STAGES

FOLDER = results.FOLDER / "study"
MEMBERS = 2


def measure(recipe: Recipe, record: Record, train: Any, test: Any, number: int) -> dict[str, float]:
    """Two members: the mean of their scores, and the score of their average."""
    began = time.perf_counter()
    encoding = Encoding.fit(record, train, recipe.numeric)
    X, T = encoding.apply(train), encoding.apply(test)
    y, truth = train[record.target].to_numpy(), test[record.target].to_numpy()
    told = [trained(recipe, record.task, X, y, [T], 100 * number + k)[0] for k in range(MEMBERS)]
    singles = [score(record, truth, decide(record.task, P, y)) for P in told]
    together = score(record, truth, decide(record.task, np.mean(told, axis=0), y))
    seconds = (time.perf_counter() - began) / MEMBERS
    return {"score": round(together, 5), "single": round(statistics.fmean(singles), 5), "seconds": round(seconds, 2)}


def run(recipes: dict[str, Recipe], records: list[Record], seeds: list[int], folder: Path) -> None:
    """Measure what is missing."""
    known = {name: results.load(name, folder) for name in recipes}
    for record in records:
        frame = None
        for seed in seeds:
            missing = [name for name in recipes if seed not in known[name].get(record.name, {})]
            if not missing:
                continue
            frame = with_dates(record, record.frame()) if frame is None else frame
            train, test = split(record, frame, seed)
            for name in missing:
                cell = measure(recipes[name], record, train, test, seed)
                known[name].setdefault(record.name, {})[seed] = cell
                results.save(name, known[name], folder)
        print(record.name, end=" ", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def single(scores: results.Scores) -> results.Scores:
    """The same with `single` in the place of `score`."""
    return {
        table: {seed: {**cell, "score": cell.get("single", cell["score"])} for seed, cell in splits.items()}
        for table, splits in scores.items()
    }


def main() -> None:
    """Run stages and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="+", choices=list(STAGES))
    parser.add_argument("--splits", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--task", choices=["classification", "regression"])
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--without", nargs="*", default=[], metavar="TABLE", help="tables that are left out")
    parser.add_argument("--tables", nargs="*", metavar="TABLE", help="those that are not; all, if not said")
    options = parser.parse_args()
    apart = held_out()
    tasks: list[Task] = [options.task] if options.task else ["classification", "regression"]
    for task in tasks:
        records = [record for record in of_task(task) if record not in apart and record.name not in options.without]
        records = [record for record in records if options.tables is None or record.name in options.tables]
        recipes = {name: recipe for stage in options.stages for name, recipe in STAGES[stage].items()}
        if not options.report:
            run(recipes, records, options.splits, FOLDER / task)
        scores = {name: single(results.load(name, FOLDER / task)) for name in recipes}
        scores |= {name: results.load(name) for name in ("sklearn MLP", "sklearn HGB")}
        print(f"\n## {task}, single members\n\n{report.overview(scores, records, options.splits)}", flush=True)


if __name__ == "__main__":
    main()
