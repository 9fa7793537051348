"""nncli validate as a user meets it: all that is wrong at once, or all that a config comes to."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands import Ended, called

from nncli import load_config, summarize, validate
from nncli.cli.summary import page
from nncli.config.json_schema import json_schema
from nncli.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"

WRONG = """\
data: {source: irsi}
model: {layers: [{unit: 3}, {activation: softmax}]}
"""
NO_DATA = """\
data: {path: nowhere.csv, target: y}
model: {layers: [{}]}
loss: mse
"""


def run(*arguments: str, cwd: Path) -> Ended:
    with contextlib.chdir(cwd):
        return called("validate", *arguments)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "no_data.yaml").write_text(NO_DATA)
    return tmp_path


def test_what_is_wrong_in_any_file_is_said_at_once_the_data_last(home: Path) -> None:
    result = run("no_data.yaml", "configs/iris.yaml", "wrong.yaml", cwd=home)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "wrong.yaml:1:16  data.source: unknown name 'irsi', did you mean 'iris'?",
        "wrong.yaml:2:19  model.layers.0.unit: unknown key, did you mean 'units'?",
        "no_data.yaml: nowhere.csv: no such file; look at its spelling and folder",
    ]


def test_problems_are_data_too(home: Path) -> None:
    result = run("wrong.yaml", "--json", cwd=home)
    assert result.returncode == 2
    problems = json.loads(result.stdout)["problems"]
    assert problems[0] == {
        "where": "wrong.yaml:1:16  data.source",
        "message": "unknown name 'irsi', did you mean 'iris'?",
        "remedy": "",
    }
    assert len(problems) == len(result.stderr.splitlines())


def test_what_is_printed_is_itself_the_config_that_trains_the_same_network(home: Path) -> None:
    result = run("configs/residual.yaml", "optimizer.learning_rate=1e-4", cwd=home)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    (home / "resolved.yaml").write_text(result.stdout)
    again = load_config(home / "resolved.yaml").resolved()
    assert again == load_config(home / "configs/residual.yaml", ["optimizer.learning_rate=1e-4"]).resolved()


def test_several_right_configs_are_several_documents(home: Path) -> None:
    result = run("configs/iris.yaml", "configs/wine.yaml", "training.epochs=7", cwd=home)
    assert result.returncode == 0, result.stderr
    documents = [*yaml.safe_load_all(result.stdout)]
    assert [document["name"] for document in documents] == ["iris", "wine"]
    assert [document["training"]["epochs"] for document in documents] == [7, 7]


def test_the_figures_are_those_that_follow_from_the_config(home: Path) -> None:
    result = run("configs/iris.yaml", "--json", cwd=home)
    (found,) = json.loads(result.stdout)["configs"]
    assert found["file"] == "configs/iris.yaml"
    assert (found["task"], found["inputs"]) == ("classification", 4)
    assert found["rows"] == {"train": 120, "validation": 0, "test": 30}  # a fifth of 150
    assert (found["batch_size"], found["steps_per_epoch"], found["steps"]) == (16, 8, 800)  # 120 / 16, 100 epochs
    assert found["parameters"] == 4 * 16 + 16 + 16 * 3 + 3
    assert found["multiply_adds"] == 4 * 16 + 16 * 3
    assert [block["shape"] for block in found["blocks"]] == [[16, 4], [16, 16], [16, 3], [16], []]
    assert found["memory"]["total"] == sum(n for name, n in found["memory"].items() if name != "total")
    assert found["config"]["optimizer"]["beta1"] == 0.9


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_it_fits_a_narrow_terminal(columns: int) -> None:
    (summary,) = validate(CONFIGS / "residual.yaml")
    lines = [*page(summary, columns - 2)]
    assert max(map(len, lines)) <= columns - 2
    text = " ".join(" ".join(lines).split())  # as if nothing had been wrapped
    for said in ("layers.3", "12,970", "1,257 to train on", "40 an epoch", "for a while"):
        assert said in text
    assert ("multiply-adds" in text) == (columns == 100)


def test_a_network_that_cannot_be_is_refused_at_its_widest_block(home: Path) -> None:
    (home / "wide.yaml").write_text(
        "data: {source: iris}\nmodel:\n  layers:\n    - {units: 1000000}\n    - {units: 1000000}\n"
        "    - {activation: softmax}\n"
    )
    for command in ("validate", "train"):
        with contextlib.chdir(home):
            result = called(command, "wide.yaml")
        assert result.returncode == 2
        assert result.stderr.startswith("wide.yaml:5:15  model.layers.1.units: the training needs ")
        assert result.stderr.endswith("; fewer units help\n")
        assert len(result.stderr.splitlines()) == 1
    assert not (home / "runs").exists()


def test_a_width_beyond_all_bounds_is_refused_by_the_schema(home: Path) -> None:
    result = run("configs/iris.yaml", "model.layers.0.units=1000000000", cwd=home)
    assert result.returncode == 2
    assert "model.layers.0.units: must be at most 1000000 (is 1000000000)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "needs a CONFIG; name a YAML file, or use --schema"),
        (["training.epochs=3"], "needs a CONFIG"),
        (["--schema", "wrong.yaml"], "--schema: goes alone"),
        (["configs"], "configs: is a directory; name a file in it:"),
        (["configs/irs.yaml"], "configs/irs.yaml: no such file; did you mean configs/iris.yaml?"),
        (["configs/iris.yaml", "trainng.epochs=3"], "trainng: unknown key, did you mean 'training'?"),
        (["configs/iris.yaml", "training.epochs=few"], "must be a whole number (is 'few')"),
    ],
)
def test_a_wrong_command_gets_a_line_and_exit_code_2(home: Path, arguments: list[str], says: str) -> None:
    result = run(*arguments, cwd=home)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_the_schema_comes_alone_and_needs_no_more_than_the_config(home: Path) -> None:
    result = run("--schema", cwd=home)
    assert json.loads(result.stdout) == json_schema()
    assert result.stdout == (CONFIGS / "nncli.schema.json").read_text(encoding="utf-8")


def test_a_closed_pipe_is_no_fault(home: Path) -> None:
    command = f"set -o pipefail; {sys.executable} -m nncli.cli.main validate configs/residual.yaml | head -1"
    result = subprocess.run(["bash", "-c", command], cwd=home, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_from_python_it_is_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    (summary,) = validate("configs/iris.yaml", overrides=["training.batch_size=full"])
    assert summary == summarize(load_config("configs/iris.yaml", ["training.batch_size=full"]))
    assert (summary.batch_size, summary.steps_per_epoch) == (120, 1)
    with pytest.raises(ConfigError) as caught:
        validate("wrong.yaml", "no_data.yaml")
    assert len(caught.value.problems) == 3
