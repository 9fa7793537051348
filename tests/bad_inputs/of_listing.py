"""Runs that are listed and set side by side: what is asked for is not there, or what is there is no run."""

from __future__ import annotations

import os
from pathlib import Path

from bad_inputs.row import Row, both, json_with, line, link, nothing, pipe, trains, writes

HEAD = "run    status     data ..."
GOOD = "...\nother  completed  points.csv  classification ..."


def compare(name: str, arguments: str, says: str) -> Row:
    """What compare says of a run, and of another one that is as it should be."""
    return Row(name, trains("training.epochs=1"), f"compare {arguments}", says)


ROWS = [
    # the command
    Row(
        "a folder of runs that is not there",
        nothing,
        "runs nowhere",
        "nowhere: there is no such folder; nncli train CONFIG makes runs/",
    ),
    Row(
        "a folder of runs that is a file",
        nothing,
        "runs points.csv",
        "points.csv: is a file, and runs lie in a folder; nncli train CONFIG makes runs/",
    ),
    Row(
        "a key to sort by that is mistyped",
        nothing,
        "runs . --sort epoch",
        "--sort: unknown key 'epoch', did you mean 'epochs'?",
    ),
    Row(
        "a key to sort by that hides",
        nothing,
        "runs . --sort '\x1b[2J'",
        "--sort: unknown key '...x1b[2J', known are run, status, ...; any metric of a summary, and any key of "
        "a config: optimizer.learning_rate",
    ),
    Row(
        "a condition on a key that is mistyped",
        nothing,
        "runs . --where optimiser.name=adam",
        "--where: unknown key 'optimiser.name', did you mean 'optimizer.name'?",
    ),
    Row(
        "a condition that is none",
        nothing,
        "runs . --where adam",
        "--where 'adam': is no condition; for example 'test_accuracy>0.9', optimizer.name=adam or 'status!=completed'",
    ),
    Row(
        "a folder without runs",
        lambda: Path("empty").mkdir(),
        "runs empty",
        "no run in empty yet; nncli train CONFIG makes one",
        0,
    ),
    Row("a condition that holds for none", nothing, "runs . --where epochs>9", "no run in . is such: epochs>9", 0),
    # what lies there
    Row(
        "a listed run of which a file is a pipe",
        both(trains("training.epochs=1"), pipe("run/summary.json")),
        "runs .",
        "",
        0,
        f"{HEAD}run    damaged ... run/summary.json: is a pipe, not a file; nncli resume run writes it again...",
    ),
    Row(
        "a listed run of which the config runs code",
        both(trains("training.epochs=1"), writes("run/config.yaml", "!!python/object/apply:os._exit [3]")),
        "runs . --sort run --reverse",
        "",
        0,
        f"{HEAD}run    damaged ... run/config.yaml: holds a tag{GOOD}",
    ),
    Row(
        "a listed run whose name moves the cursor",
        lambda: os.rename("run", "r\x1b[31m\nn"),
        "runs .",
        "",
        0,
        "run ...\nr\\x1b[31m\\nn  completed ...",
    ),
    Row(
        "a listed run whose figures are text",
        json_with("run/summary.json", "metrics", value={"test_accuracy": "\x1b[31m", "test_loss": 1e999}),
        "runs .",
        "",
        0,
        "run  ...\nrun  damaged ... run/summary.json: is not JSON; nncli resume run writes it again",
    ),
    # side by side
    compare("one run alone", "run", "nncli compare: takes two runs or more; nncli runs lists them"),
    compare("a run that is named twice", "run other run", "run: is named twice; name each run once"),
    compare(
        "two runs that are not there",
        "zzz run othr",
        "zzz: no such run; name a run's directory, or latest\nothr: no such run; did you mean other?",
    ),
    compare(
        "no run but a file", "run points.csv", "points.csv: is a file, and a run is a directory; name one: runs/NAME"
    ),
    compare(
        "a picture of another kind",
        "run other -o curves.pdf",
        "-o curves.pdf: is neither .png nor .html; name a picture, curves.png, or a page, comparison.html",
    ),
    Row(
        "a picture that is something else",
        both(trains("training.epochs=1"), writes("mine.png", "mine")),
        "compare run other -o mine.png",
        "mine.png: exists, and is no picture of nncli's; choose another name with -o",
    ),
    Row(
        "a page that is something else",
        both(trains("training.epochs=1"), writes("mine.html", "mine")),
        "compare run other -o mine.html",
        "mine.html: exists, and is no page of nncli's; choose another name with -o",
    ),
    compare(
        "a page in a folder that is not there", "run other -o no/c.html", "no: there is no such folder; make it first"
    ),
    Row(
        "a run to compare whose config is no YAML",
        both(trains("training.epochs=1"), writes("run/config.yaml", "data: [")),
        "compare run other",
        "run/config.yaml:1:8: this is no YAML: ...",
    ),
    Row(
        "a run to compare whose table is bytes",
        both(trains("training.epochs=1"), writes("run/metrics.csv", b"epoch,\xff\n1,2\n")),
        "compare run other",
        "run/metrics.csv: is no table of metrics ...; train again",
    ),
    Row(
        "a run to compare that is a link to itself",
        link("same", "run"),
        "compare run same",
        "same: is the same run as run; name another one",
    ),
    Row(
        "runs to compare of different data",
        both(line(2, "5,0,out"), trains("training.epochs=1")),
        "compare run other",
        "",
        0,
        "...note: the runs had different data: their scores do not compare...",
    ),
]
