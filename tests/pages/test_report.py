"""A report says of a run what its files and its evaluation say, finished or not."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.config.loader import load_config
from nncli.evaluation import evaluate
from nncli.pages.report import report
from nncli.run import Run

CLASSES = """\
data: {path: flowers.csv, target: kind}
model: {layers: [{units: 4, activation: tanh}, {activation: softmax}]}
training: {epochs: 3}
"""
NUMBERS = """\
data: {path: flowers.csv, target: width, drop: [kind]}
model: {layers: [{units: 3, activation: tanh}, {}]}
loss: mse
training: {epochs: 2}
"""


class Parsed(HTMLParser):
    """The tables by their captions, and the pictures by their names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.pictures: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self._rows: list[list[str]] = []
        self._open: list[str] = []
        self._words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("caption", "th", "td", "h2", "title"):
            self._words = ""
        if tag == "tr":
            self._rows.append([])
        if tag == "img":
            self.pictures.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self._words += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self._rows = self.tables.setdefault(self._words, [])
        if tag in ("th", "td"):
            self._rows[-1].append(self._words.strip())
        if tag == "h2":
            self.headings.append(self._words)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2)).round(3)
    kinds = np.where(X.sum(axis=1) + rng.normal(size=120) > 0, "<b>tall</b>", "small")
    rows = [f"{a},{b},{kind}" for (a, b), kind in zip(X.tolist(), kinds, strict=True)]
    Path("flowers.csv").write_text("\n".join(["width,length,kind", *rows]) + "\n")
    Path("classes.yaml").write_text(CLASSES)
    Path("numbers.yaml").write_text(NUMBERS)


def train(config: str, *overrides: str, **settings: object) -> Run:
    return nncli.train(load_config(config, list(overrides)), directory="run", **settings)  # type: ignore[arg-type]


def test_the_figures_are_those_of_the_evaluation() -> None:
    run = train("classes.yaml")
    text = report(run)
    page, found = Parsed(text), evaluate(run)
    shares = {row[0]: row[1:] for row in page.tables["Each class"]}
    assert found.classes is not None
    for one in found.classes:
        assert shares[one.name] == [*(f"{x:.3f}" for x in (one.precision, one.recall, one.f1)), str(one.rows)]
    result = {row[0]: row[1:] for row in page.tables["At the weights that are the result"]}
    assert result["accuracy"][1] == f"{found.metrics['accuracy']:.4f}"
    assert "<b>tall" not in text
    assert page.headings == [
        "Training",
        "Predictions",
        "Worst mistakes",
        "Network",
        "Gradients",
        "Config",
        "Environment",
    ]


def test_the_worst_mistakes_are_the_rows_that_are_wrong_with_the_least_probability_of_the_truth() -> None:
    run = train("classes.yaml", "training.epochs=1")
    ((caption, rows),) = (
        (caption, rows) for caption, rows in Parsed(report(run)).tables.items() if caption.startswith("Of the rows")
    )
    wrong = round((1 - evaluate(run).metrics["accuracy"]) * evaluate(run).rows)  # type: ignore[operator]
    assert caption == f"Of the rows that are wrong of test, the {wrong} with the greatest loss"
    heads, body = rows[0], rows[1:]
    assert heads == ["row", "true", "predicted", "probability of the true", "loss", "width", "length"]
    lines = Path("flowers.csv").read_text().splitlines()
    losses = []
    for place, truth, said, p, loss, width, length in body:
        a, b, kind = lines[int(place.removeprefix("flowers.csv line ")) - 1].split(",")
        assert (float(a), float(b), kind) == (float(width), float(length), truth)
        assert said != truth
        assert float(p) < 0.5
        assert float(loss) == pytest.approx(-np.log(float(p)), rel=1e-3)
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True)
    assert len(body) == wrong > 0


def test_every_picture_is_in_the_page_and_in_the_run_and_says_what_it_shows() -> None:
    run = train("numbers.yaml")
    page = Parsed(report(run))
    assert {f"{Path(path).stem}" for path in (run.path / "plots").iterdir()} >= {"curves", "distributions"}
    for picture in page.pictures:
        png = b64decode(str(picture["src"]).removeprefix("data:image/png;base64,"))
        assert struct.unpack(">II", png[16:24]) == (int(str(picture["width"])), int(str(picture["height"])))
        assert len(str(picture["alt"])) > 20
    assert len(page.pictures) == len(list((run.path / "plots").iterdir()))


def test_a_certificate_is_shown_and_its_absence_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nncli.pages.report.pictures_of", lambda view: ())  # which take their time, three times
    run = train("classes.yaml", gradcheck=True)
    page = Parsed(report(run))
    (table,) = (rows for caption, rows in page.tables.items() if caption.startswith("The largest error"))
    assert [row[0] for row in table[1:]] == [
        "input",
        *(f"layers.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")),
    ]
    assert {row[-1] for row in table[1:]} == {"right"}
    certificate = json.loads(Path("run/gradcheck.json").read_text())
    errors = [
        one["error"]
        for check in certificate["checks"]
        for tensor in check["tensors"]
        for one in tensor["comparisons"]
        if tensor["name"] == "layers.0.weight" and one["method"] == "complex_step"
    ]
    assert table[2][2] == f"{max(errors):.1e}"
    for content, said in (
        (None, "were not checked; nncli report run --gradcheck does that"),
        ("{}", "gradcheck.json is not as nncli writes it"),
    ):
        Path("run/gradcheck.json").unlink()
        if content is not None:
            Path("run/gradcheck.json").write_text(content)
        else:
            assert said in report(run)
            Path("run/gradcheck.json").write_text("")
            continue
        assert said in report(run)


def test_of_a_training_that_was_killed_there_is_what_it_left() -> None:
    run = train("classes.yaml")
    Path("run/summary.json").write_text('{"status": "running"}')
    text = report(run)
    assert "has no weights yet: its training did not end" in text
    assert str(Parsed(text).pictures[0]["alt"]).startswith("Train loss from")
    Path("run/metrics.csv").unlink()
    Path("run/distributions.csv").write_text("epoch,low\n1,")
    Path("run/summary.json").write_text("{")
    assert "on flowers.csv, unknown" in report(run)


def test_data_that_have_changed_are_named() -> None:
    run = train("classes.yaml")
    Path("flowers.csv").write_text(Path("flowers.csv").read_text() + "1,2,small\n")
    assert "the data changed since the training" in report(run)


def test_an_ensemble_has_a_row_and_a_curve_for_each_network() -> None:
    run = train("classes.yaml", "ensemble=3")
    page = Parsed(report(run))
    assert [row[0] for row in page.tables["Each network alone"]] == ["member", "0", "1", "2"]
    assert "member 2: train loss" in str(page.pictures[0]["alt"])


def test_pictures_are_drawn_at_the_end_of_a_training_that_asks_for_them() -> None:
    assert not (train("classes.yaml").path / "plots").exists()
    told: list[str] = []
    nncli.resume("run", ["report.plots=true", "training.epochs=4"], warned=told.append)
    assert (Path("run/plots/curves.png")).is_file()
    Path("run/plots/curves.png").write_text("mine")
    nncli.resume("run", ["training.epochs=5"], warned=told.append)
    assert told == [
        "there are not all pictures: run/plots/curves.png: exists, and is no picture of nncli's; "
        "choose another name with -o"
    ]
