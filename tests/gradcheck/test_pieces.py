"""Every registered piece is looked at without being told of, and one that is wrong is found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import pytest
from annotated_types import Gt

from nncli.engine import activations, embeddings, losses, norms, optimizers
from nncli.engine.activations import Activation
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.optimizers import Adam, Sgd
from nncli.gradcheck.pieces import PieceCheck, Sample, Update, described, pieces, update_error, variants

PIECES = list(pieces())


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: f"{piece.kind}-{piece.piece}")
def test_every_piece_is_right_and_within_the_limit_of_the_complex_step(piece: Sample | Update) -> None:
    check = piece.check()
    assert (check.kind, check.piece) == (piece.kind, piece.piece)
    assert check.verdict == "right"
    if check.proof is None:
        assert check.update_error <= 1e-12
        return
    assert {one.rows for one in check.proof.checks} == {1, 6}
    for one in check.proof.checks:
        for tensor in one.tensors:
            found = tensor.by("complex_step")
            assert found is not None
            assert found.error is None or found.error <= 1e-12


def test_every_registered_piece_is_among_them() -> None:
    seen = {(piece.kind, piece.piece.split("(")[0].split(",")[0].strip()) for piece in PIECES}
    assert {("activation", name) for name in activations.registry.names} <= seen
    assert {("loss", name) for name in losses.registry.names} <= seen
    assert {("optimizer", rule.name) for rule in optimizers.update_rules()} <= seen
    kinds = {"activation", "loss", "row weights", "norm", "number embedding", "layer", "penalty", "optimizer"}
    assert {kind for kind, _ in seen} == kinds
    assert {("norm", name) for name in norms.registry.names} <= seen
    assert {("number embedding", name) for name in embeddings.registry.names} <= seen
    accepted = [
        f"{loss.name}, {output.name}"
        for loss in losses.registry
        for output in activations.registry
        if losses.objection(loss, output) is None
    ]
    assert set(accepted) <= {piece.piece for piece in PIECES}


@dataclass(frozen=True)
class Squash(Activation):
    """slope·tanh(z), whose derivative forgets the slope unless it is 1."""

    slope: Annotated[float, Gt(0)] = 1.0

    name = "squash"
    formula = "slope·tanh(z)"
    in_place = False
    kinks = ()
    range = (-1.0, 1.0)

    def bind(self, Z: Array, A: Array, D: Array, buffers: Buffers) -> tuple[Step, Step]:
        def forward() -> None:
            np.tanh(Z, out=A)
            A[...] *= self.slope

        def backward() -> None:
            D[...] *= 1 - (A / self.slope) ** 2

        return forward, backward

    def reference(self, Z: Any, xp: Any) -> Any:
        return self.slope * xp.tanh(Z)


def test_a_wrong_activation_that_is_registered_is_found_and_with_its_default_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So settings are varied, too."""
    monkeypatch.setattr(activations.registry, "_records", {"squash": Squash})
    found = {piece.piece: piece.check() for piece in pieces() if piece.kind == "activation"}
    assert found["squash"].verdict == "right"
    assert found["squash(slope=0.5)"].verdict == "wrong"
    assert set(found["squash(slope=0.5)"].proof.found_by) >= {"complex_step", "differences", "oracle"}


@dataclass(frozen=True)
class Doubled(losses.MeanSquaredError):
    """The mean of the squares, differentiated as if there were no half."""

    name = "doubled"

    def bind(self, P: Array, Y: Array, L: Array, D: Array, scale: float, buffers: Buffers) -> tuple[Step, Step]:
        return super().bind(P, Y, L, D, 2 * scale, buffers)


def test_a_wrong_loss_that_is_registered_is_found_behind_every_activation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses.registry, "_records", {"doubled": Doubled})
    found = [piece.check() for piece in pieces() if piece.kind == "loss"]
    assert {f"doubled, {name}" for name in activations.registry.names} <= {check.piece for check in found}
    assert {check.verdict for check in found} == {"wrong"}


@dataclass(frozen=True)
class Uncorrected(Adam):
    """Adam without the correction of its second moment."""

    name = "uncorrected"

    def bind(self, theta: Array, g: Array, state: Any, buffers: Buffers) -> Any:
        m, v = state["m"], state["v"]

        def update(t: int, rate: float) -> None:
            m[...] = self.beta1 * m + (1 - self.beta1) * g
            v[...] = self.beta2 * v + (1 - self.beta2) * g * g
            theta[...] -= rate * m / (1 - self.beta1**t) / (np.sqrt(v) + self.epsilon)

        return update


@dataclass(frozen=True)
class NotANumber(Sgd):
    """An update with one entry that is no number."""

    name = "not_a_number"

    def bind(self, theta: Array, g: Array, state: Any, buffers: Buffers) -> Any:
        update = super().bind(theta, g, state, buffers)

        def wrong(t: int, rate: float) -> None:
            update(t, rate)
            theta[0] = np.nan

        return wrong


def test_an_update_that_is_no_number_is_wrong() -> None:
    assert PieceCheck("optimizer", "nan", update_error=update_error(NotANumber(), seed=0)).verdict == "wrong"


def test_a_wrong_update_is_found() -> None:
    assert update_error(Uncorrected(), seed=0) > 1e-3
    assert update_error(Adam(), seed=0) < 1e-14


def test_variants_turn_on_what_is_off_and_vary_what_has_a_value() -> None:
    assert [described(one) for one in variants(activations.Elu())] == ["elu", "elu(alpha=0.5)"]
    assert [described(one) for one in variants(activations.Tanh())] == ["tanh"]
    assert {one for one in variants(Sgd())} == {
        Sgd(),
        Sgd(momentum=0.5),
        Sgd(nesterov=True),
        replace(Sgd(), momentum=0.5, nesterov=True),
    }
