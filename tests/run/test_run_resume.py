"""Resuming and repeating a run: what goes on, what is refused, and what is said."""

from __future__ import annotations

import json
import re
import shutil
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import nncli
from nncli.errors import ConfigError, DataError, DivergedError, RunError
from nncli.run import Run, differences, environment
from nncli.training.events import EpochEnded, Event
from runs import content

CONFIG = """\
data: {path: points.csv, target: y}
model:
  layers:
    - {units: 5, activation: tanh, dropout: 0.2}
    - {activation: sigmoid}
loss: binary_cross_entropy
optimizer: {learning_rate: 0.01}
training: {epochs: 6, batch_size: 16, checkpoint: {every: 3 steps}}
"""


class Stop(Exception):  # noqa: N818
    """What ends a training from without, like a kill: no more files are written."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    write_points()


def write_points(shift: float = 0.0) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    rows = [f"{a + shift!r},{b!r},{int(a * b > 0)}" for a, b in X.tolist()]
    Path("points.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")


def train(directory: str, *overrides: str, **settings: Any) -> Run:
    return nncli.train(nncli.load_config("c.yaml", list(overrides)), directory=directory, **settings)


def stopped(directory: str, *overrides: str, epoch: int = 4) -> Path:
    """A run that ends in the middle of everything, as the epoch after this one is told."""

    def observe(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            raise Stop

    with pytest.raises(Stop):
        train(directory, *overrides, observe=observe)
    return Path(directory)


def said() -> tuple[list[str], Any]:
    found: list[str] = []
    return found, found.append


def test_a_run_that_was_stopped_goes_on_to_the_same_files() -> None:
    whole = content(train("whole"))
    texts, warned = said()
    assert content(nncli.resume(stopped("run"), warned=warned)) == whole
    assert texts == []
    resumed = json.loads(Path("run/environment.json").read_text())["resumed"]
    assert [(entry["from"]["epoch"], entry["changes"], entry["differences"]) for entry in resumed] == [(3, {}, [])]
    assert [row["epoch"] for row in Run(Path("run")).metrics.rows()] == ["1", "2", "3", "4", "5", "6"]


def test_stopped_again_and_again_it_still_ends_the_same() -> None:
    whole = content(train("whole"))
    run = stopped("run", epoch=2)

    def observe(event: Event) -> None:
        if isinstance(event, EpochEnded):
            raise Stop

    for _ in range(3):
        with pytest.raises(Stop):
            nncli.resume(run, observe=observe)
    assert content(nncli.resume(run)) == whole


def test_more_epochs_make_the_longer_training() -> None:
    longer = content(train("longer", "training.epochs=9"))
    run = train("run")
    assert content(nncli.resume(run.path, ["training.epochs=9"])) == longer
    assert json.loads((run.path / "environment.json").read_text())["resumed"][0]["changes"] == {
        "training.epochs": [6, 9]
    }
    # and the config is that of the longer training, from now on
    assert nncli.reproduce(run).identical


def test_a_patience_that_is_raised_makes_the_longer_training() -> None:
    early = "training.early_stopping={{patience: {}, monitor: train_loss, min_delta: 10}}"
    longer = content(train("longer", early.format(4)))
    run = train("run", early.format(2))
    assert len(run.metrics.rows()) == 3
    assert content(nncli.resume(run.path, ["training.early_stopping.patience=4"])) == longer


def test_a_complete_run_is_left_as_it_is() -> None:
    run = train("run")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    texts, warned = said()
    nncli.resume(run.path, warned=warned)
    assert texts == ["run is complete: nothing is left to do; training.epochs=N trains for longer"]
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("which", ["best", "last"])
def test_weights_of_a_complete_run_that_were_damaged_or_lost_are_written_again(which: str) -> None:
    run = train("run")
    before = content(run)
    path = run.path / f"weights/{which}.safetensors"
    for damage in (lambda: path.write_bytes(path.read_bytes()[:-1]), path.unlink):
        damage()
        with pytest.raises(RunError, match="nncli resume run writes it again"):
            run.load_weights(which)
        assert content(nncli.resume(run.path)) == before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=1", "override 'seed=1'  seed: was 0, and a run cannot go on with 1; train anew for that"),
        ("optimizer.learning_rate=1", "optimizer.learning_rate: was 0.01, and a run cannot go on with 1.0"),
        ("training.batch_size=8", "training.batch_size: was 16, and a run cannot go on with 8"),
        ("model.layers.0.units=6", "model.layers.0.units: was 5, and a run cannot go on with 6"),
        ("training.early_stopping={patience: 3}", "was None, and a run cannot go on with"),
        ("training.epochs=2", "3 epochs are trained already, and the next has begun; take more, or none"),
    ],
)
def test_a_change_that_would_make_another_training_is_refused(override: str, message: str) -> None:
    run = stopped("run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises(ConfigError, match=re.escape(message)):
        nncli.resume(run, [override])
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {p: c for p, c in after.items() if p.name != "metrics.csv"} == {
        p: c for p, c in before.items() if p.name != "metrics.csv"
    }
    assert content(nncli.resume(run)) == content(train("whole"))


def test_an_epoch_that_has_begun_is_not_left_out() -> None:
    # a checkpoint every 4 steps, of which an epoch has 3: the last one lies in the midst of an epoch
    run = stopped("run", "training.checkpoint.every=4 steps", epoch=3)
    with pytest.raises(ConfigError, match="2 epochs are trained already, and the next has begun"):
        nncli.resume(run, ["training.epochs=2"])
    assert len(nncli.resume(run, ["training.epochs=3"]).metrics.rows()) == 3
    assert content(Path("run")) == content(train("whole", "training.epochs=3", "training.checkpoint.every=4 steps"))


def test_several_refused_changes_are_all_named() -> None:
    with pytest.raises(ConfigError) as refused:
        nncli.resume(stopped("run"), ["seed=1", "training.batch_size=8"])
    assert len(refused.value.problems) == 2


def test_harmless_changes_are_taken_and_recorded() -> None:
    run = stopped("run")
    changes = ["training.checkpoint.every=1 epoch", "training.kernels=numpy"]
    assert content(nncli.resume(run, changes)) == content(train("whole"))
    recorded = json.loads((run / "environment.json").read_text())["resumed"][0]["changes"]
    assert recorded == {"training.checkpoint.every": ["3 steps", "1 epoch"], "training.kernels": ["auto", "numpy"]}


def test_data_may_move_but_not_change() -> None:
    run = stopped("run")
    shutil.move("points.csv", "elsewhere.csv")
    with pytest.raises(DataError, match=r"points\.csv"):
        nncli.resume(run)
    shutil.move("elsewhere.csv", "elsewhere2.csv")
    resumed = nncli.resume(run, ["data.path=elsewhere2.csv"])
    write_points()
    assert content(resumed) == content(train("whole"))
    other = stopped("other")
    write_points(shift=1e-12)
    with pytest.raises(DataError, match="the data changed since the training began"):
        nncli.resume(other)


def test_numpys_blas_is_told_from_that_of_scipy_in_whichever_order_they_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = "/usr/lib/python3/site-packages"
    pools = [
        {"user_api": "blas", "version": "2", "filepath": f"{site}/scipy.libs/libscipy_openblas-1.so"},
        {"user_api": "blas", "version": "1", "filepath": f"{site}/numpy.libs/libscipy_openblas64_-2.so"},
        {"user_api": "openmp", "version": None, "filepath": f"{site}/scikit_learn.libs/libgomp-3.so"},
    ]
    found = []
    for order in permutations(pools):
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda order=order: list(order))
        found.append(environment([], "numpy"))
    assert all(one["threadpools"] == found[0]["threadpools"] for one in found)
    assert differences(found[0], {**found[0], "threadpools": [{"user_api": "blas", "version": "3"}]}) == [
        "BLAS was 1 and is 3"
    ]


def test_what_differs_of_the_environment_is_said_and_recorded() -> None:
    run = stopped("run")
    environment = json.loads((run / "environment.json").read_text())
    environment["packages"]["numpy"] = "1.0"
    for pool in environment["threadpools"]:
        pool["num_threads"] = 7
    (run / "environment.json").write_text(json.dumps(environment))
    texts, warned = said()
    nncli.resume(run, warned=warned)
    (text,) = texts
    assert f"numpy was 1.0 and is {np.__version__}; BLAS threads was 7 and is 1" in text
    assert len(json.loads((run / "environment.json").read_text())["resumed"][0]["differences"]) == 2


def test_a_schedule_that_depends_on_the_epochs_is_told() -> None:
    run = train("run", "schedule=cosine")
    texts, warned = said()
    nncli.resume(run.path, ["training.epochs=8"], warned=warned)
    assert "schedule cosine depends on training.epochs" in texts[0]
    found = nncli.reproduce(run)
    assert not found.identical
    assert "the run was resumed with another training.epochs" in found.differences


def test_a_run_that_diverged_is_not_resumed() -> None:
    with pytest.raises(DivergedError):
        train("run", "optimizer={name: sgd, learning_rate: 1e38}", "model.layers.0.activation=identity")
    with pytest.raises(RunError, match="its training diverged, and would again"):
        nncli.resume("run")


def test_a_damaged_checkpoint_costs_time_and_nothing_else() -> None:
    whole = content(train("whole"))
    run = stopped("run")
    older, newest = sorted((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:100])
    texts, warned = said()
    assert content(nncli.resume(run, warned=warned)) == whole
    assert len(texts) == 1
    assert f"{newest}: is damaged" in texts[0]
    assert older.name < newest.name


@pytest.mark.parametrize("damage", ["checkpoints", "metrics"])
def test_with_nothing_to_go_on_from_it_begins_again_and_says_so(damage: str) -> None:
    whole = content(train("whole"))
    run = stopped("run")
    if damage == "checkpoints":
        shutil.rmtree(run / "checkpoints")
    else:
        (run / "metrics.csv").write_text("epoch,step\n1,2\n")
    texts, warned = said()
    assert content(nncli.resume(run, warned=warned)) == whole
    assert "there is no checkpoint to go on from: the training goes its way again, from the beginning" in texts


def test_a_minimizer_goes_its_way_again() -> None:
    settings = ("optimizer=lbfgs", "training.batch_size=full", "model.layers.0.dropout=0")
    whole = content(train("whole", *settings))
    run = stopped("run", *settings, epoch=2)
    assert not (run / "checkpoints").exists()
    texts, warned = said()
    assert content(nncli.resume(run, warned=warned)) == whole
    assert texts == ["lbfgs keeps no checkpoints: it goes its way again, from the beginning"]


def test_without_checkpoints_none_is_written() -> None:
    assert not (train("run", "training.checkpoint=null").path / "checkpoints").exists()


def test_a_checkpoint_of_a_later_version_is_not_taken_for_ours() -> None:
    run = stopped("run")
    from nncli.run.tensors import read_tensors, write_tensors

    for path in (run / "checkpoints").iterdir():
        tensors, notes = read_tensors(path, "nncli-checkpoint-1")
        write_tensors(path, "nncli-checkpoint-2", tensors, notes)
    texts, warned = said()
    nncli.resume(run, warned=warned)
    assert "is of kind 'nncli-checkpoint-2', and not 'nncli-checkpoint-1'" in texts[0]


# -- reproduce -----------------------------------------------------------------------------------------------------


def test_a_run_is_repeated_bit_for_bit() -> None:
    found = nncli.reproduce(train("run"))
    assert (found.identical, found.epochs, found.tensors, found.differences) == (True, 6, (), ())


def test_the_first_epoch_and_tensor_that_differ_are_named_and_what_may_be_the_reason() -> None:
    run = train("run")
    text = (run.path / "config.yaml").read_text()
    (run.path / "config.yaml").write_text(text.replace("beta1: 0.9", "beta1: 0.8"))
    environment = json.loads((run.path / "environment.json").read_text())
    environment["packages"]["numpy"] = "1.0"
    (run.path / "environment.json").write_text(json.dumps(environment))
    found = nncli.reproduce(run)
    assert not found.identical
    assert found.epoch == 1
    assert "train_loss" in found.figures
    assert found.tensors[0].name == "best: layers.0.weight"
    assert found.tensors[0].largest is not None
    assert 0 < found.tensors[0].largest < 1
    assert found.differences == (f"numpy was 1.0 and is {np.__version__}",)


def test_weights_that_differ_alone_are_found() -> None:
    from nncli.run.directory import WEIGHTS
    from nncli.run.tensors import write_tensors

    run = train("run")
    tensors = run.load_weights("last")
    bias = tensors["layers.1.bias"]
    bias[0] = np.nextafter(bias[0], np.float32(9))
    write_tensors(run.path / "weights/last.safetensors", WEIGHTS, tensors)
    found = nncli.reproduce(run)
    assert (found.identical, found.epoch) == (False, None)
    assert [(tensor.name, tensor.entries) for tensor in found.tensors] == [("last: layers.1.bias", 1)]


def test_a_run_that_has_not_ended_is_not_repeated() -> None:
    with pytest.raises(RunError, match="its training has not ended; nncli resume run goes on"):
        nncli.reproduce(Run(stopped("run")))


def test_a_run_whose_data_changed_is_not_repeated() -> None:
    run = train("run")
    write_points(shift=1e-12)
    with pytest.raises(DataError, match="the data changed since the training"):
        nncli.reproduce(run)
