"""Runs side by side: only what differs, the better marked where figures compare, and why where they do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nncli import Run, compare, load_config, train
from nncli.errors import NncliError
from nncli.seeing.comparison import Comparison, Figure, draw_comparison
from nncli.seeing.sheets import sheets

CONFIGS = Path(__file__).parents[2] / "configs"
SHORT = ["training.epochs=4", "data.split.validation=0.2", "data.split.seed=5"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs, by name: what is changed in each."""
    home = tmp_path_factory.mktemp("compared")
    for name, config, changes in (
        ("a", "iris", []),
        ("wide", "iris", ["model.layers.0.units=32", "seed=1"]),
        ("sgd", "iris", ["optimizer={name: sgd, learning_rate: 0.1}"]),
        ("deep", "iris", ["model.layers=[{units: 16, activation: tanh}, {units: 8}, {activation: softmax}]"]),
        ("early", "iris", ["training.early_stopping={patience: 2}"]),
        ("seeded", "iris", ["data.split.seed=6"]),
        ("smooth", "iris", ["loss={name: cross_entropy, label_smoothing: 0.1}"]),
        ("debug", "iris", ["training.overfit_batches=1"]),
        ("two", "iris", ["ensemble={members: 2, rows: all}"]),
        ("wine", "wine", []),
    ):
        train(load_config(CONFIGS / f"{config}.yaml", [*SHORT, *changes]), directory=home / name)
    return home


def compared(home: Path, *names: str) -> Comparison:
    return compare([home / name for name in names])


def figures(comparison: Comparison) -> dict[str, Figure]:
    return {figure.name: figure for figure in comparison.figures}


def test_only_what_differs_is_told(home: Path) -> None:
    comparison = compared(home, "a", "wide")
    assert comparison.config == {"seed": {"a": 0, "wide": 1}, "model.layers.0.units": {"a": 16, "wide": 32}}
    assert comparison.environment == {}
    assert comparison.notes == ()
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_key_that_one_lacks_has_no_value(home: Path) -> None:
    config = compared(home, "a", "sgd").config
    assert config["optimizer.name"] == {"a": "adam", "sgd": "sgd"}
    assert config["optimizer.beta1"] == {"a": 0.9}
    assert config["optimizer.momentum"] == {"sgd": 0.0}
    assert {key.partition(".")[0] for key in config} == {"optimizer"}


def test_the_last_blocks_stand_side_by_side_and_one_that_only_one_has_is_told_by_what_is_said_of_it(home: Path) -> None:
    assert compared(home, "a", "deep").config == {"model.layers.1.units": {"deep": 8}}


def test_what_is_null_in_one_is_told_by_what_the_other_has(home: Path) -> None:
    config = compared(home, "early", "a").config
    assert {*config} == {
        f"training.early_stopping.{key}" for key in ("monitor", "mode", "patience", "min_delta", "restore_best")
    }
    assert config["training.early_stopping.patience"] == {"early": 2}


def test_figures_are_those_of_the_summaries_and_the_best_are_marked(home: Path) -> None:
    names = ("a", "wide", "sgd", "deep")
    comparison = compared(home, *names)
    summaries = {name: json.loads((home / name / "summary.json").read_text()) for name in names}
    found = figures(comparison)
    for metric in ("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"):
        values = {name: summary["metrics"][metric] for name, summary in summaries.items()}
        best = (min if metric.endswith("loss") else max)(values.values())
        assert found[metric].values == values
        assert found[metric].better == tuple(name for name, value in values.items() if value == best)
    assert found["parameters"].values == {name: summary["parameters"] for name, summary in summaries.items()}
    assert found["parameters"].better == found["epochs"].better == ()
    assert len(found["seconds"].better) == 1


def test_ties_mark_all(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "a", tmp_path / "b")
    found = figures(compare([home / "a", tmp_path / "b"]))
    assert found["test_accuracy"].better == ("a", "b")


@pytest.mark.parametrize(
    ("names", "note", "unmarked", "marked"),
    [
        (
            ("a", "wine"),
            "the runs had different data: their scores do not compare",
            {"test_accuracy", "test_loss", "validation_loss", "seconds"},
            set(),
        ),
        (
            ("a", "seeded"),
            "the test rows are not the same (seed): test figures do not compare; the same data.split.seed keeps them",
            {"test_accuracy", "test_loss", "validation_accuracy"},
            {"seconds"},
        ),
        (
            ("a", "smooth"),
            "the losses are different functions, which do not compare",
            {"test_loss", "validation_loss"},
            {"test_accuracy", "seconds"},
        ),
        (
            ("a", "debug"),
            "the validation rows are not the same (training.overfit_batches): validation figures do not compare",
            {"validation_loss", "validation_accuracy"},
            {"test_loss", "test_accuracy"},
        ),
    ],
)
def test_what_does_not_compare_is_said_and_not_marked(
    names: tuple[str, ...], note: str, unmarked: set[str], marked: set[str], home: Path
) -> None:
    comparison = compared(home, *names)
    found = figures(comparison)
    assert note in comparison.notes
    assert all(not found[name].better for name in unmarked)
    assert all(found[name].better for name in marked)


def test_a_run_whose_data_are_not_told_compares_with_none(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "wide", tmp_path / "b")
    (tmp_path / "b/environment.json").write_text("{")
    comparison = compare([home / "a", tmp_path / "b"])
    assert comparison.notes == ("of some runs it is not told which data they had: their scores do not compare",)
    assert not any(figure.better for figure in comparison.figures)
    assert comparison.environment["data (SHA-256)"].keys() == {"a"}


def test_another_machine_is_told_and_seconds_do_not_compare(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "wide", tmp_path / "b")
    made_in = json.loads((tmp_path / "b/environment.json").read_text())
    made_in["processor"], made_in["packages"]["numpy"] = "Z80", "1.0"
    (tmp_path / "b/environment.json").write_text(json.dumps(made_in))
    comparison = compare([home / "a", tmp_path / "b"])
    assert {key: row["b"] for key, row in comparison.environment.items()} == {"processor": "Z80", "numpy": "1.0"}
    assert figures(comparison)["seconds"].better == ()
    assert figures(comparison)["test_loss"].better


def test_an_ensemble_takes_part_with_the_mean_of_its_members(home: Path) -> None:
    comparison = compared(home, "a", "two")
    members = [Run(home / "two").member(i).metrics.numbers()["validation_loss"] for i in (0, 1)]
    assert np.array_equal(comparison.curves["two"].values, (members[0] + members[1]) / 2)
    assert comparison.charted == "validation_loss"
    assert comparison.best_epochs["two"] is None
    assert comparison.notes == ()
    assert figures(comparison)["validation_loss"].better
    assert comparison.config["ensemble.members"] == {"two": 2}


def test_the_curve_of_an_ensemble_ends_with_its_first_member(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "two", tmp_path / "b")
    table = tmp_path / "b/members/1/metrics.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:3]))
    assert len(compare([home / "a", tmp_path / "b"]).curves["b"].epochs) == 2


def test_one_that_has_not_ended_takes_part_and_says_so(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "wide", tmp_path / "b")
    (tmp_path / "b/summary.json").write_text('{"status": "running"}')
    comparison = compare([home / "a", tmp_path / "b"])
    assert "b is killed after 4 epochs" in comparison.notes
    last = Run(tmp_path / "b").metrics.numbers()["validation_loss"][-1]
    assert figures(comparison)["validation_loss"].values["b"] == last
    assert "a debugging run" in " ".join(compared(home, "a", "debug").notes)


def test_names_are_as_long_as_it_takes(home: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(home / "a", tmp_path / "sweep/a")
    assert [*compare([home / "a", tmp_path / "sweep/a"]).runs] == [f"{home.name}/a", "sweep/a"]


def test_which_runs_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    Path("link").symlink_to("a")
    cases: list[tuple[Sequence[str], list[str]]] = [
        (["a"], ["nncli compare: takes two runs or more; nncli runs lists them"]),
        (["a", "a"], ["a: is named twice; name each run once"]),
        (["a", "link"], ["link: is the same run as a; name another one"]),
        (
            ["nowhere", "a", "wid"],
            ["nowhere: no such run; name a run's directory, or latest", "wid: no such run; did you mean wide?"],
        ),
    ]
    for runs, says in cases:
        with pytest.raises(NncliError) as refused:
            compare(runs)
        assert [*map(str, refused.value.problems)] == says, runs


def test_a_link_among_the_runs_of_a_folder_is_left_out(home: Path, tmp_path: Path) -> None:
    for name in ("a", "wide"):
        (tmp_path / name).mkdir()
        for file in ("config.yaml", "summary.json", "environment.json", "metrics.csv"):
            (tmp_path / name / file).write_bytes((home / name / file).read_bytes())
    (tmp_path / "latest").symlink_to("wide")
    assert [*compare(sorted(tmp_path.iterdir())).runs] == ["a", "wide"]


def test_the_picture_is_of_as_many_as_can_be_told_apart(home: Path) -> None:
    everyone = compared(home, "a", "wide", "sgd", "deep", "early", "seeded", "smooth", "debug", "two")
    assert len(everyone.curves) == 8
    picture = draw_comparison(everyone)
    assert picture is not None
    assert picture.figure.get_suptitle() == "the first 8 runs of 9"
    drawn = {text.get_text() for text in picture.figure.axes[0].get_legend().get_texts()}
    assert drawn == {"a", "wide", "sgd", "deep", "early", "seeded", "smooth", "debug"}


def test_sheets_say_what_the_comparison_does(home: Path) -> None:
    comparison = compared(home, "a", "sgd")
    config, environment, scores = sheets(comparison)
    rows = {key: [*map(str, cells)] for key, cells in config.rows}
    assert rows["optimizer.beta1"] == ["0.9", "–"]
    assert environment.rows == ()
    marks = {key: [cell.better for cell in cells] for key, cells in scores.rows}
    for figure in comparison.figures:
        assert marks[figure.name] == [name in figure.better for name in ("a", "sgd")]
