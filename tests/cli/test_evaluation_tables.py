"""The tables of nncli evaluate: what they show, also in a narrow terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from nncli.cli import evaluation as screen
from nncli.evaluation import ClassReport, Evaluation, TargetReport
from nncli.run import Run


def shown(monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation, width: int = 60) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, soft_wrap=True)
    monkeypatch.setattr(screen, "stdout", lambda: console)
    screen.print_evaluation(Run(Path("runs/x")), evaluation)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def classes(names: list[str], confusion: list[list[int]]) -> Evaluation:
    reports = tuple(ClassReport(name, 0.5, None, 0.25, 7) for name in names)
    averages = (ClassReport("macro", 0.5, 0.0, 0.25, 70),)
    matrix = tuple(map(tuple, confusion))
    return Evaluation("classification", "test", "best", 70, 0.5, {"roc_auc": None}, reports, None, averages, matrix)


def test_classes_with_short_names_head_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.split() for line in shown(monkeypatch, classes(["ab", "cd"], [[5, 2], [0, 9]])).splitlines()]
    assert ["roc_auc", "–"] in lines
    assert ["ab", "0.500", "–", "0.250", "7"] in lines
    assert ["macro", "average", "0.500", "0.000", "0.250", "70"] in lines
    assert lines[-5:] == [["true", "ab", "cd"], lines[-4], ["ab", "5", "2"], ["cd", "0", "9"], []]


def test_long_names_give_way_to_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"a very long class {i}" for i in range(4)]
    text = shown(monkeypatch, classes(names, [[10 * i + j for j in range(4)] for i in range(4)]))
    lines = [line.split() for line in text.splitlines()]
    assert ["true", "1", "2", "3", "4"] in lines
    assert ["3", "a", "very", "long", "class", "2", "20", "21", "22", "23"] in lines


def test_a_matrix_that_fits_in_no_way_becomes_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [[100 if i == j else 0 for j in range(40)] for i in range(40)]
    for i in range(12):
        counts[i][i + 1] = i + 1
    text = shown(monkeypatch, classes([f"class[{i}]" for i in range(40)], counts))
    assert "12 rows of class[11] taken for class[12]\n" in text
    assert "3 rows of class[2] taken for class[3]\n  and 2 more pairs; --json has the matrix" in text
    assert "confusion matrix" not in text
    assert "confusion matrix" in shown(monkeypatch, classes([f"class[{i}]" for i in range(40)], counts), width=500)


def test_labels_and_targets_have_a_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, averages = (ClassReport("rain", 1.0, 0.5, 2 / 3, 4),), (ClassReport("micro", 1.0, 0.5, 2 / 3, 9),)
    text = shown(monkeypatch, Evaluation("multilabel", "test", "last", 9, 1.0, {}, None, labels, averages))
    lines = [line.split() for line in text.splitlines()]
    assert ["label", "precision", "recall", "F1", "rows"] in lines
    assert ["rain", "1.000", "0.500", "0.667", "4"] in lines
    targets = (TargetReport("height", 2.0, 1.5, 0.5), TargetReport("age", 4.0, 2.5, None))
    figures = {"rmse": 3.0, "mae": 2.0, "r2": None}
    text = shown(monkeypatch, Evaluation("regression", "test", "last", 9, None, figures, targets=targets))
    lines = [line.split() for line in text.splitlines()]
    assert ["loss", "–"] in lines
    assert ["age", "4", "2.5", "–"] in lines
    assert ["mean", "3", "2", "–"] in lines
