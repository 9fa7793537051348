"""The docs are made from the code, and stay so."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import yaml
from scripts import ROOT, script


def test_the_config_reference_is_the_schema_s() -> None:
    module = script("make_config_reference")
    written = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    assert module.reference() == written, "run python docs/make_config_reference.py"


def test_the_reference_of_the_commands_is_the_program_s() -> None:
    written = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert script("make_cli_reference").reference() == written, "run python docs/make_cli_reference.py"


def test_the_docs_are_built_without_a_warning(tmp_path: Path) -> None:
    from sphinx.cmd.build import build_main

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the extensions use of Sphinx's, which is not our concern
        assert build_main(["-q", "-W", "-b", "html", str(ROOT / "docs"), str(tmp_path)]) == 0
    links = [
        (page.name, address)
        for page in tmp_path.glob("*.html")
        for address in re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)"', page.read_text(encoding="utf-8"))
        if "stylesheet" in address or address.endswith((".js", ".css"))
    ]
    assert links == [], "the pages open without a network"


def test_the_gallery_shows_every_config_and_its_pictures_are_there() -> None:
    page = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^nncli train configs/(\w+)\.yaml$", page, re.MULTILINE))
    assert shown == {path.stem for path in (ROOT / "configs").glob("*.yaml") if "mnist" not in path.stem}
    pictures = re.findall(r"!\[([^\]]{20,})\]\((pictures/[\w.-]+)\)", page)
    assert len(pictures) == page.count("![") > len(shown)
    assert all((ROOT / "docs" / file).read_bytes().startswith(b"\x89PNG") for _, file in pictures)


def test_the_readme_s_config_loads(tmp_path: Path) -> None:
    from nncli import load_config

    block = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    (tmp_path / "c.yaml").write_text(block[1])
    assert load_config(tmp_path / "c.yaml").loss.name == yaml.safe_load(block[1])["loss"]


def test_every_link_between_the_docs_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
