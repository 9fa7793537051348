"""Tables that cannot be used, and data that are not those of the training."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from bad_inputs.row import TABLE, Change, Row, bends, both, edits, gone, json_with, line, link, nothing, pipe, writes

TRAIN = "train c.yaml --quiet --run out"
EVALUATE = "evaluate run --data other.csv"
LABELS = "".join(["a,b,y\n", *(f"{i},{i % 7},{i % 2}\n" for i in range(60))])
"""Numbers as classes."""


def cell(name: str, text: str, says: str, number: int = 12, also: str = "") -> Row:
    """Another line of points.csv."""
    return Row(name, line(number, text), f"{TRAIN} {also}".strip(), says)


def table(name: str, content: str | bytes, says: str, code: int = 2) -> Row:
    """Another points.csv as a whole."""
    return Row(name, writes("points.csv", content), TRAIN, says, code, "..." if code == 0 else "")


def file(name: str, path: str, change: Change, says: str, also: str = "") -> Row:
    """Another file in place of points.csv."""
    return Row(name, change, f"{TRAIN} data.path={path} {also}".strip(), says)


def other(name: str, content: str, says: str) -> Row:
    """A file that a run is evaluated on."""
    return Row(name, writes("other.csv", content), EVALUATE, says)


def npz(**arrays: Any) -> Change:
    """An archive of arrays."""
    return lambda: np.savez("x.npz", **arrays)


def idx(images: bytes = b"", labels: bytes = b"") -> Change:
    """A folder like that of MNIST, with three images of 2 x 2."""

    def change() -> None:
        Path("idx").mkdir()
        right = struct.pack(">4i", 2051, 3, 2, 2) + bytes(range(12))
        Path("idx/train-images-idx3-ubyte").write_bytes(images or right)
        Path("idx/train-labels-idx1-ubyte").write_bytes(labels or struct.pack(">2i", 2049, 3) + bytes([0, 1, 0]))

    return change


def declared(shape: str) -> Change:
    """An archive whose array says that it has this shape, and has not."""

    def change() -> None:
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(16)
        with zipfile.ZipFile("x.npz", "w") as archive:
            archive.writestr("X.npy", array)
            archive.writestr("y.npy", array)

    return change


def zipped(content: str) -> bytes:
    """A zip archive with one file."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("points.csv", content)
    return raw.getvalue()


X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
NPZ = "data.target=y"
WORDS = TABLE
for number, word in enumerate(("low", "mid", "mid", "high", "high", "high")):
    WORDS = WORDS.replace(f",{number},", f",{word},")
IDS = "".join(f"P{i - 1},{row}\n" if i else f"id,{row}\n" for i, row in enumerate(TABLE.split()))
DATED = "".join(f"2024-01-{i % 28 + 1:02},{row}\n" if i else f"when,{row}\n" for i, row in enumerate(TABLE.split()))
WHOLE = "data.preprocess.missing=refuse"

ROWS = [
    # cells
    cell(
        "NaN where gaps are refused",
        "NaN,1,in",
        (
            "points.csv line 12, column 'a': empty cell; fill the cell or delete the row; `data.drop: "
            "[a]` leaves the column out"
        ),
        also=WHOLE,
    ),
    cell(
        "inf",
        "3,-inf,out",
        (
            "points.csv line 12, column 'b': -inf is not finite; fill the cell or delete the row; "
            "`data.drop: [b]` leaves the column out"
        ),
    ),
    cell(
        "1e400 in a cell",
        "1e400,1,in",
        (
            "points.csv line 12, column 'a': 1e400 is not finite; fill the cell or delete the row; "
            "`data.drop: [a]` leaves the column out"
        ),
    ),
    cell(
        "text among numbers",
        "many,1,in",
        (
            "points.csv line 12, column 'a': 'many' is not a number; fill the cell or delete the row; "
            "`data.drop: [a]` leaves the column out"
        ),
    ),
    cell(
        "a decimal comma in quotes",
        '"1,5",1,in',
        (
            "points.csv line 12, column 'a': '1,5' is not a number; fill the cell or delete the row; "
            "`data.drop: [a]` leaves the column out"
        ),
    ),
    cell(
        "a number with a unit in a cell",
        "5 cm,1,in",
        (
            "points.csv line 12, column 'a': '5 cm' is not a number; fill the cell or delete the row; "
            "`data.drop: [a]` leaves the column out"
        ),
    ),
    cell(
        "an empty cell",
        ",1,in",
        (
            "points.csv line 12, column 'a': empty cell; fill the cell or delete the row; `data.drop: "
            "[a]` leaves the column out"
        ),
        also=WHOLE,
    ),
    cell(
        "an empty label",
        "0,1,",
        (
            "points.csv line 12, column 'y': empty cell; fill the cell or delete the row: a row without "
            "'y' cannot be learned from"
        ),
    ),
    cell(
        "only blanks in a cell",
        "   ,1,in",
        (
            "points.csv line 12, column 'a': empty cell; fill the cell or delete the row; `data.drop: "
            "[a]` leaves the column out"
        ),
        also=WHOLE,
    ),
    cell(
        "control characters in a cell",
        "\x1b[31m,1,in",
        (
            "points.csv line 12, column 'a': '\\x1b[31m' is not a number; fill the cell or delete the "
            "row; `data.drop: [a]` leaves the column out"
        ),
    ),
    cell(
        "too many cells",
        "0,1,in,2",
        (
            "points.csv line 12: a row of 4, and the header has 3 columns; a row needs one for each of "
            "a, b, y; a cell that contains ',' needs quotes"
        ),
    ),
    cell(
        "too few cells",
        "0,1",
        (
            "points.csv line 12: a row of 2, and the header has 3 columns; a row needs one for each of "
            "a, b, y; a cell that contains ',' needs quotes"
        ),
    ),
    cell("an empty line", "", "points.csv line 12: empty line; delete it"),
    cell(
        "a quote that does not close",
        '0,"1,in',
        (
            "points.csv line 11: the row after it cannot be read: unexpected end of data; close its "
            "quotes; a quote within quotes is written twice"
        ),
    ),
    Row(
        "a column of text that is to be numbers",
        writes("points.csv", WORDS),
        f"{TRAIN} 'data.preprocess.columns={{b: robust}}'",
        (
            "points.csv, column 'b': it holds text ('low' in points.csv line 2), and features are "
            "numbers; turn it into numbers; `data.drop: [b]` leaves it out"
        ),
    ),
    table("a column of text is no fault", WORDS, "", 0),
    table(
        "a column of ids",
        IDS,
        (
            "points.csv, column 'id': it holds text, and no value ('P1') stands in 3 training rows or more; "
            "`data.drop: [id]` leaves it out; `data.preprocess.rare` is the number; numbers and dates (2024-01-31) "
            "are read as such"
        ),
    ),
    Row(
        "dates where they are refused",
        writes("points.csv", DATED),
        f"{TRAIN} data.preprocess.dates=refuse",
        (
            "points.csv, column 'when': it holds dates; `data.preprocess.dates: cyclic` takes their parts, "
            "`data.drop: [when]` leaves them out"
        ),
    ),
    Row(
        "a date that there is not",
        writes("points.csv", DATED.replace("2024-01-05", "2024-02-30", 1)),
        TRAIN,
        ("points.csv line 5, column 'when': '2024-02-30' is no date; write 2024-01-31, or 2024-01-31 23:59"),
    ),
    Row(
        "an encoding for a column that there is not",
        nothing,
        f"{TRAIN} 'data.preprocess.columns={{c: log}}'",
        ("override 'data.preprocess.columns={c: log}'  data.preprocess.columns: no feature 'c', there are a, b"),
    ),
    Row(
        "an encoding that there is not",
        nothing,
        f"{TRAIN} 'data.preprocess.columns={{a: lg}}'",
        "...",
    ),
    Row(
        "a split by time on a column of text",
        writes("points.csv", WORDS),
        f"{TRAIN} data.split.time=b",
        "points.csv, column 'b': it holds text, and times are dates (2024-01-31) or numbers; look at `data.split.time`",
    ),
    Row(
        "a split by group and by time",
        nothing,
        f"{TRAIN} data.split.time=b data.split.group=a",
        "override 'data.split.time=b'  data.split: goes by group or by time, not by both; leave one out",
    ),
    Row(
        "a split by a column that there is not",
        nothing,
        f"{TRAIN} data.split.group=c",
        "points.csv: `data.split.group`: no column 'c', there are a, b, y",
    ),
    Row(
        "a split by one group",
        writes("points.csv", TABLE.replace("\n", ",g\n")),
        f"{TRAIN} data.split.group=g",
        "...",
    ),
    # the table
    table("a byte-order mark before the header is no fault", b"\xef\xbb\xbf" + TABLE.encode(), "", 0),
    table("Windows line ends are no fault", TABLE.replace("\n", "\r\n"), "", 0),
    table("a constant column is no fault", TABLE.replace("\n", ",7\n").replace("y,7", "y,c", 1), "", 0),
    table("an empty table", "", "points.csv: the file is empty; give it a header line and rows"),
    table("only line ends", "\n\n\n", "points.csv: the file is empty; give it a header line and rows"),
    table("a header alone", "a,b,y\n", "points.csv: a header and no rows; a training needs some"),
    table(
        "one row",
        "a,b,y\n1,2,in\n",
        (
            "c.yaml:1:7  data.split.validation: 0.15 of 1 row is less than one; give validation a larger "
            "share (1 row is 1), or 0\n"
            "c.yaml:1:7  data.split.test: 0.15 of 1 row is less than one; give test a larger share (1 "
            "row is 1), or 0"
        ),
    ),
    table(
        "three rows",
        "a,b,y\n1,2,in\n2,1,out\n3,1,in\n",
        (
            "c.yaml:1:7  data.split.validation: 0.15 of 3 rows is less than one; give validation a "
            "larger share (1 row is 0.33), or 0\n"
            "c.yaml:1:7  data.split.test: 0.15 of 3 rows is less than one; give test a larger share (1 "
            "row is 0.33), or 0"
        ),
    ),
    table(
        "a name of two columns",
        TABLE.replace("a,b,y", "a,a,y", 1),
        "points.csv line 1: the header names 'a' 2 times; give every column a name of its own",
    ),
    table(
        "a column without a name",
        TABLE.replace("a,b,y", ",b,y", 1),
        (
            "points.csv line 1: column 1 has no name; name it in the header, or leave it out (pandas "
            "writes its index so, and not with `index=False`)"
        ),
    ),
    table(
        "control characters in a column's name",
        TABLE.replace("a,b,y", "\x1b[31ma,b,yy", 1),
        "points.csv: `data.target`: no column 'y', did you mean 'yy'?",
    ),
    table(
        "no header",
        TABLE.partition("\n")[2],
        "points.csv line 1: the header names '0' 2 times; give every column a name of its own",
    ),
    table(
        "semicolons for commas",
        TABLE.replace(",", ";"),
        (
            "points.csv line 1: a single column 'a;b;y': it seems to be separated by ';', not by ','; "
            "save it with commas as .csv, or with tabs as .tsv"
        ),
    ),
    table(
        "UTF-16 in a table", TABLE.encode("utf-16"), "points.csv line 1: not UTF-8: byte 0xff; save the file as UTF-8"
    ),
    table(
        "Latin-1 in a table",
        TABLE.replace("out", "außen").encode("latin-1"),
        "points.csv line 7: not UTF-8: byte 0xdf; save the file as UTF-8",
    ),
    table(
        "NULs in a table",
        TABLE.replace("out", "o\0t"),
        "points.csv line 7: a NUL character, which no text has; save the file as UTF-8",
    ),
    table(
        "only the target",
        "y\nin\nout\nin\nout\n",
        ("points.csv: no feature column is left; the columns are y; `data.features` and `data.drop` choose"),
    ),
    # the target
    table(
        "one class only",
        TABLE.replace("out", "in"),
        (
            "points.csv, column 'y': all 42 training rows have the class 'in'; two classes at least are "
            "needed; look at `data.target`, or shuffle the rows"
        ),
    ),
    table(
        "a label of 1.5",
        LABELS.replace("\n7,0,1", "\n7,0,1.5"),
        (
            "points.csv line 9, column 'y': 1.5 is no class label; classes are text or whole numbers; a "
            "quantity asks for regression (`loss: mse`)"
        ),
    ),
    Row(
        "labels of -1 and 1 are two classes", writes("points.csv", LABELS.replace(",0\n", ",-1\n")), TRAIN, "", 0, "..."
    ),
    Row(
        "labels of -1 where 0 and 1 are meant",
        both(
            writes("points.csv", "a,b,y,z\n" + "".join(f"{i},{i % 7},{i % 2},{-(i % 3 == 1)}\n" for i in range(60))),
            edits("c.yaml", "target: y", "target: [y, z]"),
            edits("c.yaml", "softmax", "sigmoid"),
            edits("c.yaml", "model:", "loss: binary_cross_entropy\nmodel:"),
        ),
        TRAIN,
        (
            "points.csv line 6, column 'z': -1 is neither 0 nor 1; labels are 0 and 1, or true and "
            "false; quantities ask for regression (`loss: mse`)\n"
            "...\n"
            "and 6 more"
        ),
    ),
    Row(
        "three classes for one sigmoid",
        both(
            writes("points.csv", TABLE.replace("0,0,in", "0,0,on")),
            edits("c.yaml", "{activation: softmax}", "{units: 1, activation: sigmoid}"),
            edits("c.yaml", "model:", "loss: binary_cross_entropy\nmodel:"),
        ),
        TRAIN,
        ("c.yaml:6:15  model.layers.1.units: must be 3 (is 1): the target has 3 classes; or leave it out"),
    ),
    Row(
        "mse on text is a classification",
        both(edits("c.yaml", "softmax", "identity"), edits("c.yaml", "model:", "loss: mse\nmodel:")),
        TRAIN,
        "",
        0,
        "completed after 3 epochs...",
    ),
    Row(
        "a loss of numbers on text",
        both(edits("c.yaml", "softmax", "identity"), edits("c.yaml", "model:", "loss: quantile\nmodel:")),
        TRAIN,
        (
            "c.yaml:2:7  loss: quantile goes with a target of numbers, and this one stands for classes; "
            "cross_entropy goes with classes"
        ),
    ),
    table("a class of a single row", TABLE.replace("0,0,in", "0,0,on"), "", 0),
    Row(
        "a class that no training row has, in validation_path",
        both(
            writes("v.csv", "a,b,y\n1,1,in\n2,2,on\n"),
            edits("c.yaml", "target: y", "target: y, validation_path: v.csv"),
        ),
        TRAIN,
        (
            "v.csv line 3, column 'y': the class 'on' is in no training row; known are in, out; correct "
            "the label, drop the row, or train with rows of that class"
        ),
    ),
    Row(
        "a class that no training row has, in test_path",
        both(writes("t.csv", "a,b,y\n1,1,in\n2,2,on\n"), edits("c.yaml", "target: y", "target: y, test_path: t.csv")),
        TRAIN,
        (
            "t.csv line 3, column 'y': the class 'on' is in no training row; known are in, out; correct "
            "the label, drop the row, or train with rows of that class"
        ),
    ),
    Row(
        "a column that validation_path has not",
        both(writes("v.csv", "a,y\n1,in\n2,out\n"), edits("c.yaml", "target: y", "target: y, validation_path: v.csv")),
        TRAIN,
        "v.csv: no column 'b', there are a; a table needs every column of the training table",
    ),
    Row(
        "a test_path that is not there",
        edits("c.yaml", "target: y", "target: y, test_path: poinst.csv"),
        TRAIN,
        "poinst.csv: no such file; did you mean 'points.csv'?",
    ),
    # at evaluation
    other(
        "a column that is missing at evaluation",
        "a,y\n1,in\n2,out\n",
        "other.csv: no column 'b', there are a; a table needs every column of the training table",
    ),
    other(
        "a column of another name at evaluation",
        "a,B,y\n1,1,in\n2,1,out\n",
        ("other.csv: no column 'b', did you mean 'B'?; a table needs every column of the training table"),
    ),
    other("no target at evaluation", "a,b\n1,1\n2,1\n", "other.csv: `data.target`: no column 'y', there are a, b"),
    other(
        "an unknown class at evaluation",
        "a,b,y\n1,1,in\n2,1,inn\n",
        (
            "other.csv line 3, column 'y': the class 'inn' is in no training row; known are in, out; "
            "correct the label, drop the row, or train with rows of that class"
        ),
    ),
    other(
        "infinity at evaluation",
        "a,b,y\n1,inf,in\n2,1,out\n",
        (
            "other.csv line 2, column 'b': inf is not finite; fill the cell or delete the row; "
            "`data.drop: [b]` leaves the column out"
        ),
    ),
    other(
        "text at evaluation",
        "a,b,y\n1,1,in\n2,x,out\n3,1,out\n",
        (
            "other.csv line 3, column 'b': 'x' is not a number; fill the cell or delete the row; "
            "`data.drop: [b]` leaves the column out"
        ),
    ),
    other(
        "a number beyond the precision at evaluation",
        "a,b,y\n1,1e300,in\n2,1,out\n",
        (
            "other.csv line 2, column 'b': scaled, it is 6.01e+299, beyond ±3.4e+38; correct the cell, or "
            "set `training.precision: float64`"
        ),
    ),
    Row(
        "control characters in a class",
        both(
            json_with("run/preprocess.json", "target", "classes", value=["\x1b[1min", "out"]),
            writes("other.csv", "a,b,y\n1,1,\x1b[1min\n2,1,out\n"),
        ),
        EVALUATE,
        "",
        0,
        "... \\x1b[1min ...",
    ),
    other("an empty file at evaluation", "", "other.csv: the file is empty; give it a header line and rows"),
    other("a header alone at evaluation", "a,b,y\n", "other.csv: a header and no rows; a training needs some"),
    Row(
        "no file at evaluation",
        nothing,
        "evaluate run --data point.csv",
        "point.csv: no such file; did you mean 'points.csv'?",
    ),
    Row(
        "a folder at evaluation",
        nothing,
        "evaluate run --data .",
        (
            ".: a folder without IDX files; it should hold train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte (.gz too); for a table, name the file itself"
        ),
    ),
    Row(
        "the run itself at evaluation",
        nothing,
        "evaluate run --data run",
        (
            "run: a folder without IDX files; it should hold train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte (.gz too); for a table, name the file itself"
        ),
    ),
    # files that are not what their names say
    file(
        "a csv that is a zip",
        "x.csv",
        writes("x.csv", zipped(TABLE)),
        "x.csv: it is a zip archive, not text; unpack it, or name it so",
    ),
    file(
        "a csv that is a gz",
        "x.csv",
        writes("x.csv", gzip.compress(TABLE.encode())),
        "x.csv: it is compressed (.gz), not text; unpack it, or name it so",
    ),
    file(
        "an npz that is text",
        "x.npz",
        writes("x.npz", TABLE),
        "x.npz: not an .npz archive; write it with `numpy.savez(path, X=X, y=y)`",
    ),
    file(
        "a parquet that is text",
        "x.parquet",
        writes("x.parquet", TABLE),
        "x.parquet: not a whole parquet file: ...; write it again",
    ),
    file(
        "an empty parquet",
        "x.parquet",
        writes("x.parquet", ""),
        "x.parquet: not a whole parquet file: ...; write it again",
    ),
    file(
        "a gz that is none",
        "x.csv.gz",
        writes("x.csv.gz", TABLE),
        "x.csv.gz: not a whole gzip file: Not a gzipped file (b'a,'); compress or download it again",
    ),
    file(
        "a zst that is none",
        "x.csv.zst",
        writes("x.csv.zst", TABLE),
        "x.csv.zst: not a zstd file: it begins with 61 2c 62 2c; compress it again, as UTF-8",
    ),
    file(
        "an empty gz", "x.csv.gz", writes("x.csv.gz", ""), "x.csv.gz: the file is empty; give it a header line and rows"
    ),
    file(
        "a gz that is cut off",
        "x.csv.gz",
        writes("x.csv.gz", gzip.compress(TABLE.encode())[:-20]),
        (
            "x.csv.gz: not a whole gzip file: Compressed file ended before the end-of-stream marker was "
            "reached; compress or download it again"
        ),
    ),
    file(
        "a gz with a wrong checksum",
        "x.csv.gz",
        writes("x.csv.gz", gzip.compress(TABLE.encode())[:-8] + bytes(8)),
        ("x.csv.gz: not a whole gzip file: CRC check failed 0x0 != 0xd324ea81; compress or download it again"),
    ),
    file(
        "a suffix that is not known",
        "x.xlsx",
        writes("x.xlsx", zipped(TABLE)),
        (
            "x.xlsx: unknown kind of file '.xlsx'; known are .csv, .tsv (each also .gz or .zst), "
            ".parquet, .npz, folders of .npy files, and folders of IDX files"
        ),
    ),
    file(
        "no suffix",
        "x",
        writes("x", TABLE),
        (
            "x: unknown kind of file 'x'; known are .csv, .tsv (each also .gz or .zst), .parquet, .npz, "
            "folders of .npy files, and folders of IDX files"
        ),
    ),
    file("a table that is not there", "poinst.csv", nothing, "poinst.csv: no such file; did you mean 'points.csv'?"),
    file(
        "a table in a folder that is not there",
        "none/points.csv",
        nothing,
        "none/points.csv: no folder 'none'; paths are relative to the config file",
    ),
    file(
        "a pipe in place of a table",
        "points.csv",
        pipe("points.csv"),
        "points.csv: a pipe, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a pipe in place of a gz",
        "x.csv.gz",
        pipe("x.csv.gz"),
        "x.csv.gz: a pipe, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a pipe in place of an npz",
        "x.npz",
        pipe("x.npz"),
        "x.npz: a pipe, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a pipe in place of a parquet",
        "x.parquet",
        pipe("x.parquet"),
        "x.parquet: a pipe, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a device without end in place of a table",
        "points.csv",
        both(gone("points.csv"), link("points.csv", "/dev/zero")),
        "points.csv: a device, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a device without end in place of an npz",
        "x.npz",
        link("x.npz", "/dev/zero"),
        "x.npz: a device, not a file; save its content as a file: a table is read more than once",
    ),
    file(
        "a device without end in place of a parquet",
        "x.parquet",
        link("x.parquet", "/dev/zero"),
        "x.parquet: a device, not a file; save its content as a file: a table is read more than once",
    ),
    # npz
    file(
        "an npz of Python objects",
        "x.npz",
        npz(X=np.array([[1, "a"], [2, None]], dtype=object), y=Y[:2]),
        (
            "x.npz: it holds Python objects, which could run code and are not loaded; save arrays of "
            "numbers or text (`array.astype(str)`)"
        ),
        also=NPZ,
    ),
    file(
        "an npz that declares 10^15 numbers",
        "x.npz",
        declared("(1000000000000000,)"),
        "x.npz: not a whole .npz archive: ...; write it with `numpy.savez(path, X=X, y=y)`",
        also=NPZ,
    ),
    file(
        "an npz that declares a negative shape",
        "x.npz",
        declared("(-1, 2)"),
        "x.npz: not a whole .npz archive: ...; write it with `numpy.savez(path, X=X, y=y)`",
        also=NPZ,
    ),
    file(
        "an npz that declares too many dimensions",
        "x.npz",
        declared(f"({'1, ' * 100})"),
        "x.npz: not a whole .npz archive: ...; write it with `numpy.savez(path, X=X, y=y)`",
        also=NPZ,
    ),
    file(
        "an npz without X",
        "x.npz",
        npz(x=X, y=Y),
        ("x.npz: no array 'X', did you mean 'x'?; `data.target` and `data.features` (and `data.weight`) name arrays"),
        also=NPZ,
    ),
    file(
        "an npz of other lengths",
        "x.npz",
        npz(X=X, y=Y[:-1]),
        "x.npz: arrays of different lengths: X 20, y 19; a row of each belongs together",
        also=NPZ,
    ),
    file(
        "an npz with infinity",
        "x.npz",
        npz(X=np.where(X == 6, np.inf, X), y=Y),
        (
            "x.npz row 4, column 'X_0': inf is not finite; fill the cell or delete the row; `data.drop: "
            "[X_0]` leaves the column out"
        ),
        also=NPZ,
    ),
    file(
        "an npz of complex numbers",
        "x.npz",
        npz(X=X + 1j, y=Y),
        "x.npz: array 'X' holds complex128; save it as numbers",
        also=NPZ,
    ),
    file("an npz without rows", "x.npz", npz(X=X[:0], y=Y[:0]), "x.npz: no rows; a training needs some", also=NPZ),
    file(
        "an npz that is cut off",
        "x.npz",
        both(npz(X=X, y=Y), bends("x.npz", lambda raw: raw[: len(raw) // 2])),
        "x.npz: not an .npz archive; write it with `numpy.savez(path, X=X, y=y)`",
        also=NPZ,
    ),
    file(
        "an npz with a flipped byte",
        "x.npz",
        both(npz(X=X, y=Y), bends("x.npz", lambda raw: raw[:200] + bytes([raw[200] ^ 1]) + raw[201:])),
        ("x.npz: not a whole .npz archive: Bad CRC-32 for file 'X.npy'; write it with `numpy.savez(path, X=X, y=y)`"),
        also=NPZ,
    ),
    file(
        "an npz that is an npy",
        "x.npz",
        both(lambda: np.save("x.npy", X), lambda: Path("x.npy").rename("x.npz")),
        "x.npz: not an .npz archive; write it with `numpy.savez(path, X=X, y=y)`",
        also=NPZ,
    ),
    # IDX
    file(
        "a folder without IDX files",
        "empty",
        lambda: Path("empty").mkdir(),
        (
            "empty: a folder without IDX files; it should hold train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte (.gz too); for a table, name the file itself"
        ),
        also="data.target=~",
    ),
    file(
        "IDX images with the magic of labels",
        "idx",
        idx(images=struct.pack(">2i", 2049, 3) + bytes(3)),
        (
            "train-images-idx3-ubyte: not an IDX file of bytes in 3 dimensions: it begins with 00 00 08 "
            "01, not 00 00 08 03; download it again, or look whether images and labels are exchanged"
        ),
        also="data.target=~",
    ),
    file(
        "IDX images of a wrong size",
        "idx",
        idx(images=struct.pack(">4i", 2051, 3, 2, 3) + bytes(12)),
        "train-images-idx3-ubyte: cut off: its header promises 3 x 2 x 3 bytes; download it again",
        also="data.target=~",
    ),
    file(
        "IDX images that declare 2^62 bytes",
        "idx",
        idx(images=struct.pack(">4I", 2051, 2**31, 2**15, 2**16)),
        ("train-images-idx3-ubyte: cut off: its header promises 2147483648 x 32768 x 65536 bytes; download it again"),
        also="data.target=~",
    ),
    file(
        "IDX labels that are too many",
        "idx",
        idx(labels=struct.pack(">2i", 2049, 4) + bytes(4)),
        (
            "train-images-idx3-ubyte, train-labels-idx1-ubyte: 3 images and 4 labels; take both files "
            "from the same data set"
        ),
        also="data.target=~",
    ),
    file(
        "IDX labels that are too long",
        "idx",
        idx(labels=struct.pack(">2i", 2049, 3) + bytes(9)),
        "train-labels-idx1-ubyte: more bytes than the 3 of its header (3,); download it again",
        also="data.target=~",
    ),
    file(
        "IDX images cut off in their header",
        "idx",
        idx(images=struct.pack(">2i", 2051, 3)),
        "train-images-idx3-ubyte: cut off in its header; download it again",
        also="data.target=~",
    ),
    file(
        "IDX images without labels",
        "idx",
        both(idx(), gone("idx/train-labels-idx1-ubyte")),
        (
            "idx: train-images-idx3-ubyte has no train-labels-idx1-ubyte beside it; images and labels "
            "come in pairs; put the missing file there"
        ),
        also="data.target=~",
    ),
    file(
        "an empty IDX file",
        "idx",
        both(idx(), writes("idx/train-images-idx3-ubyte", "")),
        (
            "train-images-idx3-ubyte: not an IDX file of bytes in 3 dimensions: it begins with nothing, "
            "not 00 00 08 03; download it again, or look whether images and labels are exchanged"
        ),
        also="data.target=~",
    ),
    file(
        "a pipe among IDX files",
        "idx",
        both(idx(), pipe("idx/train-images-idx3-ubyte")),
        (
            "idx: train-labels-idx1-ubyte has no train-images-idx3-ubyte beside it; images and labels "
            "come in pairs; put the missing file there"
        ),
        also="data.target=~",
    ),
    # data that changed
    Row(
        "data that changed, at evaluation",
        line(2, "9,9,in"),
        "evaluate run",
        (
            "run: the data changed since the training, so that its splits cannot be made again; evaluate "
            "on a file: --data FILE"
        ),
    ),
    Row(
        "data that changed, at resume",
        line(2, "9,9,in"),
        "resume run training.epochs=5",
        "run: the data changed since the training began; train anew",
    ),
    Row(
        "data that changed, at reproduce",
        line(2, "9,9,in"),
        "reproduce run",
        ("run: the data changed since the training, which cannot be repeated; restore the data, or train anew"),
    ),
    Row(
        "data that are gone, at evaluation",
        gone("points.csv"),
        "evaluate run",
        "HOME/points.csv: no such file; look at its spelling and folder",
    ),
    Row(
        "data that are gone, at resume",
        gone("points.csv"),
        "resume run training.epochs=5",
        "HOME/points.csv: no such file; look at its spelling and folder",
    ),
    Row(
        "data that are gone, at reproduce",
        gone("points.csv"),
        "reproduce run",
        "HOME/points.csv: no such file; look at its spelling and folder",
    ),
]
