"""Every registered piece of the engine, one after the other, without being told of any."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from nncli.engine import activations, embeddings, losses, norms, optimizers
from nncli.engine.activations import Activation, Sigmoid, Tanh
from nncli.engine.buffers import Array, Buffers
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.losses import Loss, MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.optimizers import Optimizer
from nncli.engine.penalties import NO_PENALTY, Penalty
from nncli.engine.residual import Fork, Join
from nncli.gradcheck.check import check_point
from nncli.gradcheck.samples import enlarged, sample_embedding, sample_network, sample_points
from nncli.gradcheck.verdict import Proof, Verdict

UPDATE_LIMIT = 1e-12


@dataclass(frozen=True)
class PieceCheck:
    """What was found for one piece: a proof of its gradients, or, for an optimizer, the error of its update."""

    kind: str
    piece: str
    proof: Proof | None = None
    update_error: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Of the whole."""
        if self.proof is not None:
            return self.proof.verdict
        return "right" if self.update_error is not None and self.update_error <= UPDATE_LIMIT else "wrong"

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        content: dict[str, Any] = {"kind": self.kind, "piece": self.piece, "verdict": self.verdict}
        if self.proof is not None:
            return {**content, "proof": self.proof.to_json()}
        return {**content, "update_error": self.update_error, "limit": UPDATE_LIMIT}


@dataclass(frozen=True)
class Sample:
    """A piece in a network of its own, with layers before and behind it."""

    kind: str
    piece: str
    network: Network
    seed: int = 0
    weighted: bool = False

    def check(self, seed: int = 0) -> PieceCheck:
        """Check its gradients at all points where it is looked at."""
        ordinary, single = (
            sample_points(self.network, n=n, seed=seed + self.seed, weighted=self.weighted) for n in (6, 1)
        )
        points = [*ordinary, *single, *map(enlarged, ordinary)]
        proof = Proof(tuple(check for point in points for check in check_point(point, seed=seed).checks))
        return PieceCheck(self.kind, self.piece, proof)


@dataclass(frozen=True)
class Update:
    """An optimizer, of which it is the update that is checked."""

    optimizer: Optimizer
    kind: str = "optimizer"

    @property
    def piece(self) -> str:
        """Its name and settings."""
        return described(self.optimizer)

    def check(self, seed: int = 0) -> PieceCheck:
        """Compare it with its paper's formula."""
        return PieceCheck(self.kind, self.piece, update_error=update_error(self.optimizer, seed))


@dataclass(frozen=True)
class Pair:
    """A loss behind an output activation, apart or as one function, with so many targets."""

    loss: Loss
    output: Activation
    fuse: bool = False
    targets: int = 3

    def __str__(self) -> str:
        how = ["fused"] * self.fuse + ["one target"] * (self.targets == 1)
        return f"{described(self.loss)}, {self.output.name}" + (f" ({', '.join(how)})" if how else "")

    def network(self, hidden: Activation, penalty: Penalty = NO_PENALTY) -> Network:
        """A sample network that ends with them."""
        middle: list[Layer] = [Activate(hidden)]
        return sample_network(middle, self.output, self.loss, fuse=self.fuse, penalty=penalty, targets=self.targets)


def pairs() -> Iterator[Pair]:
    """Every loss behind every activation that it accepts, fused, too, where it can be.

    With other settings, and with a single target, it is behind those that it can be fused with, and behind one more.
    """
    for record in losses.registry:
        accepted = [output() for output in activations.registry if losses.objection(record, output) is None]
        for loss in variants(record()):
            fusing = [output for output in accepted if loss.fuse(output) is not None]
            few = list(dict.fromkeys([*fusing, *accepted[:1]]))
            for output in accepted if loss == record() else few:
                yield Pair(loss, output)
            yield from (Pair(loss, output, fuse=True) for output in fusing)
            single = [output for output in few if not output.simplex]
            yield from (Pair(loss, output, targets=1) for output in single)
            yield from (Pair(loss, output, fuse=True, targets=1) for output in single if output in fusing)


def check_pieces(seed: int = 0) -> Iterator[PieceCheck]:
    """Check every activation, loss (behind every activation that it accepts, once weighted), layer, penalty, optimizer.

    Each stands in a network of its own with layers before and behind it, and is looked at on six rows, on one, and on
    six that are large, where activations are saturated or beyond their last kink; and, where it is another function as
    it predicts, at both.
    """
    return (piece.check(seed) for piece in pieces())


def count_pieces() -> int:
    """How many checks ``check_pieces`` will give."""
    return sum(1 for _ in pieces())


def pieces() -> Iterator[Sample | Update]:
    """What ``check_pieces`` checks, one after the other."""
    yield from _samples()
    for record in optimizers.update_rules():
        yield from map(Update, variants(record()))


def _samples() -> Iterator[Sample]:
    mse = MeanSquaredError()
    for record in activations.registry:
        for activation in variants(record()):
            yield Sample("activation", described(activation), sample_network([Activate(activation)], Tanh(), mse))
    for pair in pairs():
        yield Sample("loss", str(pair), pair.network(Sigmoid()), seed=3)
    for pair in {pair.loss.name: pair for pair in pairs() if pair.targets > 1}.values():
        yield Sample("row weights", str(pair), pair.network(Sigmoid()), seed=3, weighted=True)
    for bias in (True, False):
        network = sample_network([Activate(Tanh()), Dense(5, bias=bias)], Tanh(), mse)
        yield Sample("layer", f"dense{'' if bias else ' without bias'}", network)
    for kind in norms.registry:
        for norm in variants(kind()):
            yield Sample("norm", described(norm), sample_network([Normalize(norm), Activate(Tanh())], Tanh(), mse))
    for numbers in embeddings.registry:
        for embedding in variants(numbers()):
            penalty = Penalty(l2=0.1)
            front = sample_embedding(embedding, penalty=penalty)
            network = sample_network([Activate(Tanh())], Tanh(), mse, penalty=penalty, front=front)
            yield Sample("number embedding", described(embedding), network)
    for name, layer in (("dropout (its mask frozen)", Dropout(0.4)), ("noise (frozen)", GaussianNoise(0.4))):
        yield Sample("layer", name, sample_network([Activate(Tanh()), layer], Tanh(), mse))
    for units in (5, 6):
        block: list[Layer] = [Fork(), Dense(units), Activate(Tanh()), Join(5, units)]
        name = "residual block" if units == 5 else "residual block with a projection"
        yield Sample("layer", name, sample_network([Activate(Tanh()), *block], Tanh(), mse))
    for penalty in (Penalty(l1=0.1), Penalty(l2=0.1), Penalty(l1=0.2, l2=0.3)):
        network = sample_network([Activate(Tanh())], Tanh(), mse, penalty=penalty)
        yield Sample("penalty", f"l1={penalty.l1:g}, l2={penalty.l2:g}", network)


def variants(record: Any) -> Iterator[Any]:
    """``record`` with its defaults; with each number that has a meaning of its own halved; with each switch turned.

    A number that is 0 or not there by default turns something off: it is set to one half, or one quarter. Where there
    may be several in place of one, it is joined by its half. What an optimizer can turn on is turned on in all
    combinations; the learning rate is not its own to use: updates are told it.
    """
    yield record
    settings, make = fields(record), type(record)
    if isinstance(record, Optimizer):
        off = [f.name for f in settings if f.default is False or f.default == 0]
        choices = {name: (False, True) if getattr(record, name) is False else (0.0, 0.5) for name in off}
        for values in itertools.islice(itertools.product(*choices.values()), 1, None):
            yield make(**dict(zip(choices, values, strict=True)))
        settings = tuple(f for f in settings if f.name not in (*off, "learning_rate"))
    hints = get_type_hints(make)
    for f in settings:
        if isinstance(f.default, bool):
            yield make(**{f.name: not f.default})
        elif f.default is None or f.default == 0:
            yield make(**{f.name: 0.25})
        elif isinstance(f.default, float):
            yield make(**{f.name: f.default / 2})
            if any(get_origin(kind) is list for kind in get_args(hints[f.name])):
                yield make(**{f.name: [f.default / 2, f.default]})


def described(record: Any) -> str:
    """``elu``, or ``elu(alpha=0.5)`` where a setting is not its default."""
    changed = [
        f"{f.name}={_shown(getattr(record, f.name))}" for f in fields(record) if getattr(record, f.name) != f.default
    ]
    return f"{record.name}({', '.join(changed)})" if changed else record.name


def _shown(setting: Any) -> str:
    return f"[{', '.join(map(_shown, setting))}]" if isinstance(setting, list) else f"{setting:g}"


def update_error(optimizer: Optimizer, seed: int, size: int = 50) -> float:
    """The worst relative difference between the update and its paper's formula, θ and state: first and eighth step."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=size)
    state = optimizer.start(theta)
    errors = []
    for t in range(1, 9):
        g = rng.normal(size=size)
        expected, memory = optimizer.reference(t, 0.1, theta, g, state)
        if t in (1, 8):
            found, after = theta.copy(), {name: vector.copy() for name, vector in state.items()}
            optimizer.bind(found, g, after, Buffers(float))(t, 0.1)
            pairs: list[tuple[Array, Array]] = [(found, expected), *((after[name], memory[name]) for name in after)]
            errors += [np.abs(mine - wanted).max() / np.abs(wanted).max() for mine, wanted in pairs]
        theta, state = expected, memory
    return float(np.max(errors))  # a NaN among them stays one, and is no error below a limit
