"""No file that nncli reads can run code: what could make it do so is not called anywhere in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nncli

ROOT = Path(nncli.__file__).parent
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "runpy", "subprocess"}
"""What unpickles, or starts something."""
ALLOWED = {
    "data/parquet.py": {"import subprocess"},  # our own interpreter, with a program of our own
    "export/write.py": {"import runpy"},  # what we have just written, before anybody else does
    "many/pool.py": {"import joblib.externals.loky"},  # the processes of this machine, not the pickles of a file
    "__init__.py": {"importlib.import_module()"},  # of names that stand there
    "run/directory.py": {"importlib.import_module()"},  # likewise
    "engine/special.py": {"from importlib import import_module"},  # likewise
}
BUILTINS = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
ATTRIBUTES = {
    **dict.fromkeys(("system", "popen", "startfile"), "os"),
    **dict.fromkeys(("load", "load_all", "full_load", "unsafe_load", "full_load_all", "unsafe_load_all"), "yaml"),
    **dict.fromkeys(("import_module", "reload"), "importlib"),
}
"""Name of a function -> its module. exec*, spawn* and fork of os come on top."""
UNSAFE_YAML = {f"{c}{kind}Loader" for c in ("", "C") for kind in ("", "Full", "Unsafe")}


def violations(source: str) -> Iterator[str]:
    """What in ``source`` could run what a file says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(node)
        elif isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, ast.keyword) and node.arg == "shell" and not _is(node.value, False):
            yield "a shell"
        elif isinstance(node, ast.Attribute) and _name(node.value) == "yaml" and node.attr in UNSAFE_YAML:
            yield f"yaml.{node.attr}"


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.partition(".")[0] in MODULES:
            yield f"import {module}"
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if ATTRIBUTES.get(alias.name) == node.module or (node.module == "numpy" and alias.name == "load"):
                yield f"from {node.module} import {alias.name}"


def _call(node: ast.Call) -> Iterator[str]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in BUILTINS:
        yield f"{called.id}()"
    if not isinstance(called, ast.Attribute):
        return
    module = _name(called.value)
    if module is not None and ATTRIBUTES.get(called.attr) == module:
        yield f"{module}.{called.attr}()"
    if module == "os" and called.attr.startswith(("exec", "spawn", "posix_spawn", "fork")):
        yield f"os.{called.attr}()"
    pickles = [keyword.value for keyword in node.keywords if keyword.arg == "allow_pickle"]
    if (module in ("np", "numpy") and called.attr == "load" and not pickles) or not all(_is(x, False) for x in pickles):
        yield "allow_pickle"
    if any(keyword.arg is None for keyword in node.keywords) and module in ("np", "numpy") and called.attr == "load":
        yield "np.load(**...)"


def _name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_in_the_source_runs_what_a_file_says(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    assert set(violations(path.read_text(encoding="utf-8"))) == allowed


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import joblib.numpy_pickle",
        "import subprocess as s",
        "eval('1')",
        "exec(text)",
        "compile(text, '', 'exec')",
        "__import__(name)",
        "os.system('ls')",
        "os.execvp('ls', [])",
        "os.fork()",
        "from os import system",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "yaml.compose(text, Loader=yaml.UnsafeLoader)",
        "yaml.parse(text, Loader=yaml.Loader)",
        "from yaml import full_load",
        "importlib.import_module(name)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "np.load(path, **settings)",
        "from numpy import load",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "run(command, shell=True)",
    ],
)
def test_the_check_would_find_it(source: str) -> None:
    assert list(violations(source))


def test_the_check_lets_the_rest_be() -> None:
    for source in (
        "re.compile('a')",
        "np.load(f, allow_pickle=False)",
        "yaml.parse(t, Loader=yaml.SafeLoader)",
        "load(x)",
    ):
        assert list(violations(source)) == []
