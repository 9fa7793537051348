"""The examples of docs/examples.md are what comes out, and their exported files say what nncli says."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scripts import ROOT, script

from nncli.builder import build
from nncli.config.loader import config_of
from nncli.data.dataset import Dataset
from nncli.starter import draft

MAKER = script("make_examples")
PAGE = MAKER.PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)\.?\d*(?:e[+-]\d+)?(?!\w)")
OTHER_EVERY_TIME = re.compile(r"in [\d.]+ s$|ONNX Runtime \S+|largest difference \S+", re.MULTILINE)
CLOSE = {"rel": 0.02, "abs": 0.02}
"""How far figures may be from those of the page, on a processor that rounds otherwise."""


@dataclass(frozen=True)
class Example:
    """One of the page, and what its steps printed in a folder of its own, which is the current one."""

    page: str
    steps: list[Any]
    printed: list[str]

    @property
    def commands(self) -> dict[str, list[str]]:
        """The words of each command of nncli, by its name."""
        words = [shlex.split(step.text.partition("|")[0]) for step in self.steps if step.kind == "bash"]
        return {command[1]: command for command in words}

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of its table, as they stand there."""
        return table(self.commands["init"][2])


@pytest.fixture(scope="module", params=EXAMPLES, ids=[title.partition(":")[0] for title, _ in EXAMPLES])
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    pytest.importorskip("onnxruntime")
    home = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "configs/data", home / "configs/data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        steps = [MAKER.Step(*found) for found in MAKER.BLOCKS.findall(request.param[1])]
        yield Example(request.param[1], steps, [step.run() for step in steps])


def test_it_is_five_commands_and_a_program(example: Example) -> None:
    assert [*example.commands] == ["init", "train", "evaluate", "predict", "export"]
    assert [step.kind for step in example.steps] == ["bash"] * 5 + ["python"]
    assert example.page.count("```") == 4 * 6  # no block is left out


def test_the_page_shows_what_is_printed(example: Example) -> None:
    for step, printed in zip(example.steps, example.printed, strict=True):
        (words, figures), (printed_words, printed_figures) = taken_apart(step.answer), taken_apart(printed)
        assert words == printed_words, "run python docs/make_examples.py"
        assert figures == pytest.approx(printed_figures, **CLOSE), "run python docs/make_examples.py"


def test_words_and_figures_are_told_apart() -> None:
    words, figures = taken_apart("completed in 0.8 s\nof 1,234 r2  0.5e+02\nA,22661.05,1,0,-0.25")
    assert words == "completed of # r2 # A,#,#,#,#"
    assert figures == [1234, 50, 22661.05, 1, 0, -0.25]


def test_the_exported_file_says_what_nncli_says_of_every_row_of_the_table(example: Example) -> None:
    import onnxruntime

    _, _, run_name, data, *_ = example.commands["predict"]
    lines = MAKER.said(f"nncli predict {run_name} {data} --proba").splitlines()
    predicted = [*csv.DictReader(lines)]
    session = onnxruntime.InferenceSession(example.commands["export"][-1])
    raw = session.get_modelmeta().custom_metadata_map
    told = {key: json.loads(raw[key]) for key in ("features", "targets", "classes", "kinds") if key in raw}
    kinds = told.get("kinds") or ["number"] * len(told["features"])
    inputs = {
        name: np.array([[cell(row[name], kind)] for row in example.rows])
        for name, kind in zip(told["features"], kinds, strict=True)
    }
    if "kinds" not in told:  # a table of nothing but numbers is one matrix
        inputs = {"features": np.hstack([*inputs.values()])}
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, inputs), strict=True))
    if "prediction" in outputs:
        expected = [float(row["prediction"]) for row in predicted]
        np.testing.assert_allclose(outputs["prediction"][:, 0], expected, rtol=1e-4)
        return
    of = told["targets"] if "labels" in outputs else told["classes"]
    expected_shares = [[float(row[f"probability_{name}"]) for name in of] for row in predicted]
    np.testing.assert_allclose(outputs["probabilities"], expected_shares, atol=1e-5)
    if "labels" in outputs:
        answers = [[int(row[f"prediction_{name}"]) for name in of] for row in predicted]
        assert outputs["labels"].tolist() == answers
    else:
        assert outputs["label"].tolist() == [row["prediction"] for row in predicted]


def test_what_the_page_says_of_the_penguins_is_so() -> None:
    page, rows, dataset = told_of("penguins_raw", "species")
    assert f"{len(rows)} penguins" in page
    assert f"{sum(text == 'NA' for row in rows for text in row.values())} cells are `NA`" in page
    features = dataset.preprocessing.features
    assert f"The {len(features.names)} columns become {features.width} numbers" in page
    assert f"the {len(dataset.train.rows)} training rows" in page
    assert dataset.test is not None
    assert f"{len(dataset.test.rows)} test rows are few" in page


def test_what_the_page_says_of_the_houses_is_so() -> None:
    page, rows, dataset = told_of("houses", "price")
    assert f"{len(rows)} houses" in page
    zips, cities = (Counter(row[name] for row in rows) for name in ("zip", "city"))
    assert f"{sum(n >= 3 for n in zips.values())} of the {len(zips)} stand in 3 rows or more" in page
    in_training = Counter(rows[i]["city"] for i in dataset.train.rows)
    often = sum(n >= 3 for n in in_training.values())
    assert f"{often} of the {len(cities)} cities stand in 3 training rows or more" in page
    assert f"{np.std([float(row['price']) for row in rows]):,.0f}"[:3] + ",000 dollars" in page
    assert f"with\n  two of {len(rows)}" in page
    assert len(rows) - len({tuple(row.values()) for row in rows}) == 2


def test_what_the_page_says_of_the_cars_is_so() -> None:
    page, rows, _ = told_of("cars", "Cruise", "Sound", "Leather")
    assert f"{len(rows)} used cars" in page
    answers = Counter(tuple(row[name] for name in ("Cruise", "Sound", "Leather")) for row in rows)
    commonest, n = answers.most_common(1)[0]
    assert commonest == ("1", "1", "1")
    assert f"right for {n / len(rows):.0%} of the cars" in page
    no = sum(answer == "0" for found, n in answers.items() for answer in found * n)
    assert f"{no / (3 * len(rows)):.0%} for whoever always says all three" in page


def told_of(name: str, *targets: str) -> tuple[str, list[dict[str, str]], Dataset]:
    """The page's words about a table, the table, and what becomes of it by the config that init writes."""
    file = ROOT / f"configs/data/{name}.csv"
    page = next(text for _, text in EXAMPLES if f"{name}.csv" in text)
    return page, table(file), build(config_of(yaml.safe_load(draft(file, targets).text))).dataset


def table(path: str | Path) -> list[dict[str, str]]:
    """Its rows, as they stand there."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def cell(text: str, kind: str) -> float | str:
    """As the exported file takes it: NaN or nothing for a gap."""
    if kind == "number":
        return float("nan") if text == "NA" else float(text)
    return "" if text == "NA" else text


def taken_apart(printed: str) -> tuple[str, list[float]]:
    """The words of a text, and its figures."""
    text = OTHER_EVERY_TIME.sub("", printed)
    figures = [float(found.replace(",", "")) for found in NUMBER.findall(text)]
    return " ".join(NUMBER.sub("#", text).split()), figures
