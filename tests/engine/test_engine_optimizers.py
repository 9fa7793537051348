"""The optimizers against PyTorch's iterates, recorded beside this file, and against formulas written out here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nncli.engine import optimizers
from nncli.engine.buffers import Buffers
from nncli.engine.optimizers import AdamW, Lion, NAdam, Optimizer, RmsProp

RECORDED = json.loads(Path(__file__).with_name("published").joinpath("pytorch_optimizers.json").read_text("utf-8"))


def built(settings: dict) -> Optimizer:
    return optimizers.registry[settings["name"]](**{k: v for k, v in settings.items() if k != "name"})


@pytest.mark.parametrize("run", RECORDED["runs"], ids=lambda run: f"{run['nncli']}")
def test_iterates_are_those_of_pytorch(run: dict) -> None:
    A, theta = np.array(RECORDED["A"]), np.array(RECORDED["start"])
    optimizer, g = built(run["nncli"]), np.zeros(4)
    update = optimizer.bind(theta, g, optimizer.start(theta), Buffers(float))
    for t, expected in enumerate(run["iterates"], start=1):
        g[...] = A @ theta + theta**3
        update(t, optimizer.learning_rate)
        np.testing.assert_allclose(theta, expected, rtol=1e-11, atol=1e-13)


def test_every_optimizer_with_a_learning_rate_is_recorded_or_written_out_here() -> None:
    recorded = {run["nncli"]["name"] for run in RECORDED["runs"]}
    updates = {record.name for record in optimizers.registry if issubclass(record, Optimizer)}
    assert updates - recorded == {"lion"}


def test_lion_follows_the_program_of_its_authors() -> None:
    """Chen et al. (2023), program 1: update = interp(g, m, β1); sign; momentum = interp(g, m, β2); + weight · decay."""
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=6), np.zeros(6)
    optimizer = Lion(weight_decay=0.3)
    update = optimizer.bind(theta, g, optimizer.start(theta), Buffers(float))
    weight, momentum, lr = theta.copy(), np.zeros(6), 0.01

    def interp(x: np.ndarray, y: np.ndarray, share: float) -> np.ndarray:
        return (1 - share) * x + share * y

    for t in range(1, 30):
        g[...] = rng.normal(size=6)
        update(t, lr)
        step = np.sign(interp(g, momentum, 0.9))
        momentum = interp(g, momentum, 0.99)
        weight = weight - (step + weight * 0.3) * lr
        np.testing.assert_allclose(theta, weight, rtol=1e-12)


def test_decoupled_decay_is_no_l2_penalty() -> None:
    """Without a gradient adamw shrinks by rate·weight_decay, where Adam, given λθ for a gradient, moves by the rate."""
    theta, g = np.array([1.0, -1e-3]), np.zeros(2)
    decoupled = AdamW(weight_decay=0.5)
    decoupled.bind(theta, g, decoupled.start(theta), Buffers(float))(1, 0.1)
    np.testing.assert_allclose(theta, [0.95, -0.95e-3], rtol=1e-14)


def test_nadam_goes_on_where_another_binding_of_it_ended() -> None:
    """The product of its momenta follows from the number of the update alone: it is nothing that a checkpoint keeps."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(9, 3))
    ends = []
    for cut in (9, 4):
        theta, g = np.ones(3), np.zeros(3)
        optimizer = NAdam(momentum_decay=0.5)
        state = optimizer.start(theta)
        update = optimizer.bind(theta, g, state, Buffers(float))
        for t, gradient in enumerate(gradients, start=1):
            if t == cut:
                update = optimizer.bind(theta, g, state, Buffers(float))
            g[...] = gradient
            update(t, 0.1)
        ends.append(theta)
    np.testing.assert_array_equal(*ends)


def test_a_gradient_that_never_changes_leaves_centered_rmsprop_finite() -> None:
    """Its variance is 0 then, and below 0 by rounding."""
    theta, g = np.ones(1000, np.float32), np.random.default_rng(0).normal(size=1000).astype(np.float32)
    optimizer = RmsProp(centered=True, rho=0.5)
    update = optimizer.bind(theta, g, optimizer.start(theta), Buffers(np.float32))
    for t in range(1, 200):
        update(t, 1e-12)
    assert np.isfinite(theta).all()
