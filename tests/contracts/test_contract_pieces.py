"""Every registered piece, without being told of it: a new record is tested as soon as it is registered."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from networks import network, point

from nncli.engine import activations, embeddings, initializers, losses, optimizers, schedules
from nncli.engine.activations import Activation, Sigmoid, Tanh
from nncli.engine.buffers import Buffers
from nncli.engine.losses import Loss, MeanSquaredError
from nncli.engine.penalties import Penalty
from nncli.engine.special import PLAIN
from nncli.gradcheck.check import check_point
from nncli.gradcheck.pieces import Pair, described, pairs, variants

ACTIVATIONS = list(activations.registry)
PAIRS = list(pairs())


def by_name(value: object) -> str:
    return getattr(value, "name", str(value))


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
def test_gradient_through_a_hidden_activation_is_the_complex_step_s(record: type[Activation]) -> None:
    proof = check_point(point(network(record(), Tanh(), MeanSquaredError(), fuse=False)))
    assert proof.passed, proof.wrong


@pytest.mark.parametrize(
    "activation", [activations.LeakyRelu(0.3), activations.Elu(0.5), activations.Elu(2.0)], ids=str
)
def test_gradient_of_an_activation_with_other_settings_is_the_complex_step_s(activation: Activation) -> None:
    proof = check_point(point(network(activation, Tanh(), MeanSquaredError(), fuse=False)))
    assert proof.passed, proof.wrong


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
def test_activation_can_be_stepped_into_the_imaginary_far_from_zero(record: type[Activation]) -> None:
    Z = np.minimum([[-800.0, -30.0, 800.0]], record.finite_up_to) + 1e-20j
    A, D = np.empty_like(Z), np.ones_like(Z)
    forward, _ = record().bind(Z, A, D, Buffers(complex))
    with np.errstate(all="ignore"):
        forward()
    assert np.isfinite(A).all()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_gradient_of_every_accepted_pair_is_the_complex_step_s(pair: Pair) -> None:
    proof = check_point(point(pair.network(Sigmoid()), seed=3))
    assert proof.passed, proof.wrong


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
def test_activation_computes_its_formula(record: type[Activation]) -> None:
    Z = np.random.default_rng(0).normal(0, 3, (40, 5))
    A, D = np.empty_like(Z), np.ones_like(Z)
    forward, _ = record().bind(Z, A, D, Buffers(float))
    forward()
    np.testing.assert_allclose(A, record().reference(Z, PLAIN), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_loss_computes_its_formula(pair: Pair) -> None:
    net = pair.network(Tanh())
    at = point(net)
    batch = net.bind(at.theta, np.zeros_like(at.theta), len(at.inputs))
    batch.inputs[...] = at.inputs
    batch.targets[...] = at.targets
    batch.forward()
    batch.loss()
    P = pair.output.reference(batch.outputs, PLAIN) if pair.fuse else batch.outputs
    np.testing.assert_allclose(batch.losses, pair.loss.reference(P, at.targets, PLAIN), rtol=1e-13)
    if pair.fuse:
        by_its_own = net.loss.reference(batch.outputs, at.targets, PLAIN)
        np.testing.assert_allclose(batch.losses, by_its_own, rtol=1e-13)


def peak_of(step: Callable[[], None]) -> int:
    """Bytes that ``step`` allocates at most at a time, once it has run before."""
    step()
    tracemalloc.start()
    try:
        step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


LARGE = {"n": 50_000}  # a temporary of a number a row would take 400,000 bytes
# NumPy goes through operands of several types or shapes by way of buffers, 8,192 entries at the most for each operand
NOTHING = 3 * 8192 * 8 + 2000


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
def test_a_step_through_an_activation_allocates_no_array(record: type[Activation]) -> None:
    net = network(record(), Tanh(), MeanSquaredError(), fuse=False)
    at = point(net, **LARGE)
    batch = net.bind(at.theta, np.zeros_like(at.theta), len(at.inputs))
    batch.inputs[...] = at.inputs

    def step() -> None:
        batch.forward()
        batch.loss()
        batch.backward()

    assert peak_of(step) < NOTHING


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_step_through_a_loss_allocates_no_array(pair: Pair) -> None:
    net = pair.network(Tanh(), Penalty(0.1, 0.1))
    at = point(net, **LARGE)
    batch = net.bind(at.theta, np.zeros_like(at.theta), len(at.inputs))
    batch.inputs[...] = at.inputs
    batch.targets[...] = at.targets

    def step() -> None:
        batch.forward()
        batch.loss()
        batch.backward()

    assert peak_of(step) < NOTHING


OPTIMIZERS = [optimizer for record in optimizers.update_rules() for optimizer in variants(record())]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=described)
def test_an_update_allocates_no_array(optimizer: optimizers.Optimizer) -> None:
    theta, g = np.ones(10_000), np.ones(10_000)
    update = optimizer.bind(theta, g, optimizer.start(theta), Buffers(float))
    assert peak_of(lambda: update(1, 0.1)) < 2000  # array objects (views, scalars) come and go, their content does not


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=described)
def test_updates_are_those_of_the_paper(optimizer: optimizers.Optimizer) -> None:
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=50), np.zeros(50)
    state = optimizer.start(theta)
    update = optimizer.bind(theta, g, state, Buffers(float))
    expected, memory = theta.copy(), optimizer.start(theta)
    for t in range(1, 6):
        g[...] = rng.normal(size=50)
        update(t, 0.1 / t)
        expected, memory = optimizer.reference(t, 0.1 / t, expected, g, memory)
        np.testing.assert_allclose(theta, expected, rtol=1e-12)
        assert set(memory) == set(optimizer.slots)
        for name in optimizer.slots:
            np.testing.assert_allclose(state[name], memory[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("penalty", [Penalty(l1=0.1), Penalty(l2=0.1), Penalty(l1=0.2, l2=0.3)], ids=str)
def test_gradient_of_a_penalty_is_the_complex_step_s(penalty: Penalty) -> None:
    proof = check_point(point(network(Tanh(), Tanh(), MeanSquaredError(), fuse=False, penalty=penalty)))
    assert proof.passed, proof.wrong


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.fuse], ids=str)
def test_fused_and_unfused_give_the_same_loss_gradient_and_predictions(pair: Pair) -> None:
    fused, plain = pair.network(Tanh()), dataclasses.replace(pair, fuse=False).network(Tanh())
    at = point(fused)
    results = []
    for net in (fused, plain):
        gradient = np.zeros_like(at.theta)
        batch = net.bind(at.theta, gradient, len(at.inputs))
        batch.inputs[...] = at.inputs
        batch.targets[...] = at.targets
        batch.forward()
        results.append((batch.loss(), gradient))
        batch.backward()
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-14)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12, atol=1e-15)


LOGITS = np.array([[1e4, -1e4, 0.0], [-800.0, 800.0, 30.0], [50.0, 0.0, -50.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.fuse and pair.targets > 1], ids=str)
def test_a_fused_loss_is_finite_in_value_and_gradient_wherever_the_logits_are(pair: Pair, dtype: type) -> None:
    loss = pair.loss.fuse(pair.output)
    assert loss is not None
    Z = np.minimum(LOGITS, pair.output.finite_up_to).astype(dtype)
    for seed in range(3):
        Y = loss.sample(np.random.default_rng(seed), *Z.shape)
        Y = Y.astype(dtype) if loss.targets == "values" else Y
        L, D = np.full(len(Z), np.nan, dtype), np.full_like(Z, np.nan)
        forward, backward = loss.bind(Z, Y, L, D, 1.0, Buffers(dtype))
        with np.errstate(all="ignore"):
            forward()
            backward()
        assert np.isfinite(L).all()
        assert np.isfinite(D).all()


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.fuse and pair.targets > 1], ids=str)
def test_the_gradient_of_a_fused_loss_is_the_complex_step_s_at_large_logits_too(pair: Pair) -> None:
    loss = pair.loss.fuse(pair.output)
    assert loss is not None
    Z = np.minimum(LOGITS, pair.output.finite_up_to)
    Y = loss.sample(np.random.default_rng(0), *Z.shape)
    D = np.zeros_like(Z)
    with np.errstate(all="ignore"):
        for step in loss.bind(Z, Y, np.zeros(len(Z)), D, 1.0, Buffers(float)):
            step()
        for j in range(Z.shape[1]):
            moved = Z.astype(complex)
            moved[:, j] += 1e-20j
            L = np.zeros(len(Z), complex)
            loss.bind(moved, Y, L, np.zeros_like(moved), 1.0, Buffers(complex))[0]()
            np.testing.assert_allclose(D[:, j], L.imag / 1e-20, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("record", list(losses.registry), ids=by_name)
def test_the_fused_record_says_of_targets_and_outputs_what_the_loss_says(record: type[Loss]) -> None:
    for output in activations.registry:
        loss, fused = record(), record().fuse(output())
        if fused is not None:
            assert losses.objection(record, output) is None
            for name in ("targets", "classification", "regression", "natural_units", "takes", "threshold"):
                assert getattr(fused, name) == getattr(loss, name)
            assert fused.outputs_per_target == loss.outputs_per_target


@pytest.mark.parametrize("record", list(losses.registry), ids=by_name)
def test_a_loss_takes_its_own_samples(record: type[Loss]) -> None:
    Y = record().sample(np.random.default_rng(0), 20, 3)
    if record.targets == "values":
        assert not record().misfits(Y).any()
    assert bool(record.takes) == (record.misfits is not Loss.misfits)


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activation_keeps_its_promises_far_from_zero(record: type[Activation], dtype: type) -> None:
    """Finite for finite inputs, within its range, its precision kept, and monotone pieces in the right tail."""
    Z = np.array([[-1e4, -80.0, -1.0], [0.0, 1.0, 1e4], [700.0, 20.0, -20.0]], dtype)
    Z = np.minimum(Z, dtype(record.finite_up_to))
    A, D = np.empty_like(Z), np.ones_like(Z)
    forward, backward = record().bind(Z, A, D, Buffers(dtype))
    with np.errstate(all="ignore"):
        forward()
        backward()
    low, high = record().range
    assert A.dtype == dtype
    assert np.isfinite(A).all()
    assert np.isfinite(D).all()
    assert ((low <= A) & (high >= A)).all()
    if record.simplex:
        np.testing.assert_allclose(A.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("record", [r for r in ACTIVATIONS if r.in_place], ids=by_name)
def test_activation_that_says_in_place_gives_the_same_bits_over_its_input(record: type[Activation]) -> None:
    Z = np.random.default_rng(0).normal(size=(5, 4))
    results = []
    over = Z.copy()
    for source, A in ((Z, np.zeros_like(Z)), (over, over)):
        D = np.ones_like(Z)
        forward, backward = record().bind(source, A, D, Buffers(float))
        forward()
        backward()
        results.append((A, D))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("record", ACTIVATIONS, ids=by_name)
def test_a_kink_is_where_the_slope_jumps_and_nowhere_else(record: type[Activation]) -> None:
    def slope(z: float) -> float:
        Z = np.full((1, 1), z)
        A, D = np.empty_like(Z), np.ones_like(Z)
        forward, backward = record().bind(Z, A, D, Buffers(float))
        forward()
        backward()
        return float(D[0, 0])

    for z in np.arange(-8, 8.5, 0.5):
        jump = abs(slope(z + 1e-9) - slope(z - 1e-9))
        assert jump < 1e-6 * max(1, abs(slope(z))) or z in record.kinks, z


@pytest.mark.parametrize("record", list(initializers.registry), ids=by_name)
def test_initializer_draws_have_mean_zero_and_repeat_for_a_seed(record: type[initializers.Initializer]) -> None:
    first, second = (record().draw(300, 200, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (300, 200)
    # 60,000 draws: the mean strays by std/245, five times that is never seen
    assert abs(first.mean()) <= 5 * first.std() / 245


# from the papers that the records name, for a matrix of 300 inputs and 200 outputs
VARIANCES = {"he": 2 / 300, "glorot": 2 / 500, "lecun": 1 / 300, "normal": 0.05**2, "zeros": 0.0}


@pytest.mark.parametrize("record", list(initializers.registry), ids=by_name)
def test_initializer_draws_have_the_variance_of_its_paper(record: type[initializers.Initializer]) -> None:
    draws = record().draw(300, 200, np.random.default_rng(2))
    # the variance of 60,000 draws strays by at most √(2/60,000) = 0.6 %
    assert draws.var() == pytest.approx(VARIANCES[record.name.split("_")[0]], rel=0.03)


@pytest.mark.parametrize("optimizer", [record() for record in optimizers.update_rules()], ids=described)
def test_optimizer_finds_the_bottom_of_a_bowl(optimizer: optimizers.Optimizer) -> None:
    """At a rate near its default that falls to 0; which multiple of it suits the bowl, nobody can know beforehand."""
    steps, ends = 3000, []
    for factor in (1, 3, 10, 30):
        theta, g = np.array([3.0, -2.0]), np.zeros(2)
        update = optimizer.bind(theta, g, optimizer.start(theta), Buffers(float))
        for t in range(1, steps + 1):
            g[...] = theta * [1.0, 4.0]
            update(t, factor * optimizer.learning_rate * (1 - t / steps))
        ends.append(np.abs(theta).max())
    assert min(ends) < 1e-3, ends


@pytest.mark.parametrize("record", [r for r in optimizers.registry if issubclass(r, optimizers.Minimizer)], ids=by_name)
def test_minimizer_finds_the_bottom_of_a_valley_and_says_how_it_ended(record: type[optimizers.Minimizer]) -> None:
    """Rosenbrock's (1960), whose bottom is at (1, 1)."""
    asked, path = [], []

    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(x.copy())
        a, b = 1 - x[0], x[1] - x[0] ** 2
        return a**2 + 100 * b**2, np.array([-2 * a - 400 * x[0] * b, 200 * b])

    end = record().minimize(valley, np.array([-1.2, 1.0]), 1000, lambda x: path.append(x.copy()))
    np.testing.assert_allclose(path[-1], [1, 1], atol=1e-4)
    assert end.converged
    assert end.evaluations == len(asked)
    few: list[np.ndarray] = []
    end = record().minimize(valley, np.array([-1.2, 1.0]), 3, lambda x: few.append(x.copy()))
    assert not end.converged
    assert end.reason
    np.testing.assert_array_equal(few, path[:3])

    def broken(x: np.ndarray) -> tuple[float, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record().minimize(broken, np.ones(2), 3, lambda x: None)


@pytest.mark.parametrize("record", [r for r in optimizers.registry if issubclass(r, optimizers.Minimizer)], ids=by_name)
@pytest.mark.parametrize("start", [-5.0, -500.0, 0.9])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_minimizer_comes_back_from_where_the_function_is_not_finite(
    record: type[optimizers.Minimizer], start: float, bad: float
) -> None:
    """f(x, y) = −log(1 − x)/1000 − 5x + 3(y − 3)², which ends at x = 1; its bottom is at x = 1 − 1/5000, y = 3."""

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        if x[0] >= 1:
            return bad, np.full(2, bad)
        value = -np.log(1 - x[0]) / 1000 - 5 * x[0] + 3 * (x[1] - 3) ** 2
        return float(value), np.array([1 / 1000 / (1 - x[0]) - 5, 6 * (x[1] - 3)])

    path: list[np.ndarray] = []
    end = record().minimize(function, np.array([start, 0.0]), 1000, lambda x: path.append(x.copy()))
    assert end.converged
    np.testing.assert_allclose(path[-1], [1 - 1 / 5000, 3], atol=1e-4)


@pytest.mark.parametrize(
    "record",
    [
        *activations.registry,
        *embeddings.registry,
        *losses.registry,
        *initializers.registry,
        *optimizers.registry,
        *schedules.registry,
    ],
    ids=by_name,
)
def test_record_is_frozen_documented_and_has_a_default_for_every_setting(record: type) -> None:
    assert record.__doc__
    assert record.formula
    instance = record()
    assert dataclasses.is_dataclass(instance)
    with pytest.raises(dataclasses.FrozenInstanceError):
        instance.name = "other"
