"""Shards of a batch: the same mathematics, and the same bits on any number of threads."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.config.schema import Config
from nncli.engine.buffers import Buffers
from nncli.engine.randomness import Purpose, stream
from nncli.errors import ConfigError
from nncli.run import Run
from nncli.training.batches import Batches
from nncli.training.crew import Crew
from nncli.training.memory import memory_of
from nncli.training.shards import WORTH_A_THREAD, cuts
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: wine}
model:
  input: {noise: 0.01}
  layers:
    - {units: 24, activation: relu, dropout: 0.1}
    - {units: 24, activation: tanh, norm: layer, residual: true}
    - {activation: softmax}
loss: {name: cross_entropy, class_weight: balanced}
regularization: {l2: 0.01}
training: {epochs: 4, batch_size: 30, precision: float64, threads: 1}
"""
CLEAR = ("model.input.noise=0", "model.layers.0.dropout=0")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def config(*overrides: str) -> Config:
    return nncli.load_config("c.yaml", overrides)


def digests(run: Run) -> dict[str, str]:
    found: dict[str, str] = run.read_json("summary.json")["digests"]
    return found


@pytest.mark.parametrize("shards", [2, 3, 5])
def test_the_gradient_and_the_loss_are_those_of_the_whole_batch(shards: int) -> None:
    found = []
    for pieces in (1, shards):
        experiment = build(config(f"training.shards={pieces}", *CLEAR))
        weights = experiment.network.initial_weights(stream(0, Purpose.WEIGHTS), np.float64)
        g = np.zeros_like(weights.theta)
        batches = Batches(experiment, weights, g, Buffers(np.float64), Crew(1))
        for batch in batches.of(1):
            batch.forward()
            loss = batch.loss()
            batch.backward()
            found.append((pieces, batch.n, loss, g.copy()))
    whole, pieces_of_it = ([entry for entry in found if entry[0] == pieces] for pieces in (1, shards))
    assert [entry[1] for entry in whole] == [entry[1] for entry in pieces_of_it]
    assert len(whole) > 2
    for (_, _, loss, g), (_, _, other_loss, other_g) in zip(whole, pieces_of_it, strict=True):
        assert other_loss == pytest.approx(loss, rel=1e-13)
        np.testing.assert_allclose(other_g, g, rtol=0, atol=1e-14 * np.abs(g).max() * 10)


@pytest.mark.parametrize("kernels", ["numpy", "numba"])
@pytest.mark.parametrize("extra", ["training.accumulate=2", "training.average={decay: 0.9}", "training.clip_norm=1.0"])
def test_the_bits_follow_from_the_shards_and_not_from_the_threads(extra: str, kernels: str) -> None:
    def train(threads: int) -> dict[str, str]:
        return digests(
            nncli.train(
                config("training.shards=4", f"training.threads={threads}", f"training.kernels={kernels}", extra)
            )
        )

    assert train(1) == train(2) == train(3)


def test_other_shards_have_other_last_bits_and_the_run_says_how_many() -> None:
    one, four = (nncli.train(config(f"training.shards={shards}", *CLEAR)) for shards in (1, 4))
    assert digests(one) != digests(four)
    tensors = [run.load_weights("last") for run in (one, four)]
    for name, tensor in tensors[0].items():
        np.testing.assert_allclose(tensors[1][name], tensor, rtol=0, atol=1e-10)
    again = nncli.train(nncli.load_config(four.path / "config.yaml"))
    assert again.path != four.path
    assert digests(again) == digests(four)


def test_long_vectors_are_updated_in_stretches_with_the_same_bits() -> None:
    wide = ("model.layers.0.units=9000", "training.shards=2", "training.epochs=1", "training.precision=float32")
    wide += ("model.layers.1.residual=false",)
    assert build(config(*wide)).network.layout.size > 1.5 * WORTH_A_THREAD
    assert digests(nncli.train(config(*wide))) == digests(nncli.train(config(*wide, "training.threads=2")))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_stretches_cover_a_vector(threads: int) -> None:
    for size in (0, 5, WORTH_A_THREAD, 5 * WORTH_A_THREAD + 3):
        found = cuts(size, threads)
        assert np.concatenate([np.arange(size)[cut] for cut in found]).tolist() == list(range(size))
        assert len(found) == max(1, min(threads, size // WORTH_A_THREAD))


def test_shards_are_chosen_by_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    wide = ("model.layers.0.units=600", "model.layers.1.units=600", "training.batch_size=400", "training.threads=auto")
    assert build(config()).shards == 1
    experiment = build(config(*wide))
    assert (experiment.shards, experiment.threads, experiment.blas_threads) == (2, 1, 1)
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    experiment = build(config(*wide))
    assert (experiment.shards, experiment.threads, experiment.blas_threads) == (2, 2, 1)
    assert build(config(*wide, "model.layers.1.norm=batch")).shards == 1
    assert build(config(*wide, "model.layers.0.units=3000")).shards == 1  # many parameters: threads of BLAS


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("training.batch_size=7", r"training\.shards: a batch of 7 rows has no 8 shards"),
        ("model.layers.1.norm=batch", r"training\.shards: model\.layers\.1\.norm takes a batch in one piece"),
        ("optimizer=lbfgs", r"training\.shards: lbfgs takes all rows in one piece"),
    ],
)
def test_shards_that_cannot_be_are_refused(override: str, problem: str) -> None:
    clear = (*CLEAR, "training.batch_size=auto") if "lbfgs" in override else ()
    with pytest.raises(ConfigError, match=problem):
        build(config("training.shards=8", *clear, override))


def test_what_shards_take_is_counted() -> None:
    one, two = (memory_of(build(config(f"training.shards={shards}"))).parts["batch"] for shards in (1, 2))
    assert two > one + 8 * build(config()).network.layout.size / 2


def test_a_divergence_in_one_shard_is_found() -> None:
    experiment = build(config("training.shards=2", *CLEAR))
    experiment.train.inputs[3, 0] = np.inf
    trainer = Trainer(experiment)
    with np.errstate(all="ignore"):
        end = list(trainer.run())[-1]
    assert end.status == "diverged"  # type: ignore[union-attr]
    assert "input is not finite" in end.problem  # type: ignore[union-attr]


def test_threads_end_with_the_training() -> None:
    before = threading.active_count()
    nncli.train(config("training.shards=4", "training.threads=3"))
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(5)
    assert threading.active_count() <= before


def test_what_a_thread_raises_comes_out_once_all_are_done() -> None:
    crew, done = Crew(3), []

    def fail() -> None:
        raise KeyError("in a thread")

    try:
        with pytest.raises(KeyError, match="in a thread"):
            crew.run([lambda: done.append(0), fail, lambda: done.append(2), lambda: done.append(3)])
        assert sorted(done) == [0, 2, 3]
        crew.run([lambda: done.append(4)] * 3)
        assert done.count(4) == 3
    finally:
        crew.close()


def test_a_thread_keeps_the_caller_s_handling_of_overflow() -> None:
    crew, found = Crew(2), []
    with np.errstate(over="raise"):
        crew.run([lambda: None, lambda: found.append(np.geterr()["over"])])
    crew.close()
    assert found == ["raise"]
