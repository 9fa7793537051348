"""Runs that are damaged, unfinished, in use, foreign, or not there."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from bad_inputs.row import Change, Row, bends, both, edits, gone, json_with, large, link, nothing, pipe, trains, writes

from nncli.run.tensors import write_tensors

EVALUATE, RESUME, REPRODUCE = "evaluate run", "resume run training.epochs=5", "reproduce run"
DEEP = "[" * 10_000 + "]" * 10_000


def run(name: str, change: Change, says: str, command: str = EVALUATE) -> Row:
    """A run that is evaluated, or something else is done with it."""
    return Row(name, change, command, says)


def fitted(name: str, path: str, value: Any, says: str) -> Row:
    """Another value at ``path`` of preprocess.json; the answer begins with the file's name."""
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]
    return run(name, json_with("run/preprocess.json", *keys, value=value), says)


def every(name: str, command: str, remedy: str) -> Iterator[Row]:
    """All that can stand in place of a JSON file of a run."""
    path, most = f"run/{name}", "than it can be (67,108,864 bytes)"
    for what, change, says in [
        ("missing", gone(path), "cannot read it: No such file or directory"),
        ("empty", writes(path, ""), "is not JSON"),
        ("cut off", bends(path, lambda raw: raw[:-3]), "is not JSON"),
        ("a list", writes(path, "[]"), "holds no JSON object"),
        ("a number", writes(path, "12"), "holds no JSON object"),
        ("nested 10,000 deep", writes(path, DEEP), "is not JSON"),
        ("of 5,000 digits", writes(path, "9" * 5000), "is not JSON"),
        ("not UTF-8", writes(path, b'{"a": "\xff"}'), "is not JSON"),
        ("of 100 MB", large(path, 100_000_000), f"is larger (100,000,000 bytes) {most}"),
        ("of 1 TB", large(path), f"is larger (1,099,511,627,776 bytes) {most}"),
        ("a pipe", pipe(path), "is a pipe, not a file"),
        ("a link", link(path, "elsewhere"), "is a link"),
        ("a folder", both(gone(path), lambda: Path(path).mkdir()), "cannot read it: Is a directory"),
    ]:
        yield run(f"{name} is {what}", change, f"{path}: {says}; {remedy}", command)


def moved(name: str, to: str) -> Change:
    """It lies elsewhere."""
    return lambda: Path(name).rename(to)


def newer(name: str) -> Change:
    """Tensors in a format that is still to come."""
    return lambda: write_tensors(Path(name), "nncli-weights-2", {"w": np.zeros(3, np.float32)})


def in_use() -> TextIOWrapper:
    """The lock is held, until the file is closed."""
    file = Path("run/.lock").open("w")  # noqa: SIM115  # who calls closes it
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write("process 4711\n\x1b[31m")
    file.flush()
    return file


def unfinished(status: str) -> Change:
    """The run as one leaves it that did not come to its end."""
    return writes("run/summary.json", json.dumps({"status": status}))


ROWS = [
    # where a run goes
    run(
        "a run that exists",
        nothing,
        "run: exists already; a run is never written over: choose another --run",
        command="train c.yaml --run run",
    ),
    run(
        "a run that is a file",
        nothing,
        "points.csv: exists already; a run is never written over: choose another --run",
        command="train c.yaml --run points.csv",
    ),
    run(
        "a run in a file",
        nothing,
        "points.csv/run: cannot make it: Not a directory",
        command="train c.yaml --run points.csv/run",
    ),
    run(
        "a run that is a link to nowhere",
        link("out", "nowhere"),
        "out: exists already; a run is never written over: choose another --run",
        command="train c.yaml --run out",
    ),
    run(
        "a run with a name too long",
        nothing,
        "...: cannot make it: File name too long",
        command=f"train c.yaml --run {'x' * 300}",
    ),
    run("runs is a file", writes("runs", ""), "runs: cannot make it: File exists", command="train c.yaml"),
    # where a run is
    run("no such run", nothing, "rum: no such run; did you mean run?", command="evaluate rum"),
    run(
        "no such run, and none that is like it",
        nothing,
        "elsewhere/rum: no such run; name a run's directory, or latest",
        command="evaluate elsewhere/rum",
    ),
    run(
        "no run yet",
        nothing,
        "runs/latest: there is no run yet; nncli train CONFIG makes one",
        command="evaluate latest",
    ),
    run(
        "a newest run that was removed",
        both(lambda: Path("runs").mkdir(), link("runs/latest", "gone")),
        "runs/latest: the newest run was removed; name another: runs/NAME",
        command="evaluate latest",
    ),
    run(
        "a file in place of a run",
        nothing,
        "points.csv: is a file, and a run is a directory; name one: runs/NAME",
        command="evaluate points.csv",
    ),
    run(
        "a folder in place of a run",
        lambda: Path("x").mkdir(),
        "x: not a run directory: it has no config.yaml",
        command="evaluate x",
    ),
    run(
        "control characters in a run's name",
        nothing,
        "\\x1b[31mrun: no such run; name a run's directory, or latest",
        command="evaluate '\x1b[31mrun'",
    ),
    run(
        "a config in place of a run",
        nothing,
        "c.yaml: is a file, and a run is a directory; name one: runs/NAME",
        command="resume c.yaml",
    ),
    # what state it is in
    run(
        "an unfinished run, evaluated",
        unfinished("running"),
        "run: has no weights yet: its training did not end; nncli resume run goes on",
    ),
    run(
        "an unfinished run, reproduced",
        unfinished("running"),
        "run: its training has not ended; nncli resume run goes on",
        command=REPRODUCE,
    ),
    run(
        "a run that failed",
        unfinished("failed"),
        "run: has no weights yet: its training did not end; nncli resume run goes on",
    ),
    run(
        "a run that diverged, resumed",
        unfinished("diverged"),
        ("run: its training diverged, and would again; its way is the same every time: train anew with another config"),
        command=RESUME,
    ),
    run(
        "a run in use",
        in_use,
        "run: is in use by process 4711\\n\\x1b[31m; wait until it has ended, or stop it",
        command=RESUME,
    ),
    run("a lock that is a pipe", pipe("run/.lock"), "run/.lock: is a pipe, not a file; remove it", command=RESUME),
    run(
        "a lock that is a link",
        link("run/.lock", "elsewhere"),
        "run/.lock: is a link, not a file; remove it",
        command=RESUME,
    ),
    run(
        "a lock that is a folder",
        lambda: (Path("run/.lock").unlink(missing_ok=True), Path("run/.lock").mkdir()),
        "run/.lock: is a folder, not a file; remove it",
        command=RESUME,
    ),
    run(
        "resumed for fewer epochs",
        nothing,
        ("override 'training.epochs=2'  training.epochs: 3 epochs are trained already; take more, or none"),
        command="resume run training.epochs=2",
    ),
    run(
        "resumed with another learning rate",
        nothing,
        (
            "override 'optimizer.learning_rate=1'  optimizer.learning_rate: was 0.01, and a run cannot "
            "go on with 1.0; train anew for that"
        ),
        command="resume run optimizer.learning_rate=1",
    ),
    run(
        "resumed with a misspelt key",
        nothing,
        "override 'training.epoch=5'  training.epoch: unknown key, did you mean 'epochs'?",
        command="resume run training.epoch=5",
    ),
    run(
        "a split that the run has not",
        trains("data.split.validation=0"),
        ("other: has no validation rows; set data.split.validation, or evaluate on another split or a file"),
        command="evaluate other --split validation",
    ),
    # ensembles
    *(
        run(f"an ensemble: {what}", both(trains("ensemble=2"), change), says, command)
        for what, change, says, command in [
            (
                "a member is a link",
                both(
                    moved("other/members/1", "elsewhere"),
                    lambda: Path("other/members/1").symlink_to(Path.cwd() / "elsewhere"),
                ),
                "other/members/1: is a link; a run keeps all of it in itself",
                "evaluate other",
            ),
            (
                "its members lie elsewhere",
                both(
                    moved("other/members", "elsewhere"),
                    lambda: Path("other/members").symlink_to(Path.cwd() / "elsewhere"),
                ),
                "other/members: is a link; a run keeps all of it in itself",
                "resume other training.epochs=5",
            ),
            (
                "a member is missing",
                moved("other/members/1", "elsewhere"),
                "other/members/1: is missing; nncli resume other trains it again",
                "predict other points.csv",
            ),
            (
                "a member more than there is",
                edits("other/config.yaml", "members: 2", "members: 3"),
                "other/members/2: is missing; nncli resume other trains it again",
                "export other -o m.py",
            ),
            (
                "of two that are none of one kind",
                edits("other/members/1/config.yaml", "precision: float32", "precision: float64"),
                "other/members/1: layers.0.weight is of float32, and its config asks for float64; train again",
                "evaluate other",
            ),
            (
                "of another target than its members",
                json_with("other/preprocess.json", "target", "classes", value=["in", "into"]),
                "other/preprocess.json: is of another target than its members; "
                "remove it: nncli resume other writes it again",
                "evaluate other",
            ),
            (
                "with other numbers than its data have",
                json_with("other/preprocess.json", "features", "groups", 0, "scaling", "shift", value=[0, 0]),
                "other/preprocess.json: does not follow from the run's config and data; "
                "remove it: nncli resume other writes it again",
                "evaluate other",
            ),
            (
                "whose summary lists no members",
                json_with("other/summary.json", "members", value={"a": 1}),
                "other/members/0: is not as it was when the ensemble was done; "
                "nncli resume other works its result out again",
                "evaluate other",
            ),
            (
                "whose status is a list",
                json_with("other/summary.json", "status", value=["completed"]),
                "other: has no result yet: its training did not end; nncli resume other goes on",
                "evaluate other",
            ),
            (
                "a member that there is not",
                nothing,
                "other: has no member 2: they are numbered from 0 to 1",
                "explain other --member 2",
            ),
            (
                "resumed with other members",
                nothing,
                "override 'ensemble.members=3'  ensemble.members: was 2, and a run cannot go on with 3; "
                "train anew for that",
                "resume other ensemble.members=3",
            ),
        ]
    ),
    run(
        "a member of one network",
        nothing,
        "run: is one network, without members; leave --member out",
        command="explain run --member 0",
    ),
    run(
        "a member of a config",
        nothing,
        "member 1: is of a run; leave it out, or name the run of an ensemble",
        command="explain c.yaml --member 1",
    ),
    *(
        run(f"a page that {what}", change, says, command=f"explain c.yaml {asked}")
        for what, change, asked, says in [
            ("is no HTML file", nothing, "--html p.png", "p.png: a page is an HTML file; write p.html"),
            ("has no name", nothing, "--html .", ".: a page is an HTML file; write explain.html"),
            (
                "is to replace something else",
                writes("p.html", "<p>mine</p>"),
                "--html p.html",
                "p.html: exists, and is no page of nncli's; choose another name with --html",
            ),
            (
                "is a folder",
                lambda: Path("p.html").mkdir(),
                "--html p.html",
                "p.html: is a folder, not a file; choose another name with --html",
            ),
            (
                "is a pipe",
                pipe("p.html"),
                "--html p.html",
                "p.html: is a pipe, not a file; choose another name with --html",
            ),
            ("is to lie nowhere", nothing, "--html a/p.html", "a: there is no such folder; make it first"),
            (
                "of more rows than one shows",
                nothing,
                "--html p.html --rows 9",
                "9 rows are too many for a page; take --rows from 1 to 8, or leave --html out",
            ),
            (
                "of a row that there is not",
                nothing,
                "--html p.html --row 999",
                "c: has 42 training rows, row 999 is not among them; take --row from 1 to 42",
            ),
        ]
    ),
    # its files
    *(
        Row(
            f"summary.json of a complete run has {what}",
            json_with("run/summary.json", *path, value=value),
            "resume run",
            "classification: 2-4-2, ...",
            0,
            "completed after 3 epochs...\ntest accuracy ...",
        )
        for what, path, value in [
            ("seconds of text", ("training_seconds",), "long"),
            ("seconds beyond any number", ("training_seconds",), 10**400),
            ("a figure of text", ("metrics", "test_loss"), "low"),
            ("a figure of NaN", ("metrics", "test_loss"), float("nan")),
            ("metrics in a list", ("metrics",), [1]),
            ("epochs of text", ("epochs",), "\x1b[31m"),
            ("a convergence of text", ("convergence",), "soon"),
        ]
    ),
    Row(
        "environment.json of characters that there are not",
        both(unfinished("running"), json_with("run/environment.json", "python", value="\ud800\x1b[31m")),
        "resume run",
        "warning: other bits than without the stop are possible: python was \\ud800\\x1b[31m and is ...",
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "a config's name that is not UTF-8",
        lambda: Path("c.yaml").rename("c\udcff.yaml"),
        "train c\udcff.yaml --quiet --run out",
        "",
        0,
        "completed after 3 epochs...",
    ),
    run(
        "a newer version's weights",
        newer("run/weights/last.safetensors"),
        (
            "run/weights/last.safetensors: is of kind 'nncli-weights-2', and not 'nncli-weights-1'; "
            "nncli resume run writes it again"
        ),
    ),
    *every("summary.json", EVALUATE, "nncli resume run writes it again"),
    *every("preprocess.json", EVALUATE, "nncli resume run writes it again"),
    *every("environment.json", REPRODUCE, "train again"),
    run(
        "environment.json is gone, and with it what the data were",
        gone("run/environment.json"),
        "run/environment.json: cannot read it: No such file or directory; train again",
        RESUME,
    ),
    run("config.yaml is missing", gone("run/config.yaml"), "run: not a run directory: it has no config.yaml"),
    run(
        "config.yaml is cut off",
        bends("run/config.yaml", lambda raw: raw.partition(b"ize: 16")[0]),
        (
            "run/config.yaml:95:10: this is no YAML: could not find expected ':'; write a colon and a "
            "blank behind each key"
        ),
    ),
    run(
        "config.yaml is a list",
        writes("run/config.yaml", "[]"),
        (
            "run/config.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a "
            "colon, a blank, a value"
        ),
    ),
    run(
        "config.yaml is of 100 MB",
        large("run/config.yaml", 100_000_000),
        "run/config.yaml: is larger than 1,048,576 bytes; is it a config at all?",
    ),
    run("config.yaml is a pipe", pipe("run/config.yaml"), "run: not a run directory: it has no config.yaml"),
    run(
        "config.yaml is a link to nowhere",
        link("run/config.yaml", "elsewhere"),
        "run/config.yaml: is a link; a run keeps all of it in itself",
    ),
    run(
        "config.yaml has a key of a newer version",
        edits("run/config.yaml", "seed: 0", "seed: 0\nquantum: true"),
        "run/config.yaml:4:1  quantum: unknown key, known are name, seed, data, ...",
    ),
    run(
        "summary.json has weights that there are not",
        json_with("run/summary.json", "weights", value="../../c"),
        ("run/summary.json: its weights are best or last, and not '../../c'; nncli resume run writes it again"),
    ),
    run(
        "summary.json has weights that are a list",
        json_with("run/summary.json", "weights", value=["last"]),
        ("run/summary.json: its weights are best or last, and not ['last']; nncli resume run writes it again"),
    ),
    run(
        "summary.json has no digests",
        json_with("run/summary.json", "digests", value=None),
        "run: its weights are not those that it was trained to; nncli resume run writes them again",
    ),
    run(
        "summary.json has a digest that is a number",
        json_with("run/summary.json", "digests", "last", value=12),
        "run: its weights are not those that it was trained to; nncli resume run writes them again",
    ),
    run(
        "summary.json has a status that is a list",
        json_with("run/summary.json", "status", value=["completed"]),
        "run: its training has not ended; nncli resume run goes on",
        command=REPRODUCE,
    ),
    run(
        "class weights that a stranger wrote",
        both(
            edits("run/config.yaml", "class_weight: null", "class_weight: balanced"),
            json_with("run/summary.json", "class_weight", value={"in": 10**400, "out": 1}),
        ),
        "run: summary.json does not say what each class counts; train again",
    ),
    run(
        "environment.json has another digest of the data",
        json_with("run/environment.json", "data", value="\x1b[31m"),
        (
            "run: the data changed since the training, so that its splits cannot be made again; evaluate "
            "on a file: --data FILE"
        ),
    ),
    Row(
        "metrics.csv is cut off",
        bends("run/metrics.csv", lambda raw: raw[: raw.rindex(b"\n3,")]),
        REPRODUCE,
        "classification: ...",
        1,
        "not identical\nfirst in epoch 3:\n  epoch: was None, is 3\n...",
    ),
    run(
        "metrics.csv is not UTF-8",
        writes("run/metrics.csv", b"epoch\n\xff\n"),
        (
            "run/metrics.csv: is no table of metrics ('utf-8' codec can't decode byte 0xff in position "
            "6: invalid start byte); train again"
        ),
        command=REPRODUCE,
    ),
    run(
        "metrics.csv is a pipe",
        pipe("run/metrics.csv"),
        "run/metrics.csv: is a pipe, not a file; put the file itself there",
        command=REPRODUCE,
    ),
    # a preprocess.json that a stranger wrote
    fitted(
        "a task that there is not",
        "task",
        "mind reading",
        "run/preprocess.json: unknown task 'mind reading'; take the file as nncli wrote it",
    ),
    fitted(
        "a task that is a list",
        "task",
        [DEEP[:3]],
        "run/preprocess.json: unknown task ['[[[']; take the file as nncli wrote it",
    ),
    fitted(
        "another task than that of the target",
        "task",
        "regression",
        (
            "run/preprocess.json: target: missing are ['method', 'names', 'scale', 'shift'], unknown are "
            "['classes']; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "a further key",
        "x",
        1,
        "run/preprocess.json: missing are none, unknown are ['x']; take the file as nncli wrote it",
    ),
    fitted(
        "features that are a number",
        "features",
        1,
        "run/preprocess.json: features: a mapping is expected, and here is 1; take the file as nncli wrote it",
    ),
    fitted(
        "a scaling that there is not",
        "features.groups.0.scaling.method",
        "\x1b[31mmagic",
        (
            "run/preprocess.json: features.groups.0.scaling.method: unknown scaling '\\x1b[31mmagic'; known "
            "are standardize, robust, minmax, log, none"
        ),
    ),
    fitted(
        "too few shifts",
        "features.groups.0.scaling.shift",
        [1.0],
        (
            "run/preprocess.json: features.groups.0.scaling: 2 names, 1 shifts and 2 scales; each column has a name of "
            "its own, a shift and a scale; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "a shift of text",
        "features.groups.0.scaling.shift",
        ["1", "2"],
        (
            "run/preprocess.json: features.groups.0.scaling.shift: '1' is no finite number; take the file "
            "as nncli wrote it"
        ),
    ),
    fitted(
        "a shift of NaN",
        "features.groups.0.scaling.shift",
        [float("nan"), 1.0],
        "run/preprocess.json: is not JSON; nncli resume run writes it again",
    ),
    fitted(
        "a shift of true",
        "features.groups.0.scaling.shift",
        [True, 1.0],
        (
            "run/preprocess.json: features.groups.0.scaling.shift: True is no finite number; take the file "
            "as nncli wrote it"
        ),
    ),
    fitted(
        "an infinite scale",
        "features.groups.0.scaling.scale",
        [float("inf"), 1.0],
        "run/preprocess.json: is not JSON; nncli resume run writes it again",
    ),
    fitted(
        "a scale of 0",
        "features.groups.0.scaling.scale",
        [0.0, 1.0],
        (
            "run/preprocess.json: features.groups.0.scaling.scale: a scale that is not above 0; take the file "
            "as nncli wrote it"
        ),
    ),
    fitted(
        "a shift beyond any number",
        "features.groups.0.scaling.shift",
        [10**400, 1.0],
        (
            "run/preprocess.json: features.groups.0.scaling.shift: "
            "100000000000000000000000000000000000000000000000000000000000 is no finite number; take the "
            "file as nncli wrote it"
        ),
    ),
    fitted(
        "a column that the data have not",
        "features.groups.0.scaling.names",
        ["a", "c"],
        ("run/preprocess.json: features: the groups have to hold every column once; take the file as nncli wrote it"),
    ),
    fitted(
        "a fill that does not fit",
        "features.groups.0.fill",
        [0],
        (
            "run/preprocess.json: features.groups.0: a fill for each column, edges for all or none, and "
            "marked, true or false, are expected; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "a group that there is not",
        "features.groups.0.kind",
        "colours",
        ("run/preprocess.json: features.groups.0: kinds are numbers, category, date; take the file as nncli wrote it"),
    ),
    fitted(
        "a clip below 0",
        "features.groups.0.clip",
        -1,
        "run/preprocess.json: features.groups.0: a clip above 0 is expected; take the file as nncli wrote it",
    ),
    fitted(
        "a column twice",
        "features.groups.0.scaling.names",
        ["a", "a"],
        (
            "run/preprocess.json: features.groups.0.scaling: 2 names, 2 shifts and 2 scales; each column has a name of "
            "its own, a shift and a scale; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "one class",
        "target.classes",
        ["in"],
        (
            "run/preprocess.json: target: two or more classes are expected, sorted, all of them text or "
            "whole numbers; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "three classes",
        "target.classes",
        ["in", "on", "out"],
        "run: its weights are of another network than its config; train again",
    ),
    fitted(
        "classes that are not sorted",
        "target.classes",
        ["out", "in"],
        (
            "run/preprocess.json: target: two or more classes are expected, sorted, all of them text or "
            "whole numbers; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "classes of two kinds",
        "target.classes",
        [1, "in"],
        (
            "run/preprocess.json: target: two or more classes are expected, sorted, all of them text or "
            "whole numbers; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "a class nested 900 deep",
        "target.classes",
        ["in", "out", json.loads(DEEP[:900] + DEEP[-900:])],
        (
            "run/preprocess.json: target: two or more classes are expected, sorted, all of them text or "
            "whole numbers; take the file as nncli wrote it"
        ),
    ),
    fitted(
        "three features for a network of two",
        "features",
        {
            "names": ["a", "b", "c"],
            "gaps": "impute",
            "groups": [
                {
                    "kind": "numbers",
                    "scaling": {"method": "none", "names": ["a", "b", "c"], "shift": [0, 0, 0], "scale": [1, 1, 1]},
                    "fill": [0, 0, 0],
                    "marked": False,
                    "clip": None,
                    "edges": [],
                }
            ],
        },
        "run: its weights are of another network than its config; train again",
    ),
]
