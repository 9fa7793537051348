"""A table of text, gaps, booleans and dates, on its whole way: the same numbers wherever its rows go in."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest

import nncli
from nncli.builder import build
from nncli.errors import ConfigError, DataError
from nncli.evaluation import evaluate
from nncli.export.write import export
from nncli.prediction import predict
from nncli.run import Run

CONFIG = """\
data:
  path: t.csv
  target: price
  drop: [id]
  preprocess: {rare: 5}
model: {layers: [{units: 8, activation: tanh}, {}]}
loss: mse
optimizer: {name: adam, learning_rate: 0.02}
training: {epochs: 15, batch_size: 16}
"""
CLASSES = ("data.target=heating", "data.drop=[id, price]", "model.layers.1.activation=softmax", "loss=cross_entropy")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng, n = np.random.default_rng(0), 150
    area, year = rng.lognormal(4.5, 0.4, n), rng.integers(0, 3, n)
    days = np.datetime64("2022-01-01") + np.sort(rng.integers(0, 900, n)).astype("timedelta64[D]")
    place = rng.choice(["Nord", "Süd", "Ost, alt", 'the "Mill"'], n, p=[0.4, 0.35, 0.23, 0.02])
    frame = pl.DataFrame(
        {
            "id": [f"H{i}" for i in range(n)],
            "area": [None if rng.random() < 0.15 else float(x) for x in area],
            "place": [None if rng.random() < 0.1 else str(x) for x in place],
            "garden": [["true", "false"][int(x)] for x in rng.integers(0, 2, n)],
            "sold": [None if rng.random() < 0.05 else str(day) for day in days],
            "heating": [["gas", "oil", "wood"][int(x)] for x in year],
            "price": area * (1.5 + (place == "Süd")) * 10 + 50 * year + rng.normal(0, 20, n),
        }
    )
    frame.write_csv("t.csv", null_value="NA")
    Path("c.yaml").write_text(CONFIG)


def trained(*overrides: str) -> Run:
    return nncli.train(nncli.load_config("c.yaml", overrides))


def predicted(run: Run, **keywords: bool) -> pl.DataFrame:
    predict(run, Path("t.csv"), Path("p.csv"), **keywords)
    return pl.read_csv("p.csv", infer_schema_length=None)


def columns() -> dict[str, list[str | float | None]]:
    """The table's cells as another program would read them."""
    frame = pl.read_csv("t.csv", null_values="NA", schema_overrides={"garden": pl.Boolean})
    return {name: frame[name].to_list() for name in frame.columns}


ENCODINGS = [
    (),
    ("data.preprocess.numeric=quantile", "data.preprocess.clip=2"),
    ("data.preprocess.numeric=robust", "data.preprocess.clip=3", "data.preprocess.columns={area: log}"),
    ("data.preprocess.target=log", "data.preprocess.numeric=minmax"),
    ("data.preprocess.numeric=none", "training.precision=float64"),
    ("data.preprocess.categorical=embedding", "model.input={numbers: {name: piecewise_linear, bins: 6}, scale: true}"),
    ("data.preprocess.columns={place: embedding}", "model.input.numbers=periodic"),
    CLASSES,
    ("ensemble={members: 3, rows: all}", "data.preprocess.target=log"),
    ("ensemble=3", "data.preprocess.rare=20"),  # of which each member knows other values
]


@pytest.mark.parametrize("overrides", ENCODINGS, ids=lambda overrides: " ".join(overrides) or "by default")
def test_rows_say_the_same_wherever_they_go_in(overrides: tuple[str, ...]) -> None:
    run = trained(*overrides)
    told = predicted(run)
    given = columns()
    export(run, Path("m.onnx"))
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    inputs = {}
    for one in session.get_inputs():
        cells = given[one.name]
        if one.type == "tensor(string)":
            inputs[one.name] = np.array([["" if cell is None else cell] for cell in cells], object)
        elif one.name == "sold":
            days = np.array(cells, "datetime64[s]")
            inputs[one.name] = np.where(np.isnat(days), np.nan, days.astype(float))[:, None]
        else:
            inputs[one.name] = np.array(cells, float)[:, None]
    of_onnx = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))
    export(run, Path("m.py"))
    of_numpy = runpy.run_path("m.py")["predict"](given)
    if overrides == CLASSES:
        assert told["prediction"].to_list() == of_onnx["label"].tolist() == of_numpy["label"].tolist()
        assert len(set(of_onnx["label"])) == 3
        return
    expected = told["prediction"].to_numpy()
    for values in (of_onnx["prediction"][:, 0], of_numpy["prediction"][:, 0]):
        np.testing.assert_allclose(values, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())
    truth = np.array(given["price"])
    r2 = 1 - np.mean((expected - truth) ** 2) / np.var(truth)
    assert evaluate(run, data=Path("t.csv")).metrics["r2"] == pytest.approx(r2, abs=1e-6)


def test_a_network_learns_what_stands_in_text_and_gaps() -> None:
    with_place, without = (
        evaluate(trained(f"data.drop=[{dropped}]", "training.epochs=60"), data=Path("t.csv")).metrics["r2"]
        for dropped in ("id", "id, place")
    )
    assert with_place - without > 0.1, (with_place, without)


def test_figures_of_a_log_target_are_in_its_own_units() -> None:
    evaluation = evaluate(trained("data.preprocess.target=log", "training.epochs=60"), data=Path("t.csv"))
    truth = np.array(columns()["price"])
    assert 0 < evaluation.metrics["rmse"] < truth.std()
    assert evaluation.targets[0].r2 == pytest.approx(1 - evaluation.metrics["rmse"] ** 2 / truth.var(), abs=1e-6)


def test_a_deviation_of_logarithms_is_refused() -> None:
    config = nncli.load_config("c.yaml", ["data.preprocess.target=log", "loss=gaussian_nll"])
    with pytest.raises(ConfigError, match=r"gaussian_nll tells a deviation, .* take `loss: quantile`"):
        build(config)


def test_rows_of_a_group_stay_together_and_the_latest_rows_test() -> None:
    config = nncli.load_config("c.yaml", ["data.split.group=place", "data.drop=[id]", "data.preprocess.rare=1"])
    with pytest.raises(DataError, match=r"column 'place': empty cell; .* the rows are split by 'place'"):
        build(config)
    Path("t.csv").write_text(
        Path("t.csv").read_text().replace(",NA,true", ",Süd,true").replace(",NA,false", ",Süd,false")
    )
    data = build(config).dataset
    assert "place" not in data.preprocessing.features.names
    places = [str(line.split(",")[2]) for line in Path("t.csv").read_text().splitlines()[1:]]
    of_part = [{places[row] for row in part.rows} for part in (data.train, data.validation, data.test) if part]
    assert not of_part[0] & of_part[1]


def test_the_latest_rows_are_the_test_rows_and_the_time_may_be_a_feature_too() -> None:
    Path("t.csv").write_text("\n".join(r for r in Path("t.csv").read_text().splitlines() if r.split(",")[-3] != "NA"))
    config = nncli.load_config("c.yaml", ["data.split.time=sold", "data.features=[area, sold]", "data.drop=[]"])
    data = build(config).dataset
    assert data.preprocessing.features.names == ("area", "sold")
    times = data.train.table.features[:, 1]
    assert times[data.train.rows].max() < times[data.validation.rows].min()
    assert times[data.validation.rows].max() < times[data.test.rows].min()


def test_a_category_of_digits_is_text_if_asked_for_also_in_another_file() -> None:
    rows = "".join(f"{i % 3 + 1},{i},{(i % 3) ** 2}\n" for i in range(60))
    Path("t.csv").write_text("zip,a,price\n" + rows)
    run = trained("data.drop=[]", "data.preprocess.columns={zip: one_hot}", "training.epochs=1")
    fitted = json.loads((run.path / "preprocess.json").read_text())["features"]["groups"][1]
    assert (fitted["name"], fitted["levels"]) == ("zip", ["1", "2", "3"])
    Path("t.csv").write_text("zip,a,price\n3,1,1\n2,5,1\n")
    assert len(predicted(run)) == 2
