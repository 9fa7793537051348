"""The checker checked: every fault of the catalogue is planted, and every method is asked whether it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nncli.engine.activations import Prelu, Relu, Softmax, Tanh
from nncli.engine.embeddings import Periodic
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.losses import CrossEntropy
from nncli.engine.network import Network
from nncli.engine.noise import Dropout
from nncli.engine.norms import BatchNorm, LayerNorm
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.gradcheck import oracle
from nncli.gradcheck.check import check_point
from nncli.gradcheck.faults import registry
from nncli.gradcheck.samples import sample_embedding, sample_network, sample_points
from nncli.gradcheck.verdict import METHODS, Method, Proof


def enough() -> int:
    """By how many methods a fault must be found: two, or one where the oracle cannot be asked."""
    return 2 if oracle.installed() else 1


@dataclass(frozen=True)
class FaultCheck:
    """What became of a planted fault.

    Attributes:
        fault: Its name.
        variant: The network that it was planted into.
        found_by: The methods that found it.
        guilty: The tensor that was named first.
        sound: Whether the same network without the fault was found right.
    """

    fault: str
    variant: str
    found_by: tuple[Method, ...]
    guilty: str | None
    sound: bool

    @property
    def passed(self) -> bool:
        """Whether enough methods found it, and nobody found anything where nothing was planted."""
        return self.sound and len(self.found_by) >= enough()


def sample_networks() -> dict[str, Network]:
    """What the faults are planted into: between them, there is a place for each."""
    plain: list[Layer] = [Activate(Relu()), Dense(5), Activate(Tanh())]
    blocks: list[Layer] = [Activate(Relu()), Dense(5), Normalize(LayerNorm()), Activate(Tanh()), Dropout(0.3)]
    batch: list[Layer] = [Activate(Prelu()), Dense(5, bias=False), Normalize(BatchNorm()), Activate(Tanh())]
    residual: list[Layer] = [Activate(Relu()), Fork(), Dense(6), Activate(Tanh()), Join(5, 6)]
    front = sample_embedding(Periodic(frequencies=3, sigma=0.3))
    penalty = Penalty(l1=0.01, l2=0.1)
    return {
        "fused": sample_network(plain, Softmax(), CrossEntropy(), fuse=True, penalty=penalty),
        "unfused": sample_network(plain, Softmax(), CrossEntropy(), penalty=penalty),
        "normed": sample_network(blocks, Softmax(), CrossEntropy(), fuse=True, penalty=penalty),
        "batch normed": sample_network(batch, Softmax(), CrossEntropy(), fuse=True, penalty=penalty),
        "residual": sample_network(residual, Softmax(), CrossEntropy(), fuse=True, penalty=penalty),
        "embedded": sample_network([Activate(Tanh())], Softmax(), CrossEntropy(), penalty=penalty, front=front),
    }


@dataclass(frozen=True)
class Planted:
    """A fault in a sample network that has a place for it."""

    fault: str
    variant: str
    network: Network

    def check(self, sound: bool, seed: int = 0) -> FaultCheck:
        """Who finds it; ``sound`` is whether the network without it was found right."""
        proof = proof_of(self.network, seed)
        found = tuple(method for method in METHODS if method in proof.found_by)
        return FaultCheck(self.fault, self.variant, found, proof.wrong[0] if proof.wrong else None, sound)


def planted() -> Iterator[Planted]:
    """Every registered fault in every sample network that has a place for it."""
    for record in registry:
        for name, network in sample_networks().items():
            with_fault = record().plant(network)
            if with_fault is not None:
                yield Planted(record.name, name, with_fault)


def self_test(seed: int = 0) -> Iterator[FaultCheck]:
    """Check all that ``planted`` gives."""
    sound = {name: proof_of(network, seed).passed for name, network in sample_networks().items()}
    yield from (one.check(sound[one.variant], seed) for one in planted())


def count_faults() -> int:
    """How many checks ``self_test`` will give."""
    return sum(1 for _ in planted())


def proof_of(network: Network, seed: int = 0) -> Proof:
    """As it trains; and as it predicts, if that is another function."""
    points = sample_points(network, seed=seed)
    return Proof(tuple(check for point in points for check in check_point(point, seed=seed).checks))
