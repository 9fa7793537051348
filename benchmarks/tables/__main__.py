"""How good networks are on real tables, beside scikit-learn's network and its boosted trees, all with defaults.

    python -m benchmarks.tables baselines            measure what is missing of scikit-learn's, and report
    python -m benchmarks.tables report               what is there
    python -m benchmarks.tables catalogue            the tables, their sizes, and what is left out of them
    python -m benchmarks.tables csv FOLDER           write every table as a CSV file, as nncli reads it

Needs `pip install -e '.[tables]'`. Results are kept beside the code, in results/, a file a contender.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.tables import report, results
from benchmarks.tables.baselines import BASELINES
from benchmarks.tables.catalogue import RECORDS, TABLES, held_out, of_task
from benchmarks.tables.measure import run
from benchmarks.tables.splits import SEEDS


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["baselines", "report", "catalogue", "csv"])
    parser.add_argument("folder", type=Path, nargs="?", help="where the CSV files go")
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--splits", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--contenders", nargs="*", help="whose results are reported; scikit-learn's if not said")
    options = parser.parse_args()
    records = [TABLES[name] for name in options.tables]
    match options.what:
        case "csv":
            if options.folder is None:
                parser.error("csv needs a folder")
            options.folder.mkdir(parents=True, exist_ok=True)
            for record in records:
                (options.folder / f"{record.name}.csv").write_text(record.csv(), encoding="utf-8")
        case "catalogue":
            _print_catalogue()
        case "baselines" | "report":
            for task, contenders in BASELINES.items():
                chosen = [record for record in of_task(task) if record in records]
                if options.what == "baselines":
                    run(contenders, chosen, options.splits, say=lambda text: print(text, file=sys.stderr, flush=True))
                scores = {name: results.load(name) for name in options.contenders or contenders}
                print(f"\n## {task}, {'accuracy' if task == 'classification' else 'R²'}\n")
                print(report.overview(scores, chosen, options.splits), "\n")
                print(report.by_table(scores, chosen, options.splits))


def _print_catalogue() -> None:
    apart = held_out()
    print("| table | source | task | target | rows | features | of text | gaps | left out | held out |")
    print("|-|-|-|-|-:|-:|-:|-:|-|-|")
    for record in sorted(RECORDS, key=lambda record: (record.task, record.name)):
        frame = record.frame()
        features = frame.drop(columns=record.target)
        text = sum(1 for column in features if features[column].dtype.kind not in "iufb")
        reasons: dict[str, list[str]] = {}
        for column, why in record.drop:
            reasons.setdefault(why, []).append(column)
        left_out = "; ".join(f"{', '.join(columns)}: {why}" for why, columns in reasons.items())
        print(
            f"| {record.name} | {record.source} | {record.task} | {record.target} | {len(frame):,} | "
            f"{features.shape[1]} | {text} | {int(features.isna().sum().sum()):,} | {left_out} | "
            f"{'yes' if record in apart else ''} |"
        )


if __name__ == "__main__":
    main()
