"""A page says what it was given, and runs nothing else than its own script."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from nncli.errors import NncliError
from nncli.pages import page


@pytest.fixture
def _template(monkeypatch: pytest.MonkeyPatch) -> None:
    from jinja2 import ChoiceLoader, DictLoader

    own = DictLoader({"t.html": "{% extends 'base.html' %}{% block content %}<p>{{ name }}</p>{% endblock %}"})
    environment = page._environment()
    monkeypatch.setattr(environment, "loader", ChoiceLoader([own, environment.loader]))


@pytest.mark.usefixtures("_template")
def test_names_from_strangers_stay_names() -> None:
    name = "<script>alert('&')</script>\x1b[2J\u202etxt"
    text = page.render("t.html", name=name)
    assert "<script" not in text
    (shown,) = re.findall("<p>(<?.*?)</p>", text.split('<main id="content">')[1].split("</main>")[0])
    assert html.unescape(shown) == r"<script>alert('&')</script>\x1b[2J\u202etxt"


@pytest.mark.usefixtures("_template")
def test_a_page_without_a_script_may_run_none() -> None:
    text = page.render("t.html", name="")
    assert "script-src 'none'" in text
    assert "default-src 'none'" in text


@pytest.mark.usefixtures("_template")
def test_only_the_script_of_the_page_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    own = page._asset
    monkeypatch.setattr(page, "_asset", lambda name: 'say("<&>");\n' if name == "s.js" else own(name))
    text = page.render("t.html", script="s.js", name="")
    (code,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


@pytest.mark.usefixtures("_template")
def test_a_page_is_written_over_and_nothing_else_is(tmp_path: Path) -> None:
    path, other = tmp_path / "a.html", tmp_path / "b.html"
    page.save(path, page.render("t.html", name="one"))
    page.save(path, page.render("t.html", name="two"))
    assert "two" in path.read_text(encoding="utf-8")
    other.write_text("<p>mine</p>")
    for place, problem in (
        (other, "b.html: exists, and is no page of nncli's; choose another name with -o"),
        (tmp_path, "is a folder, not a file; choose another name with -o"),
        (tmp_path / "nowhere/a.html", "nowhere: there is no such folder; make it first"),
    ):
        with pytest.raises(NncliError) as refused:
            page.save(place, "")
        assert str(refused.value).endswith(problem)
    assert other.read_text() == "<p>mine</p>"
