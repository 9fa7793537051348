"""What a person gets who types three commands: `nncli init`, `nncli train`, `nncli predict`, in Python's words.

    python -m benchmarks.tables.started [--splits 0 1] [--task regression] [--contenders "nncli init" ...]

Each table goes in as a CSV file, as it is, the test rows as another without the target. `init` sees the training rows
alone. Results go to results/, as those of scikit-learn do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.tables import report, results
from benchmarks.tables.baselines import BASELINES
from benchmarks.tables.catalogue import TABLES, Record, Task, of_task
from benchmarks.tables.measure import run
from benchmarks.tables.splits import SEEDS


def started(record: Record, train: Any, test: Any, seed: int, *, members: int, minutes: float | None) -> Any:
    """What the commands predict for the rows of ``test``, as the target has it."""
    import pandas as pd

    import nncli
    from nncli.config.loader import load_config
    from nncli.prediction import predict
    from nncli.starter import draft

    with tempfile.TemporaryDirectory(prefix="nncli-tables-") as folder:
        data, unseen, config, told = (Path(folder) / name for name in ("a.csv", "b.csv", "c.yaml", "p.csv"))
        train.to_csv(data, index=False)
        test.drop(columns=record.target).to_csv(unseen, index=False)
        found = draft(data, record.target, task=record.task, members=members, test=0, minutes=minutes, path="a.csv")
        content = yaml.safe_load(found.text)
        content["seed"] = seed
        coded = [name for name in record.text if name not in content["data"].get("drop", [])]
        if coded:  # a person knows that they are codes
            content["data"]["preprocess"].setdefault("columns", {}).update(dict.fromkeys(coded, "one_hot"))
        config.write_text(yaml.safe_dump(content), encoding="utf-8")
        predict(nncli.train(load_config(config), directory=Path(folder) / "run"), unseen, told, keep=())
        said = pd.read_csv(told, dtype=str, keep_default_na=False)["prediction"]
    if record.task == "regression":
        return said.astype(float).to_numpy()
    as_written = {_plain(value): value for value in train[record.target].unique()}
    return [as_written[_plain(label)] for label in said]


def _plain(label: Any) -> str:
    """A class as nncli writes it: truth values in small letters, whole numbers without a point."""
    text = str(label).removesuffix(".0")
    return text.lower() if text.lower() in ("true", "false") else text


CONTENDERS = {
    "nncli init": partial(started, members=1, minutes=None),
    "nncli init, ensemble 4": partial(started, members=4, minutes=None),
    "nncli init, tuned, ensemble 4": partial(started, members=4, minutes=1.0),
}


def main() -> None:
    """Measure what is missing, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--task", choices=["classification", "regression"])
    parser.add_argument("--contenders", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    tasks: list[Task] = [options.task] if options.task else ["classification", "regression"]
    for task in tasks:
        records = [record for record in TABLES.values() if record in of_task(task)]
        if not options.report:
            chosen = {name: CONTENDERS[name] for name in options.contenders}
            run(chosen, records, options.splits, say=lambda text: print(text, file=sys.stderr, flush=True))
        names = [*(name for name in BASELINES[task] if "raw" not in name), *options.contenders]
        scores = {name: results.load(name) for name in names}
        print(f"\n## {task}, {'accuracy' if task == 'classification' else 'R²'}\n")
        print(report.overview(scores, records, options.splits), "\n")
        print(report.by_table(scores, records, options.splits))


if __name__ == "__main__":
    main()
