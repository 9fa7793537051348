"""Every reader, fed with files that were right and are not any more: it takes them or refuses them, nothing else.

In a process of its own, which may take only a little memory: a size that is declared and believed ends it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.fuzzing import SEED, inputs

SCRIPT = Path(__file__).with_name("readers.py")
DATA = ("csv", "tsv", "csv.gz", "csv.zst", "parquet", "npz", "npz of columns")
IDX = ("idx images", "idx labels", "idx.gz images", "idx.gz labels")
RUN = (
    "weights",
    "checkpoint",
    "preprocess.json",
    "summary.json",
    "environment.json",
    "metrics.csv",
    "run's config.yaml",
)


@pytest.mark.parametrize("readers", [DATA, (*IDX, "config.yaml", *RUN)], ids=["tables", "others"])
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, readers: tuple[str, ...]) -> None:
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        str(SCRIPT),
        str(tmp_path),
        str(SEED),
        "0",
        str(inputs(40)),
        *readers,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"})
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    for report in reports:
        print(*(f"{report[key]} {key}" for key in ("reader", "inputs", "accepted", "refused")), sep=", ")
    # a process that was ended says where; the input is the file of the reader that comes next
    assert ended.returncode == 0, f"after {[r['reader'] for r in reports]}, {tmp_path}: {ended.stderr[-3000:]}"
    assert [report["reader"] for report in reports] == [*readers]
    faults = [
        f"{r['reader']}, input {f['input']}: {f['problem']}\n{f['content']}" for r in reports for f in r["faults"]
    ]
    assert not faults, "\n\n".join(faults)
    # were all refused, or all taken, it would be the mutations that are wrong
    assert all(report["refused"] for report in reports)
    assert any(report["accepted"] for report in reports)
