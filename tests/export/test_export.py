"""What is exported says what the run says: every activation, every layer, every task, in ONNX and in plain NumPy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import nncli
from nncli.engine import activations
from nncli.errors import NncliError
from nncli.evaluation import load_run
from nncli.export import onnx_file
from nncli.export.check import compare, expected, rows_of
from nncli.export.write import export
from nncli.run import Run

CONFIG = """\
data: {path: points.csv, target: y}
model:
  layers:
    - {units: 4, activation: tanh}
    - {activation: softmax}
training: {epochs: 3, batch_size: 16}
"""
REGRESSION = ("data.target=z", "data.drop=[y]", "model.layers.1.activation=identity")
LAYERS = (
    "model.layers=[{{units: 4, activation: tanh, {}}}, {{units: 5, activation: relu, {}}}, {{activation: softmax}}]"
)

NETWORKS: dict[str, tuple[str, ...]] = {
    "text classes": (),
    "whole numbers as classes": ("data.target=code", "data.drop=[y]"),
    "two classes by one output": ("data.target=two", "model.layers.1.activation=sigmoid", "loss=binary_cross_entropy"),
    "two text classes by two outputs": ("data.target=side",),
    "two classes by a margin": ("data.target=two", "model.layers.1.activation=identity", "loss=hinge"),
    "labels": (
        "data={source: {name: multilabel, n_samples: 80}}",
        "model.layers.1.activation=sigmoid",
        "loss=binary_cross_entropy",
    ),
    "a regression": (*REGRESSION, "loss=mse"),
    "a regression as it stands": (*REGRESSION, "loss=mse", "data.preprocess.target=none"),
    "several targets": (*REGRESSION, "data.target=[z, a]", "loss=huber"),
    "means and deviations": (*REGRESSION, "loss=gaussian_nll"),
    "quantiles": (*REGRESSION, "loss={name: quantile, q: [0.1, 0.5, 0.9]}"),
    "counts": ("data.target=code", "data.drop=[y]", "model.layers.1.activation=exponential", "loss=poisson"),
    "no scaling": ("data.preprocess.numeric=none",),
    "minmax": ("data.preprocess.numeric=minmax",),
    "float64": ("training.precision=float64",),
    "batch norm": (LAYERS.format("norm: batch", "norm: batch"),),
    "layer norm": (LAYERS.format("norm: layer", "norm: layer"),),
    "residual": (LAYERS.format("residual: true", "residual: true"),),
    "dropout and noise": (LAYERS.format("dropout: 0.5", "noise: 0.5"), "model.input={noise: 0.1, dropout: 0.1}"),
    "no bias": (LAYERS.format("bias: false", "bias: false"),),
    "an average": ("training.average={decay: 0.9}",),
} | {f"activation {record.name}": (f"model.layers.0.activation={record.name}",) for record in activations.registry}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    X = np.random.default_rng(0).normal([3, -200, 0.01], [5, 100, 0.02], (80, 3)).tolist()
    lines = ["a,b,c,y,code,two,side,z"]
    for i, (a, b, c) in enumerate(X):
        lines.append(
            f"{a},{b},{c},{['x', 'größer', 'y z'][i % 3]},{i % 3 + 7},{i % 2},{['l', 'r'][i % 2]},{a * 40 + b}"
        )
    Path("points.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def trained(*overrides: str, **settings: Any) -> Run:
    drop = "data.drop=[{}]"
    wanted = {"y", "code", "two", "side", "z"}
    targets = {"y"}
    for override in overrides:
        if override.startswith("data.target="):
            targets = set(override.removeprefix("data.target=").strip("[]").replace(" ", "").split(","))
    own = [o for o in overrides if not o.startswith("data.drop=")]
    if not any(o.startswith("data={") for o in overrides):
        own.append(drop.format(", ".join(sorted(wanted - targets))))
    return nncli.train(nncli.load_config("c.yaml", own), **settings)


def session(file: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("overrides", NETWORKS.values(), ids=NETWORKS)
def test_onnx_and_numpy_say_what_the_run_says(overrides: tuple[str, ...]) -> None:
    run = trained(*overrides)
    precision = load_run(run).weights.theta.dtype
    for file in ("m.onnx", "m.py"):
        found = export(run, Path(file))
        assert "12 test rows" in found.agreement.rows
        assert found.agreement.largest <= (1e-5 if precision == np.float32 else 1e-12)
        assert found.agreement.labels == 0


def test_the_file_of_onnx_tells_names_and_answers_in_the_table_s_own_words() -> None:
    run = trained()
    export(run, Path("m.onnx"))
    model = onnx.load("m.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["features"]) == ["a", "b", "c"]
    assert json.loads(told["classes"]) == ["größer", "x", "y z"]
    assert [(i.name, i.type.tensor_type.elem_type) for i in model.graph.input] == [
        ("features", onnx.TensorProto.DOUBLE)
    ]
    X = np.array([[3.0, -200.0, 0.01], [8.0, -100.0, 0.03]])
    label, probabilities = session("m.onnx").run(["label", "probabilities"], {"features": X})
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert [["größer", "x", "y z"].index(name) for name in label] == probabilities.argmax(axis=1).tolist()


def test_one_output_for_two_classes_gives_the_probabilities_of_both() -> None:
    run = trained(*NETWORKS["two classes by one output"])
    export(run, Path("m.onnx"))
    rows = rows_of(load_run(run))
    label, both = session("m.onnx").run(["label", "probabilities"], {"features": rows.matrix})
    assert (label == (both[:, 1] > 0.5)).all()
    np.testing.assert_allclose(both.sum(axis=1), 1, rtol=1e-6)


def test_quantiles_have_names_and_come_in_the_units_of_the_target() -> None:
    run = trained(*NETWORKS["quantiles"])
    export(run, Path("m.onnx"))
    this = session("m.onnx")
    assert [told.name for told in this.get_outputs()] == ["prediction", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    (median, prediction) = this.run(["quantile_0.5", "prediction"], {"features": np.array([[3.0, -200.0, 0.01]])})
    assert (median == prediction).all()
    assert -1000 < median.item() < 1000
    assert abs(median.item()) > 1  # not on the scale of the training


def test_the_numpy_file_runs_without_nncli_and_without_pickle() -> None:
    run = trained("model.layers.0.activation=gelu")
    export(run, Path("m.py"))
    rows = rows_of(load_run(run))
    np.save("X.npy", rows.matrix)
    program = (
        "import runpy, sys, numpy; told = runpy.run_path('m.py')['predict'](numpy.load('X.npy')); "
        "numpy.save('P.npy', told['probabilities']); print(*told['label'], sep='|'); "
        "assert not [name for name in sys.modules if name.startswith('nncli')]"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True, timeout=60)
    right = expected(load_run(run), rows)
    np.testing.assert_allclose(np.load("P.npy"), right["probabilities"], atol=1e-6)
    assert done.stdout.decode().strip().split("|") == right["label"].tolist()


def test_no_name_becomes_a_part_of_the_program() -> None:
    evil = '"""; open("owned", "w"); """'
    text = Path("points.csv").read_text(encoding="utf-8").replace("a,b,c", """a,b,"'+open('owned','w')+'\n""" + '"')
    Path("points.csv").write_text(text.replace(",x,", """,'+open('owned'; 'w')+',"""), encoding="utf-8")
    run = trained(directory=evil)
    export(run, Path("m.py"))
    export(run, Path("m.onnx"))
    assert not Path("owned").exists()
    calls = [
        node.func
        for node in ast.walk(ast.parse(Path("m.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert "open" not in [call.id for call in calls if isinstance(call, ast.Name)]


@pytest.mark.parametrize("file", ["m.onnx", "m.py"])
def test_what_says_something_else_is_not_written(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained()
    from nncli.export import numpy_file

    monkeypatch.setitem(onnx_file.PLAIN, "tanh", "Sin")
    monkeypatch.setitem(numpy_file.SIGNS, "divide", "*")
    with pytest.raises(NncliError, match=r"differs from the run: outputs by .*; nothing was written"):
        export(run, Path(file))
    assert not list(Path().glob("m.*"))


def test_labels_that_differ_without_being_near_are_found() -> None:
    this = load_run(trained())
    rows = rows_of(this)
    told = expected(this, rows)
    right = {name: told[name] for name in ("label", "probabilities")}
    assert compare(this, rows, right).labels == 0
    wrong = right | {"label": np.roll(right["label"], 1)}
    with pytest.raises(NncliError, match="labels"):
        compare(this, rows, wrong)


def test_where_the_data_are_gone_rows_are_drawn_and_that_is_said() -> None:
    run = trained()
    Path("points.csv").unlink()
    assert "1,000 drawn rows (its data are gone, or have changed)" in export(run, Path("m.onnx")).agreement.rows


def test_a_file_that_is_there_is_kept_unless_it_is_said() -> None:
    run = trained()
    for file, also in (("m.onnx", "m.onnx"), ("m.py", "m.npz")):
        Path(also).write_text("mine")
        with pytest.raises(NncliError, match=f"{also}: exists already; take another name, or --overwrite"):
            export(run, Path(file))
        assert Path(also).read_text() == "mine"
        export(run, Path(file), overwrite=True)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("m.h5", "m.h5: no format is known by the name '.h5'; end it in .onnx, or in .py"),
        ("m", "m: no format is named; end it in .onnx, or in .py"),
        ("nowhere/m.onnx", "nowhere: there is no such folder"),
    ],
)
def test_what_cannot_be_written_is_said(output: str, message: str) -> None:
    with pytest.raises(NncliError) as refused:
        export(trained(), Path(output))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(("form", "files"), [("onnx", ["model.onnx"]), ("numpy", ["model.py", "model.npz"])])
def test_the_format_decides_the_name_where_none_is_given(form: Any, files: list[str]) -> None:
    run = trained()
    assert [str(file) for file in export(run, form=form).files] == files


def test_a_name_that_says_another_format_is_refused() -> None:
    with pytest.raises(NncliError, match=r"m\.onnx: is no name for what --format numpy writes; end it in \.py, or"):
        export(trained(), Path("m.onnx"), form="numpy")


def test_without_onnx_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NncliError, match=r"onnx is not installed; pip install 'nncli\[export\]'"):
        export(run, Path("m.onnx"))
    export(run, Path("m.py"))


def test_the_command_prints_files_and_the_largest_difference() -> None:
    trained(directory="run")
    command = [sys.executable, "-m", "nncli.cli.main", "export", "run", "-o", "m.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "m.onnx"
    assert lines[1].startswith(
        f"checked with ONNX Runtime {onnxruntime.__version__} on 12 test rows: largest difference "
    )
    again = subprocess.run([*command, "--overwrite", "--json"], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(again.stdout)["largest_difference"] < 1e-6
