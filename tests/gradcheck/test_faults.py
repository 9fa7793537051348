"""Every fault of the catalogue, planted: by whom it is found, and which tensor is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import network, point
from scripts import ROOT, script

from nncli.engine.activations import Relu, Softmax, Tanh
from nncli.engine.losses import CrossEntropy, MeanSquaredError
from nncli.gradcheck import faults
from nncli.gradcheck.check import check_point
from nncli.gradcheck.samples import sample_points
from nncli.gradcheck.self_test import planted, sample_networks, self_test

PLANTED = list(planted())
# The tensor that backpropagation comes to first behind the fault, worked out from where each is planted: into the
# middle one of the dense layers layers.0, middle, layers.1, layers.2, of which layers.0 has no bias.
NAMED_FIRST = {
    "factor_1.001": "layers.1.bias",
    "one_entry": "layers.1.weight",
    "sign_flip": "middle.bias",
    "transposed_weight": "middle.bias",
    "zeroed_bias": "layers.1.bias",
    "off_by_one_batch": "layers.1.bias",
    "single_precision": "layers.1.bias",
    "accumulated": "layers.1.bias",
    "wrong_relu_mask": "layers.0.weight",
    "norm_without_mean": "middle.bias",
    "norm_without_variance": "middle.bias",
    "evaluated_as_trained": "middle.weight",
    "forgotten_dropout_mask": "middle.shift",
    "forgotten_skip": "layers.0.weight",
    "repeated_code": "input.table_0",
    "forgotten_2pi": "input.frequencies",
    "missing_mean": "layers.2.bias",
    "softmax_diagonal": "layers.2.bias",
    "forgotten_penalty": "layers.2.weight",
    "penalty_factor": "layers.2.weight",
}
# of the activations relu and tanh (and softmax, unfused) the middle one is tanh behind layers.1 or that behind middle
NAMED_FIRST_BY_NETWORK = {
    ("forgotten_derivative", "fused"): "middle.bias",
    ("forgotten_derivative", "normed"): "middle.shift",
    # the dense layer in front of batch norm has no bias either: the middle one with a bias is layers.2
    ("zeroed_bias", "batch normed"): "layers.2.bias",
    ("norm_without_mean", "batch normed"): "middle.weight",
    ("norm_without_variance", "batch normed"): "middle.weight",
    ("forgotten_derivative", "batch normed"): "middle.shift",
    # whose backward pass is replaced as a whole, and with it what a learned rectifier does for its slope
    ("wrong_relu_mask", "batch normed"): "middle.slope",
    ("sign_flip", "batch normed"): "middle.shift",
    ("transposed_weight", "batch normed"): "middle.shift",
    # where a norm stands behind the dense layer, its shift is what comes first
    ("sign_flip", "normed"): "middle.shift",
    ("transposed_weight", "normed"): "middle.shift",
    # and where a residual block ends there, its projection
    ("sign_flip", "residual"): "middle.projection",
    ("transposed_weight", "residual"): "middle.projection",
    ("forgotten_derivative", "residual"): "middle.bias",
    ("forgotten_derivative", "unfused"): "layers.1.bias",
    # without a block in the middle, the middle one of the dense layers is layers.1, and of the activations its tanh
    ("sign_flip", "embedded"): "layers.0.weight",
    ("transposed_weight", "embedded"): "layers.0.weight",
    ("zeroed_bias", "embedded"): "layers.2.bias",
    ("forgotten_derivative", "embedded"): "layers.1.bias",
}


def test_every_fault_is_found_by_two_methods_and_the_guilty_tensor_is_named_first() -> None:
    """And the page about them has the table of it. One test, since what it looks at takes ten seconds to find."""
    checks = [*self_test()]
    assert [(check.fault, check.variant) for check in checks] == [(one.fault, one.variant) for one in PLANTED]
    for check in checks:
        told = f"{check.fault} in the network {check.variant}"
        assert check.passed, told
        assert check.sound, told
        assert len(check.found_by) >= 2, told
        expected = NAMED_FIRST_BY_NETWORK.get((check.fault, check.variant)) or NAMED_FIRST[check.fault]
        assert check.guilty == expected, told
        # the complex step finds every fault, and differences all that are larger than their limit
        assert "complex_step" in check.found_by, told
        assert ("differences" in check.found_by) == (check.fault != "single_precision"), told
    written = (ROOT / "docs/gradcheck.md").read_text(encoding="utf-8")
    assert script("make_fault_table").page(written, checks) == written, "run python docs/make_fault_table.py"


def test_every_fault_of_the_catalogue_has_a_place_in_the_self_test() -> None:
    assert {one.fault for one in PLANTED} == set(faults.registry.names)


@pytest.mark.parametrize("name", list(sample_networks()))
def test_planting_changes_the_backward_pass_and_nothing_else(name: str) -> None:
    whole = sample_networks()[name]
    for record in faults.registry:
        planted = record().plant(whole)
        if planted is None:
            continue
        changed = []
        for at in sample_points(whole):  # as it trains, and as it predicts: a fault may sit in one of the two
            values, gradients = [], []
            for net in (whole, planted):
                batch = replace(at, network=net).bind()
                batch.forward()
                values.append(float(batch.loss() + batch.penalty()))
                batch.backward()
                batch.backward()
                gradients.append(batch.gradient.copy())
            assert values[0] == values[1]
            changed.append(not np.array_equal(*gradients))
        assert any(changed)
    assert check_point(point(whole)).passed, "the network itself must be left as it was"


def test_a_fault_without_a_place_is_not_planted() -> None:
    smooth = network(Tanh(), Tanh(), MeanSquaredError(), fuse=False)
    for record in (faults.WrongMask, faults.SoftmaxDiagonal, faults.ForgottenPenalty, faults.PenaltyFactor):
        assert record().plant(smooth) is None
    assert faults.WrongMask().plant(network(Relu(), Softmax(), CrossEntropy(), fuse=True)) is not None


def test_one_row_cannot_show_what_goes_wrong_between_rows() -> None:
    """Why batches of several rows are looked at, too."""
    planted = faults.MissingMean().plant(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False))
    assert planted is not None
    assert check_point(point(planted, n=1)).passed
    assert not check_point(point(planted, n=2)).passed


def test_a_taylor_remainder_alone_proves_nothing() -> None:
    """A wrong entry at right angles to its direction would pass it: so no verdict is right by that alone."""
    import dataclasses

    tensor = check_point(point(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False))).checks[0].tensors[1]
    alone = dataclasses.replace(tensor, comparisons=())
    assert tensor.verdict == "right"
    assert alone.order == pytest.approx(2, abs=0.05)
    assert alone.verdict == "not proven"
