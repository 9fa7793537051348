"""What the shipped configs reach on their test rows: the mean over seeds 0 to 4, beside the figure they are held to.

    python benchmarks/accuracy.py [--mnist FOLDER]

Without the folder of the MNIST files, MNIST is left out, and that is said.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import nncli

CONFIGS = Path(__file__).parent.parent / "configs"
HELD_TO = {
    "iris": ("accuracy", 0.95),
    "digits": ("accuracy", 0.97),
    "breast_cancer": ("accuracy", 0.96),
    "wine": ("accuracy", 0.96),
    "diabetes": ("r2", 0.40),
    "moons": ("accuracy", 0.95),
    "mnist": ("accuracy", 0.975),
}
SEEDS = range(5)


def main() -> None:
    """Train every config with every seed and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="the folder of the four IDX files")
    parser.add_argument("--only", help="one config")
    arguments = parser.parse_args()
    print(f"{'config':<15}{'figure':<10}{'held to':>8}{'mean':>8}{'min':>8}{'max':>8}{'seconds':>9}")
    for name, (figure, least) in HELD_TO.items():
        if arguments.only not in (None, name):
            continue
        if name == "mnist" and arguments.mnist is None:
            print("mnist          left out: --mnist says where its files are")
            continue
        overrides = [f"data.path={arguments.mnist}"] if name == "mnist" else []
        values, seconds = [], []
        with tempfile.TemporaryDirectory() as folder:
            for seed in SEEDS:
                config = nncli.load_config(CONFIGS / f"{name}.yaml", [*overrides, f"seed={seed}"])
                summary = nncli.train(config, directory=Path(folder) / str(seed)).read_json("summary.json")
                values.append(summary["metrics"][f"test_{figure}"])
                seconds.append(summary["training_seconds"])
        row = (statistics.mean(values), min(values), max(values))
        print(
            f"{name:<15}{figure:<10}{least:>8}" + "".join(f"{v:8.4f}" for v in row),
            f"{statistics.median(seconds):8.2f}",
        )


if __name__ == "__main__":
    main()
