"""Three ways lead to the screen, and all spell out what is not printable: no part of nncli has another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nncli

ROOT = Path(nncli.__file__).parent
WAYS = {"cli/plain.py", "cli/console.py", "estimator/screen.py"}
"""``print_lines`` and ``Screen``; and what an estimator tells that is verbose."""


def other_ways(source: str) -> Iterator[str]:
    """What in ``source`` writes to the screen by itself, or draws what ``Screen`` never sees as a str."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id="print" | "Console" | "Text" as name):
                    yield name
                case ast.Attribute(attr="write" | "writelines", value=ast.Attribute(attr="stdout" | "stderr" as name)):
                    yield f"sys.{name}"
                case ast.Attribute(attr="from_markup" | "from_ansi" | "assemble" as name):
                    yield f"Text.{name}"
                case ast.Attribute(attr="echo" | "secho" as name, value=ast.Name(id="typer" | "click")):
                    if not (isinstance(node.args[0], ast.JoinedStr) and "nncli " in ast.unparse(node.args[0])):
                        yield name


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_writes_to_the_screen_by_itself(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in WAYS:
        assert "printable(" in path.read_text(encoding="utf-8")
    else:
        assert list(other_ways(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "print(name)",
        "console.print(Text(name))",
        "Console().print(name)",
        "sys.stdout.write(name)",
        "sys.stderr.write(name)",
        "Text.from_markup(name)",
        "typer.echo(name)",
    ],
)
def test_the_check_would_find_it(source: str) -> None:
    assert list(other_ways(source))
