"""One contender on one split of one table, and all that is missing of several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import results
from benchmarks.tables.baselines import Predict
from benchmarks.tables.catalogue import Record
from benchmarks.tables.columns import with_dates
from benchmarks.tables.splits import split


def score(record: Record, truth: Any, predicted: Any) -> float:
    """Accuracy, or R²."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if record.task == "classification":
        return float(np.mean(truth == predicted))
    return float(1 - np.sum((truth - predicted) ** 2) / np.sum((truth - truth.mean()) ** 2))


def run(
    contenders: dict[str, Predict],
    records: Iterable[Record],
    seeds: Sequence[int],
    *,
    folder: Path = results.FOLDER,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Measure what is missing, table by table, and write it down after each."""
    for record in records:
        known = {name: results.load(name, folder) for name in contenders}
        missing = {
            name: [seed for seed in seeds if seed not in known[name].get(record.name, {})] for name in contenders
        }
        if not any(missing.values()):
            continue
        frame = with_dates(record, record.frame())
        for seed in seeds:
            train, test = split(record, frame, seed)
            for name, predict in contenders.items():
                if seed not in missing[name]:
                    continue
                began = time.perf_counter()
                value = score(record, test[record.target], predict(record, train, test, seed))
                cell = {"score": round(value, 5), "seconds": round(time.perf_counter() - began, 2)}
                known[name].setdefault(record.name, {})[seed] = cell
                say(f"{record.name} split {seed}, {name}: {cell['score']:.4f} in {cell['seconds']:.1f} s")
        for name, seeds_done in missing.items():
            if seeds_done:
                results.save(name, known[name], folder)
