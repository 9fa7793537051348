"""``nncli init``: what it sees in a table, and that the config that it writes trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

import nncli
from nncli.builder import build
from nncli.cli.main import app
from nncli.config.loader import config_of
from nncli.errors import DataError
from nncli.starter import draft
from nncli.starter.recipe import RECIPES, Recipe
from nncli.starter.written import write as write_config

N = 120


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def columns(**changes: object) -> dict[str, object]:
    """A table with nothing odd about it."""
    rng = np.random.default_rng(0)
    size, color = rng.normal(50, 10, N), rng.choice(["red", "blue", "green"], N)
    plain = {"size": size, "color": color, "weight": rng.lognormal(0, 1, N)}
    price = size * 3 + 20 * (color == "red") + rng.normal(0, 5, N)
    return {**plain, "kind": np.where(price > 150, "dear", "cheap"), "price": price} | changes


def write(name: str = "t.csv", **changes: object) -> Path:
    given = {key: value for key, value in columns(**changes).items() if value is not None}
    pl.DataFrame(given).write_csv(name)
    return Path(name)


def dropped(target: str = "price", **changes: object) -> dict[str, str]:
    return {column.name: column.why for column in draft(write(**changes), target).findings.dropped}


def test_a_plain_table_keeps_its_columns() -> None:
    assert dropped() == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": [f"P{i}" for i in range(N)]}, "is another text in every row, as a name or an id"),
        ({"id": [*range(1000, 1000 + N)]}, "counts the rows, as an id"),
        ({"id": [f"P{i // 2}" for i in range(N)]}, "is text of which no value stands in 3 rows"),
        ({"id": ["x"] * N}, "is 'x' in every row"),
        ({"id": [None] * N}, "is empty"),
        ({"id": columns()["price"]}, "is 'price' in another unit: it would not be known beforehand"),
        ({"id": columns()["price"] * 1.19}, "is 'price' in another unit: it would not be known beforehand"),
    ],
)
def test_a_column_that_cannot_help_is_left_out_with_its_reason(change: dict[str, object], why: str) -> None:
    assert dropped(**change) == {"id": why}


def test_a_column_that_says_the_class_in_other_words_is_left_out() -> None:
    code = [{"dear": "D", "cheap": "C"}[str(kind)] for kind in columns()["kind"]]
    assert dropped("kind", code=code) == {"code": "says the same as 'kind': it would not be known beforehand"}


def test_gaps_alone_make_no_column_useless() -> None:
    sometimes = ["yes" if i % 3 else None for i in range(N)]  # one value, but its absence may tell
    found = draft(write(sometimes=sometimes), "price")
    assert found.findings.gaps == {"sometimes": 40}
    assert "missing: impute  # 40 gaps in 1 column" in found.text


@pytest.mark.parametrize(
    ("target", "asked", "task", "why"),
    [
        (["a", "b", "c"], None, "classification", "3 different values, not numbers"),
        ([1, 2, 3], None, "classification", "3 whole numbers; if they are quantities: nncli init --task regression"),
        ([1, 2, 3], "regression", "regression", "as asked for"),
        ([0.5, 1.5, 2.5], None, "regression", "3 different numbers"),
        ([*range(20)], None, "regression", "20 different numbers"),
        ([*range(20)], "classification", "classification", "as asked for"),
        (["true", "false"], None, "classification", "2 different values, not numbers"),
    ],
)
def test_the_task_is_seen_from_the_target(target: list[object], asked: object, task: str, why: str) -> None:
    file = write(price=None, kind=None, y=[target[i % len(target)] for i in range(N)])
    found = draft(file, "y", task=asked).findings  # type: ignore[arg-type]
    assert (found.task, found.why_task) == (task, why)
    Path("c.yaml").write_text(draft(file, "y", task=asked).text)  # type: ignore[arg-type]
    assert build(nncli.load_config("c.yaml")).dataset.task == task


def labels(**changes: object) -> Path:
    """A table with labels of both ways to write them."""
    price = np.asarray(columns()["price"])
    dear, large = (price > 150).astype(int), np.where(price > 170, "True", "False")
    return write(**{"price": None, "kind": None, "dear": dear, "large": large, **changes})


def test_several_targets_of_two_answers_each_are_labels() -> None:
    found = draft(labels(), ["dear", "large"])
    assert (found.findings.task, found.findings.targets) == ("multilabel", ("dear", "large"))
    assert found.findings.why_task == "each is 0 or 1, or true or false"
    config = config_of(yaml.safe_load(found.text))
    assert config.data.target == ["dear", "large"]
    dataset = build(config).dataset
    assert dataset.task == "multilabel"
    assert dataset.preprocessing.features.names == ("size", "color", "weight")


def test_labels_are_learned() -> None:
    Path("c.yaml").write_text(draft(labels(), ["dear", "large"]).text)
    run = nncli.train(nncli.load_config("c.yaml"))
    assert (nncli.evaluate(run).metrics["hamming_loss"] or 0) < 0.2


@pytest.mark.parametrize(
    ("first", "second", "asked", "task", "why"),
    [
        ([0, 1], [1, 0, 0], None, "multilabel", "each is 0 or 1, or true or false"),
        ([0, 1], [1, 0, 0], "classification", "multilabel", "as asked for"),
        ([0, 1], [1, 0, 0], "regression", "regression", "as asked for"),
        ([0, 1], [0.5, 2, 7], "regression", "regression", "as asked for"),
        ([1, 2, 3], [0.5, 2], None, "regression", "each holds numbers"),
        (["true", "false"], ["FALSE", "True", "true"], None, "multilabel", "each is 0 or 1, or true or false"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_task_is_seen_from_all_targets(
    first: list[object], second: list[object], asked: object, task: str, why: str, suffix: str
) -> None:
    table = {"size": columns()["size"], "a": (first * N)[:N], "b": (second * N)[:N]}
    frame = pl.DataFrame(table)
    frame.write_csv("t.csv") if suffix == "csv" else frame.write_parquet("t.parquet")
    found = draft(Path(f"t.{suffix}"), ["a", "b"], task=asked)  # type: ignore[arg-type]
    assert found.findings.task == task
    assert found.findings.why_task == why


def test_booleans_of_a_parquet_file_are_labels() -> None:
    table = pl.DataFrame({"size": columns()["size"], "a": [True, False] * 60, "b": [1, 0, 0] * 40})
    table.write_parquet("t.parquet")
    found = draft(Path("t.parquet"), ["a", "b"])
    assert build(config_of(yaml.safe_load(found.text))).dataset.task == found.findings.task == "multilabel"


def test_a_leak_of_any_target_is_left_out() -> None:
    answers = np.asarray([i % 3 == 0 for i in range(N)])
    found = draft(labels(large=answers.astype(int), code=np.where(answers, "Y", "N")), ["dear", "large"]).findings
    assert [(c.name, c.why) for c in found.dropped] == [
        ("code", "says the same as 'large': it would not be known beforehand")
    ]
    price = np.asarray(columns()["price"])
    found = draft(write(kind=None, also=price[::-1].copy(), net=price[::-1] / 1.19), ["price", "also"]).findings
    assert [(c.name, c.why) for c in found.dropped] == [
        ("net", "is 'also' in another unit: it would not be known beforehand")
    ]


def test_several_numbers_are_a_regression_that_trains() -> None:
    Path("c.yaml").write_text(draft(write(kind=None), ["price", "size"], path="t.csv").text)
    config = nncli.load_config("c.yaml", ["training.epochs=2"])
    assert config.data.target == ["price", "size"]
    assert build(config).dataset.preprocessing.target.names == ("price", "size")  # type: ignore[union-attr]
    assert nncli.train(config).read_json("summary.json")["epochs"] == 2


def test_labels_of_which_little_can_be_said_are_noted() -> None:
    never, seldom = [int(i == 5) for i in range(N)], [int(i % 15 == 1) for i in range(N)]
    found = draft(labels(dear=never, large=seldom), ["dear", "large"]).findings
    assert found.notes == (
        "fewer than 3 rows differ from all others in the label dear: nothing can be said of it",
        "more than 90% of the rows have the same answer for the label large: accuracy says little of it, look at "
        "f1_macro",
    )
    assert found.smallest == 1


def test_recipes_of_labels_are_compared_by_their_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "multilabel", (replace(RECIPES["multilabel"][0], steps=20, widths=(4,)),))
    note = draft(labels(), ["dear", "large"], minutes=0).findings.notes[-1]
    assert note.startswith("mean loss of 1 fold of 5 by cross-validation: dropout 0.")


@pytest.mark.parametrize("recipe", RECIPES["multilabel"], ids=lambda recipe: recipe.name)
def test_every_recipe_of_labels_is_a_config_that_builds(recipe: Recipe) -> None:
    config = config_of(
        yaml.safe_load(write_config(draft(labels(), ["dear", "large"]).findings, recipe, 1, "t.csv", test=0.15))
    )
    assert config.loss.name == "binary_cross_entropy"
    assert build(config).dataset.task == "multilabel"


def test_oddities_are_noted() -> None:
    rare = ["odd" if i == 5 else "usual" for i in range(N)]
    notes = draft(write(kind=rare), "kind").findings.notes
    assert notes[0].startswith("fewer than 3 rows have the class odd")
    assert notes[1].startswith("99% of the rows are of one class: whoever always says 'usual' is right as often")
    table = columns()
    twice = {name: [*values[: N // 2], *values[: N // 2]] for name, values in table.items()}  # type: ignore[index]
    assert draft(write(**twice), "price").findings.notes[0].startswith("60 rows are the same as another")
    days = [str(np.datetime64("2024-01-01") + i // 2) for i in range(N)]
    assert "split by time: data.split.time: day" in draft(write(day=days), "price").findings.notes[0]
    wide = np.exp(np.random.default_rng(0).normal(0, 3, N))
    assert "data.preprocess.target: log may serve better" in draft(write(price=wide), "price").findings.notes[0]


def test_rows_without_a_target_are_named_by_line() -> None:
    price = [None if i in (3, 7) else float(i) for i in range(N)]
    with pytest.raises(DataError, match=r"2 rows without a target: t\.csv line 5, t\.csv line 9; delete them"):
        draft(write(price=price), "price")


def test_a_table_of_nothing_but_ids_is_refused() -> None:
    pl.DataFrame({"id": [f"P{i}" for i in range(N)], "y": [i % 2 for i in range(N)]}).write_csv("t.csv")
    with pytest.raises(DataError, match="no column is left to learn from; each was left out: id is another text"):
        draft(Path("t.csv"), "y")


def test_a_column_of_many_values_has_an_embedding() -> None:
    found = draft(write(shop=[f"shop {i % 40}: no, yes" for i in range(N)] * 1), "price")
    assert found.findings.embedded == ()
    big = {name: np.tile(values, 3) for name, values in columns().items()}  # type: ignore[arg-type]
    big["shop"] = [f"shop {i % 60}: no, yes" for i in range(3 * N)]
    pl.DataFrame(big).write_csv("t.csv")
    assert draft(Path("t.csv"), "price").findings.embedded == ("shop",)


NASTY = 'a: "b" # c,\ttab'


def test_several_targets_may_be_called_anything() -> None:
    table = {"size": columns()["size"], NASTY: columns()["price"], "[no]\n- x": columns()["weight"]}
    pl.DataFrame(table).write_csv("t.csv")
    text = draft(Path("t.csv"), [NASTY, "[no]\n- x"]).text
    assert yaml.safe_load(text)["data"]["target"] == [NASTY, "[no]\n- x"]
    assert text.startswith('# Regression of \'a: "b" # c,')


def test_what_it_writes_trains_whatever_the_columns_are_called() -> None:
    table = {NASTY: columns()["size"], "no": columns()["color"], "12": columns()["price"], "kind\n- x": ["u"] * N}
    pl.DataFrame(table).write_csv("t.csv")
    Path("c.yaml").write_text(draft(Path("t.csv"), "12", path="t.csv").text)
    config = nncli.load_config("c.yaml", ["training.epochs=2"])
    assert config.data.drop == ["kind\n- x"]
    experiment = build(config)
    assert experiment.dataset.preprocessing.features.names == (NASTY, "no")
    assert nncli.train(config).read_json("summary.json")["epochs"] == 2


def test_the_command_writes_a_config_that_is_good_and_refuses_to_overwrite() -> None:
    Path("made").mkdir()
    write("t.csv")
    runner = CliRunner()
    result = runner.invoke(app, ["init", "t.csv", "--target", "kind", "-o", "made/c.yaml"], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.startswith("made/c.yaml: classification of 'kind' (2 different values, not numbers), 120 rows")
    assert "train it with: nncli train made/c.yaml" in result.output
    assert nncli.load_config("made/c.yaml").data.path == "../t.csv"
    run = nncli.train(nncli.load_config("made/c.yaml"))
    assert (nncli.evaluate(run).metrics["accuracy"] or 0) > 0.8
    with pytest.raises(nncli.NncliError, match="exists already; take another name with -o, or --overwrite"):
        runner.invoke(app, ["init", "t.csv", "--target", "kind", "-o", "made/c.yaml"], catch_exceptions=False)


def test_tuning_takes_the_recipe_of_the_best_mean_and_says_what_the_others_had(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"steps": 60, "widths": (8,)}
    good, bad = (replace(RECIPES["regression"][0], name=name, **few) for name in ("good", "bad"))
    bad = replace(bad, optimizer={"name": "adam", "learning_rate": 1e-9})  # it learns nothing
    monkeypatch.setitem(RECIPES, "regression", (bad, good))
    told = []
    found = draft(write(), "price", minutes=5, tried=lambda *said: told.append(said))
    assert found.recipe is good
    assert [(name, fold) for name, _, fold in told] == [(name, i) for i in range(1, 6) for name in ("bad", "good")]
    means = {name: np.mean([score for other, score, _ in told if other == name]) for name in ("good", "bad")}
    assert found.findings.notes[-1] == (
        f"mean loss of 5 folds of 5 by cross-validation: good {means['good']:.4f}, bad {means['bad']:.4f}"
    )
    assert means["good"] < 0.5 < means["bad"]


def test_tuning_stops_when_its_time_is_up_but_not_before_the_first_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "regression", (replace(RECIPES["regression"][0], steps=20, widths=(4,)),))
    assert "loss of 1 fold of 5" in draft(write(), "price", minutes=0).findings.notes[-1]


def test_tuning_never_sees_the_test_rows_and_each_fold_once() -> None:
    file = write()
    parts = []
    for number in range(5):
        content = yaml.safe_load(draft(file, "price", path=str(file.resolve())).text)
        content["data"]["split"]["fold"] = {"of": 5, "number": number}
        parts.append(build(config_of(content)).dataset)
    test = set(parts[0].test.rows.tolist())
    folds = [set(part.validation.rows.tolist()) for part in parts]
    assert [set(part.test.rows.tolist()) for part in parts] == [test] * 5
    assert sorted([*test, *(row for fold in folds for row in fold)]) == [*range(N)]
    for part, fold in zip(parts, folds, strict=True):
        assert not set(part.train.rows.tolist()) & (fold | test)


def test_a_little_text_among_the_numbers_of_a_target_is_a_mistake_and_no_class() -> None:
    price = ["NA" if i in (3, 9) else f"{i}.5" for i in range(N)]
    with pytest.raises(
        DataError, match=r"2 cells among its numbers are text: 'NA' in t\.csv line 5, 'NA' in t\.csv line 11"
    ):
        draft(write(price=price), "price")
    assert draft(write(price=price), "price", task="classification").findings.task == "classification"
