"""A report in a real browser: it loads nothing, fits its window, is read by all, and prints whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import DESKTOP, PHONE, Browser, overflow, violations

import nncli
from nncli.config.loader import config_of
from nncli.pages.report import report
from nncli.run import Run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a table with a long name, whose columns have names from strangers, with a certificate."""
    home = tmp_path_factory.mktemp("report")
    names = ["<img src=x onerror=alert(1)>", "a" * 90, "width"]
    rows = [f"{i % 7},{i % 5},{i * 37 % 11},{'ab'[i % 3 == 0]}" for i in range(90)]
    (home / "table.csv").write_text("\n".join([",".join([*names, "kind"]), *rows]) + "\n")
    content = {
        "data": {"path": str(home / "table.csv"), "target": "kind"},
        "model": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]},
        "training": {"epochs": 2},
    }
    run = nncli.train(config_of(content), directory=home / "run", gradcheck=True)
    path = home / "report.html"
    path.write_text(report(Run.open(run.path)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_it_fits_its_window_and_breaks_no_rule_of_access(browser: Browser, page: Path, width: int) -> None:
    opened = browser.open(page, width=width, scripts=True)
    assert opened.title() == "run · nncli"
    assert overflow(opened) == 0
    for picture in opened.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
        assert picture.get_attribute("alt")
    assert violations(opened) == []


def test_each_entry_of_its_contents_leads_to_a_part(browser: Browser, page: Path) -> None:
    opened = browser.open(page)
    links = opened.locator("nav a").all()
    assert len(links) == opened.locator("main section").count() > 5
    for link in links:
        link.click()
        where = str(link.get_attribute("href"))
        assert opened.url.endswith(where)
        assert opened.locator(where).is_visible()


def test_printed_it_has_all_of_the_config_and_no_contents(browser: Browser, page: Path) -> None:
    opened = browser.open(page, media="print")
    assert not opened.locator("nav").is_visible()
    listing = opened.locator("pre.listing")
    assert listing.evaluate("it => it.scrollHeight <= it.clientHeight + 1")
