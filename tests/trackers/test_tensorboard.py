"""TensorBoard reads what a training writes, and finds in it what the run has."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trackers.watching import COMMAND, CONFIG, Stop, at_float32, event_curves, events, stop_in_epoch, table

import nncli
from nncli.run import Run
from runs import content, ensemble_content

pytest.importorskip("tensorboard", reason="tensorboard is not installed")
ON = "report.tensorboard=true"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def test_every_column_is_a_curve_and_every_histogram_is_there() -> None:
    from tensorboard.plugins.hparams import metadata

    run = nncli.train(nncli.load_config("c.yaml", [ON]), directory="run")
    assert event_curves(run.path) == at_float32(table(run.path))
    found = events(run.path)
    rows = run.distributions.rows()
    kept = {(row["of"], row["tensor"]) for row in rows}
    tags = {(of, tensor): f"weights/{tensor}" + ".gradient" * (of == "gradients") for of, tensor in kept}
    assert set(found.Tags()["histograms"]) == set(tags.values())
    for what, tag in tags.items():
        its = [row for row in rows if (row["of"], row["tensor"]) == what]
        histograms = found.Histograms(tag)
        assert [event.step for event in histograms] == [int(row["epoch"]) for row in its]
        for event, row in zip(histograms, its, strict=True):
            spread, counts = event.histogram_value, [float(row[f"bin_{i}"]) for i in range(32)]
            assert (spread.min, spread.max) == (float(row["low"]), float(row["high"]))
            assert spread.num == sum(counts)
            assert [n for n in spread.bucket if n] == [n for n in counts if n]
            assert list(spread.bucket_limit) == sorted(spread.bucket_limit)
            mean = (np.array(spread.bucket) @ np.array(spread.bucket_limit)) / spread.num
            assert spread.sum / spread.num == pytest.approx(mean, abs=(spread.max - spread.min) / 32)
    results = {tag: found.Scalars(tag)[0].value for tag in found.Tags()["scalars"] if tag.startswith("result/")}
    metrics = run.read_json("summary.json")["metrics"]
    assert results == {f"result/{name}": float(np.float32(value)) for name, value in metrics.items()}
    assert "learning_rate: 0.01" in found.Tensors("config")[0].tensor_proto.string_val[0].decode()
    about = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = metadata.parse_session_start_info_plugin_data(about).hparams
    assert settings["optimizer.learning_rate"].number_value == 0.01
    assert settings["model.layers.0.activation.name"].string_value == "tanh"
    about = found.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(about).status == 1  # STATUS_SUCCESS


def test_resumed_no_curve_is_there_twice_or_has_a_gap() -> None:
    config = nncli.load_config("c.yaml", [ON])
    with pytest.raises(Stop):
        nncli.train(config, directory="run", observe=stop_in_epoch(4))
    others = Path("run/tensorboard/events.out.tfevents.0000000001.theirs")
    others.write_bytes(b"")
    before = event_curves(Path("run"))
    run = nncli.resume("run", ["training.epochs=9"])
    assert event_curves(run.path) == at_float32(table(run.path))
    assert [epoch for epoch, _ in event_curves(run.path)["train_loss"]] == list(range(1, 10))
    assert before["train_loss"] == event_curves(run.path)["train_loss"][: len(before["train_loss"])]
    assert others.exists()


def test_who_watches_while_it_is_resumed_sees_the_new_curves_alone() -> None:
    with pytest.raises(Stop):
        nncli.train(nncli.load_config("c.yaml", [ON]), directory="run", observe=stop_in_epoch(4))
    watching = events(Path("run"))
    assert watching.Scalars("train/loss")
    run = nncli.resume("run")
    steps = [event.step for event in watching.Reload().Scalars("train/loss")]
    assert steps == [epoch for epoch, _ in table(run.path)["train_loss"]]


def test_asked_for_when_it_is_resumed_the_epochs_before_are_there_too() -> None:
    with pytest.raises(Stop):
        nncli.train(nncli.load_config("c.yaml"), directory="run", observe=stop_in_epoch(4))
    run = nncli.resume("run", [ON])
    assert event_curves(run.path) == at_float32(table(run.path))
    assert events(run.path).Histograms("weights/layers.0.weight")[0].step == 0


def test_each_member_of_an_ensemble_has_its_own() -> None:
    config = nncli.load_config("c.yaml", ["ensemble=2"])
    untracked = ensemble_content(nncli.train(config, directory="untracked"))
    run = nncli.train(nncli.load_config("c.yaml", ["ensemble=2", ON]), directory="run")
    assert ensemble_content(run) == untracked
    for number in range(2):
        member = run.member(number).path
        assert event_curves(member) == at_float32(table(member))
    found = events(run.path)
    assert found.Scalars("result/test_loss")[0].value == np.float32(
        run.read_json("summary.json")["metrics"]["test_loss"]
    )


def test_a_tracker_that_fails_ends_no_training_and_is_said_once() -> None:
    whole = content(nncli.train(nncli.load_config("c.yaml"), directory="whole"))
    said: list[str] = []
    config = nncli.load_config("c.yaml", [ON])
    run = nncli.train(
        config,
        directory="run",
        began=lambda experiment, run: (run.path / "tensorboard").write_text("in the way") and None,
        warned=said.append,
    )
    assert content(run) == whole
    (line,) = said
    assert line.startswith("report.tensorboard failed, and is told no more; the training is not touched: ")
    assert "File exists" in line


def test_on_a_full_disk_the_training_ends_as_if_nobody_had_looked() -> None:
    """A limit on the size of files is as near to a full disk as a test comes without a file system of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    whole = content(nncli.train(nncli.load_config("c.yaml"), directory="whole"))
    # a TensorFlow that is installed beside is not loaded, which takes seconds
    fake = Path("fake/tensorflow/__init__.py")
    fake.parent.mkdir(parents=True)
    fake.write_text("raise SystemExit('tensorflow was loaded')")
    paths = os.pathsep.join(["fake", *filter(None, [os.environ.get("PYTHONPATH")])])
    line = [*COMMAND, "train", "c.yaml", ON, "--run", "run"]
    settings = {"env": os.environ | {"PYTHONPATH": paths}, "preexec_fn": limit, "timeout": 60}
    done = subprocess.run(line, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning") == 1
    assert "warning: report.tensorboard failed" in done.stderr
    assert "File too large" in done.stderr
    assert content(Path("run")) == whole


def test_what_is_trained_again_to_be_compared_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from nncli.trackers import tensorboard

    nncli.train(nncli.load_config("c.yaml", [ON]), directory="run")
    began: list[Any] = []
    monkeypatch.setattr(tensorboard, "begin", began.append)
    found = nncli.reproduce(Run.open("run"))
    assert found.epoch is None
    assert found.tensors == ()
    estimator = Run.open("run").estimator()
    X = np.random.default_rng(0).normal(size=(60, 2))
    estimator.fit(X, np.where(X[:, 0] > 0, 1, 0))
    assert began == []


def test_a_missing_package_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    config = nncli.load_config("c.yaml", [ON])
    for module in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(nncli.NncliError) as caught:
        nncli.train(config, directory="run")
    assert str(caught.value) == (
        "override 'report.tensorboard=true'  report.tensorboard: tensorboard is not installed; "
        "pip install 'nncli[tensorboard]'"
    )
    assert caught.value.exit_code == 2
    assert not Path("run").exists()
