"""Killed, out of space, and two at once: nothing is lost.

By default a few kills of each kind, so that the suite stays short; ``NNCLI_KILLS=300 pytest tests/run`` tries as many.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from commands import called

import nncli
from nncli.training.events import Event
from runs import content, ensemble_content

KILLS = int(os.environ.get("NNCLI_KILLS", "1"))
"""Of whole commands, at random instants."""
CALLS_BETWEEN = 1 if KILLS > 100 else 13
"""The next kill in the midst of saving comes so many system calls later than the one before."""

COMMAND = [sys.executable, "-m", "nncli.cli.main"]
CONFIG = """\
data: {source: {name: moons, n_samples: 120, noise: 0.2}}
model:
  layers:
    - {units: 8, activation: tanh, dropout: 0.2}
    - {activation: sigmoid}
loss: binary_cross_entropy
training: {epochs: 4, batch_size: 32, checkpoint: {every: 2 steps}}
"""
LONG = ["training.epochs=300", "training.checkpoint.every=10 steps"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the long training comes to when nobody touches it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "c.yaml").write_text(CONFIG)
    return content(nncli.train(nncli.load_config(folder / "c.yaml", LONG), directory=folder / "run").path)


def start(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], **(pipes | settings))


def run(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    pipes = {"capture_output": True, "text": True, "check": False, "timeout": 120}
    return subprocess.run([*COMMAND, *arguments], **(pipes | settings))


def rubbish(path: Path) -> list[Path]:
    """What has a hidden name, but for the lock."""
    return [found for found in path.rglob(".*") if found.name != ".lock"]


def test_killed_at_any_instant_a_training_goes_on_to_the_same_bits(whole: dict[str, Any]) -> None:
    began = time.monotonic()
    assert run("train", "c.yaml", *LONG, "--run", "run").returncode == 0
    longest = time.monotonic() - began
    assert content(Path("run")) == whole
    killed = 0
    instants = random.Random(int(os.environ.get("NNCLI_KILLS_SEED", "0")))
    for number in range(KILLS):
        path = Path(f"run-{number}")
        arguments = ["train", "c.yaml", *LONG, "--run", str(path)]
        for _ in range(20):  # killed again and again, and then left alone
            process = start(*arguments)
            try:
                process.communicate(timeout=instants.uniform(0.3, 1.2) * longest)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
            if (path / "config.yaml").exists():
                arguments = ["resume", str(path)]
                if instants.random() < 0.4:
                    break
            else:  # there is no run yet: nothing can be lost, and another one begins
                path = path.with_name(f"{path.name}-again")
                arguments = ["train", "c.yaml", *LONG, "--run", str(path)]
        done = run(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        assert content(path) == whole
        assert rubbish(path) == []
    print(f"{KILLS} runs were killed {killed} times, and all ended the same")


CHANGES = {
    *("open", "write", "flush", "close", "fsync", "chmod", "replace", "rename"),
    *("unlink", "remove", "mkdir", "truncate", "ftruncate", "symlink"),
}
"""System calls that change files, and what the objects of ``io`` make of them."""
TENSORS = "serialize_file"
"""What safetensors, which is no Python, does in one call."""


def killed_behind(calls: int, job: Callable[[], object]) -> bool:
    """Do ``job`` in a child that is killed right behind so many of ``CHANGES``; whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it forks beside the threads of pytest, of which the child has none
        child = os.fork()
    if child == 0:
        left = calls

        def watch(frame: FrameType, event: str, function: Any) -> None:
            nonlocal left
            if event != "c_return" or function.__name__ not in {*CHANGES, TENSORS}:
                return
            owner = getattr(function, "__module__", None) or type(function.__self__).__module__
            if owner in ("posix", "_io", "io") or function.__name__ == TENSORS:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(watch)
            job()
            os._exit(0)
        except BaseException:  # noqa: BLE001  # nothing may lead the child back into pytest
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_behind_any_system_call_a_training_goes_on_to_the_same_bits() -> None:
    config = nncli.load_config("c.yaml")
    whole = content(nncli.train(config, directory="whole").path)
    calls = tried = 0
    while True:
        calls += CALLS_BETWEEN
        path = Path(f"run-{calls}")
        if not killed_behind(calls, lambda: nncli.train(config, directory=path)):  # noqa: B023
            break
        tried += 1
        if (path / "config.yaml").exists():
            assert content(nncli.resume(path).path) == whole
            assert rubbish(path) == []
    print(f"a training was killed behind {tried} system calls, and always ended the same")
    assert tried >= 150 // CALLS_BETWEEN  # else it is no longer the calls that are counted


class Stop(Exception):  # noqa: N818
    """What ends a training from without."""


def stop_in_the_second_epoch(event: Event) -> None:
    if event.epoch == 2:
        raise Stop


def test_killed_behind_any_system_call_a_resumption_goes_on_to_the_same_bits() -> None:
    config = nncli.load_config("c.yaml")
    whole = content(nncli.train(config, directory="whole").path)
    calls = tried = 0
    while True:
        calls += CALLS_BETWEEN
        path = Path(f"run-{calls}")
        with pytest.raises(Stop):
            nncli.train(config, directory=path, observe=stop_in_the_second_epoch)
        if not killed_behind(calls, lambda: nncli.resume(path)):  # noqa: B023
            break
        tried += 1
        assert content(nncli.resume(path).path) == whole
        assert rubbish(path) == []
    print(f"a resumption was killed behind {tried} system calls, and always ended the same")
    assert tried >= 90 // CALLS_BETWEEN


def test_killed_behind_any_system_call_an_ensemble_goes_on_to_the_same_bits() -> None:
    config = nncli.load_config("c.yaml", ["ensemble=2", "training.epochs=2", "training.checkpoint.every=5 steps"])
    whole = ensemble_content(nncli.train(config, directory="whole").path)
    calls = tried = 0
    while True:
        calls += 2 * CALLS_BETWEEN if CALLS_BETWEEN > 1 else 1
        path = Path(f"run-{calls}")
        if not killed_behind(calls, lambda: nncli.train(config, directory=path)):  # noqa: B023
            break
        tried += 1
        if (path / "config.yaml").exists():
            if tried % 2:  # killed again while it resumes
                killed_behind(calls // 2, lambda: nncli.resume(path))  # noqa: B023
            assert ensemble_content(nncli.resume(path).path) == whole
            assert rubbish(path) == []
    print(f"an ensemble was killed behind {tried} system calls, and always ended the same")
    assert tried >= 8


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_a_second_one_in_the_midst_of_it_harms_nothing(
    number: int, code: int, whole: dict[str, Any]
) -> None:
    for again in (False, True) if number == signal.SIGINT else (False,):
        path = Path(f"run-{number}-{again}")
        process = start("train", "c.yaml", *LONG, "--run", str(path), preexec_fn=interruptible)
        wait_for(path / "checkpoints")
        process.send_signal(number)
        if again:
            time.sleep(0.002)
            process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        if not again:
            assert process.returncode == code
            assert f"interrupted; nncli resume {path} goes on" in stderr
            assert json.loads((path / "summary.json").read_text())["status"] == "interrupted"
        assert "Traceback" not in stderr
        assert called("resume", str(path)).returncode == 0
        assert content(path) == whole


def interruptible() -> None:
    """A child of a background job ignores SIGINT unless it is told not to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_on_a_full_disk_the_last_checkpoint_stays() -> None:
    """A limit on the size of files is as near to a full disk as a test comes without a file system of its own."""
    wide = [
        "training.epochs=100",
        *LONG[1:],
        "model.layers.0.units=100",
        "report.plots=false",
    ]  # no file but a checkpoint grows so long
    assert called("train", "c.yaml", *wide, "--run", "whole").returncode == 0
    process = start("train", "c.yaml", *wide, "--run", "run")
    wait_for(Path("run/checkpoints/000003.safetensors"))
    process.kill()
    process.communicate()
    before = {path: path.read_bytes() for path in Path("run/checkpoints").glob("[0-9]*")}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))

    full = run("resume", "run", preexec_fn=limit)
    assert full.returncode == 2
    assert "safetensors: cannot write it: File too large" in full.stderr
    assert "Traceback" not in full.stderr
    assert {path: path.read_bytes() for path in Path("run/checkpoints").iterdir()} == before
    assert json.loads(Path("run/summary.json").read_text())["status"] == "failed"
    assert called("resume", "run").returncode == 0
    assert content(Path("run")) == content(Path("whole"))


def test_a_second_process_is_refused_with_the_name_of_the_first() -> None:
    first = start("train", "c.yaml", "training.epochs=100000", "--run", "run")
    wait_for(Path("run/metrics.csv"))
    second = run("resume", "run")
    first.terminate()
    first.communicate(timeout=60)
    assert second.returncode == 2
    assert second.stderr == f"run: is in use by process {first.pid}; wait until it has ended, or stop it\n"
    assert first.returncode == 143


def test_without_utf8_names_and_messages_come_out() -> None:
    Path("t.csv").write_text("größe,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)), encoding="utf-8")
    text = CONFIG.replace("source: {name: moons, n_samples: 120, noise: 0.2}", "path: t.csv, target: y")
    Path("u.yaml").write_text(f"# für größe\n{text}", encoding="utf-8")
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    commands = ["train u.yaml --run run", "resume run training.epochs=5", "reproduce run"]
    for arguments in map(str.split, commands):
        done = run(*arguments, env=plain)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "größe" in Path("run/preprocess.json").read_text(encoding="utf-8")
    done = run("train", "u.yaml", "data.target=größ", env=plain)
    assert done.returncode == 2
    assert "no column 'gr??', did you mean 'gr??e'?" in done.stderr
