"""The docs are made from the code, and stay so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import yaml

ROOT = Path(__file__).parent.parent


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_faults_is_the_self_test_s() -> None:
    written = (ROOT / "docs/gradcheck.md").read_text(encoding="utf-8")
    assert script("make_fault_table").page(written) == written, "run python docs/make_fault_table.py"


def test_the_config_reference_is_the_schema_s() -> None:
    module = script("make_config_reference")
    written = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    assert module.reference() == written, "run python docs/make_config_reference.py"


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
