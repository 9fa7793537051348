"""Tables and prepared rows on disk are those that they would be in memory, whatever the blocks they come in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nncli.builder import Place, Tables, build, load_dataset, read_dataset, read_tables
from nncli.config.schema import Config
from nncli.data import delimited, maps
from nncli.data import blocks as blocks_module
from nncli.data.dataset import Dataset, Part, prepare
from nncli.data.preprocess import Preprocessing
from nncli.data.stored import preparing, shuffle
from nncli.errors import ConfigError, DataError

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


TARGETS = ("y", "y2", "kind", "a", "b")


def write(folder: Path, suffix: str) -> str:
    """The table as a file; its name."""
    columns, path = mixed(), folder / f"table{suffix}"
    if suffix == ".npz":
        numbers = np.column_stack([columns[name] for name in ("whole", "y2")]).astype(np.float32)
        targets = {name: np.array(columns[name]) for name in ("y", "kind", "w")}
        np.savez(path, X=numbers, **targets, labels=np.column_stack([columns["a"], columns["b"]]))
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
    if not file.endswith(".npz"):
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
