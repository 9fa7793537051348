"""Predictions of a file: a row for each row, as evaluation sees it, however the file is cut."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import nncli
from nncli.builder import engine_rows
from nncli.data import delimited
from nncli.errors import DataError, RunError
from nncli.evaluation import load_run
from nncli.prediction import predict
from nncli.run import Run

CONFIG = """\
data: {path: points.csv, target: y, drop: [id, note]}
model:
  layers:
    - {units: 4, activation: tanh}
    - {activation: softmax}
training: {epochs: 3}
"""
COMMAND = [sys.executable, "-m", "nncli.cli.main", "predict"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    write_points("points.csv", 60)


def write_points(name: str, n: int, seed: int = 0) -> None:
    X = np.random.default_rng(seed).normal([3, -200], [5, 100], (n, 2)).tolist()
    rows = [f'{i:04d},{a!r},{b!r},{"xyz"[i % 3]},"said, {i}"' for i, (a, b) in enumerate(X)]
    Path(name).write_text("\n".join(["id,a,b,y,note", *rows]) + "\n")


def train(*overrides: str, **settings: Any) -> Run:
    return nncli.train(nncli.load_config("c.yaml", list(overrides)), **settings)


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.endswith(".tsv") else ","))


def as_evaluated(run: Run, file: str) -> np.ndarray:
    """What the run says of all rows at once, by the way of ``nncli evaluate``."""
    trained = load_run(run)
    from nncli.builder import read_file
    from nncli.data.dataset import prepare

    part = prepare(read_file(trained.config, Path(file)), trained.preprocessing, np.dtype(np.float32))
    return trained.predict(engine_rows(part, trained.network, trained.weighing))[0]


def test_a_row_is_written_for_each_row_with_what_the_network_does_not_use() -> None:
    run = train()
    assert predict(run, Path("points.csv"), Path("out.csv"), probabilities=True) == 60
    rows = table("out.csv")
    assert list(rows[0]) == ["id", "note", "prediction", "probability_x", "probability_y", "probability_z"]
    assert [row["id"] for row in rows] == [f"{i:04d}" for i in range(60)]
    assert rows[7]["note"] == "said, 7"
    P = np.array([[row[f"probability_{name}"] for name in "xyz"] for row in rows], np.float32)
    np.testing.assert_array_equal(P, as_evaluated(run, "points.csv"))
    assert [row["prediction"] for row in rows] == ["xyz"[i] for i in P.argmax(axis=1)]


@pytest.mark.parametrize("block", [200, 1000, 10_000])
def test_however_the_file_is_cut_the_bits_and_the_lines_are_the_same(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train()
    write_points("many.csv", 2000, seed=1)
    predict(run, Path("many.csv"), Path("whole.csv"), probabilities=True)
    monkeypatch.setattr(delimited, "PIECE", block)
    monkeypatch.setattr("nncli.prediction.ROWS", 600)
    predict(run, Path("many.csv"), Path("pieces.csv"), probabilities=True)
    assert Path("pieces.csv").read_bytes() == Path("whole.csv").read_bytes()
    P = np.array([[row[f"probability_{name}"] for name in "xyz"] for row in table("pieces.csv")], np.float32)
    np.testing.assert_array_equal(P, as_evaluated(run, "many.csv"))
    lines = Path("many.csv").read_text().splitlines()
    lines[1500] = "1499,1.0,abc,x,note"
    Path("many.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"many\.csv line 1501, column 'b': 'abc' is not a number"):
        predict(run, Path("many.csv"), Path("other.csv"))
    assert not Path("other.csv").exists()


def test_cells_with_line_ends_and_quotes_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    run = train()
    monkeypatch.setattr(delimited, "PIECE", 64)
    notes = ['two\nlines "quoted"\n', "plain", '""', "a\r\nb"] * 20
    with Path("notes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "note"])
        writer.writerows([i, -i, note] for i, note in enumerate(notes))
    predict(run, Path("notes.csv"), Path("out.csv"))
    assert [row["note"] for row in table("out.csv")] == [note.strip() for note in notes]


@pytest.mark.parametrize("kind", ["csv.gz", "tsv", "parquet"])
def test_other_kinds_of_files_say_the_same(kind: str) -> None:
    run = train()
    predict(run, Path("points.csv"), Path("out.csv"), probabilities=True)
    path = Path(f"points.{kind}")
    frame = pl.read_csv("points.csv", schema_overrides={"id": pl.String})
    match kind:
        case "csv.gz":
            path.write_bytes(gzip.compress(Path("points.csv").read_bytes()))
        case "tsv":
            frame.write_csv(path, separator="\t")
        case "parquet":
            frame.write_parquet(path)
    predict(run, path, Path("other.csv"), probabilities=True)
    assert table("other.csv") == table("out.csv")


def test_text_that_a_spreadsheet_would_compute_is_defused_and_numbers_are_not() -> None:
    cells = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "-5", "+7.5", "-1e-3", "plain", "a=b", ""]
    Path("evil.csv").write_text("a,b,cell\n" + "".join(f'1,2,"{cell}"\n' for cell in cells))
    predict(train(), Path("evil.csv"), Path("out.csv"))
    defused = ["'=1+1", "'+cmd|' /C calc'!A0", "'-2+3", "'@SUM(A1)", "-5", "+7.5", "-1e-3", "plain", "a=b", ""]
    assert [row["cell"] for row in table("out.csv")] == defused


def test_names_of_classes_are_defused_too() -> None:
    text = Path("points.csv").read_text()
    Path("points.csv").write_text(text.replace(",x,", ",=x(),"))
    run = train()
    predict(run, Path("points.csv"), Path("out.csv"), probabilities=True)
    assert {row["prediction"] for row in table("out.csv")} <= {"'=x()", "y", "z"}


def test_numbers_come_in_their_own_units_and_with_what_the_loss_tells() -> None:
    settings = ("data.target=b", "data.drop=[id, note, y]", "model.layers.1.activation=identity")
    run = train(*settings, "loss=gaussian_nll", directory="g")
    predict(run, Path("points.csv"), Path("out.csv"))
    rows = table("out.csv")
    assert list(rows[0]) == ["id", "y", "note", "prediction", "deviation"]
    assert -400 < np.mean([float(row["prediction"]) for row in rows]) < 0
    assert all(10 < float(row["deviation"]) < 1000 for row in rows)
    run = train(*settings, "loss={name: quantile, q: [0.1, 0.9]}", directory="q")
    predict(run, Path("points.csv"), Path("out.csv"), keep=())
    assert list(table("out.csv")[0]) == ["prediction", "quantile_0.1", "quantile_0.9"]
    two = ("data.target=[a, b]", "data.features=[c]", "data.drop=[]", "model.layers.1.activation=identity", "loss=mse")
    lines = Path("points.csv").read_text().splitlines()
    Path("points.csv").write_text("\n".join([f"c,{lines[0]}", *(f"{i % 7},{row}" for i, row in enumerate(lines[1:]))]))
    predict(train(*two, directory="two"), Path("points.csv"), Path("out.csv"), keep=("id",))
    assert list(table("out.csv")[0]) == ["id", "prediction_a", "prediction_b"]


def test_labels_are_0_and_1() -> None:
    lines = Path("points.csv").read_text().splitlines()
    Path("points.csv").write_text(
        "\n".join([f"p,q,{lines[0]}", *(f"{i % 2},{i % 3 == 0:d},{row}" for i, row in enumerate(lines[1:]))])
    )
    run = train(
        "data.target=[p, q]",
        "data.drop=[id, note, y]",
        "model.layers.1.activation=sigmoid",
        "loss=binary_cross_entropy",
    )
    predict(run, Path("points.csv"), Path("out.csv"), probabilities=True, keep=())
    rows = table("out.csv")
    assert list(rows[0]) == ["prediction_p", "prediction_q", "probability_p", "probability_q"]
    assert all((float(row["probability_p"]) > 0.5) == (row["prediction_p"] == "1") for row in rows)


@pytest.mark.parametrize(
    ("content", "keep", "message"),
    [
        ("a\n1\n", None, "in.csv: no column 'b', there are a; a table needs every column of the training table"),
        ("a,b\n1,inf\n", None, "in.csv line 2, column 'b': inf is not finite"),
        ("a,b\n1,2\n", ("c",), "in.csv: no column 'c' to keep"),
        ("a,b,prediction\n1,2,3\n", None, "in.csv: its column 'prediction' has the name of an answer"),
        ("a,b\n", None, "in.csv: a header and no rows"),
        ("", None, "in.csv: the file is empty"),
        ('a,b\n1,"2\n', None, "in.csv line 1: the row after it cannot be read"),
        ("a,b\n1,2,3\n", None, "in.csv line 2: a row of 3, and the header has 2 columns"),
    ],
)
def test_what_cannot_be_used_is_named(content: str, keep: tuple[str, ...] | None, message: str) -> None:
    Path("in.csv").write_text(content)
    with pytest.raises(DataError) as refused:
        predict(train(), Path("in.csv"), Path("out.csv"), keep=keep)
    assert str(refused.value).startswith(message)
    assert not Path("out.csv").exists()


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "PIECE", 100)
    monkeypatch.setattr(delimited, "LONGEST_ROW", 1000)
    Path("in.csv").write_text('a,b\n1,"2\n' + "3,4\n" * 1000)
    with pytest.raises(DataError, match=r"in\.csv: a row of more than 1,000 bytes; look for a quote"):
        predict(train(), Path("in.csv"), Path("out.csv"))


def test_parquet_has_the_same_rows_typed_and_text_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nncli.prediction.ROWS", 16)  # several parts
    Path("points.csv").write_text(Path("points.csv").read_text().replace("said, 1", "=SUM(A1)"))
    run = train()
    assert predict(run, Path("points.csv"), Path("out.parquet"), probabilities=True) == 60
    predict(run, Path("points.csv"), Path("out.csv"), probabilities=True)
    typed, text = pl.read_parquet("out.parquet"), table("out.csv")
    assert [str(kind) for kind in typed.dtypes] == ["String"] * 3 + ["Float32"] * 3
    assert [row["prediction"] for row in text] == typed["prediction"].to_list()
    assert [float(np.float32(row["probability_y"])) for row in text] == typed["probability_y"].to_list()
    assert (text[1]["note"], typed["note"][1]) == ("'=SUM(A1)", "=SUM(A1)")


def test_a_row_that_cannot_be_used_leaves_no_parquet_file() -> None:
    run = train()
    Path("points.csv").write_text(Path("points.csv").read_text() + "0060,much,2,x,\n")
    with pytest.raises(DataError, match=r"points\.csv line 62, column 'a': 'much'"):
        predict(run, Path("points.csv"), Path("out.parquet"))
    assert [path.name for path in Path().iterdir() if "parquet" in path.name] == []


def test_a_kind_of_output_that_is_unknown_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"out\.xlsx: is no kind of table that can be written; end it in \.csv, \.tsv or \.parquet"
    ):
        predict(train(), Path("points.csv"), Path("out.xlsx"))


def test_from_stdin_to_stdout_and_a_closed_pipe_is_no_fault() -> None:
    train(directory="run")
    content = Path("points.csv").read_bytes()
    done = subprocess.run([*COMMAND, "run", "-"], input=content, capture_output=True, check=True, timeout=60)
    predict(Run(Path("run")), Path("points.csv"), Path("out.csv"))
    assert list(csv.DictReader(io.StringIO(done.stdout.decode()))) == table("out.csv")
    write_points("many.csv", 200_000)
    process = subprocess.Popen([*COMMAND, "run", "many.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "id,note,prediction\n"
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
