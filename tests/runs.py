"""Runs, as tests compare them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nncli.run import Run


def content(run: Run | Path) -> dict[str, Any]:
    """All of a run that is the same every time: the summary and the table without their seconds, the weights' bytes."""
    path = run.path if isinstance(run, Run) else run
    summary = json.loads((path / "summary.json").read_text())
    del summary["training_seconds"]
    weights = {which: (path / f"weights/{which}.safetensors").read_bytes() for which in ("best", "last")}
    rows = [{name: cell for name, cell in row.items() if name != "seconds"} for row in Run(path).metrics.rows()]
    return {"summary": summary, "rows": rows, **weights}


def ensemble_content(run: Run | Path) -> dict[str, Any]:
    """The same of an ensemble: its summary without its seconds, and all of each member."""
    path = run.path if isinstance(run, Run) else run
    summary = json.loads((path / "summary.json").read_text())
    del summary["training_seconds"]
    members = {member.name: content(member) for member in sorted((path / "members").iterdir())}
    return {"summary": summary, "members": members}
