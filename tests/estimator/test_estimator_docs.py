"""What the pages say of estimators is so."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from nncli.estimator import classifier, regressor

ROOT = Path(__file__).parent.parent.parent


def test_the_page_s_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/estimators.md").read_text(encoding="utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(page, {}, "estimators.md", None, 0)
    result = doctest.DocTestRunner().run(examples)
    assert result.attempted > 12
    assert result.failed == 0


@pytest.mark.parametrize("module", [classifier, regressor])
def test_the_docstrings_examples_work(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert result.failed == 0
