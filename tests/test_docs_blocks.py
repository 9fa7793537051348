"""What the README and the docs show can be typed: every block of code runs, every config in them loads.

docs/examples.md and docs/estimators.md have tests of their own, which also compare what is printed; the commands of
docs/gallery.md are those of the configs, which have theirs.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import nncli
from nncli.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ELSEWHERE = ("examples.md", "estimators.md", "gallery.md")
BLOCK = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHOLE = {
    "data": {"source": "digits"},
    "model": {"layers": [{"units": 8, "activation": "relu"}, {"activation": "softmax"}]},
}
LONG = {"profile": ["--steps", "20"], "lr-find": ["--steps", "20"], "gradcheck": []}
"""What a command that takes its time is given beside, so that it takes less."""


def blocks() -> list[tuple[str, str, str]]:
    found = []
    for page in PAGES:
        if page.name not in ELSEWHERE and "_build" not in page.parts:
            text = page.read_text(encoding="utf-8")
            name = page.relative_to(ROOT).as_posix()
            found += [(name, language, body) for language, _, body in BLOCK.findall(text)]
    return found


def commands(language: str, body: str) -> list[list[str]]:
    """The words of each line that is typed: in a shell's block all, elsewhere those behind a prompt."""
    prompt = "$ " if language in ("text", "console", "") else ""
    if not prompt and language != "bash":
        return []
    lines = [line.removeprefix(prompt) for line in body.splitlines() if line.startswith(prompt) and line.strip()]
    return [_alone(shlex.split(part, comments=True)) for line in lines for part in line.split(" && ")]


def _alone(words: list[str]) -> list[str]:
    """The command of nncli in a pipe, with the file that goes into it as its own."""
    if "nncli" not in words:
        return words
    before, rest = words[: words.index("nncli")], words[words.index("nncli") :]
    end = next((i for i, word in enumerate(rest) if word in ("|", ">")), len(rest))
    return [before[1] if word == "-" else word for word in rest[:end]]


TYPED = {page: [] for page, _, _ in blocks()}  # type: dict[str, list[list[str]]]
for page, language, body in blocks():
    TYPED[page] += commands(language, body)
SHOWN = {page: [body for name, language, body in blocks() if name == page and language == "yaml"] for page in TYPED}
PROGRAMS = [(page, body) for page, language, body in blocks() if language == "python"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as README has it: the configs, and tables of the reader's own."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    rows = (ROOT / "configs/data/houses.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, some in (("houses.csv", rows), ("new.csv", rows[:20])):
        (tmp_path / name).write_text("".join(some), encoding="utf-8")
    wrong = "# three mistakes\ndata:\n  source: irsi\nmodel:\n  layers:\n    - {units: 4}\n"
    wrong += "    - activation: relu\n      unit: 4\n    - activation: softmax\nseed: 1\nname: a\n"
    (tmp_path / "wrong.yaml").write_text(wrong + "optimizer: {name: sgd,    learning_rate: -1}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("page", [page for page, typed in TYPED.items() if typed])
def test_every_command_runs(page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words in TYPED[page]:
        match words:
            case ["nncli", name, *rest]:
                monkeypatch.setattr(sys, "argv", ["nncli", name, *rest, *LONG.get(name, [])])
                try:
                    main()
                    code = 0
                except SystemExit as end:
                    code = int(end.code or 0)
                nobody_there = any("http://localhost" in word for word in rest)
                expected = 2 if "wrong.yaml" in rest or nobody_there else 0
                assert code == expected, f"{shlex.join(words)}: {capsys.readouterr().err}"
            case ["python", "-m", "pip", "install", *_] | ["pip", "install", *_]:
                extras = re.findall(r"\[([\w,]+)\]", words[-1])
                known = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
                assert all(f"\n{extra} = [" in known for group in extras for extra in group.split(","))
            case ["python", "-m", module, *_]:
                monkeypatch.syspath_prepend(str(ROOT))
                assert find_spec(module) is not None, module
            case ["tensorboard", *_]:
                assert shutil.which("tensorboard") is not None
            case ["python", file, *_]:
                assert (ROOT / file).is_file(), file
            case _:
                pytest.fail(f"{page}: nobody knows how to try {shlex.join(words)}")


@pytest.mark.parametrize(("page", "text"), [(page, text) for page, texts in SHOWN.items() for text in texts])
def test_every_config_loads(page: str, text: str, tmp_path: Path) -> None:
    text = text.replace("layers: [...]", "layers: [{units: 8, activation: relu}, {activation: softmax}]")
    content = yaml.safe_load(text)
    assert isinstance(content, dict), page
    if "space" in content:  # a sweep
        shutil.copytree(ROOT / "configs", tmp_path / "configs")
        sweep = tmp_path / "configs/sweeps/s.yaml"
        sweep.write_text(text, encoding="utf-8")
        nncli.load_sweep(sweep)
        return
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(WHOLE | content), encoding="utf-8")
    nncli.load_config(tmp_path / "c.yaml")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("page", "program"), PROGRAMS)
def test_every_program_runs(page: str, program: str) -> None:
    from sklearn.datasets import load_iris

    names = dict(zip("Xy", load_iris(return_X_y=True), strict=True))
    exec(compile(program, page, "exec"), names)
