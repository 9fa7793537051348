"""What was measured: a JSON file a contender, table -> split -> score and seconds; a rerun adds what is missing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TypeAlias

FOLDER = Path(__file__).parent / "results"
Scores: TypeAlias = dict[str, dict[int, dict[str, float]]]
"""table -> split -> {score: accuracy or R² on the test rows, seconds: of fit and prediction}."""


def path_of(contender: str, folder: Path = FOLDER) -> Path:
    """Its file."""
    return folder / (re.sub(r"[^A-Za-z0-9.]+", "_", contender).strip("_") + ".json")


def load(contender: str, folder: Path = FOLDER) -> Scores:
    """What is known of it."""
    path = path_of(contender, folder)
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {table: {int(seed): cell for seed, cell in splits.items()} for table, splits in content["scores"].items()}


def save(contender: str, scores: Scores, folder: Path = FOLDER) -> None:
    """Write it; a crash leaves the old file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(contender, folder)
    lines = [
        f"  {json.dumps(table)}: {json.dumps({str(seed): splits[seed] for seed in sorted(splits)})}"
        for table, splits in sorted(scores.items())
    ]
    text = f'{{"contender": {json.dumps(contender)},\n "scores": {{\n' + ",\n".join(lines) + "\n }}\n"
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
