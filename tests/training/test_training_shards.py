"""Shards of a batch: the same mathematics, and the same bits on any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import Experiment, build
from nncli.builder.order import Order
from nncli.config.schema import Config
from nncli.engine.buffers import Array, Buffers
from nncli.engine.network import Bound
from nncli.engine.parameters import Weights
from nncli.engine.randomness import Purpose, stream
from nncli.errors import ConfigError
from nncli.run import Run
from nncli.training.batches import ShardedBatches, batches_of
from nncli.training.crew import Crew
from nncli.training.memory import memory_of
from nncli.training.sums import WORTH_A_THREAD, cuts
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


def bound(*overrides: str) -> tuple[Experiment, Weights, Array, ShardedBatches]:
    """An experiment, initial weights, room for the gradient, and the batches that are bound to both."""
    experiment = build(config(*overrides))
    network = experiment.network
    weights = network.initial_weights(stream(0, Purpose.WEIGHTS), np.float64)
    g = np.zeros_like(weights.theta)
    batches = batches_of(network, experiment.train, experiment.order, weights, g, Buffers(np.float64), Crew(1))
    assert isinstance(batches, ShardedBatches)
    return experiment, weights, g, batches


@pytest.mark.parametrize("shards", [2, 3, 5, 30])
def test_the_gradient_and_the_loss_are_those_of_the_whole_batch(shards: int) -> None:
    """Of the same rows in one piece; 124 rows in batches of 30 leave 4 for a last batch of fewer pieces."""
    experiment, weights, g, batches = bound(f"training.shards={shards}", *CLEAR)
    sizes = []
    for batch in batches.of(1):
        batch.forward()
        loss = batch.loss()
        batch.backward()
        sizes.append([part.n for part in batch.parts])
        expected = np.zeros_like(g)
        whole = experiment.network.bind(weights.theta, expected, batch.n, weighted=True)
        assert whole.row_weights is not None
        whole.inputs[...] = np.concatenate([part.inputs for part in batch.parts])
        whole.targets[...] = np.concatenate([part.targets for part in batch.parts])
        whole.row_weights[...] = np.concatenate(
            [part.row_weights for part in batch.parts if part.row_weights is not None]
        )
        whole.forward()
        assert loss == pytest.approx(float(whole.loss()), rel=1e-13)
        whole.backward()
        np.testing.assert_allclose(g, expected, rtol=0, atol=1e-13 * np.abs(g).max())
    assert [sum(pieces) for pieces in sizes] == [30, 30, 30, 30, 4]
    assert [len(pieces) for pieces in sizes] == [shards] * 4 + [min(4, shards)]


GHOSTS = ("training.shards=3", "model.layers.1.norm=batch", "training.batch_size=31", *CLEAR)


def test_batch_norm_by_shards_has_the_gradient_of_the_loss_that_it_has() -> None:
    """Each shard is normalized by its own rows; the loss of all, by finite differences along 5 directions."""
    _, weights, g, batches = bound(*GHOSTS)
    batch = batches.at(1, 2)

    def loss() -> float:
        batch.forward()
        return batch.loss() + float(batch.penalty())

    loss()
    batch.backward()
    gradient, start, rng = g.copy(), weights.theta.copy(), np.random.default_rng(0)
    for _ in range(5):
        direction = rng.standard_normal(start.size)
        found = []
        for h in (1e-5, -1e-5, 2e-5, -2e-5):
            weights.theta[...] = start + h * direction
            found.append(loss())
        slope = (8 * (found[0] - found[1]) - (found[2] - found[3])) / 12e-5
        assert slope == pytest.approx(gradient @ direction, rel=1e-7)


def test_batch_norm_by_shards_keeps_the_mean_of_their_statistics() -> None:
    """Each shard counted by its rows: so the mean is that of the batch, and the variance that within the shards."""
    experiment, weights, _, batches = bound(*GHOSTS)
    batch = batches.at(1, 1)
    batch.forward()
    batch.settle()
    views = experiment.network.tensors(weights)
    sums = [dict(part.signals)["layers.1.dense"].copy() for part in bound_to_be_read(experiment, weights, batch.parts)]
    together = np.concatenate(sums)
    within = sum(len(Z) * Z.var(axis=0, ddof=1) for Z in sums) / len(together)
    assert [len(Z) for Z in sums] == [10, 10, 11]
    np.testing.assert_allclose(views["layers.1.running_mean"], 0.1 * together.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(views["layers.1.running_var"], 0.9 + 0.1 * within, rtol=1e-12)


def bound_to_be_read(experiment: Experiment, weights: Weights, parts: list[Bound]) -> Iterator[Bound]:
    """The same rows, in bindings whose signals stay readable."""
    for part in parts:
        again = experiment.network.bind(weights.theta, None, part.n, keep_signals=True, weighted=True)
        again.inputs[...] = part.inputs
        again.forward()
        yield again


@pytest.mark.parametrize(("n", "size", "shards"), [(124, 30, 4), (124, 30, 7), (10, 10, 3), (9, 4, 4), (7, 3, 2)])
def test_the_rows_are_dealt_once_and_each_comes_once_in_an_epoch(n: int, size: int, shards: int) -> None:
    order = Order(5, n, size, shards)
    dealt = order.dealt()
    assert sorted(np.concatenate(dealt)) == list(range(n))
    assert [len(rows) for rows in dealt] == [order.share(shard) for shard in range(shards)]
    for shard, rows in enumerate(dealt):
        places = [order.place(shard, number) for number in range(1, order.batches + 1)]
        assert np.concatenate([rows[place] for place in places]).tolist() == rows.tolist()
    for number in range(1, order.batches + 1):
        taken = [order.place(shard, number) for shard in range(shards)]
        assert sum(place.stop - place.start for place in taken) == order.rows(number)
    first = order.first(2)
    assert len(first) == len(set(first.tolist())) == min(n, 2 * size)


def test_a_shard_draws_random_numbers_of_its_own_for_each_batch() -> None:
    _, _, _, batches = bound("training.shards=4")
    masks = []
    for epoch in (1, 2):
        for batch in batches.of(epoch):
            batch.forward()
            for part in batch.parts:
                noise = next(stage.wires.noise for stage in part.stages if stage.stage.layer.kind == "dropout")
                masks.append(noise[0].tobytes())
    assert len(set(masks)) == len(masks) == 2 * (4 * 4 + 4)


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
    """Of batches of all rows: in smaller ones other rows come together."""
    whole = ("training.batch_size=full", *CLEAR)
    one, four = (nncli.train(config(f"training.shards={shards}", *whole)) for shards in (1, 4))
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
        (
            "model.layers.1.norm=batch",
            r"training\.shards: model\.layers\.1\.norm needs at least 2 rows in each shard, and the last batch has "
            r"4 rows for 8; take fewer, or a batch_size that fits, such as 31",
        ),
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
    before = set(threading.enumerate())
    nncli.train(config("training.shards=4", "training.threads=3"))
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


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
