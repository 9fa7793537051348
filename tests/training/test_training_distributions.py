"""The histograms that a training keeps are those of its weights and gradients, whether or not it was stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nncli
from nncli.builder import build
from nncli.config.loader import load_config
from nncli.run import Run
from nncli.training.distributions import BINS, distributions, is_kept
from nncli.training.events import EpochEnded
from nncli.training.trainer import Trainer

CONFIG = """\
data: {source: {name: moons, n_samples: 80, noise: 0.2}}
model:
  layers:
    - {units: 5, activation: tanh}
    - {activation: sigmoid}
loss: binary_cross_entropy
training: {epochs: 20, batch_size: 16, checkpoint: {every: 1 epoch}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def train(*overrides: str, directory: str) -> Run:
    return nncli.train(load_config("c.yaml", list(overrides)), directory=directory)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_row_is_the_histogram_of_a_tensor(optimizer: str) -> None:
    trainer = Trainer(build(load_config("c.yaml", [f"optimizer.name={optimizer}", "training.batch_size=full"])))
    epochs = [event for event in trainer.run() if isinstance(event, EpochEnded)]
    rows = list(distributions(trainer, len(epochs)))
    tensors = trainer.experiment.network.layout.views(trainer.weights.theta)
    gradients = trainer.experiment.network.layout.views(trainer.gradient)
    assert [(row["of"], row["tensor"]) for row in rows] == [
        *(("weights", name) for name in tensors),
        *(("gradients", name) for name in gradients),
    ]
    for row in rows:
        entries = (tensors if row["of"] == "weights" else gradients)[str(row["tensor"])].astype(np.float64)
        counts, edges = np.histogram(entries, BINS, (float(row["low"]), float(row["high"])))
        assert (row["low"], row["high"]) == (entries.min(), entries.max())
        if edges[0] < edges[-1] and entries.size > 1:
            assert [row[f"bin_{i}"] for i in range(BINS)] == counts.tolist()


def test_the_gradient_is_that_of_the_last_batch() -> None:
    trainer = Trainer(build(load_config("c.yaml", ["training.batch_size=full", "optimizer={name: sgd}"])))
    before = trainer.weights.theta.copy()
    events = trainer.run()
    next(event for event in events if isinstance(event, EpochEnded))
    rate = trainer.experiment.optimizer.learning_rate
    np.testing.assert_allclose(trainer.gradient, (before - trainer.weights.theta) / rate, rtol=1e-3, atol=1e-6)


def test_the_first_epochs_are_kept_and_of_the_others_as_many_before_each_doubling() -> None:
    assert [epoch for epoch in range(1, 16) if is_kept(epoch)] == list(range(1, 16))
    for octave in range(4, 20):
        assert sum(map(is_kept, range(1 << octave, 1 << octave + 1))) == 8


def test_a_training_that_was_stopped_keeps_the_same_histograms() -> None:
    whole = train(directory="whole")
    train("training.epochs=13", directory="stopped")
    nncli.resume("stopped", ["training.epochs=20"])
    assert Path("stopped/distributions.csv").read_bytes() == Path("whole/distributions.csv").read_bytes()
    assert sorted({int(row["epoch"]) for row in whole.distributions.rows()}) == [*range(17), 18, 20]


def test_histograms_that_were_lost_do_not_keep_a_training_from_going_on() -> None:
    whole = train(directory="whole")
    run = train("training.epochs=13", directory="stopped")
    Path("stopped/distributions.csv").write_text("epoch\n")
    told: list[str] = []
    nncli.resume("stopped", ["training.epochs=20"], warned=told.append)
    assert any("stopped/distributions.csv: is not as the training left it; it begins anew" in text for text in told)
    assert run.read_json("summary.json")["digests"] == whole.read_json("summary.json")["digests"]
    assert sorted({int(row["epoch"]) for row in run.distributions.rows()}) == [14, 15, 16, 18, 20]


def test_a_training_without_pictures_keeps_none() -> None:
    train("report.plots=false", directory="run")
    assert not Path("run/distributions.csv").exists()
