"""What the config asks for around an update: accumulation, clipping, the average of the parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.training.events import Ended, EpochEnded
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 203, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
regularization: {l1: 0.001, l2: 0.01}
training: {epochs: 3, batch_size: 16, precision: float64}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def trained(*overrides: str) -> tuple[Trainer, list[np.ndarray], Ended]:
    """A trainer at its end, θ before and after every batch but the last of each epoch, and the last event."""
    trainer = Trainer(build(nncli.load_config("c.yaml", overrides)))
    thetas = [trainer.weights.theta.copy()]

    def stop() -> bool:
        thetas.append(trainer.weights.theta.copy())
        return False

    *_, ended = trainer.run(stop)
    assert isinstance(ended, Ended)
    return trainer, thetas, ended


@pytest.mark.parametrize("group", [2, 3, 4, 9, 50])
def test_accumulating_batches_is_training_on_larger_ones(group: int) -> None:
    """143 rows: nine batches, the last of 15; the order of the rows is the same, so that the groups are the batches."""
    few, _, ended = trained("training.batch_size=16", f"training.accumulate={group}")
    large, _, other = trained(f"training.batch_size={16 * group}")
    np.testing.assert_allclose(few.weights.theta, large.weights.theta, rtol=1e-11, atol=1e-14)
    assert ended.step == other.step == 3 * -(-9 // group)


def test_a_step_of_plain_descent_is_as_long_as_the_clipped_gradient() -> None:
    plain = ("optimizer={name: sgd, learning_rate: 0.5}", "training.batch_size=full", "training.epochs=1")
    start = trained("training.epochs=0", *plain[:2])[0].weights.theta
    free = trained(*plain)[0].weights.theta - start
    short = trained(*plain, "training.clip_norm=0.01")[0].weights.theta - start
    assert np.linalg.norm(free) > 2 * 0.5 * 0.01
    np.testing.assert_allclose(short, free * (0.5 * 0.01 / np.linalg.norm(free)), rtol=1e-9)
    boxed = trained(*plain, "training.clip_value=0.01")[0].weights.theta - start
    np.testing.assert_allclose(boxed, np.clip(free, -0.5 * 0.01, 0.5 * 0.01), rtol=1e-9)


def test_the_average_is_judged_and_kept_while_the_training_goes_on_without_it() -> None:
    one_epoch = ("training.epochs=1", "training.average={decay: 0.7}")
    trainer, thetas, _ = trained(*one_epoch)
    thetas = [*thetas, trainer.weights.theta]
    assert len(thetas) == 10
    mean = thetas[0]
    for t, theta in enumerate(thetas[1:], start=1):
        share = min(0.7, (1 + t) / (10 + t))
        mean = share * mean + (1 - share) * theta
    np.testing.assert_allclose(trainer.last.theta, mean, rtol=1e-12)
    np.testing.assert_array_equal(trainer.weights.theta, trained("training.epochs=1")[0].weights.theta)
    run = nncli.train(nncli.load_config("c.yaml", one_epoch))
    saved = np.concatenate([run.load_weights("last")[name].ravel() for name in trainer.experiment.network.layout])
    np.testing.assert_array_equal(saved, trainer.last.theta)
    told = [event for event in Trainer(trainer.experiment).run() if isinstance(event, EpochEnded)]
    assert told[0].validation["validation_loss"] == pytest.approx(nncli.evaluate(run, split="validation").loss)


def test_a_divergence_puts_the_average_back_too() -> None:
    trainer = Trainer(
        build(nncli.load_config("c.yaml", ["optimizer={name: sgd, learning_rate: 1e200}", "training.average={}"]))
    )
    with np.errstate(all="ignore"):
        *_, ended = trainer.run()
    assert isinstance(ended, Ended)
    assert ended.status == "diverged"
    assert np.isfinite(trainer.last.theta).all()
    assert np.isfinite(trainer.best.theta).all()
