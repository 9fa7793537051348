"""Tables for which no config can be written, and places to which none can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bad_inputs.row import Change, Row, nothing, pipe, writes

MIXED = "a,yes,no,price,word\n" + "".join(
    f"{i * i % 17},{i % 2},{('true', 'false')[i % 3 == 0]},{i}.5,w{i % 4}\n" for i in range(40)
)


def init(id: str, change: Change, says: str, *, data: str = "points.csv", more: str = "--target y") -> Row:
    """A config that is to be written to new.yaml."""
    return Row(id, change, f"init {data} {more} -o new.yaml", says)


def several(id: str, targets: str, says: str, more: str = "") -> Row:
    """Several targets of a table of all kinds of columns."""
    names = " ".join(f"--target {name}" for name in targets.split())
    return init(id, writes("t.csv", MIXED), says, data="t.csv", more=f"{names} {more}".strip())


ROWS = [
    init("init: no file", nothing, "pionts.csv: no such file; did you mean 'points.csv'?", data="pionts.csv"),
    init(
        "init: a folder",
        nothing,
        "run: a folder, not a file; name one file: .csv, .tsv (each also .gz or .zst), .parquet, .npz, "
        "folders of .npy files",
        data="run",
    ),
    init("init: a pipe", pipe("t.csv"), "t.csv: a pipe, not a file; ...", data="t.csv"),
    init(
        "init: another kind of file",
        nothing,
        "c.yaml: unknown kind of file '.yaml'; known are ...",
        data="c.yaml",
    ),
    init(
        "init: arrays",
        lambda: np.savez("x.npz", X=np.zeros((9, 2)), y=np.arange(9)),
        "x.npz: an archive of arrays, not of columns; save the rows as .csv or .parquet, or write a config by hand",
        data="x.npz",
    ),
    init(
        "init: binary rubbish",
        writes("t.csv", bytes(range(128, 256)) * 8),
        "t.csv line 1: not UTF-8: byte 0x80; save the file as UTF-8",
        data="t.csv",
    ),
    init(
        "init: rubbish that is called parquet",
        writes("t.parquet", bytes(range(256))),
        "t.parquet: not a whole parquet file: ...; write it again",
        data="t.parquet",
    ),
    init(
        "init: an empty file", writes("points.csv", ""), "points.csv: the file is empty; give it a header line and rows"
    ),
    init(
        "init: a header only",
        writes("points.csv", "a,b,y\n"),
        "points.csv: a header and no rows; a training needs some",
    ),
    init(
        "init: a column alone",
        writes("points.csv", "y\n1\n2\n3\n"),
        "points.csv: no column is left to learn from; a table needs more columns than those to predict",
    ),
    init(
        "init: no such target",
        nothing,
        "points.csv: no column 'Y', did you mean 'y'?; name the column to predict with --target",
        more="--target Y",
    ),
    init(
        "init: control characters in a target",
        nothing,
        "points.csv: no column '\\x1b[2J', there are a, b, y; name the column to predict with --target",
        more="--target '\x1b[2J'",
    ),
    init(
        "init: rows without a target",
        writes("points.csv", "a,b,y\n1,2,in\n3,4,\n5,6,out\n"),
        (
            "points.csv, column 'y': 1 row without a target: points.csv line 3; delete them: a row without a target "
            "cannot be learned from"
        ),
    ),
    init(
        "init: text for a regression",
        nothing,
        (
            "column 'y': it holds text, and a regression needs numbers; ask for --task classification, or turn it into "
            "numbers"
        ),
        more="--target y --task regression",
    ),
    Row(
        "init: a config that is there",
        nothing,
        "init points.csv --target y -o c.yaml",
        "c.yaml: exists already; take another name with -o, or --overwrite",
    ),
    Row(
        "init: a folder in place of the config",
        nothing,
        "init points.csv --target y -o run --overwrite",
        "run: cannot write it: Is a directory",
    ),
    Row(
        "init: no folder for the config",
        nothing,
        "init points.csv --target y -o none/c.yaml",
        "none: there is no such folder; make it first",
    ),
    Row(
        "init: a file as the config's folder",
        lambda: Path("none").touch(),
        "init points.csv --target y -o none/c.yaml",
        "none: there is no such folder; make it first",
    ),
    several(
        "init: a target twice",
        "price price",
        "t.csv: the target 'price' is named twice; name it once",
    ),
    several(
        "init: text among several targets",
        "price word",
        (
            "t.csv, column 'word': it holds text ('w0' in t.csv line 2), and several targets are all numbers, or all 0 "
            "or 1, or true or false; turn it into such, or write a config for it alone"
        ),
    ),
    several(
        "init: labels and quantities",
        "yes price no",
        (
            "t.csv: yes, no: 0 or 1, or true or false; price: other numbers; one network has one loss for all its "
            "targets; write a config for each kind"
        ),
    ),
    several(
        "init: bits and quantities",
        "yes price",
        (
            "t.csv: yes: 0 or 1, or true or false; price: other numbers; one network has one loss for all its "
            "targets; write a config for each kind, or take 0 and 1 for quantities with --task regression"
        ),
    ),
    several(
        "init: quantities as labels",
        "yes price",
        (
            "t.csv, column 'price': it holds other numbers than 0 and 1, and of several targets each is a label that "
            "applies or not; write a config for each target, or ask for --task regression"
        ),
        more="--task classification",
    ),
    several(
        "init: true and false as quantities",
        "yes no",
        (
            "t.csv, column 'no': it holds true and false, and a regression needs numbers; write 1 and 0, or a config "
            "for each target"
        ),
        more="--task regression",
    ),
]
