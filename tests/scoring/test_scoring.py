"""Metrics: the quick ones against scikit-learn, the others against formulas and worked examples."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as scikit_learn

from nncli.data.preprocess import Task
from nncli.engine.metrics import decide, decide_labels
from nncli.scoring import Kind, Metric, Scored, higher_is_better, registry
from nncli.scoring.base import Additive, ByScikitLearn
from nncli.scoring.classes import Brier, LogLoss, RocAuc, TopKAccuracy
from nncli.scoring.numbers import Mape, MaxError, MeanPinballLoss, MeanPoissonDeviance

KINDS = [
    Kind("classification", 2),
    Kind("classification", 4),
    Kind("multilabel", 3),
    Kind("regression", 1),
    Kind("regression", 3),
]


def rows(kind: Kind, n: int = 60, seed: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    if kind.task == "regression":
        Y, P = rng.uniform(1, 3, (2, n, kind.columns)) * [1.0, 50.0, 0.1][: kind.columns]
        return Scored(kind, Y, P, P)
    if kind.task == "multilabel":
        P = rng.uniform(size=(n, kind.columns))
        return Scored(kind, rng.integers(0, 2, (n, kind.columns)).astype(float), P, decide_labels(P))
    P = rng.dirichlet(np.ones(kind.columns), n)
    P = P[:, 1:] if kind.columns == 2 else P
    return Scored(kind, rng.integers(0, kind.columns, n), P, decide(P))


CASES = [(metric, kind) for metric in registry for kind in KINDS if not metric().objection(kind)]


@pytest.mark.parametrize(
    ("metric", "kind"), CASES, ids=[f"{metric.name}-{kind.task}-{kind.columns}" for metric, kind in CASES]
)
def test_every_metric_is_the_function_of_scikit_learn_that_it_names(metric: type[Metric], kind: Kind) -> None:
    data, function = rows(kind), getattr(scikit_learn, metric.function)
    value = metric().compute(data)
    assert np.isfinite(value)
    if issubclass(metric, ByScikitLearn):
        truth, predicted = metric().arguments(data)
        assert value == function(truth, predicted, **metric().settings(data))
    elif metric.name in ("max_error", "mean_poisson_deviance"):  # scikit-learn's are for one target
        columns = zip(data.truth.T, data.outputs.T, strict=True)
        assert value == pytest.approx(np.mean([function(y, p) for y, p in columns]), rel=1e-12)
    elif metric.name == "brier" and kind.columns > 2:
        onehot = np.eye(kind.columns)[data.truth]
        assert value == pytest.approx(kind.columns * scikit_learn.mean_squared_error(onehot, data.outputs), rel=1e-12)
    else:
        predicted = {"decisions": data.decided, "probabilities": data.of_second}.get(metric.needs, data.outputs)
        assert value == pytest.approx(function(data.truth, predicted), rel=1e-12)


def test_each_task_has_its_metrics_and_each_metric_a_task() -> None:
    assert {metric.name for metric, _ in CASES} == set(registry.names)
    shown: dict[Task, list[str]] = {
        task: [m.name for m in registry if task in m.tasks and m.shown == "every epoch"]
        for task in ("classification", "multilabel", "regression")
    }
    assert shown == {
        "classification": ["accuracy"],
        "multilabel": ["accuracy", "hamming_loss"],
        "regression": ["rmse", "r2"],
    }


@pytest.mark.parametrize("metric", list(registry), ids=lambda metric: metric.name)
def test_a_perfect_prediction_is_as_good_as_can_be(metric: type[Metric]) -> None:
    """So that nobody can have the direction the wrong way round: the perfect is better than the random."""
    for kind in KINDS:
        if metric().objection(kind):
            continue
        random = rows(kind)
        perfect = random.truth
        if kind.task == "classification":
            perfect = random.onehot if kind.columns > 2 else random.truth[:, np.newaxis].astype(float)
        exact = Scored(kind, random.truth, perfect, random.truth)
        gain = metric().compute(exact) - metric().compute(random)
        assert gain > 0 if metric.higher_is_better else gain < 0


def test_worked_examples() -> None:
    two, three = Kind("classification", 2), Kind("classification", 3)
    # Brier (1950), table 1: ten forecasts of rain; he counts both classes and finds 0.19, scikit-learn one: the half
    forecast = np.array([0.7, 0.9, 0.8, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.1])[:, np.newaxis]
    rain = np.array([0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert 2 * Brier().compute(Scored(two, rain, forecast, rain)) == pytest.approx(0.19, abs=1e-12)
    # the area is the share of pairs in the right order: of (0.35, 0.8) x (0.1, 0.4) three of four
    order = Scored(two, np.array([0, 0, 1, 1]), np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([0, 0, 0, 1]))
    assert RocAuc().compute(order) == 0.75
    P, codes = np.array([[0.5, 0.25, 0.25], [0.1, 0.3, 0.6]]), np.array([0, 1])
    rows = Scored(three, codes, P, decide(P))
    assert LogLoss().compute(rows) == pytest.approx(-np.log([0.5, 0.3]).mean(), rel=1e-14)
    assert TopKAccuracy(k=2).compute(rows) == 1.0
    one = Kind("regression", 1)
    y, p = np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [2.0], [2.0]])
    values = Scored(one, y, p, p)
    assert Mape().compute(values) == pytest.approx((1 + 0 + 0.5) / 3)
    assert MaxError().compute(values) == 2.0
    assert MeanPinballLoss(alpha=0.9).compute(values) == pytest.approx((0.1 * 1 + 0 + 0.9 * 2) / 3)
    deviances = [2 * (a * np.log(a / 2) - a + 2) for a in (1.0, 2.0, 4.0)]
    assert MeanPoissonDeviance().compute(values) == pytest.approx(np.mean(deviances))


def test_one_against_the_rest_is_scikit_learn_s() -> None:
    data = rows(Kind("classification", 4))
    by_hand = scikit_learn.roc_auc_score(data.truth, data.outputs, multi_class="ovr", average="macro")
    assert RocAuc().compute(data) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "kind", "truth"),
    [
        ("roc_auc", Kind("classification", 2), [1, 1, 1]),
        ("roc_auc", Kind("classification", 3), [0, 1, 1]),
        ("roc_auc", Kind("multilabel", 2), [[1, 0], [0, 0], [1, 0]]),
        ("average_precision", Kind("classification", 2), [0, 0, 0]),
        ("recall", Kind("classification", 2), [0, 0, 0]),
        ("r2", Kind("regression", 1), [[3.0], [3.0], [3.0]]),
        ("explained_variance", Kind("regression", 2), [[3.0, 1.0], [3.0, 2.0], [3.0, 3.0]]),
        ("mape", Kind("regression", 1), [[0.0], [1.0], [2.0]]),
    ],
)
def test_what_rows_lack_for_a_metric_is_said(name: str, kind: Kind, truth: list) -> None:
    assert registry[name]().lacking(kind, np.array(truth))
    assert not registry[name]().lacking(kind, rows(kind).truth)


def test_a_share_of_nothing_is_not_defined_on_its_own_and_0_in_a_mean() -> None:
    kind = Kind("classification", 2)
    never = Scored(kind, np.array([0, 1, 1]), np.array([[0.1], [0.2], [0.3]]), np.array([0, 0, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # zero_division is said: no warning
        assert np.isnan(registry["precision"]().compute(never))
        assert registry["recall"]().compute(never) == 0
        assert registry["precision_macro"]().compute(never) == pytest.approx((1 / 3 + 0) / 2)


def test_quick_metrics_need_no_scikit_learn() -> None:
    code = """
import sys
import nncli.api, nncli.config.loader, numpy as np
from nncli.scoring import registry, Kind, Scored
P = np.array([[1.0], [2.0]])
for m in registry:
    if m.shown != "when asked" and "regression" in m.tasks:
        m().compute(Scored(Kind("regression", 1), P, P, P))
sys.exit("sklearn" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_free_outputs_rank_rows_by_the_lead_of_the_second() -> None:
    kind = Kind("classification", 2, probabilities=False)
    truth, outputs = np.array([0, 0, 1, 1]), np.array([[5.0, 4.0], [9.0, 5.0], [1.0, 2.0], [0.0, 3.0]])
    found = RocAuc().compute(Scored(kind, truth, outputs, decide(outputs)))
    assert found == 1  # the second output alone would rank three pairs of four the wrong way
    assert scikit_learn.roc_auc_score(truth, outputs[:, 1]) == 0


def test_a_figure_of_a_run_gets_better_as_its_metric_does() -> None:
    for metric in registry:
        for split in ("train", "validation", "test", "out_of_fold"):
            assert higher_is_better(f"{split}_{metric.name}") is metric.higher_is_better
    assert higher_is_better("test_loss") is False
    assert higher_is_better("epochs") is None


ADDITIVE = [(m(), kind) for m in registry if issubclass(m, Additive) for kind in KINDS if not m().objection(kind)]


@pytest.mark.parametrize(("metric", "kind"), ADDITIVE)
def test_a_metric_of_blocks_of_rows_is_that_of_all_of_them(metric: Additive, kind: Kind) -> None:
    """Also far from 0, where a sum of squares would lose the spread."""
    whole = rows(kind)
    if kind.task == "regression":
        whole = replace(whole, truth=whole.truth + 1e6, outputs=whole.outputs + 1e6)
    numbers = [
        metric.numbers(replace(whole, truth=whole.truth[a:b], outputs=whole.outputs[a:b], decided=whole.decided[a:b]))
        for a, b in ((0, 1), (1, 30), (30, 37), (37, 60))
    ]
    known = numbers[0]
    for others in numbers[1:]:
        known = metric.joined(known, others)
    assert metric.value(known) == pytest.approx(metric.compute(whole), rel=1e-7)
