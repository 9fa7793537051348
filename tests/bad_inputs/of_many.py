"""Cross-validations and several seeds: what cannot be cut, compared, or gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bad_inputs.row import CONFIG, Change, Row, both, edits, json_with, link, nothing, writes

import nncli
from nncli.many import cross_validate

ON = "two configs are compared on the same folds: give both the same"


def begun() -> Any:
    """A cross-validation in many, which is done."""
    return cross_validate(nncli.load_config("c.yaml", ["training.epochs=1"]), folds=2, directory="many")


def cv(name: str, arguments: str, says: str, change: Change = nothing) -> Row:
    """What cv says."""
    return Row(name, change, f"cv {arguments}", says)


def plan(name: str, change: Change, says: str) -> Row:
    """Another plan.json of a cross-validation that is to go on."""
    return Row(name, both(begun, change), "resume many", says)


ROWS = [
    cv("one fold", "c.yaml --folds 1", "--folds 1: must be between 2 and 1000"),
    cv("no repeat", "c.yaml --repeats 0", "--repeats 0: must be between 1 and 1000"),
    cv(
        "more folds than rows",
        "c.yaml --folds 52",
        "--folds 52: 51 rows cannot be cut into 52 folds; take fewer folds, or add rows",
    ),
    cv(
        "repeats that draw nothing",
        "c.yaml --repeats 2 data.split.shuffle=false",
        "--repeats 2: repeat 1 has the same folds as repeat 0: the rows are cut without anything drawn at random; "
        "take --repeats 1",
    ),
    cv(
        "repeats in the order of time",
        "c.yaml --folds 3 --repeats 2 data.split.time=a",
        "--repeats 2: repeat 1 has the same folds as repeat 0: the rows are cut in the order of time; take --repeats 1",
    ),
    cv(
        "more folds than times",
        "c.yaml --folds 8 data.split.time=b",
        "--folds 8: 5 times cannot be cut into 9 blocks of about one size; take fewer folds, or add rows",
    ),
    cv(
        "an ensemble that is cross-validated",
        "c.yaml ensemble=3",
        "override 'ensemble=3'  ensemble: trains several networks at a time, and a cross-validation judges one; "
        "leave it out: ensemble=null",
    ),
    cv(
        "a fold that is cross-validated",
        "c.yaml 'data.split.fold={of: 3, number: 1}'",
        "...data.split.fold: names one fold, and each takes its turn; leave it out: data.split.fold=null",
    ),
    cv(
        "a file to validate on that is cross-validated",
        "c.yaml data.validation_path=points.csv",
        "...data.validation_path: folds take turns to validate, and this file has the rows for that; "
        "leave it out: data.validation_path=null",
    ),
    cv(
        "batches to overfit that are cross-validated",
        "c.yaml training.overfit_batches=1",
        "...training.overfit_batches: validates on rows that it trains on, and not on a fold; leave it out",
    ),
    cv(
        "three configs",
        "c.yaml c.yaml d.yaml",
        "d.yaml: is one config too many: c.yaml is the second; compare them two by two",
    ),
    cv(
        "two configs of other test rows",
        "c.yaml d.yaml",
        f"d.yaml:1:51  data.split.test: is 0.3, and 0.15 in the first; {ON}",
        writes("d.yaml", CONFIG.replace("target: y", "target: y, split: {test: 0.3}")),
    ),
    cv(
        "two configs of other seeds",
        "c.yaml d.yaml",
        f"d.yaml:1:7  data.split.seed: is 1, and 0 in the first; {ON}",
        writes("d.yaml", f"{CONFIG}seed: 1\n"),
    ),
    cv(
        "two configs of other rows",
        "c.yaml d.yaml",
        "d.yaml:1:7  data: its validation rows, or their targets, are not those of the first config; "
        "two configs are compared on the same rows of the same table",
        both(
            lambda: Path("other.csv").write_text(
                "".join(Path("points.csv").read_text().splitlines(keepends=True)[:50])
            ),
            writes("d.yaml", CONFIG.replace("points.csv", "other.csv")),
        ),
    ),
    cv(
        "a directory that holds something else",
        "c.yaml --run run",
        "run: exists already; nothing is written over: choose another --run",
    ),
    cv(
        "another config than it began with",
        "c.yaml --folds 2 --run many training.epochs=2",
        "override 'training.epochs=2'  training.epochs: was 1, and is 2; "
        "leave it as it was, or choose another --run than many",
        begun,
    ),
    cv(
        "other folds than it began with",
        "c.yaml --folds 4 --run many training.epochs=1",
        "--folds 4: was 2; leave it as it was, or choose another --run than many",
        begun,
    ),
    cv(
        "one config more than it began with",
        "c.yaml c.yaml --folds 2 --run many training.epochs=1",
        "many: holds a cross-validation of one config, and not a cross-validation of two configs; choose another --run",
        begun,
    ),
    cv("no process", "c.yaml --jobs 0", "--jobs 0: must be between 1 and 1024"),
    Row(
        "processes for one training",
        nothing,
        "train c.yaml --jobs 2",
        "--jobs: is for several trainings; add --seeds N, or see `nncli cv` and `nncli sweep`; "
        "one training takes training.threads",
    ),
    Row("one seed", nothing, "train c.yaml --seeds 1", "--seeds 1: must be between 2 and 1000"),
    Row(
        "seeds of an ensemble",
        nothing,
        "train c.yaml --seeds 3 ensemble=2",
        "override 'ensemble=2'  ensemble: trains several networks by several seeds already; "
        "leave it out (ensemble=null), or --seeds",
    ),
    Row(
        "seeds beyond the last",
        nothing,
        "train c.yaml --seeds 3 seed=9223372036854775806",
        "...seed: 3 seeds from it reach beyond 2^63; take a smaller one",
    ),
    Row(
        "seeds whose gradients are to be checked",
        nothing,
        "train c.yaml --seeds 3 --gradcheck",
        "--gradcheck: is of one training, and not of several seeds; nncli gradcheck c.yaml checks it",
    ),
    Row(
        "a change to several trainings",
        begun,
        "resume many training.epochs=5",
        "many: holds several trainings, which go on as they began, without training.epochs=5; "
        "leave it out, or begin anew in another directory",
    ),
    Row(
        "several runs that are evaluated",
        begun,
        "evaluate many",
        "many: holds several runs, and is none; name one: nncli runs many lists them",
    ),
    Row(
        "an ensemble on folds in the order of time",
        nothing,
        "train c.yaml ensemble=3 data.split.time=a",
        "override 'data.split.time=a'  data.split.time: of rows that are to follow one another, the first would be in "
        "no fold; take `ensemble: {members: K, rows: all}`",
    ),
    cv("a config to compare with that is not there", "c.yaml d.yaml", "d.yaml: no such file..."),
    plan("a plan that is cut off", edits("many/plan.json", "}", ""), "many/plan.json: is not JSON; train again"),
    plan(
        "a plan of another program",
        json_with("many/plan.json", "format", value="nncli-plan-2"),
        "many/plan.json: is no plan of nncli: format is not as it writes it; train anew",
    ),
    plan(
        "a plan of a billion folds",
        json_with("many/plan.json", "counts", value={"folds": 10**9, "repeats": 10**9}),
        "many/plan.json: is no plan of nncli: counts.folds is not as it writes it; train anew",
    ),
    plan(
        "a plan without repeats",
        json_with("many/plan.json", "counts", value={"folds": 2}),
        "many/plan.json: is no plan of nncli: its parts do not fit together; train anew",
    ),
    plan(
        "a plan whose config leads out of its directory",
        lambda: Path("many/plan.json").write_text(
            json.dumps(json.loads(Path("many/plan.json").read_text()) | {"configs": {"../c": {}}})
        ),
        "many/plan.json: is no plan of nncli: configs.../c.[key] is not as it writes it; train anew",
    ),
    plan(
        "a fold that is a link",
        link("many/repeat-0", "elsewhere"),
        "many/repeat-0: is a link; the directory keeps all of its runs in itself",
    ),
]
