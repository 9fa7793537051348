"""What each command loads: importing is most of a short command's time, and a set can be tested where a time cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[2] / "configs"
HEAVY = {"numpy", "scipy", "sklearn", "polars", "pydantic", "matplotlib", "rich", "yaml", "safetensors", "autograd"}
HEAVY |= {"mpi4py", "tensorboard", "mlflow", "google.protobuf", "nncli.trackers.tensorboard", "nncli.trackers.mlflow"}
TYPER = {"pydantic"}
"""What typer itself may load when it reads the arguments of a command."""
CONFIG = {"numpy", "pydantic", "yaml"}

SPY = """
import json, sys
with open("loaded.json", "w") as file:
    code = 0
    try:
        {code}
    except SystemExit as end:
        code = end.code
    json.dump({{"code": code, "modules": sorted(sys.modules)}}, file)
"""

HELPS = """
from nncli.cli.main import app
for command in app.registered_commands:
    try:
        app([command.name, "--help"])
    except SystemExit as end:
        assert not end.code
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    return tmp_path


def loaded_by(code: str, home: Path) -> set[str]:
    """The modules that are loaded when ``code`` has run in a fresh Python."""
    subprocess.run([sys.executable, "-c", SPY.format(code=code)], cwd=home, capture_output=True, check=True)
    found = json.loads((home / "loaded.json").read_text())
    assert found["code"] in (0, None)
    return set(found["modules"])


def loaded_by_command(line: str, home: Path) -> set[str]:
    return loaded_by(f"import nncli.cli.main; sys.argv = {['nncli', *line.split()]}; nncli.cli.main.main()", home)


def test_the_package_loads_nothing_until_it_is_asked_for_something(home: Path) -> None:
    assert not HEAVY & loaded_by("import nncli", home)


def test_help_loads_nothing_heavy(home: Path) -> None:
    """Of one command after the other, in one process: what none of them may load, all together do not."""
    (home / "helps.py").write_text(HELPS)
    loaded = loaded_by("sys.path.insert(0, '.'); import helps", home)
    assert HEAVY & loaded <= TYPER


@pytest.mark.parametrize(
    ("line", "may_load"),
    [
        ("--help", set()),
        ("--version", set()),
        ("runs", CONFIG),
        ("profile configs/digits.yaml --steps 5", CONFIG | {"rich", "scipy"}),  # numba loads scipy
        ("cv configs/iris.yaml --folds 2 training.epochs=2", CONFIG | {"safetensors", "scipy"}),
        ("validate --schema", CONFIG),
        ("sweep --schema", CONFIG),
        ("validate configs/iris.yaml", CONFIG | {"rich"}),
        ("validate configs/iris.yaml --json", CONFIG | {"rich"}),
        ("train configs/iris.yaml training.epochs=2", CONFIG | {"safetensors"}),
        ("train configs/digits.yaml training.epochs=2", CONFIG | {"safetensors"}),
        ("train configs/linnerud.yaml training.epochs=2 metrics=auto", CONFIG | {"safetensors"}),
        ("train configs/penguins.yaml training.epochs=2", CONFIG | {"safetensors", "polars"}),
        ("train configs/diabetes.yaml training.epochs=2 --json", CONFIG | {"safetensors"}),
        ("explain configs/iris.yaml --json", CONFIG | {"rich"}),
        ("explain configs/iris.yaml --html p.html", CONFIG | {"rich"}),
    ],
)
def test_a_command_loads_no_more_than_it_needs(line: str, may_load: set[str], home: Path) -> None:
    assert HEAVY & loaded_by_command(line, home) <= may_load


def test_a_training_loads_the_gradient_check_and_scikit_learn_when_they_are_needed(home: Path) -> None:
    plain = loaded_by_command("train configs/iris.yaml training.epochs=1", home)
    assert not {"nncli.gradcheck.check", "nncli.certify", "nncli.evaluation", "sklearn"} & plain
    proven = loaded_by_command("train configs/moons.yaml training.epochs=1 --gradcheck", home)
    assert {"nncli.gradcheck.check", "nncli.certify", "sklearn"} <= proven


def test_a_run_on_numbers_is_evaluated_without_scikit_learn(home: Path) -> None:
    loaded_by_command("train configs/diabetes.yaml training.epochs=1", home)
    assert HEAVY & loaded_by_command("evaluate latest", home) <= CONFIG | {"safetensors", "rich"}


def test_runs_are_compared_without_scikit_learn_or_matplotlib(home: Path) -> None:
    for _ in range(2):
        loaded_by_command("train configs/diabetes.yaml training.epochs=1", home)
    assert HEAVY & loaded_by_command("runs --sort test_r2", home) <= CONFIG
    assert HEAVY & loaded_by_command("compare runs/diabetes latest", home) <= CONFIG | {"rich", "safetensors"}


def test_from_python_a_training_loads_as_little(home: Path) -> None:
    code = "import nncli; nncli.train(nncli.load_config('configs/penguins.yaml', ['training.epochs=2']))"
    assert HEAVY & loaded_by(code, home) <= CONFIG | {"safetensors", "polars"}


def test_the_estimators_are_loaded_when_they_are_asked_for(home: Path) -> None:
    assert not HEAVY & loaded_by("import nncli", home)
    assert {"sklearn", "nncli.estimator.base"} <= loaded_by("import nncli; nncli.MLPClassifier", home)
    assert not {"polars", "matplotlib", "rich", "safetensors"} & loaded_by(
        "import nncli; nncli.MLPClassifier(epochs=1).fit([[0.0], [1.0]], [0, 1]).predict([[0.0]])", home
    )
