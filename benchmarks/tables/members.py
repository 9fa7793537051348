"""Members of ensembles, trained once and kept: what K of them reach, and what a choice between recipes adds.

    python -m benchmarks.tables.members train [--task regression] [--splits 0 1 2] [--seeds 4] [--folds 5]
    python -m benchmarks.tables.members report

`train` keeps, for every recipe of `chosen.py`, table and split, the predictions of members on all training rows (one a
seed) and of members on folds of them, with what those say about the rows that they have not seen. They go to
runs/tables/, a file a table, split and recipe, and a rerun adds what is missing. `report` combines them to contenders,
which it writes to results/.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.tables import report, results
from benchmarks.tables.baselines import BASELINES
from benchmarks.tables.catalogue import RECORDS, TABLES, Record, Task, held_out, of_task
from benchmarks.tables.chosen import RECIPES
from benchmarks.tables.columns import with_dates
from benchmarks.tables.matrix import Encoding
from benchmarks.tables.measure import score
from benchmarks.tables.ours import Recipe, decide, trained
from benchmarks.tables.splits import SEEDS, split

FOLDER = Path(__file__).parents[2] / "runs" / "tables"
Kept: TypeAlias = dict[str, Any]
"""seeds (K, m, k): predictions of the test rows; folds (F, m, k); own (n, k): of the training rows by the members that
have not seen them; y, truth: the targets of both; seconds: of one member."""


def members(recipe: Recipe, record: Record, train: Any, test: Any, number: int, seeds: int, folds: int) -> Kept:
    """Train them all."""
    from sklearn.model_selection import KFold, StratifiedKFold

    y, truth = train[record.target].to_numpy(), test[record.target].to_numpy()
    kept: Kept = {"y": y, "truth": truth}
    began = time.perf_counter()
    encoding = Encoding.fit(record, train, recipe.numeric)
    X, T = encoding.apply(train), encoding.apply(test)
    kept["seeds"] = np.array([trained(recipe, record.task, X, y, [T], 100 * number + k)[0] for k in range(seeds)])
    kept["seconds"] = (time.perf_counter() - began) / seeds
    if folds:
        kind = StratifiedKFold if record.task == "classification" else KFold
        cut = kind(folds, shuffle=True, random_state=number)
        told, own = [], np.zeros((len(y), *kept["seeds"].shape[2:]))
        for fold, (inside, outside) in enumerate(cut.split(np.zeros(len(y)), y)):
            encoding = Encoding.fit(record, train.iloc[inside], recipe.numeric)
            tests = [encoding.apply(test), encoding.apply(train.iloc[outside])]
            X = encoding.apply(train.iloc[inside])
            out = trained(recipe, record.task, X, y[inside], tests, 100 * number + 50 + fold)
            told.append(out[0])
            own[outside] = out[1]
        kept |= {"folds": np.array(told), "own": own}
    return kept


def path_of(record: Record, number: int, recipe: str, folder: Path = FOLDER) -> Path:
    """Where they are kept."""
    return folder / f"{record.name}-{number}-{recipe.replace(' ', '_')}.npz"


def train_missing(records: list[Record], numbers: list[int], seeds: int, folds: int) -> None:
    """Train and keep what is not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        for record in records:
            missing = {
                name: recipe
                for name, recipe in RECIPES[record.task].items()
                if not path_of(record, number, name).exists()
            }
            if not missing:
                continue
            train, test = split(record, with_dates(record, record.frame()), number)
            for name, recipe in missing.items():
                kept = members(recipe, record, train, test, number, seeds, folds)
                slim = {key: value.astype(np.float32) for key, value in kept.items() if key in ("seeds", "folds")}
                np.savez_compressed(path_of(record, number, name), **{**kept, **slim})
            print(record.name, number, end="; ", file=sys.stderr, flush=True)


def load(record: Record, number: int) -> dict[str, Kept] | None:
    """All recipes' members, or None where one is missing."""
    paths = {name: path_of(record, number, name) for name in RECIPES[record.task]}
    if not all(path.exists() for path in paths.values()):
        return None
    return {name: dict(np.load(path, allow_pickle=True)) for name, path in paths.items()}


def own_loss(task: Task, kept: list[Kept]) -> float:
    """What the average of the members on folds loses on the rows that they have not seen: log loss, or squares."""
    y, own = kept[0]["y"], np.mean([one["own"] for one in kept], axis=0)
    if task == "regression":
        return float(np.mean((own - y) ** 2))
    codes = np.unique(y.astype(str), return_inverse=True)[1]
    return float(-np.mean(np.log(own[np.arange(len(y)), codes] + 1e-9)))


Combine: TypeAlias = Callable[[Task, dict[str, Kept]], tuple[Any, float]]
"""(task, members by recipe) -> outputs for the test rows, seconds of all trainings that they took."""


def of_seeds(recipes: Sequence[str], k: int) -> Combine:
    """The average of ``k`` members on all rows of each recipe."""

    def combine(task: Task, kept: dict[str, Kept]) -> tuple[Any, float]:
        parts = [kept[name]["seeds"][:k].mean(axis=0) for name in recipes]
        return np.mean(parts, axis=0), sum(k * float(kept[name]["seconds"]) for name in recipes)

    return combine


def of_folds(recipes: Sequence[str]) -> Combine:
    """The average of the members on folds of each recipe."""

    def combine(task: Task, kept: dict[str, Kept]) -> tuple[Any, float]:
        parts = [kept[name]["folds"].mean(axis=0) for name in recipes]
        return np.mean(parts, axis=0), _trying(recipes, kept)

    return combine


def choice(candidates: Sequence[Sequence[str]], k: int) -> Combine:
    """What does best on rows unseen, of recipes and averages of several: ``k`` members on all rows; 0: on folds."""
    tried = sorted({name for recipes in candidates for name in recipes})

    def combine(task: Task, kept: dict[str, Kept]) -> tuple[Any, float]:
        best = min(candidates, key=lambda recipes: own_loss(task, [kept[name] for name in recipes]))
        if not k:
            return of_folds(best)(task, kept)[0], _trying(tried, kept)
        P, seconds = of_seeds(best, k)(task, kept)
        return P, seconds + _trying(tried, kept)

    return combine


def _trying(recipes: Sequence[str], kept: dict[str, Kept]) -> float:
    return sum(len(kept[name]["folds"]) * float(kept[name]["seconds"]) for name in recipes)


def contenders(task: Task, seeds: int) -> Iterator[tuple[str, Combine]]:
    """All that is reported."""
    singles = [(name,) for name in RECIPES[task]]
    both = ("plain", "pieces")
    for (name,) in singles:
        yield f"nncli {name}, 1 seed", of_seeds((name,), 1)
        yield f"nncli {name}, {seeds} seeds", of_seeds((name,), seeds)
        yield f"nncli {name}, folds", of_folds((name,))
    yield f"nncli both, {seeds} seeds", of_seeds(both, seeds)
    yield f"nncli choice of 2, {seeds} seeds", choice(singles[:2], seeds)
    yield f"nncli choice of 3, {seeds} seeds", choice(singles, seeds)
    yield "nncli choice of 2 or both, 1 seed", choice([*singles[:2], both], 1)
    yield f"nncli choice of 2 or both, {seeds} seeds", choice([*singles[:2], both], seeds)
    yield "nncli choice of 2 or both, folds", choice([*singles[:2], both], 0)


def main() -> None:
    """Train, or combine and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "report"])
    parser.add_argument("--task", choices=["classification", "regression"])
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--splits", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the scores of every table go")
    options = parser.parse_args()
    tasks: list[Task] = [options.task] if options.task else ["classification", "regression"]
    chosen = [record for record in RECORDS if record.name in options.tables]
    if options.what == "train":
        wanted = [record for task in tasks for record in of_task(task) if record in chosen]
        train_missing(wanted, options.splits, options.seeds, options.folds)
        return
    appendix = {}
    for task in tasks:
        records = [record for record in of_task(task) if record in chosen]
        appendix[task] = _report(task, records, options.splits, options.seeds)
    if options.json:
        lines = [
            f'"{task}": {{\n'
            + ",\n".join(f" {json.dumps(name)}: {json.dumps(of)}" for name, of in tables.items())
            + "\n}"
            for task, tables in appendix.items()
        ]
        options.json.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _report(task: Task, records: list[Record], numbers: list[int], seeds: int) -> dict[str, Any]:
    combined = dict(contenders(task, seeds))
    scores: dict[str, results.Scores] = {name: {} for name in combined}
    for record in records:
        for number in numbers:
            kept = load(record, number)
            if kept is None:
                continue
            one = next(iter(kept.values()))
            for name, combine in combined.items():
                P, seconds = combine(task, kept)
                value = score(record, one["truth"], decide(task, P, one["y"]))
                cell = {"score": round(value, 5), "seconds": round(seconds, 2)}
                scores[name].setdefault(record.name, {})[number] = cell
    for name, found in scores.items():
        before = results.load(name, results.FOLDER / task)
        merged = {table: before.get(table, {}) | found.get(table, {}) for table in {*before, *found}}
        results.save(name, merged, results.FOLDER / task)
    scores |= {name: results.load(name) for name in BASELINES[task] if "raw" not in name}
    apart = held_out()
    parts = {
        "all": records,
        "studied": [record for record in records if record not in apart],
        "held out": [record for record in records if record in apart],
    }
    for title, part in parts.items():
        print(f"\n## {task}, {title}\n\n{report.overview(scores, part, numbers)}\n")
        print("| tables won : lost | sklearn MLP | sklearn HGB |")
        print("|-|-:|-:|")
        for name in combined:
            against = [report.duel(scores, part, numbers, name, other) for other in ("sklearn MLP", "sklearn HGB")]
            print(f"| {name} | {' | '.join(against)} |")
    return report.appendix(scores, records, numbers)


if __name__ == "__main__":
    main()
