"""Sums over processes, by threads in their place: any number of them has the bits of one."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from nncli.builder import Experiment, Rows
from nncli.builder.order import Order
from nncli.engine.buffers import Buffers
from nncli.ranks import ALONE, Ranks, children, parent
from nncli.training import sums, team
from nncli.training.batches import own_rows
from nncli.training.crew import Crew
from nncli.training.sums import TreeSum

Wires = dict[tuple[int, int], Queue[NDArray[Any]]]


class OfThreads(Ranks):
    """A rank that is a thread: its messages are copies in queues."""

    def __init__(self, rank: int, size: int, wires: Wires) -> None:
        super().__init__()
        self.rank, self.size, self.wires = rank, size, wires

    def sending(self, array: NDArray[Any], to: int) -> Any:
        return _Message(lambda: self.wires[self.rank, to].put(array.copy()), lambda: None)

    def receiving(self, array: NDArray[Any], source: int) -> Any:
        return _Message(lambda: None, lambda: np.copyto(array, self.wires[source, self.rank].get(timeout=10)))


def test_every_shard_has_one_owner() -> None:
    for shards in range(1, 30):
        for size in range(1, shards + 1):
            ranks = OfThreads(0, size, {})
            shares = [[*ranks.share(shards, rank)] for rank in range(size)]
            assert [shard for share in shares for shard in share] == [*range(shards)]
            assert all(shard in shares[ranks.owner(shards, shard)] for shard in range(shards))


class _Message:
    def __init__(self, start: Any, wait: Any) -> None:
        self.start, self.wait = start, wait


def added(pieces: int, shards: int, ranks: Ranks, vectors: NDArray[np.float32]) -> TreeSum:
    size = vectors.shape[1] - 2
    share = range(*(min(end, pieces) for end in (ranks.share(shards).start, ranks.share(shards).stop)))
    gradient = np.zeros(size, np.float32) if 0 in share else None
    owners = [ranks.owner(shards, i) for i in range(pieces)]
    buffers = Buffers(np.float32)
    found = TreeSum(gradient, size, 2, pieces, share, owners.__getitem__, buffers, Crew(1), ranks)
    for i, summand in zip(share, found.summands, strict=True):
        summand.gradient[...], summand.rest[...] = vectors[i, :size], vectors[i, size:]
    found.add_up()
    return found


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 6, 7, 8, 13])
@pytest.mark.parametrize("stretch", [1 << 19, 40])
def test_any_number_of_processes_adds_in_the_same_order(
    shards: int, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a batch of fewer pieces than shards, whose last processes have none, and vectors that go in stretches."""
    monkeypatch.setattr(sums, "STRETCH", stretch)
    rng = np.random.default_rng(shards)
    for pieces in {shards, max(1, shards - 2)}:
        vectors = (rng.standard_normal((pieces, 50)) * 10.0 ** rng.integers(-4, 5, (pieces, 50))).astype(np.float32)
        first = added(pieces, shards, ALONE, vectors).summands[0]
        expected = np.concatenate([first.gradient, first.rest])
        np.testing.assert_allclose(expected, vectors.astype(np.float64).sum(axis=0), rtol=1e-4, atol=1e-2)
        for size in range(2, shards + 1):
            wires: Wires = defaultdict(Queue)
            ranks = [OfThreads(rank, size, wires) for rank in range(size)]
            with ThreadPoolExecutor(size) as pool:
                found = [pool.submit(added, pieces, shards, rank, vectors) for rank in ranks]
                total = found[0].result(20).summands[0]
            assert np.concatenate([total.gradient, total.rest]).tobytes() == expected.tobytes()
            assert all(queue.empty() for queue in wires.values())


def test_what_rank_0_says_comes_to_all_on_a_tree() -> None:
    for size in range(1, 40):
        behind = {rank: children(rank, size) for rank in range(size)}
        assert all(parent(child) == rank for rank, some in behind.items() for child in some)
        assert sorted(child for some in behind.values() for child in some) == list(range(1, size))
        assert len(behind[0]) == (size - 1).bit_length()  # as many rounds as there are doublings


def test_each_process_has_the_rows_of_its_shards_alone() -> None:
    order = Order(seed=1, n=103, size=20, shards=6)
    dealt, place = order.dealt(), np.arange(order.n)
    for size in (2, 4, 6):
        kept = []
        for rank in range(size):
            ranks = OfThreads(rank, size, {})
            mine = np.concatenate([dealt[shard] for shard in ranks.share(order.shards)])
            kept.append(mine)
            for where, shard in zip(own_rows(order, ranks), ranks.share(order.shards), strict=True):
                assert place[mine[where]].tolist() == dealt[shard].tolist()
        assert sorted(np.concatenate(kept)) == list(range(order.n))
        most = -(-order.shards // size) * (order.n / order.shards + order.batches)  # at most one row more of a batch
        assert max(map(len, kept)) <= most < order.n


class Read(np.ndarray):
    """Remembers in ``seen`` which rows are asked for."""

    seen: list[Any]

    def __getitem__(self, key: Any) -> Any:
        self.seen.append(key)
        return np.asarray(self)[key]


def test_rows_are_dealt_out_as_they_lie_and_each_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(seed=3, n=503, size=40, shards=7)
    monkeypatch.setattr(team, "BLOCK", 50 * 32)
    X, y, w = np.random.default_rng(0).random((order.n, 3)), np.arange(order.n), np.random.default_rng(1).random(503)
    for size in (2, 3, 7):
        for rank in range(size):
            inputs = X.view(Read)
            inputs.seen = []
            ranks = OfThreads(rank, size, {})
            own = team.own_part(cast(Experiment, SimpleNamespace(train=Rows(inputs, y, w), order=order)), ranks)
            mine = np.concatenate([order.dealt()[shard] for shard in ranks.share(order.shards)])
            for found, all_rows in ((own.inputs, X), (own.targets, y), (own.weights, w)):
                np.testing.assert_array_equal(found, all_rows[mine])
            assert [key.start for key in inputs.seen] == sorted({key.start for key in inputs.seen})


def test_rows_that_others_have_are_released(tmp_path: Any) -> None:
    import nncli
    from nncli.builder import build

    config = "data: {source: wine}\nmodel: {layers: [{units: 3, activation: relu}, {activation: softmax}]}\n"
    (tmp_path / "c.yaml").write_text(config)
    experiment = build(nncli.load_config(tmp_path / "c.yaml"))
    before, order = experiment.train.inputs.shape, experiment.order
    experiment.release_rows()
    experiment.release_cells()
    assert isinstance(experiment.train, Rows)
    assert experiment.train.inputs.shape == before
    assert experiment.order == order
    for array in (experiment.train.inputs, experiment.dataset.train.inputs, experiment.dataset.train.table.features):
        assert array.strides == (0, 0)  # of shape alone
        with pytest.raises(TypeError, match="has no numbers"):
            array + 1


def test_rows_that_train_and_are_judged_are_still_there_to_be_judged(tmp_path: Any) -> None:
    import nncli
    from nncli.builder import build

    config = "data: {source: wine}\nmodel: {layers: [{units: 3, activation: relu}, {activation: softmax}]}\n"
    (tmp_path / "c.yaml").write_text(config)
    experiment = build(nncli.load_config(tmp_path / "c.yaml", ["training.overfit_batches=2"]))
    (inputs, targets), place = (experiment.train.inputs, experiment.train.targets), experiment.dataset.train.rows
    experiment.release_rows()
    validation, part = experiment.validation, experiment.dataset.validation
    assert validation is not None
    assert part is not None
    np.testing.assert_array_equal(validation.inputs, inputs)
    np.testing.assert_array_equal(validation.targets, targets)
    for found, expected in ((part.inputs, inputs), (part.targets, targets), (part.rows, place)):
        np.testing.assert_array_equal(found, expected)
