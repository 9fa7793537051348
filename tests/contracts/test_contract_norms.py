"""Every registered norm and every activation that learns, without being told of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nncli.engine import activations, norms
from nncli.engine.activations import Activation, LearnedActivation, Tanh
from nncli.engine.buffers import Array, Buffers, Step
from nncli.engine.layers import Activate, Normalize
from nncli.engine.losses import MeanSquaredError
from nncli.engine.norms import Norm
from nncli.engine.parameters import Parameter
from nncli.engine.special import PLAIN
from nncli.gradcheck.check import check_point
from nncli.gradcheck.copies import Point
from nncli.gradcheck.pieces import pieces
from nncli.gradcheck.samples import sample_network, sample_points

NORMS = list(norms.registry)
LEARNED = [record for record in activations.registry if record().parameters(3)]


def by_name(value: object) -> str:
    return getattr(value, "name", str(value))


def both_ways(record: type[Norm], n: int) -> list[Point]:
    network = sample_network([Normalize(record()), Activate(Tanh())], Tanh(), MeanSquaredError())
    return sample_points(network, n=n)


@pytest.mark.parametrize("record", NORMS, ids=by_name)
def test_norm_computes_its_formula_as_it_trains_and_as_it_predicts(record: type[Norm]) -> None:
    for at in both_ways(record, 40):
        bound = at.resting.stages[1]
        named = {**at.network.layout.views(at.theta), **at.network.statistics.views(at.resting.statistics)}
        names = ["scale", "shift", *(record.statistics if at.evaluating else [])]
        expected = record().reference(bound.wires.X, {name: named[f"middle.{name}"] for name in names}, PLAIN)
        np.testing.assert_allclose(bound.wires.Y, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("record", NORMS, ids=by_name)
def test_norm_brings_what_it_normalizes_to_mean_0_and_variance_1(record: type[Norm]) -> None:
    X = np.random.default_rng(0).normal(3, 5, (50, 40))
    plain = {"scale": np.ones(40), "shift": np.zeros(40)}
    Y = record().reference(X, plain, PLAIN)
    np.testing.assert_allclose(Y.mean(axis=record.axis), 0, atol=1e-13)
    np.testing.assert_allclose(Y.var(axis=record.axis), 1, rtol=1e-5)


@pytest.mark.parametrize("record", NORMS, ids=by_name)
def test_norm_takes_out_a_bias_if_and_only_if_it_says_so(record: type[Norm]) -> None:
    X, bias = np.random.default_rng(0).normal(size=(6, 4)), np.arange(4.0)
    plain = {"scale": np.ones(4), "shift": np.zeros(4)}
    same = np.allclose(record().reference(X, plain, PLAIN), record().reference(X + bias, plain, PLAIN), atol=1e-9)
    assert same == record.takes_out_bias


@pytest.mark.parametrize("record", NORMS, ids=by_name)
def test_rows_heed_each_other_only_where_the_norm_trains_and_only_if_it_is_over_the_rows(record: type[Norm]) -> None:
    for at in both_ways(record, 6):
        heeds = not at.evaluating and record.axis == -2
        batch = at.bind(keep_signals=True)
        batch.forward()
        before = batch.outputs[1:].copy()
        batch.inputs[0, 0] += 1
        batch.forward()
        assert np.array_equal(before, batch.outputs[1:]) != heeds
        assert (record.least_rows > 1) == (record.axis == -2)


@pytest.mark.parametrize("record", [*NORMS, *LEARNED], ids=by_name)
def test_record_is_frozen_documented_and_has_a_default_for_every_setting(record: type) -> None:
    assert all([record.__doc__, record.formula, record.derivative, record.source, record.onnx])
    with pytest.raises(dataclasses.FrozenInstanceError):
        record().name = "other"


@pytest.mark.parametrize("record", LEARNED, ids=by_name)
def test_an_activation_that_learns_states_the_formula_of_every_slope(record: type[LearnedActivation]) -> None:
    assert set(record.slopes) == {parameter.name for parameter in record().parameters(3)}
    assert {parameter.role for parameter in record().parameters(3)} <= {"scale", "bias"}  # what no penalty is on


@dataclass(frozen=True)
class Stretched(LearnedActivation):
    """height·tanh(z), one height for the whole layer."""

    name = "stretched"
    in_place = True
    forgets = False

    def parameters(self, units: int) -> tuple[Parameter, ...]:
        return (Parameter("height", (1,), "scale"),)

    def initialize(self, tensors: Mapping[str, Array]) -> None:
        tensors["height"][...] = 1

    def bind_learned(
        self, Z: Array, A: Array, D: Array, tensors: Mapping[str, Array], slopes: Mapping[str, Array], buffers: Buffers
    ) -> tuple[Step, Step]:
        height, T = tensors["height"][..., np.newaxis], np.zeros(Z.shape, Z.dtype)

        def forward() -> None:
            np.tanh(Z, out=T)
            np.multiply(T, height, out=A)

        def backward() -> None:
            slopes["height"][...] = 0 if self.forgets else (D * T).sum()
            D[...] *= height * (1 - T * T)

        return forward, backward

    def reference_learned(self, Z: Any, tensors: Mapping[str, Any], xp: Any) -> Any:
        return tensors["height"] * xp.tanh(Z)


class Forgetful(Stretched):
    """The same, whose height is never told to move."""

    forgets = True


def test_another_activation_that_learns_is_proven_and_found_wrong_without_being_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activations.registry, "_records", {"stretched": Stretched})
    assert {piece.check().verdict for piece in pieces() if piece.kind == "activation"} == {"right"}
    wrong: Activation = Forgetful()
    proof = check_point(sample_points(sample_network([Activate(wrong)], Tanh(), MeanSquaredError()))[0])
    assert proof.wrong == ("middle.height",)
    assert set(proof.found_by) >= {"complex_step", "differences", "oracle"}
