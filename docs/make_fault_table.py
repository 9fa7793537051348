"""Writes the table of planted faults into docs/gradcheck.md: ``python docs/make_fault_table.py``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nncli.gradcheck.faults import registry
from nncli.gradcheck.self_test import FaultCheck, self_test
from nncli.gradcheck.verdict import METHODS

PAGE = Path(__file__).parent / "gradcheck.md"
BEGIN, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"


def table(checks: Iterable[FaultCheck]) -> str:
    """A line for each fault, with the methods that find it in every network that has a place for it."""
    checks = list(checks)
    lines = [
        "| fault | what it does | complex step | differences | Taylor | autograd | second pass |",
        "|-|-|-|-|-|-|-|",
    ]
    for record in registry:
        mine = [check for check in checks if check.fault == record.name]
        marks = ["x" if all(method in check.found_by for check in mine) else "" for method in METHODS]
        lines.append(f"| `{record.name}` | {record.formula} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def page(text: str, checks: Iterable[FaultCheck]) -> str:
    """``text`` with the table renewed."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table(checks) + END + after


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), self_test()), encoding="utf-8")
