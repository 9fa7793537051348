"""Write docs/cli.md from the commands themselves: python docs/make_cli_reference.py."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from nncli.cli.main import app

PAGE = Path(__file__).parent / "cli.md"

HEAD = """# The commands

Generated from the program by `docs/make_cli_reference.py`; `nncli COMMAND --help` says the same.

`RUN` is a run directory, or `latest` for the newest. Results go to stdout, progress and messages to stderr; with
`--json`, where a command has it, stdout is one JSON object. Exit codes: 0 done; 1 a check failed; 2 bad usage, config
or data; 3 the training diverged; 130 and 143 after SIGINT and SIGTERM, the state saved.
"""


@dataclass(frozen=True)
class Parameter:
    """What a command takes, as its signature says it."""

    name: str
    kind: Any
    info: ArgumentInfo | OptionInfo
    default: Any

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty

    @property
    def word(self) -> str:
        """What stands for it: ``CONFIG``, ``KEY=VALUE``, ``PATH``."""
        kind = next((kind for kind in (*get_args(self.kind), self.kind) if kind is not NoneType), str)
        if self.info.metavar:
            return self.info.metavar.strip("[]")
        if isinstance(kind, type) and issubclass(kind, Enum):
            return "|".join(str(member.value) for member in kind)
        return {int: "N", float: "X", Path: "PATH"}.get(kind, "TEXT")


def reference() -> str:
    """The whole page."""
    lines = [*HEAD.splitlines(), ""]
    for command in app.registered_commands:
        assert command.name is not None
        assert command.callback is not None
        lines += [f"## nncli {command.name}", "", *_command(command.name, command.callback)]
    return "\n".join(lines)


def _command(name: str, callback: Callable[..., Any]) -> Iterator[str]:
    """How it is called, what it does, and a table of what it takes."""
    taken = [*_parameters(callback)]
    arguments = [_argument(one) for one in taken if isinstance(one.info, ArgumentInfo)]
    options = [one for one in taken if isinstance(one.info, OptionInfo)]
    usage = " ".join(["nncli", name, *arguments, *(["[OPTIONS]"] if options else [])])
    yield from ("```text", usage, "```", "", _text(inspect.getdoc(callback) or ""), "")
    yield from ("| takes | meaning |", "|-|-|")
    for one in taken:
        shown = _argument(one) if isinstance(one.info, ArgumentInfo) else _option(one)
        yield f"| `{_cell(shown)}` | {_cell(_text(one.info.help or ''))}{_default(one)} |"
    yield ""


def _parameters(callback: Callable[..., Any]) -> Iterator[Parameter]:
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        if hints[name] is typer.Context:
            continue
        kind, info = get_args(hints[name])[:2]
        yield Parameter(name, kind, info, parameter.default)


def _argument(one: Parameter) -> str:
    if "..." in one.word:
        return one.info.metavar or ""
    several = " ..." if get_origin(one.kind) is list or list in map(get_origin, get_args(one.kind)) else ""
    return f"{one.word}{several}" if one.required else f"[{one.word}{several}]"


def _option(one: Parameter) -> str:
    """``-o, --output PATH``."""
    said = [one.info.default, *(one.info.param_decls or ())]  # in Annotated, the first name stands where a default may
    names = [name for name in said if isinstance(name, str)] or [f"--{one.name.replace('_', '-')}"]
    names.sort(key=len)
    return ", ".join(names) + ("" if one.kind is bool else f" {one.word}")


def _default(one: Parameter) -> str:
    """What it is if nothing is said, where that is something."""
    if isinstance(one.info, OptionInfo) and one.required:
        return " Required."
    default = getattr(one.default, "value", one.default)
    return "" if one.required or default in (None, False) else f" Default: `{default}`."


def _text(text: str) -> str:
    r"""One paragraph after another; a form feed or a line's end within one is a blank.

    >>> _text("a\nb\n\nc")
    'a b\n\nc'
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.replace("\b", "").split("\n\n"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
