"""Training by L-BFGS: to the exact solution where there is one, and without leaving a thread behind."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from sklearn.linear_model import Ridge

import nncli
from nncli.builder import Experiment, build
from nncli.engine.optimizers import Convergence, Function, Minimizer
from nncli.errors import ConfigError, DivergedError
from nncli.training.events import Ended, EpochEnded, Event
from nncli.training.trainer import Trainer

LINEAR = """\
data:
  source: {name: regression, n_samples: 90, n_features: 6, n_targets: 3, noise: 20.0}
  split: {validation: 0.2, test: 0}
model:
  layers:
    - {activation: identity}
loss: mse
optimizer: {name: lbfgs, ftol: 0, gtol: 1e-9}
regularization: {l2: 0.05}
training: {precision: float64}
"""
DEEP = ("model.layers=[{units: 5, activation: tanh}, {activation: identity}]", "optimizer={name: lbfgs, gtol: 1e-6}")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(LINEAR)


@pytest.fixture(autouse=True)
def _no_thread_stays_behind() -> None:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name in ("lbfgs", "spy")] == []


def experiment(*overrides: str) -> Experiment:
    return build(nncli.load_config("c.yaml", overrides))


def ridge(rows: Experiment) -> np.ndarray:
    """The exact minimum: n·k·C = Σ(XW + b − Y)² + n·k·l2/2·Σw², which is Ridge's with alpha = n·k·l2/2."""
    X, Y = rows.train.inputs[:, :-1].astype(float), rows.train.targets.astype(float)
    exact = Ridge(alpha=Y.size * 0.05 / 2, solver="cholesky").fit(X, Y)
    return np.concatenate([exact.coef_.T.ravel(), exact.intercept_])


@pytest.mark.parametrize(("precision", "error"), [("float64", 1e-8), ("float32", 1e-6)])
def test_a_linear_network_with_several_outputs_comes_to_the_ridge_solution(precision: str, error: float) -> None:
    """What scikit-learn's own L-BFGS misses for several outputs (its issue 8349)."""
    made = experiment(f"training.precision={precision}")
    trainer = Trainer(made)
    *_, ended = trainer.run()
    assert trainer.weights.theta.dtype == precision
    np.testing.assert_allclose(trainer.weights.theta, ridge(made), rtol=0, atol=error)
    assert isinstance(ended, Ended)
    assert (ended.status, ended.convergence.reason) == ("completed", "no entry of the gradient is above gtol")


def test_the_iterates_are_those_of_scipy_on_the_loss_written_out() -> None:
    made = experiment()
    trainer = Trainer(made)
    X, Y = made.train.inputs, made.train.targets

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        weights = x.reshape(7, 3)
        errors = X @ weights - Y
        gradient = 2 / Y.size * X.T @ errors
        gradient[:-1] += 0.05 * weights[:-1]
        return float((errors**2).mean() + 0.05 / 2 * (weights[:-1] ** 2).sum()), gradient.ravel()

    start, path = trainer.weights.theta.copy(), []
    options = {"ftol": 0, "gtol": 1e-9, "maxiter": 100}
    end = minimize(loss, start, jac=True, method="L-BFGS-B", callback=lambda x: path.append(x.copy()), options=options)
    seen, told = [], []
    for event in trainer.run():
        if isinstance(event, EpochEnded):
            seen.append(trainer.weights.theta.copy())
            told.append(event.train_loss + event.penalty)
    assert isinstance(event, Ended)
    assert len(path) == len(seen) == end.nit == event.step > 5
    np.testing.assert_allclose(seen, path, rtol=0, atol=1e-7)
    np.testing.assert_allclose(told, [loss(x)[0] for x in path], rtol=1e-9)
    assert event.convergence == Convergence(True, "no entry of the gradient is above gtol", end.nfev)


@dataclasses.dataclass(frozen=True)
class Spy(Minimizer):
    """Does with the function whatever a test wants."""

    look: Callable[[Function, np.ndarray, Callable[[np.ndarray], None]], None]

    name = "spy"
    formula = ""

    def minimize(
        self, function: Function, start: np.ndarray, iterations: int, iterated: Callable[[np.ndarray], None]
    ) -> Convergence:
        self.look(function, start, iterated)
        return Convergence(True, "seen", 0)

    def workspace(self, size: int) -> int:
        return 0


def watched(look: Callable[[Function, np.ndarray, Callable[[np.ndarray], None]], None]) -> list[Event]:
    return list(Trainer(dataclasses.replace(experiment(*DEEP), optimizer=Spy(look))).run())


@pytest.mark.parametrize("targets", [1, 3])
def test_the_gradient_is_that_of_the_value_for_any_number_of_outputs(targets: int) -> None:
    """In scikit-learn it is so many times too long (its issue 8349); here by SciPy's differences."""
    errors = []

    def look(function: Function, start: np.ndarray, iterated: Callable[[np.ndarray], None]) -> None:
        x = start + 0.1
        slopes = approx_fprime(x, lambda at: function(at)[0], 1e-7)
        errors.append(np.abs(slopes - function(x)[1]).max() / np.abs(slopes).max())

    made = experiment(*DEEP, f"data.source.n_targets={targets}")
    list(Trainer(dataclasses.replace(made, optimizer=Spy(look))).run())
    assert errors[0] < 1e-5


def test_what_a_minimizer_raises_comes_out_and_so_does_what_it_reached() -> None:
    def look(function: Function, start: np.ndarray, iterated: Callable[[np.ndarray], None]) -> None:
        function(start)
        function(start + 2)
        iterated(start + 1)  # not where it looked last
        raise ZeroDivisionError

    events: list[Event] = []
    trainer = Trainer(dataclasses.replace(experiment(*DEEP), optimizer=Spy(look)))
    start = trainer.weights.theta.copy()
    with pytest.raises(ZeroDivisionError):
        events.extend(trainer.run())
    np.testing.assert_array_equal(trainer.weights.theta, start + 1)

    def still(function: Function, start: np.ndarray, iterated: Callable[[np.ndarray], None]) -> None:
        function(start)
        function(start + 1)
        iterated(start)

    first, ended = watched(still)
    assert isinstance(first, EpochEnded)
    assert isinstance(ended, Ended)
    loss = experiment(
        *DEEP, "training.epochs=1", "optimizer={name: sgd, learning_rate: 1e-300}", "training.batch_size=full"
    )
    unmoved = next(event for event in Trainer(loss).run() if isinstance(event, EpochEnded))
    assert first.train_loss == pytest.approx(unmoved.train_loss, rel=1e-12)


def test_a_hidden_layer_and_several_outputs_come_to_where_the_gradient_ends() -> None:
    run = nncli.train(nncli.load_config("c.yaml", [*DEEP, "training.epochs=2000"]))
    summary = run.read_json("summary.json")
    assert summary["status"] == "completed"
    assert summary["convergence"]["converged"]
    assert summary["steps"] < 2000
    assert summary["convergence"]["evaluations"] >= summary["steps"]
    head = (run.path / "metrics.csv").read_text().splitlines()[0]
    assert head.startswith("epoch,step,seconds,train_loss,penalty,validation_loss")
    again = nncli.train(nncli.load_config(run.path / "config.yaml"))
    assert again.read_json("summary.json")["digests"] == summary["digests"]


def test_epochs_are_the_most_iterations() -> None:
    *_, ended = Trainer(experiment(*DEEP, "training.epochs=3")).run()
    assert isinstance(ended, Ended)
    assert (ended.status, ended.epoch, ended.step) == ("completed", 3, 3)
    assert ended.convergence.reason == "the limit of iterations is reached"


def test_starting_at_the_bottom_is_an_epoch_without_a_step() -> None:
    first, ended = Trainer(experiment("optimizer.gtol=1e9")).run()
    assert isinstance(first, EpochEnded)
    assert isinstance(ended, Ended)
    assert (first.step, ended.epoch, ended.convergence.converged) == (0, 1, True)


@pytest.mark.parametrize("asked", [1, 4, 7])
def test_it_can_be_stopped_at_every_evaluation(asked: int) -> None:
    trainer, times = Trainer(experiment(*DEEP)), iter(range(1, 1000))
    kept = [trainer.weights.theta.copy()]
    for event in trainer.run(lambda: next(times) == asked):
        if isinstance(event, EpochEnded):
            kept.append(trainer.weights.theta.copy())
    assert isinstance(event, Ended)
    assert (event.status, event.convergence) == ("interrupted", None)
    np.testing.assert_array_equal(trainer.weights.theta, kept[-1])


def test_whoever_reads_no_further_leaves_no_thread() -> None:
    events = Trainer(experiment(*DEEP)).run()
    assert isinstance(next(events), EpochEnded)
    assert "lbfgs" in [thread.name for thread in threading.enumerate()]
    events.close()


def test_it_stops_early() -> None:
    *_, ended = Trainer(experiment(*DEEP, "training.early_stopping={patience: 1, min_delta: 10}")).run()
    assert isinstance(ended, Ended)
    assert (ended.status, ended.epoch) == ("stopped_early", 2)


def test_initial_weights_that_overflow_are_a_divergence() -> None:
    config = nncli.load_config("c.yaml", ["model.layers.0.initializer={name: normal, std: 1e154}"])
    with pytest.raises(DivergedError, match=r"epoch 1, at the initial weights: .* smaller initial weights help"):
        nncli.train(config)


def test_what_it_has_no_use_for_is_refused_with_its_place() -> None:
    Path("d.yaml").write_text(
        LINEAR.replace("precision: float64", "batch_size: 16, clip_norm: 1, accumulate: 2, average: {}")
    )
    with pytest.raises(ConfigError) as error:
        nncli.load_config("d.yaml")
    lines = str(error.value).splitlines()
    keys = ["batch_size: lbfgs takes all rows at once", "clip_norm: goes with updates", "accumulate", "average"]
    assert len(lines) == 4
    for line, key in zip(lines, keys, strict=True):
        assert line.startswith("d.yaml:10:")
        assert f"training.{key}" in line
    noisy = "model.layers=[{units: 4, dropout: 0.5}, {activation: identity}]"
    with pytest.raises(ConfigError, match=r"model\.layers\.0: dropout is random, and lbfgs needs the same loss"):
        experiment(noisy)


def test_the_blas_that_scipy_brings_has_as_many_threads_as_the_training() -> None:
    """In a process that has not loaded it before: a limit set on threads counts only for what is loaded."""
    lines = [f"{x},{x * x % 7},{x}" for x in range(40)]
    Path("t.csv").write_text("\n".join(["a,b,y", *lines]))
    Path("t.yaml").write_text(LINEAR.replace(LINEAR[: LINEAR.index("model:")], "data: {path: t.csv, target: y}\n"))
    program = """if True:
        import json, nncli, threadpoolctl
        told = []
        def observe(event):
            pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
            told.append([pool["num_threads"] for pool in pools])
        nncli.train(nncli.load_config("t.yaml"), observe=observe)
        print(json.dumps(told))
    """
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert len(told) > 2
    assert {threads for pools in told for threads in pools} == {1}
