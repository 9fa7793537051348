"""What all pages share: how one is made of its template, and becomes a file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nncli.errors import NncliError
from nncli.filekind import irregular
from nncli.run.files import write
from nncli.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

GENERATOR = '<meta name="generator" content="nncli '
"""What stands in the head of every page, so that only pages are written over."""
HEAD = 1024
"""Bytes in which it stands."""


def render(template: str, *, script: str | None = None, **values: Any) -> str:
    """The page that ``template`` makes of ``values``.

    Text is escaped, and what is not printable in it is spelled out: names may come from strangers.

    Args:
        template: A file in ``templates/``.
        script: A file there that the page runs. A page runs nothing else: its head has the digest of what may run.
        values: By the names that the template has for them.
    """
    environment = _environment()
    code = "" if script is None else _asset(script)
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" if code else "'none'"
    return environment.get_template(template).render(
        style=_asset("style.css"), code=code, allowed=allowed, made_by=version("nncli"), **values
    )


def save(path: Path, text: str, option: str = "-o") -> None:
    """Write a page: the whole file or nothing, and never over something else.

    Args:
        path: Where to.
        text: The page.
        option: What a person says the name with.

    Raises:
        NncliError: Something else is there, or the file cannot be written.
    """
    refuse_foreign(path, option)
    write(path, text)


def refuse_foreign(path: Path, option: str = "-o") -> None:
    """Refuse to write over ``path`` unless it is a page of ours, and where there is no folder.

    Args:
        path: Where a page is to be written.
        option: What a person says the name with.

    Raises:
        NncliError: Why not.
    """
    if not path.parent.is_dir():
        raise NncliError("there is no such folder", where=str(path.parent), remedy="make it first")
    try:
        if what := path.exists() and irregular(path.stat().st_mode):
            raise NncliError(f"is {what}, not a file", where=str(path), remedy=f"choose another name with {option}")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise NncliError(f"cannot be written: {error.strerror or error}", where=str(path)) from None
    if GENERATOR.encode() not in head:
        raise NncliError(
            "exists, and is no page of nncli's", where=str(path), remedy=f"choose another name with {option}"
        )


def embedded(png: bytes) -> str:
    """The address of a picture that is part of the page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def lines(text: str) -> Markup:
        return Markup("\n").join(map(printable, text.split("\n")))

    environment = Environment(
        loader=PackageLoader("nncli.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["lines"] = lines
    return environment


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
