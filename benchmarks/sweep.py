"""200 trials of one sweep: in one process, in two, and by scikit-learn's RandomizedSearchCV on its own network.

    python -m benchmarks.sweep [--trials 200] [--repeats 3]

Each contender is a process of its own, timed from its start to its end; they take turns. All train a network with one
hidden layer on the digits (1,257 rows, 270 to validate) for as many epochs, over the same space: units 16 to 128,
learning rate 1e-4 to 1e-1, l2 1e-6 to 1e-2, batches of 32, Adam. nncli writes the run of each trial (config, metrics of
each epoch, weights, checkpoint), scikit-learn keeps a row of figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EPOCHS = 20
CONFIG = f"""\
data: {{source: digits}}
model:
  layers:
    - {{units: 64, activation: relu}}
    - {{activation: softmax}}
training: {{epochs: {EPOCHS}, batch_size: 32}}
report: {{plots: false}}
"""
SWEEP = """\
config: c.yaml
space:
  model.layers.0.units: {{log_integer: [16, 128]}}
  optimizer.learning_rate: {{log_uniform: [1e-4, 1e-1]}}
  regularization.l2: {{log_uniform: [1e-6, 1e-2]}}
trials: {trials}
"""
SKLEARN = f"""\
import json, sys, warnings
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
trials, jobs = map(int, sys.argv[1:])
X, y = load_digits(return_X_y=True)
rest, _, y_rest, _ = train_test_split(X, y, test_size=270, stratify=y, random_state=0)
fold = np.full(len(rest), -1)
fold[train_test_split(np.arange(len(rest)), test_size=270, stratify=y_rest, random_state=0)[1]] = 0
class Sizes:
    def rvs(self, random_state=None):
        rng = np.random.default_rng(random_state.randint(2**31))
        return (int(round(float(np.exp(rng.uniform(np.log(16), np.log(128)))))),)
warnings.simplefilter("ignore")
import os
os.environ["PYTHONWARNINGS"] = "ignore"
network = MLPClassifier(max_iter={EPOCHS}, n_iter_no_change={EPOCHS}, tol=0, batch_size=32, random_state=0)
space = {{
    "mlpclassifier__hidden_layer_sizes": Sizes(),
    "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
    "mlpclassifier__alpha": loguniform(1e-6, 1e-2),
}}
search = RandomizedSearchCV(make_pipeline(StandardScaler(), network), space, n_iter=trials, n_jobs=jobs,
                            cv=PredefinedSplit(fold), scoring="neg_log_loss", refit=False, random_state=0)
search.fit(rest, y_rest)
print(json.dumps({{"best": -search.best_score_, "trials": len(search.cv_results_["params"])}}))
"""


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """The address of a Dask scheduler with so many workers, all of them processes of this machine."""
    dask, about = str(Path(sys.executable).parent / "dask"), folder / "address.json"
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment()}
    where = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(about)]
    processes = [subprocess.Popen([dask, "scheduler", *where], **quiet)]
    try:
        while not (about.exists() and about.read_text().rstrip().endswith("}")):
            time.sleep(0.1)
        address = json.loads(about.read_text())["address"]
        worker = [dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        processes += [subprocess.Popen(worker, **quiet) for _ in range(workers)]
        time.sleep(5)
        yield address
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait()


def environment() -> dict[str, str]:
    """Of every process: one thread for matrix products."""
    ours = {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(Path(__file__).parent.parent)}
    return os.environ | ours


def contenders(trials: int, folder: Path, address: str) -> dict[str, list[str]]:
    """What is run, by its name."""
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "s.yaml").write_text(SWEEP.format(trials=trials))
    (folder / "sklearn_search.py").write_text(SKLEARN)
    nncli = [sys.executable, "-m", "nncli.cli.main", "sweep", "s.yaml", "--json", "--quiet"]
    search = [sys.executable, "sklearn_search.py", str(trials)]
    return {
        "nncli, one process": nncli,
        "nncli, two processes": [*nncli, "--jobs", "2"],
        "nncli, two Dask workers that were there": [*nncli, "--scheduler", address],
        "scikit-learn, one process": [*search, "1"],
        "scikit-learn, two processes": [*search, "2"],
    }


def main() -> None:
    """Print seconds and trials a second of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    best: dict[str, float] = {}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as name, cluster(2, Path(name)) as address:
            for contender, command in contenders(arguments.trials, Path(name), address).items():
                settings: Any = {"cwd": name, "env": environment(), "capture_output": True, "text": True, "check": True}
                began = time.perf_counter()
                ended = subprocess.run(command, **settings)
                seconds.setdefault(contender, []).append(time.perf_counter() - began)
                said = json.loads(ended.stdout)
                best[contender] = said["best"]["value"] if isinstance(said["best"], dict) else said["best"]
    head = f"{arguments.trials} trials of {EPOCHS} epochs"
    print(f"| {head} | seconds, median | least to most | trials a second | best loss |")
    print("|-|-|-|-|-|")
    for contender, each in seconds.items():
        middle = statistics.median(each)
        spread = f"{min(each):.1f} to {max(each):.1f}"
        print(f"| {contender} | {middle:.1f} | {spread} | {arguments.trials / middle:.1f} | {best[contender]:.4f} |")


if __name__ == "__main__":
    main()
