"""Every registered piece of the engine, one after the other, without being told of any."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from nncli.engine import activations, losses, norms, optimizers
from nncli.engine.activations import Sigmoid, Tanh
from nncli.engine.buffers import Array, Buffers
from nncli.engine.layers import Activate, Dense, Layer, Normalize
from nncli.engine.losses import MeanSquaredError
from nncli.engine.network import Network
from nncli.engine.noise import Dropout, GaussianNoise
from nncli.engine.optimizers import Optimizer
from nncli.engine.penalties import Penalty
from nncli.engine.residual import Fork, Join
from nncli.gradcheck.check import check_point
from nncli.gradcheck.copies import Point
from nncli.gradcheck.samples import INPUTS, sample_network, sample_points
from nncli.gradcheck.verdict import Proof, Verdict

UPDATE_LIMIT = 1e-12
LARGER = np.array([*[8] * INPUTS, 1])
"""Times the ordinary size: sums of about 10. The ones are left as they are."""


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
class _Sample:
    kind: str
    piece: str
    network: Network
    seed: int = 0


def check_pieces(seed: int = 0) -> Iterator[PieceCheck]:
    """Check every activation, every loss behind every activation that it accepts, layer, penalty and optimizer.

    Each stands in a network of its own with layers before and behind it, and is looked at on six rows, on one, and on
    six that are large, where activations are saturated or beyond their last kink; and, where it is another function as
    it predicts, at both.
    """
    for sample in _samples():
        ordinary, single = (sample_points(sample.network, n=n, seed=seed + sample.seed) for n in (6, 1))
        points = [*ordinary, *single, *(replace(point, inputs=point.inputs * LARGER) for point in ordinary)]
        yield PieceCheck(sample.kind, sample.piece, _joined(points, seed))
    for record in optimizers.registry:
        for optimizer in variants(record()):
            yield PieceCheck("optimizer", described(optimizer), update_error=update_error(optimizer, seed))


def count_pieces() -> int:
    """How many checks ``check_pieces`` will give."""
    updates = sum(1 for record in optimizers.registry for _ in variants(record()))
    return sum(1 for _ in _samples()) + updates


def _joined(points: list[Point], seed: int) -> Proof:
    return Proof(tuple(check for point in points for check in check_point(point, seed=seed).checks))


def _samples() -> Iterator[_Sample]:
    mse = MeanSquaredError()
    for record in activations.registry:
        for activation in variants(record()):
            yield _Sample("activation", described(activation), sample_network([Activate(activation)], Tanh(), mse))
    for loss in losses.registry:
        for output in activations.registry:
            if losses.objection(loss, output) is not None:
                continue
            for fuse in (False, True) if output.name in loss.fused else (False,):
                network = sample_network([Activate(Sigmoid())], output(), loss(), fuse=fuse)
                name = f"{loss.name}, {output.name}{' (fused)' if fuse else ''}"
                yield _Sample("loss", name, network, seed=3)
    for bias in (True, False):
        network = sample_network([Activate(Tanh()), Dense(5, bias=bias)], Tanh(), mse)
        yield _Sample("layer", f"dense{'' if bias else ' without bias'}", network)
    for kind in norms.registry:
        for norm in variants(kind()):
            yield _Sample("norm", described(norm), sample_network([Normalize(norm), Activate(Tanh())], Tanh(), mse))
    for name, layer in (("dropout (its mask frozen)", Dropout(0.4)), ("noise (frozen)", GaussianNoise(0.4))):
        yield _Sample("layer", name, sample_network([Activate(Tanh()), layer], Tanh(), mse))
    for units in (5, 6):
        block: list[Layer] = [Fork(), Dense(units), Activate(Tanh()), Join(5, units)]
        name = "residual block" if units == 5 else "residual block with a projection"
        yield _Sample("layer", name, sample_network([Activate(Tanh()), *block], Tanh(), mse))
    for penalty in (Penalty(l1=0.1), Penalty(l2=0.1), Penalty(l1=0.2, l2=0.3)):
        network = sample_network([Activate(Tanh())], Tanh(), mse, penalty=penalty)
        yield _Sample("penalty", f"l1={penalty.l1:g}, l2={penalty.l2:g}", network)


def variants(record: Any) -> Iterator[Any]:
    """``record`` with its defaults; with each number that has a meaning of its own halved; with each switch turned.

    A number that is 0 by default turns something off: it is set to one half.
    """
    yield record
    settings, make = fields(record), type(record)
    if isinstance(record, Optimizer):
        off = [f.name for f in settings if f.default is False or f.default == 0]
        choices = {name: (False, True) if getattr(record, name) is False else (0.0, 0.5) for name in off}
        for values in itertools.islice(itertools.product(*choices.values()), 1, None):
            yield make(**dict(zip(choices, values, strict=True)))
        return
    for f in settings:
        if isinstance(f.default, float):
            yield make(**{f.name: f.default / 2})


def described(record: Any) -> str:
    """``elu``, or ``elu(alpha=0.5)`` where a setting is not its default."""
    changed = [f"{f.name}={getattr(record, f.name):g}" for f in fields(record) if getattr(record, f.name) != f.default]
    return f"{record.name}({', '.join(changed)})" if changed else record.name


def update_error(optimizer: Optimizer, seed: int, size: int = 50) -> float:
    """The worst relative difference between the update and its paper's formula, θ and state: first and eighth step."""
    rng = np.random.default_rng(seed)
    errors = []
    for t in (1, 8):
        state = {name: np.zeros(size) if t == 1 else rng.uniform(0.1, 1, size) for name in optimizer.slots}
        theta, g = rng.normal(size=(2, size))
        expected, memory = optimizer.reference(t, 0.1, theta.copy(), g, {name: v.copy() for name, v in state.items()})
        optimizer.bind(theta, g, state, Buffers(float))(t, 0.1)
        pairs: list[tuple[Array, Array]] = [(theta, expected), *((state[name], memory[name]) for name in state)]
        for found, wanted in pairs:
            errors.append(np.abs(found - wanted).max() / np.abs(wanted).max())
    return float(np.max(errors))  # a NaN among them stays one, and is no error below a limit
