"""From slots to what stands in front of the first block, and whole trainings with columns of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncli
from nncli.builder.inputs import input_layers
from nncli.config.schema import Config
from nncli.data.slots import Slot
from nncli.engine.embeddings import Code, Embedding, Rectify, Scale
from nncli.engine.layers import Layer
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.penalties import Penalty
from nncli.evaluation import load_run
from nncli.explain import explain_network
from nncli.export.write import export

EDGES = (-1.0, 0.0, 2.0)
SLOTS = (
    Slot("wide", "number", edges=(-1.0, 1.0)),
    Slot("town", "code", levels=10),
    Slot("weekday", "flags", width=2),
    Slot("long", "number", edges=EDGES),
    Slot("shop", "code", levels=3),
)


def layers(slots: tuple[Slot, ...] = SLOTS, **given: Any) -> list[Layer]:
    config = Config.model_validate(
        {"data": {"source": "iris"}, "model": {"input": given, "layers": [{}]}, "regularization": {"l2": 0.1}}
    )
    return list(input_layers(config, slots))


def test_numbers_and_flags_alone_need_no_layer() -> None:
    assert layers((SLOTS[0], SLOTS[2])) == []


def test_a_code_never_goes_in_as_a_number() -> None:
    (embedding,) = layers()
    assert isinstance(embedding, Embedding)
    assert embedding.passed_columns.places == (0, 2, 3, 4)
    assert embedding.code_columns.places == (1, 5)
    assert embedding.codes == (Code(10, 6), Code(3, 3))  # 1.6·10^0.56 = 5.8, 1.6·3^0.56 = 2.96
    assert embedding.penalty == Penalty(l2=0.1)
    assert embedding.width(6) == 4 + 6 + 3
    (embedding,) = layers(embedding_units=8)
    assert isinstance(embedding, Embedding)
    assert embedding.codes == (Code(10, 8), Code(3, 8))


def test_embedded_numbers_go_along_themselves_only_where_the_record_says() -> None:
    (embedding,) = layers(numbers="periodic")
    assert isinstance(embedding, Embedding)
    assert embedding.number_columns.places == (0, 4)
    assert embedding.passed_columns.places == (0, 2, 3, 4)
    embedding, relu = layers(numbers={"name": "linear", "units": 4})
    assert isinstance(embedding, Embedding)
    assert embedding.passed_columns.places == (2, 3)
    assert relu == Rectify(8)


def test_features_with_more_bins_come_behind_those_with_fewer() -> None:
    (embedding,) = layers((SLOTS[3], SLOTS[0]), numbers="piecewise_linear")
    assert isinstance(embedding, Embedding)
    assert embedding.number_columns.places == (1, 0)
    assert embedding.edges == ((-1.0, 1.0), EDGES)


def test_noise_and_dropout_are_behind_the_embedding_and_the_scale_is_last() -> None:
    found = layers(numbers={"name": "periodic", "relu": True}, noise=0.1, dropout=0.2, scale=True)
    assert [type(layer) for layer in found] == [Embedding, Rectify, GaussianNoise, Dropout, Scale]


# -- whole trainings ---------------------------------------------------------------------------------------------------

TABLE = Path("points.csv")
CONFIG = """
data: {path: points.csv, target: y, preprocess: {columns: {town: embedding}}}
model: {layers: [{units: 8, activation: tanh}, {activation: softmax}]}
training: {epochs: 15, batch_size: 16}
optimizer: {name: adam, learning_rate: 0.05}
"""


@pytest.fixture(autouse=True)
def _columns_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is that of the town, which a line through the codes cannot tell."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    numbers, towns, flags = rng.normal(size=(200, 2)), rng.integers(0, 7, 200), rng.integers(0, 2, 200)
    lines = [f"{a},{t},{b},{f},{'xyz'[t % 3]}\n" for (a, b), t, f in zip(numbers, towns, flags, strict=True)]
    TABLE.write_text("a,town,b,flag,y\n" + "".join(lines))
    Path("c.yaml").write_text(CONFIG)


INPUTS = {
    "codes": "{}",
    "periodic": "{numbers: periodic, scale: true}",
    "plr": "{numbers: {name: periodic, phases: false, direct: false, relu: true}, noise: 0.1}",
    "linear": "{numbers: {name: linear, units: 4}, dropout: 0.1}",
    "piecewise linear": "{numbers: {name: piecewise_linear, units: 3, relu: true}, embedding_units: 4}",
}


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
def test_a_training_is_proven_exported_and_tells_towns_apart(given: str) -> None:
    config = nncli.load_config("c.yaml", [f"model.input={given}"])
    assert nncli.check_gradients(config).passed
    run = nncli.train(config)
    assert (nncli.evaluate(run).metrics["accuracy"] or 0) > 0.9
    for file in ("m.onnx", "m.py"):
        pytest.importorskip("onnxruntime")
        found = export(run, Path(file))
        assert found.agreement.largest <= 1e-5
        assert found.agreement.labels == 0


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
def test_shards_and_loops_train_the_same_network(given: str) -> None:
    """Without noise, which each shard draws for itself; loops give the same bits, shards add in another order."""
    pytest.importorskip("numba")
    quiet = ["model.input.noise=0", "model.input.dropout=0"]
    fixed = ["training.precision=float64", "training.epochs=2", "training.kernels=numpy", "training.shards=1"]
    fixed.append("training.batch_size=full")  # in smaller batches, other rows come together
    found = []
    for other in ([], ["training.kernels=numba"], ["training.shards=2"]):
        config = nncli.load_config("c.yaml", [f"model.input={given}", *quiet, *fixed, *other])
        found.append(load_run(nncli.train(config)).weights.theta)
    plain, loops, shards = found
    np.testing.assert_array_equal(loops, plain)
    np.testing.assert_allclose(shards, plain, rtol=1e-9, atol=1e-12)


def test_explain_shows_the_embedding_as_layer_0_and_each_table_by_its_name() -> None:
    shown = explain_network(nncli.load_config("c.yaml", [f"model.input={INPUTS['periodic']}"]), row=2)
    first = shown.walk.layers[0]
    assert (first.number, first.block, first.inputs, first.outputs) == (0, "input", 4, 3 * 3 + 3 + 5)
    names = [quantity.name for quantity in first.parameters]
    assert names == ["table_0", "frequencies", "phases", "W", "b", "scale"]
    table, code = first.parameters[0].values, int(shown.walk.inputs.values[0, 3])
    np.testing.assert_array_equal(first.forward[0].values[0, -5:], table[code])
    gradient = next(quantity for quantity in first.backward if quantity.name == "dC/dtable_0")
    assert [*np.flatnonzero(gradient.values.any(axis=1))] == [code]
