"""YAML text -> plain values, with the position of every key and every value.

YAML's traps stop here. Scalars follow the core schema of YAML 1.2 (``1e-3`` is a number, ``no`` is text), and what a
config never needs but an attacker or an accident does (aliases, tags, merge keys, deep nesting) is refused.
"""

from __future__ import annotations

import codecs
import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from nncli.errors import ConfigError, Problem
from nncli.filekind import irregular
from nncli.registry import nearest

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]

BYTE_ORDER_MARKS = {  # the longer ones first
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
REMEDIES = {
    "expected ',' or": "close the bracket that was opened at {opened}",
    "end of stream": "close the quotes that were opened at {opened}",
    "expected <block end>": "let the entries of a mapping or list begin in one column, that of {opened}",
    "mapping values are not allowed": "put a value that has a colon and a blank in it in quotes",
    "could not find expected ':'": "write a colon and a blank behind each key",
    "expected '<document start>'": "end the file there: it holds one config",
    "incompatible YAML document": "leave the directive out",
}
"""What helps against what the parser does not understand: {opened} is where the thing began that it was in."""
LARGEST_FILE = 1 << 20
DEEPEST = 32
MOST_VALUES = 50_000  # keys counted, too; which takes seconds to read
LONGEST_NUMBER = 64

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_WHOLE_WITH_EXPONENT = re.compile(r"([-+]?[1-9][0-9]*)[eE]\+?([0-9]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass
class Document:
    """The content of a YAML file, and where each part of it was written.

    Attributes:
        value: The content: dicts with string keys, lists, strings, numbers, booleans, None.
        values: Key path -> where its value stands (``configs/iris.yaml:12:20``).
        keys: Key path -> where its key stands.
        overridden: The key paths whose values come from the command line.
    """

    value: dict[str, Any]
    values: dict[KeyPath, str] = field(default_factory=dict)
    keys: dict[KeyPath, str] = field(default_factory=dict)
    overridden: set[KeyPath] = field(default_factory=set)

    def where(self, path: KeyPath, *, key: bool = False) -> str:
        """The position of the value (or the key) at ``path``, or of the nearest thing around it that is written."""
        for end in range(len(path), -1, -1):
            place = (self.keys if key else self.values).get(path[:end]) or self.values.get(path[:end])
            if place:
                return place
        return ""

    def replace(self, path: KeyPath, value: Any, place: str) -> None:
        """Put ``value`` at ``path`` (its parent exists), and note that it came from ``place``."""
        parent: Any = self.value
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
        for marks in (self.values, self.keys):
            for old in [other for other in marks if other[: len(path)] == path]:
                del marks[old]
        self.keys[path] = self.values[path] = place


def display(path: KeyPath) -> str:
    """``("model", "layers", 0)`` as a person writes it in an override: ``model.layers.0``."""
    return ".".join(map(str, path))


def read_document(path: Path) -> Document:
    """Read and parse the YAML file at ``path``.

    Raises:
        ConfigError: It cannot be read, or is no YAML that a config may be.
    """
    return parse_document(_read(path), str(path))


def parse_document(text: str, source: str) -> Document:
    """Parse ``text``; messages and marks name ``source``."""
    try:
        _refuse_what_no_config_needs(text, source)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        message, where = f"the character U+{int(error.character):04X} is not allowed", _place(text[: error.position])
        raise ConfigError(message, where=f"{source}{where}", remedy="save it as plain text, in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message, remedy = _plainly(str(error.problem), error.context_mark)
        raise ConfigError(message, where=f"{source}{_at(mark)}", remedy=remedy) from None
    if root is None:
        raise ConfigError("is empty", where=source, remedy="a config needs data and model at least")
    if not isinstance(root, yaml.MappingNode):
        message, remedy = "must be a mapping (data: ..., model: ...)", "write keys, each with a colon, a blank, a value"
        raise ConfigError(message, where=f"{source}{_at(root.start_mark)}", remedy=remedy)
    document = Document({})
    problems: list[Problem] = []
    document.value = _value(root, (), source, document, problems)
    if problems:
        raise ConfigError(problems)
    return document


def parse_scalar(text: str, where: str) -> Any:
    """The value of a plain scalar.

    Raises:
        ConfigError: A number that is out of every use.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":  # no number begins otherwise
        return text
    if _NOT_FINITE.fullmatch(text):
        return math.nan if text[1].lower() == "n" else -math.inf if text[0] == "-" else math.inf
    if is_number(text) and len(text) > LONGEST_NUMBER:
        raise ConfigError(f"a number of {len(text)} digits", where=where, remedy="write it shorter")
    if _INTEGER.fullmatch(text):
        return int(text)
    power = _WHOLE_WITH_EXPONENT.fullmatch(text)
    if power and len(power[2]) <= 2 and int(power[2]) <= 18:
        return int(power[1]) * 10 ** int(power[2])  # so that 1e4 is a number of rows, too
    if re.fullmatch(r"[-+]?0[0-9]+", text):
        raise ConfigError(f"{text} is octal to some readers", where=where, remedy=f"write {int(text)}")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ConfigError(f"{text} is larger than any number", where=where)
        return number
    return text


def is_number(text: str) -> bool:
    """Whether a plain scalar of this text is a number."""
    return bool(_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text))


def _read(path: Path) -> str:
    where = str(path)
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            inside = sorted(p.name for p in path.glob("*.y*ml"))
            remedy = f"name a file in it: {', '.join(inside[:5])}" if inside else "name a YAML file"
            raise ConfigError("is a directory", where=where, remedy=remedy)
        if what := irregular(kind):
            remedy = "save it as a file: paths in it are relative to its folder, and it may be read again"
            raise ConfigError(f"is {what}, not a file", where=where, remedy=remedy)
        with path.open("rb") as file:  # its size may be told wrong, as that of files in /proc is
            raw = file.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise ConfigError(f"is larger than {LARGEST_FILE:,} bytes", where=where, remedy="is it a config at all?")
    except FileNotFoundError:
        siblings = [str(p) for p in path.parent.glob("*") if p.is_file()]
        guess = nearest(where, siblings)
        raise ConfigError("no such file", where=where, remedy=f"did you mean {guess}?" if guess else "") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=where) from None
    except ValueError as error:  # a null character in the name
        raise ConfigError(f"is no file name: {error}", where=repr(where)) from None
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            raise ConfigError(f"is {encoding}", where=where, remedy="save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message, place = f"byte 0x{raw[error.start]:02x} is not UTF-8", _place(raw[: error.start].decode("utf-8-sig"))
        raise ConfigError(message, where=f"{where}{place}", remedy="save it as UTF-8") from None


def _refuse_what_no_config_needs(text: str, source: str) -> None:
    """Look at the parser's events, which come without recursion, before anything is built from them."""
    depth = documents = values = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{source}{_at(event.start_mark)}"
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ConfigError("a second document begins", where=where, remedy="one file holds one config")
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"the alias *{event.anchor} is not allowed", where=where, remedy="write it out")
        if anchor := getattr(event, "anchor", None):
            raise ConfigError(f"the anchor &{anchor} is not allowed", where=where, remedy="write it out")
        if tag := getattr(event, "tag", None):
            raise ConfigError(f"the tag {tag} is not allowed", where=where, remedy="leave it out")
        if isinstance(event, yaml.NodeEvent):
            values += 1
            if values > MOST_VALUES:
                message = f"holds more than {MOST_VALUES:,} keys and values"
                raise ConfigError(message, where=where, remedy="is it a config at all?")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise ConfigError(f"is nested deeper than {DEEPEST} levels", where=where)
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _value(node: yaml.Node, path: KeyPath, source: str, document: Document, problems: list[Problem]) -> Any:
    where = document.values[path] = f"{source}{_at(node.start_mark)}"
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), source, document, problems) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, path, source, document, problems))
    assert isinstance(node, yaml.ScalarNode)
    if node.style in ("'", '"', "|", ">"):
        return node.value
    try:
        return parse_scalar(node.value, where)
    except ConfigError as error:
        key = display(path)
        problems += [Problem(p.message, f"{p.where}  {key}", p.remedy) for p in error.problems]
        return None


def _items(
    node: yaml.MappingNode, path: KeyPath, source: str, document: Document, problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    lines: dict[str, int] = {}
    for key, value in node.value:
        where = f"{source}{_at(key.start_mark)}"
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem("a key must be a word", where))
            continue
        name = key.value
        at = (*path, name)
        if name == "<<":
            problems.append(Problem("the merge key << is not allowed", where, "write it out"))
        elif name in lines:
            first = f"the first is in line {lines[name]}"
            problems.append(Problem(f"the key is given twice, {first}", f"{where}  {display(at)}", "keep one of them"))
        else:
            lines[name] = key.start_mark.line + 1
            document.keys[at] = where
            yield name, _value(value, at, source, document, problems)


def _at(mark: Any) -> str:
    return "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"


def _place(before: str) -> str:
    """The place behind this text, as ``_at`` writes it."""
    return f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def _plainly(problem: str, opened: Any) -> tuple[str, str]:
    """What the parser says, in words for who writes configs, and a remedy; ``opened`` is where it was when it began."""
    if "'\\t'" in problem:
        return "a tab, where YAML wants spaces", "replace it by spaces"
    remedy = next((remedy for words, remedy in REMEDIES.items() if words in problem), "")
    return f"this is no YAML: {problem}", remedy.format(opened=_at(opened)[1:])
