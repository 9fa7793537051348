"""What ``nncli explain`` shows is what the engine computed, and what others published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import called
from networks import point

from nncli import explain_network, load_config, train
from nncli.builder import build
from nncli.cli.explanation import page
from nncli.engine import activations
from nncli.engine.activations import Relu, Sigmoid, Tanh
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Activate, Dense
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.parameters import Weights
from nncli.engine.penalties import Penalty
from nncli.engine.randomness import Purpose, stream
from nncli.errors import DataError, NncliError
from nncli.gradcheck.pieces import Pair, pairs
from nncli.run import Run
from nncli.walk import Quantity, Walk, walk

CONFIGS = Path(__file__).parents[1] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("mnist"))
PAIRS = list(pairs())


def everything(found: Walk) -> Iterator[Quantity]:
    for layer in found.layers:
        yield from (*layer.parameters, *layer.statistics, *layer.forward, *layer.backward, *layer.penalty)
    yield from (found.inputs, found.losses, found.input_gradient)


def values(found: Walk) -> dict[str, Array]:
    """Every array by its symbol."""
    return {quantity.symbol: quantity.values for quantity in everything(found)}


def chain(d: int, *blocks: tuple[int, activations.Activation]) -> Network:
    layers = [(f"layers.{i}", layer) for i, (units, f) in enumerate(blocks) for layer in (Dense(units), Activate(f))]
    return Network(d, layers, MeanSquaredError())


def batch_of(*rows: list[float]) -> Array:
    return np.hstack([np.array(rows), np.ones((len(rows), 1))])


# -- numbers of others ---------------------------------------------------------------------------------------------


def test_the_course_notebooks_exercise_3_line_by_line() -> None:
    """Its printed dC/da, slopes of the sigmoid, dC/dW and dC/db; x, a and the target follow from them."""
    dC_da = np.array([-0.22523209, -0.18437859, 0.09324845])
    slopes = np.array([0.07421857, 0.24714928, 0.23935892])
    a = (1 + np.sqrt(1 - 4 * slopes)) / 2
    theta = np.concatenate([np.zeros(6), np.log(a / (1 - a))])
    shown = values(
        walk(chain(2, (3, Sigmoid())), Weights(theta, np.zeros(0)), batch_of([0.41869, 0.65253]), [a - dC_da * 3 / 2])
    )
    np.testing.assert_allclose(shown["A1"], [a], atol=1e-12)
    np.testing.assert_allclose(shown["∂C/∂A1"], [dC_da], atol=1e-12)
    np.testing.assert_allclose(shown["∂C/∂Z1"] / shown["∂C/∂A1"], [slopes], atol=1e-12)
    np.testing.assert_allclose(shown["∂C/∂b1"], [-0.0167164, -0.04556904, 0.02231985], atol=1e-8)
    dC_dW = [[-0.00699902, -0.01090799], [-0.01907937, -0.02973526], [0.00934513, 0.01456442]]
    np.testing.assert_allclose(shown["∂C/∂W1"].T, dC_dW, atol=3e-7)  # x is known to five digits


def test_mazurs_intermediate_results_line_by_line() -> None:
    """The numbers that the article prints on its way (mattmazur.com, 2015); its error is half the sum of two squares,
    which for two outputs is the mean."""
    theta = np.array([0.15, 0.25, 0.20, 0.30, 0.35, 0.35, 0.40, 0.50, 0.45, 0.55, 0.60, 0.60])
    net = chain(2, (2, Sigmoid()), (2, Sigmoid()))
    found = walk(net, Weights(theta, np.zeros(0)), batch_of([0.05, 0.10]), np.array([[0.01, 0.99]]))
    shown = values(found)
    assert found.loss == pytest.approx(0.298371109, abs=5e-10)
    assert shown["Z1"][0, 0] == pytest.approx(0.3775, abs=1e-12)
    np.testing.assert_allclose(shown["A1"], [[0.593269992, 0.596884378]], atol=5e-10)
    assert shown["Z2"][0, 0] == pytest.approx(1.105905967, abs=5e-10)
    np.testing.assert_allclose(shown["A2"], [[0.75136507, 0.772928465]], atol=5e-9)
    assert shown["∂C/∂A2"][0, 0] == pytest.approx(0.74136507, abs=5e-9)
    assert shown["∂C/∂Z2"][0, 0] == pytest.approx(0.138498562, abs=5e-10)
    assert shown["∂C/∂W2"][0, 0] == pytest.approx(0.082167041, abs=5e-10)  # of his w5
    assert shown["∂C/∂A1"][0, 0] == pytest.approx(0.036350306, abs=5e-10)
    assert shown["∂C/∂Z1"][0, 0] / shown["∂C/∂A1"][0, 0] == pytest.approx(0.241300709, abs=5e-10)
    assert shown["∂C/∂W1"][0, 0] == pytest.approx(0.000438568, abs=5e-10)  # of his w1


def test_the_course_notebooks_backpropagation_agrees_layer_by_layer() -> None:
    """Exercise 5, with its Jacobians written out in full: sigmoid, then relu, weights standing (outputs, inputs)."""
    rng = np.random.default_rng(8)
    (W1, b1), (W2, b2) = [(rng.normal(size=(k, d)), rng.normal(size=k)) for d, k in ((2, 3), (3, 4))]
    x, target = rng.random(2), rng.random(4)
    z1 = W1 @ x + b1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = W2 @ a1 + b2
    a2 = np.where(z2 > 0, z2, 0)
    dC_da2 = 2 / 4 * (a2 - target)
    dC_dz2 = dC_da2 @ np.diag(np.where(z2 > 0, 1, 0))
    dC_da1 = dC_dz2 @ W2
    dC_dz1 = dC_da1 @ np.diag(np.exp(-z1) / (1 + np.exp(-z1)) ** 2)
    theta = np.concatenate([W1.T.ravel(), b1, W2.T.ravel(), b2])
    shown = values(
        walk(chain(2, (3, Sigmoid()), (4, Relu())), Weights(theta, np.zeros(0)), batch_of([*x]), target[None])
    )
    expected = {
        "W1": W1.T, "b1": b1, "Z1": [z1], "A1": [a1], "W2": W2.T, "b2": b2, "Z2": [z2], "A2": [a2],
        "∂C/∂A2": [dC_da2], "∂C/∂Z2": [dC_dz2], "∂C/∂b2": dC_dz2,
        "∂C/∂W2": (dC_dz2 @ np.tensordot(np.eye(4), a1, axes=0)).T,
        "∂C/∂A1": [dC_da1], "∂C/∂Z1": [dC_dz1], "∂C/∂b1": dC_dz1,
        "∂C/∂W1": (dC_dz1 @ np.tensordot(np.eye(3), x, axes=0)).T,
        "X": [x], "∂C/∂X": [dC_dz1 @ W1], "L": [np.mean((a2 - target) ** 2)],
    }  # fmt: skip
    assert set(shown) == set(expected)
    for symbol, wanted in expected.items():
        np.testing.assert_allclose(shown[symbol], wanted, rtol=1e-12, atol=1e-15, err_msg=symbol)


# -- read from the engine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_gradients_shown_are_those_of_backward_bit_for_bit(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    experiment = build(config)
    net = experiment.network
    theta = net.initialize(stream(config.seed, Purpose.WEIGHTS), experiment.precision).astype(np.float64)
    gradient = np.zeros_like(theta)
    rows = experiment.train
    # as a training binds it: layers in place, no gradient of the input
    bound = net.bind(theta, gradient, 3, evaluating=True, weighted=rows.weights is not None)
    bound.inputs[...] = rows.inputs[1:4]
    bound.targets[...] = rows.targets[1:4]
    if bound.row_weights is not None:
        bound.row_weights[...] = rows.weights[1:4]
    bound.forward()
    loss = bound.loss()
    bound.backward()
    found = explain_network(config, row=2, rows=3).walk
    assert found.loss == float(loss)
    assert found.penalty == (float(bound.penalty()) if net.penalties() else None)
    shown: dict[str, Array] = {}
    for layer in found.layers:
        for quantity in (*layer.backward, *layer.penalty):
            if quantity.tensor:
                shown[quantity.tensor] = shown.get(quantity.tensor, 0) + quantity.values
    for tensor, wanted in net.layout.views(gradient).items():
        np.testing.assert_array_equal(shown.pop(tensor), wanted, err_msg=tensor)
    assert not shown


def test_a_wrong_backward_shows_in_the_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the numbers are read, and not computed from the formulas a second time."""
    right: Callable[..., tuple[Step, Step]] = Tanh.bind

    def wrong(self: Tanh, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        forward, backward = right(self, Z, A, D, buffers)

        def doubled() -> None:
            backward()
            np.multiply(D, 2, out=D)

        return forward, doubled

    config = load_config(CONFIGS / "iris.yaml")
    before = values(explain_network(config).walk)
    monkeypatch.setattr(Tanh, "bind", wrong)
    after = values(explain_network(config).walk)
    for symbol, wanted in before.items():
        factor = 2 if symbol in ("∂C/∂Z1", "∂C/∂W1", "∂C/∂b1", "∂C/∂X") else 1
        np.testing.assert_array_equal(after[symbol], factor * wanted, err_msg=symbol)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_quantity_is_what_its_formula_says(pair: Pair) -> None:
    """For every pair of loss and output: the matrix formulas, recomputed from the arrays shown."""
    net = pair.network(Sigmoid(), Penalty(l1=0.1, l2=0.2))
    at = point(net)
    found = walk(net, Weights(at.theta, at.statistics), at.inputs, at.targets)
    shown = values(found)
    assert all(
        quantity.formula
        for quantity in everything(found)
        if "∂" in quantity.symbol or not (quantity.tensor or quantity.symbol == "X")
    )
    for i, X in enumerate(["X", "A1", "A2"], start=1):
        Z = shown[X] @ shown[f"W{i}"] + shown.get(f"b{i}", 0)
        np.testing.assert_allclose(shown[f"Z{i}"], Z, rtol=1e-12, atol=1e-14)
        dZ, W = shown[f"∂C/∂Z{i}"], shown[f"W{i}"]
        np.testing.assert_allclose(shown[f"∂C/∂{X}"], dZ @ W.T, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(shown[f"∂C/∂W{i}"], shown[X].T @ dZ, rtol=1e-12, atol=1e-14)
        if i > 1:
            np.testing.assert_allclose(shown[f"∂C/∂b{i}"], dZ.sum(axis=0), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(shown[f"∂R/∂W{i}"], 0.1 * np.sign(W) + 0.2 * W, rtol=1e-12)
    np.testing.assert_array_equal(found.predictions, shown.get("A3", shown["Z3"]))
    assert ("∂C/∂A3" in shown) != pair.fuse
    assert found.layers[-1].fused == (pair.output.name if pair.fuse else "")


# -- what stands around the numbers --------------------------------------------------------------------------------


def test_an_example_is_shown_in_the_datas_own_words() -> None:
    from sklearn.datasets import load_iris

    iris = load_iris()
    explanation = explain_network(load_config(CONFIGS / "iris.yaml"), row=77)
    origin, _, number = explanation.places[0].partition(" row ")
    row = int(number) - 1
    assert origin == "iris"
    assert explanation.raw is not None
    np.testing.assert_allclose(explanation.raw[0], iris.data[row], rtol=1e-6)
    assert explanation.features == tuple(iris.feature_names)
    assert explanation.targets.tolist() == [iris.target_names[iris.target[row]]]
    text = "\n".join(page(explanation, 80))
    assert f"target {iris.target_names[iris.target[row]]}, one of 3: setosa, versicolor, virginica" in text
    assert "∂C/∂Z2 comes at once, without ∂C/∂A2" in text


def test_a_regression_is_predicted_in_its_own_units() -> None:
    from sklearn.datasets import load_diabetes

    explanation = explain_network(load_config(CONFIGS / "diabetes.yaml"), rows=2)
    rows = [int(place.rpartition(" ")[2]) - 1 for place in explanation.places]
    Y = load_diabetes().target
    np.testing.assert_array_equal(explanation.targets[:, 0], Y[rows])
    # what the network's numbers are to the standardized target, its predictions are to the target itself
    scaled, P = explanation.walk.targets, explanation.walk.predictions
    unit = np.diff(explanation.targets, axis=0) / np.diff(scaled, axis=0)
    np.testing.assert_allclose(explanation.predictions - explanation.targets, (P - scaled) * unit, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_the_drawing_fits_narrow_and_wide_terminals(name: str, rows: int) -> None:
    explanation = explain_network(load_config(CONFIGS / f"{name}.yaml"), rows=rows)
    for width in (40, 80):
        lines = list(page(explanation, width))
        assert max(map(len, lines)) <= width
        text = " ".join(" ".join(lines).split())
        for quantity in everything(explanation.walk):
            if quantity is not explanation.walk.losses:  # of one row, they are C
                assert f" {quantity.symbol} {quantity.values.shape}" in text


def arrays(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        if "values" in content:
            yield content
        for value in content.values():
            yield from arrays(value)
    if isinstance(content, list):
        for value in content:
            yield from arrays(value)


@pytest.mark.parametrize("name", NAMES)
def test_every_array_of_the_json_is_whole_and_has_the_shape_that_it_states(name: str) -> None:
    explanation = explain_network(load_config(CONFIGS / f"{name}.yaml"), rows=2)
    content = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    found = list(arrays(content))
    assert all(np.shape(array["values"]) == tuple(array["shape"]) for array in found)
    by_symbol = {array["symbol"]: array["values"] for array in found if "symbol" in array}
    for symbol, wanted in values(explanation.walk).items():
        np.testing.assert_array_equal(by_symbol.pop(symbol), wanted)
    assert not by_symbol


def test_numbers_that_are_not_finite_are_shown_and_become_null() -> None:
    net = chain(1, (1, Relu()))
    found = walk(net, Weights(np.array([1e200, 0.0]), np.zeros(0)), batch_of([1e200]), np.array([[0.0]]))
    assert np.isinf(found.layers[0].forward[0].values).all()
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content["layers"][0]["forward"]["Z"]["values"] == [[None]]
    assert content["loss"]["C"] is None


# -- runs, and the command line ------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_shown_at_the_weights_in_its_files(home: Path) -> None:
    run = train(load_config("configs/penguins.yaml", ["training.epochs=3"]))
    shown = json.loads(called("explain", "latest", "--row", "9", "--json").stdout)
    weights = run.load_weights(shown["weights"])
    assert shown["weights"] == "best"  # of early stopping
    tensors = {q["tensor"]: q["values"] for layer in shown["layers"] for q in layer["parameters"].values()}
    assert tensors.keys() == weights.keys()
    for name, wanted in weights.items():
        np.testing.assert_array_equal(tensors[name], wanted)
    initial = explain_network(load_config("configs/penguins.yaml"), row=9)
    assert shown["input"]["X"]["values"] == initial.walk.inputs.values.tolist()
    assert shown["layers"][0]["forward"]["Z"]["values"] != initial.walk.layers[0].forward[0].values.tolist()


def test_a_run_whose_data_changed_is_not_explained(home: Path) -> None:
    run = train(load_config("configs/penguins.yaml", ["training.epochs=1"]))
    data = home / "configs/data/penguins.csv"
    lines = data.read_text().splitlines(keepends=True)
    data.write_text("".join(lines[:-1]))
    with pytest.raises(DataError, match="the data changed since the training"):
        explain_network(Run.open(run.path))


@pytest.mark.parametrize(
    ("row", "rows", "says"),
    [
        (0, 1, "iris: has 120 training rows, row 0 is not among them; take --row from 1 to 120"),
        (121, 1, "iris: has 120 training rows, row 121 is not among them; take --row from 1 to 120"),
        (118, 4, "iris: has 120 training rows, rows 118 to 121 are not among them; take --row from 1 to 117"),
        (1, 0, "0 rows cannot be shown together; take --rows from 1 to 100"),
        (1, 101, "101 rows cannot be shown together; take --rows from 1 to 100"),
    ],
)
def test_rows_that_there_are_not_are_refused_with_those_that_there_are(row: int, rows: int, says: str) -> None:
    config = load_config(CONFIGS / "iris.yaml")
    with pytest.raises(NncliError) as caught:
        explain_network(config, row=row, rows=rows)
    assert str(caught.value) == says


def test_the_first_and_the_last_row_can_be_asked_for() -> None:
    config = load_config(CONFIGS / "iris.yaml")
    inputs = build(config).train.inputs[:, :-1]
    for row, wanted in ((1, inputs[0]), (120, inputs[119])):
        np.testing.assert_array_equal(explain_network(config, row=row).walk.inputs.values[0], wanted)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["configs/iris.yaml", "--row", "500"], "row 500 is not among them; take --row from 1 to 120"),
        (["configs/irs.yaml"], "configs/irs.yaml: no such file; did you mean configs/iris.yaml?"),
        (["configs"], "configs: is a directory"),
        (["latest"], "runs/latest: there is no run yet"),
        (["configs/iris.yaml", "optimizer.learning_rate=-1"], "must be greater than 0 (is -1)"),
        (["configs/iris.yaml", "--row", "many"], "--row"),
    ],
)
def test_a_wrong_question_gets_a_line_and_exit_code_2(home: Path, arguments: list[str], says: str) -> None:
    result = called("explain", *arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_overrides_change_a_config_and_are_refused_for_a_run(home: Path) -> None:
    shown = called("explain", "configs/two_layers.yaml", "model.layers.0.units=5")
    assert shown.returncode == 0
    assert shown.stdout.startswith("two_layers: regression, 2-5-1, at its initial weights\n")
    assert "\x1b" not in shown.stdout
    assert shown.stderr == ""
    run = train(load_config("configs/iris.yaml", ["training.epochs=1"]))
    refused = called("explain", str(run.path), "seed=1")
    assert refused.returncode == 2
    assert refused.stderr == "runs/iris: a run is shown as it is; overrides go with a config\n"


def test_a_page_is_written_and_written_over(home: Path) -> None:
    for row in ("1", "9"):
        made = called("explain", "configs/iris.yaml", "--row", row, "--rows", "2", "--html", "iris.html")
        assert (made.returncode, made.stdout, made.stderr) == (0, "page: iris.html\n", "")
        text = Path("iris.html").read_text(encoding="utf-8")
        assert f"rows {row} to {int(row) + 1} of 120 training rows" in text
    told = json.loads(called("explain", "configs/iris.yaml", "--html", "iris.html", "--json").stdout)
    assert told["page"] == "iris.html"
    assert told["rows"] == [1]


def test_the_docs_show_what_the_command_prints() -> None:
    written = (CONFIGS.parent / "docs/explain.md").read_text(encoding="utf-8")
    lines = page(explain_network(load_config(CONFIGS / "two_layers.yaml")), 80)
    assert "$ nncli explain configs/two_layers.yaml\n" + "\n".join(lines) + "\n```" in written
