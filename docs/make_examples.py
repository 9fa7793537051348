"""Run the blocks of examples.md and write below each what it prints: ``python docs/make_examples.py``."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from nncli.cli.main import main as nncli

PAGE = Path(__file__).with_name("examples.md")
TABLES = Path(__file__).parent.parent / "configs/data"
BLOCKS = re.compile(r"```(bash|python)\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
"""What is run, and what it prints."""


@dataclass(frozen=True)
class Step:
    """A block of the page.

    Attributes:
        kind: ``bash``, a command of nncli, or ``python``, a program.
        text: What it says.
        answer: What the page says that it prints.
    """

    kind: str
    text: str
    answer: str

    def run(self) -> str:
        """What it prints in the current folder; of nncli only what goes to stdout."""
        if self.kind == "bash":
            command, _, shown = self.text.strip().partition(" | head -")
            lines = said(command).splitlines(keepends=True)
            return "".join(lines[: int(shown)] if shown else lines)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(self.text, {})  # noqa: S102  # the page is ours
        return printed.getvalue()


def said(command: str) -> str:
    """What a command prints, run in this process."""
    raw = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(raw, "utf-8", write_through=True)) as printed:
        try:
            with patch.object(sys, "argv", shlex.split(command)):
                nncli()
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"{command}: exit code {ended.code}") from None
        printed.flush()
        return raw.getvalue().decode()


def main() -> None:
    """Write the page again."""

    def block(found: re.Match[str]) -> str:
        kind, text, answer = found.groups()
        return f"```{kind}\n{text}```\n```text\n{Step(kind, text, answer).run().rstrip()}\n```"

    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(TABLES, Path(home, "configs/data"))
        with contextlib.chdir(home):
            page = BLOCKS.sub(block, PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
