"""Tables and prepared rows on disk are those that they would be in memory, whatever the blocks they come in."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nncli.builder import Place, Tables, build, load_dataset, read_dataset, read_tables
from nncli.config.schema import Config
from nncli.data import blocks as blocks_module
from nncli.data import delimited, maps, table
from nncli.data.dataset import Dataset, Part, prepare
from nncli.data.preprocess import Preprocessing
from nncli.data.stored import preparing, shuffle
from nncli.errors import DataError

N = 1500
SOFTMAX = {"layers": [{"units": 4, "activation": "relu"}, {"activation": "softmax"}]}
NUMBER = {"layers": [{"units": 4, "activation": "relu"}, {}]}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, pieces and buckets so small that a small table has many of them."""
    monkeypatch.setattr(delimited, "PIECE", 3000)
    monkeypatch.setattr(blocks_module, "ROWS", 64)
    monkeypatch.setattr(maps, "BYTES", 1 << 11)
    monkeypatch.setattr(preparing, "ROWS", 70)
    monkeypatch.setattr(preparing, "CELLS", 600)
    monkeypatch.setattr(shuffle, "BUCKET", 1 << 14)
    monkeypatch.setattr(table, "CHUNK", 1 << 10)


def mixed() -> dict[str, list[Any]]:
    """Numbers with gaps, categories with a late and rare value, dates, truths, weights, and targets of all kinds."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, 3))
    colors = rng.choice(["red", "green", "blue"], N).tolist()
    colors[-3:] = ["ultra"] * 3
    colors[7] = None
    kind = np.where(x[:, 0] + rng.standard_normal(N) / 5 > 0, "yes", "no").tolist()
    kind[5] = kind[900] = kind[901] = "perhaps, later"
    days = (np.datetime64("2020-01-01") + rng.integers(0, 900, N)).tolist()
    days[3] = None
    number = [None if i % 90 == 4 else round(float(v), 5) for i, v in enumerate(x[:, 0])]
    return {
        "number": number,
        "whole": rng.integers(-5, 9, N).tolist(),
        "color": colors,
        "day": days,
        "truth": (x[:, 1] > 0).tolist(),
        "code": [f"{'' if i < 500 else 'k'}{v}" for i, v in enumerate(rng.integers(0, 5, N))],
        "w": (rng.integers(0, 4, N) / 2).tolist(),
        "y": np.round(x[:, 0] * 3 + 100, 4).tolist(),
        "y2": np.round(x[:, 1], 4).tolist(),
        "kind": kind,
        "a": (x[:, 0] > 0).tolist(),
        "b": (x[:, 2] > 0.5).tolist(),
    }


ARRAYS = "arrays"
"""A folder of .npy files."""
TARGETS = ("y", "y2", "kind", "a", "b")


def write(folder: Path, suffix: str) -> str:
    """The table as a file; its name."""
    columns, path = mixed(), folder / f"table{suffix}"
    if suffix == ".npz":
        numbers = np.column_stack([columns[name] for name in ("whole", "y2")]).astype(np.float32)
        targets = {name: np.array(columns[name]) for name in ("y", "kind", "w")}
        np.savez(path, X=numbers, **targets, labels=np.column_stack([columns["a"], columns["b"]]))
    elif suffix == ARRAYS:
        path = folder / ARRAYS
        path.mkdir()
        np.save(path / "X.npy", np.asfortranarray(np.column_stack([columns["whole"], columns["y2"]])))
        np.save(path / "y.npy", np.array(columns["y"]))
        np.save(path / "kind.npy", np.array(columns["kind"]))
    elif suffix == ".parquet":
        pl.DataFrame(columns).write_parquet(path, row_group_size=130)
    else:
        pl.DataFrame(columns).write_csv(path)
    return path.name


def config(folder: Path, file: str, target: Any, **changes: Any) -> Config:
    """A config of that table."""
    numbers = target in ("y", ["y", "y2"])
    loss = "mse" if numbers else "binary_cross_entropy" if isinstance(target, list) or target == "labels" else None
    model = NUMBER if numbers else SOFTMAX if loss is None else {"layers": [{"activation": "sigmoid"}]}
    data = {"path": str(folder / file), "target": target, "stored": True, **changes.pop("data", {})}
    if not file.endswith((".npz", ARRAYS)):
        names = target if isinstance(target, list) else [target]
        data.setdefault("drop", [*(name for name in TARGETS if name not in names), *(["w"] * ("weight" not in data))])
    return Config.model_validate({"data": data, "model": model, **({"loss": loss} if loss else {}), **changes})


def in_memory(config: Config) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update={"stored": False})})


def parts(dataset: Dataset) -> dict[str, Part]:
    found = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    return {name: part for name, part in found.items() if part is not None}


CASES = [
    (".csv", "kind", {}),
    (".csv", "kind", {"data": {"weight": "w"}}),
    (".csv", "y", {"training": {"precision": "float64"}}),
    (".csv", ["y", "y2"], {"data": {"preprocess": {"target": "log", "numeric": "quantile"}}}),
    (".csv", ["a", "b"], {"data": {"preprocess": {"columns": {"code": "one_hot", "color": "embedding"}}}}),
    (".parquet", "kind", {"data": {"weight": "w", "preprocess": {"numeric": "robust"}}}),
    (".parquet", "y", {}),
    (".parquet", ["a", "b"], {}),
    (".npz", "kind", {}),
    (".npz", "y", {"data": {"weight": "w"}}),
    (".npz", "labels", {}),
    (ARRAYS, "kind", {}),
    (ARRAYS, "y", {}),
]


@pytest.mark.parametrize(("suffix", "target", "changes"), CASES)
def test_the_rows_are_those_of_the_table_in_memory(
    tmp_path: Path, suffix: str, target: Any, changes: dict[str, Any]
) -> None:
    """The tables are the same, cell by cell, and so is the fit on the same rows, and every prepared row."""
    asked = config(tmp_path, write(tmp_path, suffix), target, **changes)
    table = read_tables(asked).train
    found = read_dataset(asked, place=Place(beside=tmp_path))
    stored = found.train.table
    assert np.array_equal(stored.features, table.features, equal_nan=True)
    assert np.array_equal(stored.target, table.target)
    assert (stored.features.dtype, stored.target.dtype) == (table.features.dtype, table.target.dtype)
    assert (stored.levels, stored.dates, stored.categorical) == (table.levels, table.dates, table.categorical)
    assert (stored.first_line, stored.feature_names) == (table.first_line, table.feature_names)
    assert found.fingerprint == load_dataset(in_memory(asked), Tables(table)).fingerprint
    rows = np.sort(found.train.rows)
    scaling = asked.data.preprocess.target
    encoding = build(in_memory(asked)).dataset.preprocessing  # of other rows: it lends its form alone
    assert encoding.task == found.task
    fitted = refit(asked, table, rows, scaling)
    assert fitted.to_json() == found.preprocessing.to_json()
    for part in parts(found).values():
        same = prepare(table, fitted, asked.training.precision, part.rows)
        assert np.array_equal(part.inputs, same.inputs)
        assert np.array_equal(part.targets, same.targets)
        assert part.inputs.dtype == same.inputs.dtype
        assert part.targets.dtype == same.targets.dtype


def refit(asked: Config, table: Any, rows: np.ndarray, scaling: str) -> Preprocessing:
    """The preprocessing in memory, fitted on ``rows``."""
    from nncli.builder import feature_encoding
    from nncli.builder.data import asks_for_classes, target_scaling
    from nncli.data.dataset import task_of

    classes = asks_for_classes(asked)
    task = task_of(table, table.categorical if classes is None else classes)
    return Preprocessing.fit(table, rows, task, encoding=feature_encoding(asked), target=target_scaling(asked))


def test_the_parts_have_the_sizes_of_the_split_in_memory_and_each_class_its_share(tmp_path: Path) -> None:
    """Disjoint, together all rows; of 1,500 rows as many each as in memory, and of each class less than two off."""
    asked = config(tmp_path, write(tmp_path, ".csv"), "kind", data={"split": {"validation": 0.2, "test": 0.1}})
    found, other = read_dataset(asked, place=Place(beside=tmp_path)), load_dataset(in_memory(asked))
    rows = {name: part.rows for name, part in parts(found).items()}
    assert {name: len(some) for name, some in rows.items()} == {"train": 1050, "validation": 300, "test": 150}
    assert np.array_equal(np.sort(np.concatenate([*rows.values()])), np.arange(N))
    for name, part in parts(found).items():
        mine, theirs = (np.bincount(p.targets, minlength=3) for p in (part, parts(other)[name]))
        assert abs(mine - theirs).max() <= 1, name
    assert not np.array_equal(np.sort(rows["train"]), rows["train"])  # they lie in a random order
    assert all(np.array_equal(np.sort(rows[name]), rows[name]) for name in ("validation", "test"))


def test_rows_that_are_not_shuffled_follow_one_another(tmp_path: Path) -> None:
    asked = config(tmp_path, write(tmp_path, ".csv"), "y", data={"split": {"shuffle": False}})
    found = read_dataset(asked, place=Place(beside=tmp_path))
    rows = np.concatenate([np.sort(part.rows) for part in parts(found).values()])
    assert np.array_equal(rows, np.arange(N))


def test_own_files_for_the_parts_are_read_as_the_training_table_is(tmp_path: Path) -> None:
    file = write(tmp_path, ".csv")
    lines = (tmp_path / file).read_text().splitlines()
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[-120:]]))  # the codes are letters alone
    asked = config(tmp_path, file, "kind", data={"test_path": str(tmp_path / "test.csv"), "split": {"validation": 0}})
    found, other = read_dataset(asked, place=Place(beside=tmp_path)), load_dataset(in_memory(asked))
    assert (len(found.train), found.validation) == (N, None)
    assert found.test is not None
    assert other.test is not None
    assert np.array_equal(found.test.inputs, other.test.inputs)
    assert found.fingerprint == other.fingerprint


def test_rows_weigh_what_they_weigh_in_memory(tmp_path: Path) -> None:
    """By class and by column together."""
    changes = {
        "data": {"weight": "w", "split": {"test": 0}},
        "loss": {"name": "cross_entropy", "class_weight": "balanced"},
    }
    asked = config(tmp_path, write(tmp_path, ".csv"), "kind", **changes)
    experiment = build(asked, place=Place(beside=tmp_path))
    part = experiment.dataset.train
    same = prepare(read_tables(asked).train, experiment.dataset.preprocessing, "float32", part.rows)
    weights = experiment.weighing.weights(same)
    assert weights is not None
    assert experiment.train.weights is not None
    np.testing.assert_allclose(experiment.train.weights, weights, rtol=1e-6)
    assert np.isclose(experiment.train.weights.mean(), 1)


def test_more_rows_than_the_fit_takes_are_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of 400 of 1,050 rows is that of all to within four of its standard errors, and not the same."""
    monkeypatch.setattr(preparing, "SAMPLE_ROWS", 400)
    asked = config(tmp_path, write(tmp_path, ".csv"), "y")
    found = read_dataset(asked, place=Place(beside=tmp_path))
    assert found.cache is not None
    assert found.cache.fitted_on == 400
    scaling = found.preprocessing.target
    values = found.train.values(("y",))
    assert 0 < abs(scaling.shift[0] - values.mean()) < 4 * values.std() / 20  # type: ignore[union-attr]


def test_a_sample_has_every_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of three rows."""
    monkeypatch.setattr(preparing, "SAMPLE_ROWS", 20)
    asked = config(tmp_path, write(tmp_path, ".csv"), "kind", data={"preprocess": {"rare": 1}})
    found = read_dataset(asked, place=Place(beside=tmp_path))
    assert found.preprocessing.to_json()["target"]["classes"] == ["no", "perhaps, later", "yes"]


def test_ten_times_the_rows_take_no_more_memory_of_arrays(tmp_path: Path) -> None:
    """Both have more cells than a bucket, a block and a piece, and a fit on all of their rows."""

    def peak(n: int) -> int:
        folder = tmp_path / f"{n}"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        np.save(folder / "X.npy", rng.standard_normal((n, 20)))
        np.save(folder / "y.npy", rng.standard_normal(n))
        asked = config(tmp_path, folder.name, "y", data={"drop": []})
        tracemalloc.start()
        read_dataset(asked, place=Place(beside=tmp_path))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    # what the interpreter itself needs once, such as a larger table of its strings, it has the second time
    few, many = (min(peak(n), peak(n)) for n in (1_000, 10_000))
    places = 9_000 * 16  # bytes of where each row of the fit stands: in the table, and among themselves
    assert many < few + places + 9_000 * 20 * 8 / 10


def tiny(folder: Path) -> Config:
    (folder / "t.csv").write_text("x,z,kind\n" + "".join(f"{i % 7},{i},{'ab'[i % 2]}\n" for i in range(60)))
    return Config.model_validate(
        {"data": {"path": str(folder / "t.csv"), "target": "kind", "stored": True}, "model": SOFTMAX}
    )


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


DAMAGE: list[tuple[Callable[[Path], object], str | None]] = [
    (lambda cache: edit(cache / "contents.json", lambda c: c.pop("tables")), "not whole: 'tables' is not there"),
    (lambda cache: edit(cache / "contents.json", lambda c: c["tables"]["train"].update(levels=3)), "not whole: "),
    (lambda cache: edit(cache / "contents.json", lambda c: c.update(parts={"train": "none"})), "not whole: 'none'"),
    (lambda cache: edit(cache / "contents.json", lambda c: c.update(files={})), "not whole: 'features' is not there"),
    (lambda cache: (cache / "contents.json").write_text("[" * 10**6), "not whole: "),
    (lambda cache: link(cache / "train" / "inputs.npy"), "not whole: it is a link"),
    (lambda cache: (cache / "train" / "another.npy").touch(), None),
    (lambda cache: np.save(cache / "tables" / "train" / "weights.npy", np.zeros(60)), None),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE)
def test_whatever_is_wrong_with_prepared_rows_they_are_made_anew_and_what_is_not_listed_is_not_read(
    damage: Callable[[Path], object], told: str | None, tmp_path: Path
) -> None:
    asked, place = tiny(tmp_path), Place(tmp_path)
    before = {name: part.inputs.copy() for name, part in parts(read_dataset(asked, place=place)).items()}
    damage(tmp_path / "cache")
    dataset = read_dataset(asked, place=place)
    assert dataset.cache is not None
    if told is None:
        assert dataset.cache.told == ""
    else:
        assert dataset.cache.told.startswith(f"the prepared rows are made anew: {tmp_path / 'cache'}: {told}")
    assert dataset.train.table.weights is None
    for name, part in parts(dataset).items():
        np.testing.assert_array_equal(part.inputs, before[name])


def test_rows_of_other_data_than_those_of_the_run_are_not_kept_in_it(tmp_path: Path) -> None:
    asked, place, file = tiny(tmp_path), Place(tmp_path), tmp_path / "t.csv"
    rows = file.read_bytes()
    trained_on = read_dataset(asked, place=place).fingerprint
    (tmp_path / "environment.json").write_text(json.dumps({"data": trained_on}))
    shutil.rmtree(tmp_path / "cache")
    file.write_bytes(rows + rows.splitlines(keepends=True)[1])
    assert read_dataset(asked, place=place).fingerprint != trained_on  # whoever asked says so
    assert not (tmp_path / "cache").exists()
    file.write_bytes(rows)
    assert read_dataset(asked, place=place).fingerprint == trained_on
    assert (tmp_path / "cache").exists()
    edit(tmp_path / "environment.json", lambda made_in: made_in.update(data="other"))
    dataset = read_dataset(asked, place=place)
    assert dataset.cache is not None
    assert dataset.cache.told.endswith(f"{tmp_path / 'cache'}: they were made of other data")


def test_all_numbers_that_are_no_class_are_named_as_they_are_in_memory(tmp_path: Path) -> None:
    asked = tiny(tmp_path)
    labels = ["1.5" if i in (7, 300, 301, 777) else str(i % 2) for i in range(900)]
    (tmp_path / "t.csv").write_text("x,kind\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    with pytest.raises(DataError) as memory:
        read_dataset(in_memory(asked))
    with pytest.raises(DataError) as disk:
        read_dataset(asked, place=Place(beside=tmp_path))
    assert disk.value.problems == memory.value.problems
    assert [problem.where for problem in disk.value.problems] == [
        f"t.csv line {i + 2}, column 'kind'" for i in (7, 300, 301, 777)
    ]
