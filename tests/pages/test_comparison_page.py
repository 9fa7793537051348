"""The page of a comparison says what the comparison does, and is whole in itself."""

from __future__ import annotations

import html
import re
from base64 import b64decode
from pathlib import Path

import pytest

from nncli import compare, load_config, train
from nncli.cli.main import main
from nncli.pages.comparison import comparison_page
from nncli.seeing.comparison import Comparison

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pages")
    for name, changes in (("one", []), ("<b>two", ["model.layers.0.units=32"])):
        train(load_config(CONFIGS / "iris.yaml", ["training.epochs=3", *changes]), directory=home / name)
    return home


@pytest.fixture
def comparison(home: Path) -> Comparison:
    return compare([home / "one", home / "<b>two"])


def tables(page: str) -> list[list[list[str]]]:
    """The cells of each table, without the star of the best."""
    return [
        [
            [
                html.unescape(re.sub("<.*?>", "", cell)).removesuffix(" ★")
                for cell in re.findall(r"<t[hd].*?>(.*?)</t", row)
            ]
            for row in re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall("<table>(.*?)</table>", page, re.DOTALL)
    ]


def test_its_tables_are_those_of_the_comparison(comparison: Comparison) -> None:
    page = comparison_page(comparison)
    runs, figures, config = tables(page)
    assert [row[0] for row in runs] == ["run", "one", "<b>two"]
    assert figures[0] == ["", "one", "<b>two"]
    assert [row[0] for row in figures[1:]] == [figure.name for figure in comparison.figures]
    assert config[1:] == [["model.layers.0.units", "16", "32"]]
    assert page.count('<span aria-label="best">') == sum(len(figure.better) for figure in comparison.figures)
    assert "<p>No difference.</p>" in page
    assert "<b>" not in page


def test_its_picture_is_part_of_it(comparison: Comparison) -> None:
    page = comparison_page(comparison)
    (source, alt) = re.findall(r'<img src="data:image/png;base64,(.*?)" alt="(.*?)"', page)[0]
    assert b64decode(source).startswith(b"\x89PNG")
    assert "one: train loss" in html.unescape(alt)
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_of_many_runs_each_is_a_row(home: Path, tmp_path: Path) -> None:
    import shutil

    for i in range(9):
        shutil.copytree(home / "one", tmp_path / f"r{i}")
        config = tmp_path / f"r{i}/config.yaml"
        config.write_text(config.read_text().replace("learning_rate: 0.01", f"learning_rate: 0.{i + 1}"))
    _, _, config_table = tables(comparison_page(compare([tmp_path / f"r{i}" for i in range(9)])))
    assert config_table == [["", "optimizer.learning_rate"], *([f"r{i}", f"0.{i + 1}"] for i in range(9))]


@pytest.mark.parametrize(("name", "begins"), [("c.png", b"\x89PNG"), ("c.html", b"<!doctype html>")])
def test_the_command_writes_either(
    name: str,
    begins: bytes,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    for _ in range(2):  # what is ours is written over
        monkeypatch.setattr("sys.argv", ["nncli", "compare", str(home / "one"), str(home / "<b>two"), "-o", str(path)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert path.read_bytes().startswith(begins)
        assert capsys.readouterr().out.rstrip().endswith(f": {path}")
