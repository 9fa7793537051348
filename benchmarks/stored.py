"""What a training on rows on disk takes in memory and time while they become a hundred times as many.

Beside the same training in memory, each a process of its own: a table of 20 numbers and a class as CSV, a network of 32
units, two epochs. Run: python benchmarks/stored.py [--rows 50000 500000 5000000] [--folder DIR]; DIR gets 3 GB for a
while. The peak of anonymous memory (RssAnon) is looked at every 20 ms; VmHWM also counts pages of files, which the
system may take back.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

COLUMNS, EPOCHS = 20, 2
CONFIG = f"""\
data: {{path: table.csv, target: label}}
model: {{layers: [{{units: 32, activation: relu}}, {{activation: softmax}}]}}
training: {{epochs: {EPOCHS}, batch_size: 256, kernels: numpy, threads: 1}}
"""


def write_table(path: Path, rows: int) -> None:
    """A CSV file, a block of rows at a time."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(COLUMNS)
    with path.open("wb") as file:
        for start in range(0, rows, 100_000):
            X = rng.standard_normal((min(100_000, rows - start), COLUMNS))
            label = np.where(X @ w + rng.standard_normal(len(X)) > 0, "up", "down")
            frame = pl.DataFrame({f"x{i}": X[:, i] for i in range(COLUMNS)} | {"label": label})
            file.write(frame.write_csv(include_header=not start, float_precision=6).encode())


def measured(folder: Path, *, stored: bool) -> dict[str, float]:
    """Peaks in MB, seconds until the first epoch and of an epoch, and MB on the disk."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [sys.executable, "-m", "nncli.cli.main", "train", "c.yaml", "--run", "run", "--json"]
    began, peaks = time.perf_counter(), {"RssAnon": 0.0, "VmHWM": 0.0}
    with subprocess.Popen(
        [*command, f"data.stored={json.dumps(stored)}"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            for name in peaks:
                if found := re.search(rf"{name}:\s+(\d+)", status):
                    peaks[name] = max(peaks[name], int(found[1]) / 1024)
            time.sleep(0.02)
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
    seconds = time.perf_counter() - began
    files = sum(file.stat().st_size for file in (run / "cache").rglob("*") if file.is_file())
    training = summary["training_seconds"]
    return {**peaks, "before": seconds - training, "epoch": training / EPOCHS, "disk": files / 1e6}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 500_000, 5_000_000])
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(
        "| rows | CSV | rows are | memory (RssAnon) | with pages of files (VmHWM) | before the first epoch | an epoch |"
    )
    print("|-|-|-|-|-|-|-|")
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(CONFIG)
        for rows in asked.rows:
            write_table(folder / "table.csv", rows)
            size = (folder / "table.csv").stat().st_size / 1e6
            for stored in (False, True):
                found = measured(folder, stored=stored)
                where = f"on disk, {found['disk']:.0f} MB" if stored else "in memory"
                print(
                    f"| {rows:,} | {size:.0f} MB | {where} | {found['RssAnon']:.0f} MB | {found['VmHWM']:.0f} MB "
                    f"| {found['before']:.1f} s | {found['epoch']:.2f} s |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
