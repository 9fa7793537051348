"""The docs as pages: python -m sphinx -W docs docs/_build. They are Markdown, and read well without it."""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent

project = "nncli"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"nncli {release}"
html_show_copyright = html_show_sphinx = html_copy_source = False
nitpicky = True


def _leave_out_what_is_no_page(app: Sphinx, name: str, source: list[str]) -> None:
    """A link to a file beside docs/ is its path there: the pages do not have it."""
    source[0] = re.sub(r"\[([^\]]+)\]\((?:\.\./)+([^)]+)\)", r"\1 (`\2`)", source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _leave_out_what_is_no_page)
