"""The profile: its pieces are those of the training, its rules say what its figures say. No time is tested."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Ended, called

import nncli
from nncli.builder import build
from nncli.cli.profile import page
from nncli.config.schema import Config
from nncli.engine import kernels
from nncli.engine.cost import products
from nncli.errors import DivergedError, NncliError
from nncli.profile import measure
from nncli.profile.advice import advise, kernels_text, verdict
from nncli.profile.course import Course, bare_products
from nncli.profile.measure import profile_steps
from nncli.profile.report import DATA, UPDATE, LayerTime, Part, Profile, Trial
from nncli.training.trainer import Trainer

MOONS = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
training: {epochs: 5, batch_size: 16}
"""
RICH = """\
data: {source: {name: classification, n_samples: 150, n_classes: 3, n_informative: 4}, split: {validation: 0, test: 0}}
model:
  input: {noise: 0.1, dropout: 0.1}
  layers:
    - {units: 8, activation: relu, norm: batch, dropout: 0.2, max_norm: 2}
    - {units: 8, activation: prelu, norm: layer, residual: true}
    - {units: 6, activation: relu, residual: true}
    - {activation: softmax}
loss: {name: cross_entropy, class_weight: balanced}
regularization: {l2: 0.001}
schedule: {name: cosine, warmup_epochs: 1}
training: {epochs: 5, batch_size: 32, accumulate: 2, clip_norm: 1, average: {decay: 0.9}}
"""
needs_numba = pytest.mark.skipif(not kernels.available(), reason="numba is not installed")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("moons.yaml").write_text(MOONS)
    Path("rich.yaml").write_text(RICH)
    monkeypatch.setattr(measure, "SLICE", 0.0)  # once is enough where no figure is looked at


def config(name: str, *overrides: str) -> Config:
    return nncli.load_config(f"{name}.yaml", overrides)


def quick(name: str, *overrides: str) -> Profile:
    """A profile of as few rounds as there can be."""
    return profile_steps(config(name, *overrides), steps=5)


# -- what is measured --------------------------------------------------------------------------------------------------


def parts(profile: Profile) -> list[str]:
    return [part.name for part in profile.parts]


def test_every_layer_and_part_of_a_step_is_there_in_its_order() -> None:
    found, experiment = quick("rich"), build(config("rich"))
    stages = experiment.network.stages
    assert [(layer.block, layer.layer) for layer in found.layers] == [(s.block, s.layer.label) for s in stages]
    assert parts(found) == [
        *("rows", "noise", "statistics", "accumulate", "penalty", "clip", "optimizer", "max norm", "average")
    ]
    assert {*parts(found)} == {*DATA, *UPDATE, "statistics"}
    # nothing in front of the first weight is gone through backward
    assert [layer.backward is None for layer in found.layers] == [s.block == "input" for s in stages]
    assert (found.batch_size, found.accumulate, found.steps_per_epoch, found.steps) == (32, 2, 3, 15)
    assert found.measured >= 5
    plain = quick("moons")
    assert [(layer.block, layer.layer) for layer in plain.layers] == [
        *(("layers.0", "dense"), ("layers.0", "tanh"), ("layers.1", "dense"))
    ]
    assert parts(plain) == ["rows", "optimizer"]


def test_every_figure_is_a_time_and_they_add_up_to_the_step() -> None:
    found = quick("rich")
    times = [time for layer in found.layers for time in (layer.forward, layer.backward) if time is not None]
    times += [found.loss_forward, found.loss_backward, *(part.time for part in found.parts)]
    assert all(math.isfinite(time) and time >= 0 for time in times)
    assert min(found.step, found.products, found.loss_forward, found.part("optimizer")) > 0
    assert sum(times) + found.between == pytest.approx(found.step)
    assert all(trial.step > 0 and trial.ratio > 0 for trial in found.trials)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("training.accumulate=1",),
        ("training.accumulate=100",),  # more than an epoch has
        ("training.batch_size=full",),
        ("training.batch_size=150",),
        ("training.epochs=1", "schedule=constant"),
        ("training.epochs=0", "schedule=constant"),
        ("training.fast_dev_run=true",),
        ("optimizer=sgd", "training.precision=float64"),
        ("schedule=reduce_on_plateau", "data.split.validation=0.2"),
        ("schedule=one_cycle",),
        ("model.layers=[{activation: softmax}]",),
    ],
    ids=str,
)
def test_it_goes_through_every_sort_of_training(overrides: tuple[str, ...]) -> None:
    found = quick("rich", *overrides)
    json.dumps(found.to_json(), allow_nan=False)
    assert found.step > 0
    assert "a step" in "\n".join(page(found, 80))


def test_what_may_go_faster_is_tried_where_it_can_be() -> None:
    def changes(*overrides: str) -> list[str]:
        return [trial.change for trial in quick("rich", *overrides).trials]

    assert "training.batch_size=128" in changes()
    assert "training.batch_size=128" in changes("data.source.n_samples=130")  # the last has two, enough for batch norm
    assert not any("batch_size" in change for change in changes("data.source.n_samples=126"))
    assert "training.precision=float32" in changes("training.precision=float64")


# -- they are the steps of the training --------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "taken"), [(100, "epoch"), (1, "two steps")])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_with_and_without_a_clock_the_weights_move_as_in_the_training(steps: int, taken: str, accumulate: int) -> None:
    """Functions called one by one with a clock behind each give the bits of the loop."""
    plain = config("rich", f"training.accumulate={accumulate}", "training.epochs=1", "schedule=constant")
    first, second, trainer = Course(build(plain)), Course(build(plain)), Trainer(build(plain))
    first.as_trained(steps)
    second.clocked(steps)
    batches = 5 if taken == "epoch" else 2 * accumulate
    assert second.rows * (second.length(steps)) == (150 if taken == "epoch" else 32 * accumulate)
    done = iter(range(1, batches + 1))
    list(trainer.run(stop=lambda: next(done) == batches))
    np.testing.assert_array_equal(first.weights.theta, trainer.weights.theta)
    np.testing.assert_array_equal(second.weights.theta, trainer.weights.theta)
    np.testing.assert_array_equal(second.weights.statistics, trainer.weights.statistics)


def test_a_course_begins_anew_where_the_training_ends() -> None:
    course = Course(build(config("rich", "training.epochs=2", "schedule=constant")))
    seen = []
    for _ in range(5):
        course.clocked(100)
        seen.append(course.weights.theta.copy())
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[1], seen[3])
    assert not np.array_equal(seen[0], seen[1])


def test_the_bare_products_are_those_of_the_network() -> None:
    """As many as the model of the cost counts, and the same numbers: a step writes what they write."""
    experiment = build(config("rich"))
    network, theta = experiment.network, experiment.network.initialize(np.random.default_rng(0), np.float32)
    bound = network.bind(theta, np.zeros_like(theta), 32)
    counted = list(products(network, 32))
    assert len(bare_products(bound)) == 2 * len(counted)
    assert [product.block for product in counted] == ["layers.0", "layers.1", "layers.2", "layers.2", "layers.3"]
    bound.inputs[:, :-1] = np.random.default_rng(1).standard_normal((32, network.inputs))
    bound.targets[...] = np.arange(32) % 3
    bound.forward()
    bound.loss()
    bound.backward_loss()
    after, outputs, last = bound.gradient.copy(), bound.outputs.copy(), network.places[-1]
    bound.outputs[...] = 0
    bound.gradient[last] = 0
    bare = bare_products(bound)
    bare[len(counted) - 1]()  # forward through the last layer
    bare[len(counted)]()  # and back
    np.testing.assert_array_equal(bound.outputs, outputs)
    np.testing.assert_array_equal(bound.gradient[last], after[last])


def test_operations_are_counted_as_the_model_of_the_cost_counts_them() -> None:
    found, experiment = quick("moons", "data.split.validation=0", "data.source.n_samples=192"), build(config("moons"))
    counted = list(products(experiment.network, 16))
    dense = [layer for layer in found.layers if layer.kind == "dense"]
    assert [layer.forward_flops for layer in dense] == [2 * product.multiply_adds for product in counted]
    assert [layer.forward_flops + layer.backward_flops for layer in dense] == [2 * p.step for p in counted]
    assert all(layer.gflops is None for layer in found.layers if layer.kind != "dense")


@needs_numba
def test_the_loops_that_are_told_are_those_bound() -> None:
    found = quick("rich", "training.kernels=numba")
    course = Course(build(config("rich", "training.kernels=numba")))
    assert found.loops == tuple(sorted(course.buffers.loops))
    assert {"adam", "relu"} <= {*found.loops}
    assert not any(trial.change.startswith("training.kernels") for trial in found.trials)
    plain = quick("rich", "training.kernels=numpy")
    assert (plain.loops, plain.kernels) == ((), "numpy")
    assert "training.kernels=numba" in [trial.change for trial in plain.trials]


def test_where_nothing_can_compile_loops_no_trial_is_made_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "available", lambda: False)
    found = quick("moons", "training.epochs=100000")
    assert (found.compiler, found.kernels) == (False, "numpy")
    assert not any(trial.change.startswith("training.kernels") for trial in found.trials)
    assert any(advice.text.startswith("pip install 'nncli[fast]'") for advice in advise(found))


def test_nothing_is_written() -> None:
    quick("moons")
    assert sorted(path.name for path in Path().iterdir()) == ["moons.yaml", "rich.yaml"]


# -- what would help ---------------------------------------------------------------------------------------------------


def made_up(**changes: object) -> Profile:
    """A step of 100 µs, of which 80 are matrix products; 10 are the update and 4 between the calls."""
    layers = (
        LayerTime("layers.0", "dense", "dense", 20e-6, 40e-6, 1e6, 2e6),
        LayerTime("layers.0", "relu", "activation", 1e-6, 1e-6, 0, 0),
        LayerTime("layers.1", "dense", "dense", 10e-6, 10e-6, 1e5, 2e5),
    )
    return replace(
        Profile(
            source="made_up",
            widths=(64, 128, 10),
            parameters=10_000,
            precision="float32",
            batch_size=32,
            accumulate=1,
            steps_per_epoch=100,
            steps=100_000,
            optimizer="adam",
            loss="mse",
            threads=1,
            cores=2,
            asked="auto",
            kernels="numba",
            compiler=True,
            loops=("adam",),
            saved=0.0,
            measured=1000,
            step=100e-6,
            layers=layers,
            loss_forward=1e-6,
            loss_backward=1e-6,
            parts=(Part("rows", 2e-6), Part("optimizer", 10e-6)),
            products=82e-6,
            trials=(Trial("training.threads=2", 110e-6, 1.1),),
        ),
        **changes,
    )


def texts(**changes: object) -> list[str]:
    return [advice.text for advice in advise(made_up(**changes))]


def test_where_nothing_helps_it_is_said() -> None:
    assert texts() == []
    assert made_up().between == pytest.approx(4e-6)
    assert verdict(made_up()).startswith("nothing to gain: the step is nearly its matrix products")
    assert verdict(made_up(products=50e-6)).startswith("nothing to gain: no setting saves 5%")
    assert "nothing to gain" in "\n".join(page(made_up(), 80))


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        (Trial("training.threads=2", 60e-6, 0.6), "training.threads=2: 60.0 µs a step instead of 100.0 µs"),
        (Trial("training.precision=float32", 60e-6, 0.6), "with numbers of 7 digits instead of 16"),
        (Trial("training.batch_size=128", 200e-6, 0.5), "training.batch_size=128: an epoch takes 50% of its time, but"),
    ],
)
def test_a_setting_is_named_if_its_trial_was_faster(trial: Trial, says: str) -> None:
    (text,) = texts(trials=(trial,))
    assert says in text
    assert texts(trials=(replace(trial, ratio=0.97),)) == []


def test_loops_are_named_with_what_they_save_if_it_is_more_than_compiling_takes() -> None:
    numpy = {"kernels": "numpy", "loops": (), "saved": 29e-6}
    tried = (Trial("training.kernels=numba", 70e-6, 0.7),)
    says = "training.kernels=numba saves 30.0 µs of 100.0 µs a step, 3.0 s in all 100,000 steps, to the same bits"
    (text,) = texts(**numpy, trials=tried)
    assert text.startswith(says)
    assert texts(**numpy, trials=tried, steps=1000) == []  # compiling takes longer
    few = kernels_text(made_up(**numpy, trials=tried, steps=1000))
    assert few.startswith("kernels: numpy, as 1,000 steps are too few to win back the second")
    assert few.endswith("; with loops, a step takes 70.0 µs")
    assert texts(**numpy, trials=tried, asked="numpy") == [text]
    assert kernels_text(made_up(**numpy, asked="numpy")) == "kernels: numpy, as the config says"
    missing = {**numpy, "compiler": False, "trials": ()}
    (text,) = texts(**missing)
    assert text.startswith("pip install 'nncli[fast]': compiled loops save about 29.0 µs of 100.0 µs a step, 2.9 s in")
    assert "numba is not installed" in kernels_text(made_up(**missing))
    assert texts(**missing, steps=1000) == []
    (text,) = texts(**missing, asked="numpy")
    assert "and training.kernels=auto: compiled" in text


@pytest.mark.parametrize(
    ("name", "share", "says"),
    [
        ("penalty", 0.05, "the penalties on the weights take 6% of the step"),
        ("noise", 0.05, "drawing random numbers takes 6% of the step"),
        ("statistics", 0.05, "the running statistics take 6% of the step"),
        ("accumulate", 0.05, "training.accumulate takes 6% of the step"),
        ("clip", 0.05, "clipping takes 6% of the step"),
        ("max norm", 0.05, "max_norm takes 6% of the step"),
        ("average", 0.05, "training.average takes 6% of the step"),
        ("optimizer", 0.15, "the update by adam takes 16% of the step"),
        ("rows", 0.10, "gathering the rows takes 11% of the step: most of it is calls"),
    ],
)
def test_a_part_is_named_from_its_share_on(name: str, share: float, says: str) -> None:
    (text,) = texts(parts=(Part(name, (share + 0.01) * 100e-6),), layers=made_up().layers[:1] * 2)[:1]
    assert text.startswith(says)
    full = made_up().layers * 2
    assert texts(parts=(Part(name, (share - 0.01) * 100e-6),), layers=full) == []


def test_layers_the_loss_and_python_are_named_too_and_the_largest_comes_first() -> None:
    norm = LayerTime("layers.0", "batch norm", "norm", 10e-6, 10e-6, 0, 0)
    silu = LayerTime("layers.0", "silu", "activation", 20e-6, 10e-6, 0, 0)
    said = texts(layers=(norm, silu), loss_forward=25e-6)
    assert said[0].startswith("silu takes 30% of the step: relu is the cheapest")
    assert said[1].startswith("the loss takes 26% of the step")
    assert said[2].startswith("batch norm takes 20% of the step")
    assert said[3].startswith("12% of the step is Python between the calls")
    copied = texts(parts=(Part("rows", 20e-6),), widths=(784, 10))
    assert copied == ["gathering the rows takes 20% of the step: it copies every feature, and fewer take less"]


# -- the screen and the command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_page_fits_its_screen_and_shows_every_figure(width: int) -> None:
    found = made_up(parts=(Part("rows", 2e-6), Part("optimizer", 30e-6)), loss="binary_cross_entropy of sigmoid")
    lines = [*page(found, width)]
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for figure in ("100.0", "60.0", "20.0%", "-16.0%", "1.22 times", "adam"):
        assert figure in text
    assert ("GFLOP/s" in text) == (width > 60)
    assert ("50.0" in text) == (width > 60)  # 3e6 operations in 60 µs


LBFGS = ("optimizer=lbfgs", "training.batch_size=full")
COMMAND = [sys.executable, "-m", "nncli.cli.main", "profile"]


def command(*arguments: str) -> Ended:
    return called("profile", *arguments)


def test_the_command_prints_a_table_or_json() -> None:
    result = command("rich.yaml", "--steps", "5", "seed=3")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("rich: 20-8-8-6-3, ")
    assert [line.split("  ")[0] for line in lines[3:] if line.startswith("layers")] == [f"layers.{i}" for i in range(4)]
    assert any(line.startswith("a step ") and line.endswith("100.0%") for line in lines)
    report = json.loads(command("rich.yaml", "--steps", "5", "--json").stdout)
    assert {"step", "layers", "parts", "products", "over_products", "between", "trials", "advice"} <= {*report}
    assert len(report["layers"]) == len(build(config("rich")).network.stages)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["moon.yaml"], "moon.yaml: no such file; did you mean moons.yaml?"),
        (["moons.yaml", "--steps", "3"], "3 steps are too few to measure; take --steps 1000"),
        (["moons.yaml", "--seconds", "0"], "0 seconds is no time to measure; take --seconds 5"),
        (["moons.yaml", "--seconds", "nan"], "nan seconds is no time to measure; take --seconds 5"),
        (["moons.yaml", *LBFGS], "lbfgs takes no steps of this kind: it asks for"),
        (["moons.yaml", *LBFGS], "; optimizer=adam training.batch_size=full shows what"),
    ],
)
def test_a_wrong_command_gets_a_line(arguments: list[str], says: str) -> None:
    result = command(*arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_training_that_diverges_cannot_be_measured() -> None:
    with pytest.raises(DivergedError, match=r"moons: the training diverges: .* is not finite; a smaller optimizer"):
        quick("moons", "optimizer={name: sgd, learning_rate: 1.0e38}")
    with pytest.raises(NncliError, match="no time"):
        profile_steps(config("moons"), seconds=math.inf)


def test_ctrl_c_ends_it_with_130_and_leaves_nothing() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, "moons.yaml", "--seconds", "600"], stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    shown = b""
    while b"profile" not in shown:  # the bar shows after a second
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # Linux ends a terminal whose other side is gone with an error
        while piece := os.read(ours, 4096):
            shown += piece
    assert process.wait(timeout=60) == 130
    os.close(ours)
    assert b"Traceback" not in shown
    assert sorted(path.name for path in Path().iterdir()) == ["moons.yaml", "rich.yaml"]
