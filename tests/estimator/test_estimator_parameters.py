"""The parameters: every key of the config by its name, and what is said of one that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import nncli
from nncli import MLPClassifier, MLPRegressor
from nncli.config.document import KeyPath
from nncli.config.schema import Config, Data, Training
from nncli.estimator.parameters import PLACES, config_from
from nncli.registry import Registry

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.where(X[:, 0] > 0, "a", "b")

OF_FILES: set[KeyPath] = {
    ("name",),
    ("report",),
    ("training", "checkpoint"),
    *(("data", key) for key in Data.model_fields if key not in ("split", "preprocess")),
}
"""Keys about where rows come from and files go to: fit has the rows, and to_run the directory."""


def keys(content: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path in {(), ("model",), ("regularization",), ("training",), ("data",)}:
        for key, value in content.items():
            yield from keys(value, (*path, key))
    else:
        yield path


def test_every_key_of_the_config_is_a_parameter_or_about_files() -> None:
    written = set(keys(Config.model_validate({"data": {"source": "iris"}, "model": {"layers": [{}]}}).model_dump()))
    assert written == {*PLACES.values(), *OF_FILES, ("seed",)}
    assert {*PLACES} <= {*MLPClassifier().get_params()}


def test_the_defaults_are_the_config_s() -> None:
    mine, schema = MLPClassifier().get_params(), Config.model_validate({"data": {}, "model": {"layers": [{}]}})
    for key in Training.model_fields:
        if key not in ("checkpoint", "precision"):
            assert mine[key] == getattr(schema.training, key), key
    assert (mine["l1"], mine["l2"], mine["metrics"]) == (0, 0, "auto")
    assert (mine["optimizer"], mine["schedule"]) == (schema.optimizer.name, schema.schedule.name)
    assert MLPClassifier().get_params() == MLPRegressor().get_params()


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("epochs", 3, "training.epochs"),
        ("l2", 0.5, "regularization.l2"),
        ("optimizer__learning_rate", 0.25, "optimizer.learning_rate"),
        ("learning_rate", 0.25, "optimizer.learning_rate"),
        ("loss__label_smoothing", 0.125, "loss.label_smoothing"),
        ("schedule__warmup_steps", 3, "schedule.warmup_steps"),
        ("early_stopping__patience", 3, "training.early_stopping.patience"),
        ("average__decay", 0.5, "training.average.decay"),
        ("split__shuffle", False, "data.split.shuffle"),
        ("preprocess__numeric", "minmax", "data.preprocess.numeric"),
        ("input__noise", 0.5, "model.input.noise"),
        ("layers__0__units", 9, "model.layers.0.units"),
        ("layers__0__activation__alpha", 0.5, "model.layers.0.activation.alpha"),
        ("units__1", 5, "model.layers.1.units"),
        ("epochs", np.int64(3), "training.epochs"),
        ("l1", np.float32(0.5), "regularization.l1"),
    ],
)
def test_what_is_set_stands_in_the_config_behind_its_key(name: str, value: Any, key: str) -> None:
    start: dict[str, Any] = {"units": (8, 8)}
    if name.startswith("layers"):
        start = {"layers": [{"units": 8, "activation": {"name": "elu"}}, {"activation": "softmax"}]}
    estimator = MLPClassifier(**start, split={"validation": 0.25}).set_params(**{name: value})
    if name == "schedule__warmup_steps":
        estimator.set_params(schedule__name="cosine")
    if name != "units__1":
        assert estimator.get_params()[name] == value
    found: Any = config_from(clone(estimator).get_params(deep=False), "classes", {}, 0, "float64").resolved()
    for step in key.split("."):
        found = found[int(step) if step.isdigit() else step]
    assert found == value


def test_setting_what_is_inside_leaves_the_mapping_that_was_handed_over() -> None:
    optimizer = {"name": "adam", "learning_rate": 0.1}
    a = MLPClassifier(optimizer=optimizer)
    clone(a).set_params(optimizer__learning_rate=0.5)
    a.set_params(optimizer__beta1=0.5)
    assert optimizer == {"name": "adam", "learning_rate": 0.1}
    assert a.optimizer == {"name": "adam", "learning_rate": 0.1, "beta1": 0.5}


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"epochs": -1}, "epochs: must be at least 0 (is -1)"),
        ({"units": (0,)}, "units: must be at least 1 (is 0)"),
        ({"units": 2.5}, "units: must be a whole number (is 2.5)"),
        ({"activation": "rellu"}, "activation: unknown name 'rellu', did you mean 'relu'?"),
        ({"dropout": 1}, "dropout: must be less than 1 (is 1)"),
        ({"optimizer": {"beta": 1}}, "optimizer__beta: unknown key, did you mean 'beta2'?"),
        ({"learning_rate": 0}, "learning_rate: must be greater than 0 (is 0)"),
        ({"optimizer__learning_rate": 0}, "optimizer__learning_rate: must be greater than 0 (is 0)"),
        ({"random_state": -3}, "random_state: must be at least 0 (is -3)"),
        ({"layers": [{"units": "x"}, {}]}, "layers__0__units: must be a whole number (is 'x')"),
        (
            {"layers": [{}], "units": (3,)},
            "units: describes a network whose layers are not said, and layers says them; say it in layers",
        ),
        (
            {"early_stopping": True, "split": {"validation": 0}},
            "early_stopping__monitor: validation_loss needs validation rows; "
            "set split__validation, or watch train_loss",
        ),
        (
            {"epochs": -1, "batch_size": 0, "shards": 0},
            "batch_size: must be at least 1 or full or auto (is 0)\n"
            "epochs: must be at least 0 (is -1)\n"
            "shards: must be at least 1 or auto (is 0)",
        ),
        (
            {"split": {"validation": 0.001}},
            "split__validation: 0.001 of 40 rows is less than one; "
            "give validation a larger share (1 row is 0.025), or 0",
        ),
        (
            {"loss": "gaussian_nll"},
            "loss: gaussian_nll goes with a target of numbers, and this one stands for classes; "
            "cross_entropy goes with classes",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_wrong_and_what_to_do(params: dict[str, Any], says: str) -> None:
    estimator = MLPClassifier().set_params(**params)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        estimator.fit(X, Y)
    assert str(caught.value).splitlines()[: says.count("\n") + 1] == says.splitlines()
    assert isinstance(caught.value, nncli.NncliError)
    assert not hasattr(estimator, "_fitted")


def test_a_parameter_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"Invalid parameter 'epoch' for estimator MLPClassifier: .*'epochs'\?"):
        MLPClassifier().set_params(epoch=3)
    with pytest.raises(ValueError, match=r"'epochs__a' .* of epochs, it is 100, and holds nothing called 'a'"):
        MLPClassifier().set_params(epochs__a=3)
    with pytest.raises(ValueError, match=r"'layers__4' .* of layers, it has no entry 4: there are 1, counted from 0"):
        MLPClassifier(layers=[{}]).set_params(layers__4={})


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"early_stopping": True}, "early_stopping: is for a training of several epochs, and partial_fit goes one"),
        ({"fast_dev_run": True}, "fast_dev_run: is for a training of several epochs, and partial_fit goes one"),
        ({"optimizer": "lbfgs"}, "optimizer: lbfgs takes all rows at once, and partial_fit has some of them"),
    ],
)
def test_what_partial_fit_cannot_do(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MLPClassifier(**params).partial_fit(X, Y, classes=["a", "b"])


def test_partial_fit_goes_on_only_with_the_same_training() -> None:
    estimator = MLPClassifier((4,)).partial_fit(X, Y, classes=["a", "b"])
    with pytest.raises(ValueError, match=r"cannot go on from the training before: .*; fit begins anew"):
        estimator.set_params(optimizer="sgd").partial_fit(X, Y)


def test_rows_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match=r"data row 1, column 'x0': .*beyond .*; .*`precision: float64`"):
        MLPClassifier((4,), epochs=1, precision="float32").fit(X, Y).predict(X * 1e300)
    with pytest.raises(ValueError, match=r"training diverged: epoch 1, batch 2: .*; a smaller learning_rate helps"):
        MLPRegressor((4,), optimizer="sgd", learning_rate=1e200).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"several columns of classes"):
        MLPClassifier().fit(X, np.column_stack([np.arange(40) % 3, np.arange(40) % 4]))


def test_every_registered_loss_has_a_default_network() -> None:
    """Whatever loss is asked for, an output that goes with it is chosen."""
    from nncli.engine import losses

    registry: Registry[Any] = losses.registry
    for loss in registry:
        kinds = ["numbers"] if loss.regression else ["classes"] if loss.classification else ["numbers", "classes"]
        for kind in kinds:
            params = MLPClassifier(loss=loss.name).get_params(deep=False)
            assert config_from(params, kind, {}, 0, "float64").loss.name == loss.name
