"""The five splits of a table, the same rows for every contender: a quarter is the test, classes in proportion."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.catalogue import Record

SEEDS = range(5)
TEST = 0.25


def split(record: Record, frame: Any, seed: int) -> tuple[Any, Any]:
    """The training and the test rows of ``frame``."""
    from sklearn.model_selection import train_test_split

    classes = frame[record.target] if record.task == "classification" else None
    train, test = train_test_split(frame, test_size=TEST, random_state=seed, stratify=classes)
    return train, test
