"""One training in several processes of MPI: real ones, started by mpiexec."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncli
from nncli import api
from nncli.cli import main as command
from nncli.ranks import Ranks
from runs import content, ensemble_content

MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
FORKER = MPIEXEC and shutil.which("mpiexec.gforker", path=str(Path(MPIEXEC).parent))
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="needs mpiexec and mpi4py: pip install mpich mpi4py"
)
NNCLI = [sys.executable, "-m", "nncli.cli.main"]

CONFIG = """\
data: {source: wine}
model:
  input: {noise: 0.01}
  layers:
    - {units: 16, activation: relu, dropout: 0.2}
    - {units: 16, activation: tanh, norm: batch, residual: true}
    - {activation: softmax}
loss: {name: cross_entropy, class_weight: balanced}
optimizer: {name: adam, learning_rate: 0.01}
schedule: {name: reduce_on_plateau, patience: 2}
regularization: {l2: 0.001}
training: {epochs: 12, batch_size: 29, shards: 4, accumulate: 2, clip_norm: 1.0, average: {decay: 0.9}}
"""
"""Dropout, batch norm, Adam, weights of rows, and a last batch of 8 rows in shards of 2."""
ENDLESS = ["training.epochs=1000000", "training.checkpoint.every=40 steps", "report.plots=false", "-q"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)


def start(
    ranks: int,
    *arguments: str,
    options: tuple[str, ...] = (),
    program: list[str] = NNCLI,
    mpiexec: str | None = MPIEXEC,
) -> subprocess.Popen[str]:
    line = [str(mpiexec), *options, "-n", str(ranks), *program, *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(ranks: int, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    with start(ranks, *arguments, **settings) as process:
        out, err = ended(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def ended(process: subprocess.Popen[str], seconds: float = 60) -> tuple[str, str]:
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        for found in processes(process):
            os.kill(found, signal.SIGKILL)
        process.kill()
        raise


def processes(mpiexec: subprocess.Popen[str]) -> dict[int, int]:
    """Process number -> rank, of those that ``mpiexec`` started and that are still there."""
    parents, ranks = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            entries = dict(e.split("=", 1) for e in (folder / "environ").read_text().split("\0") if "=" in e)
            ranks[int(folder.name)] = int(entries.get("PMI_RANK", -1))
        except (OSError, ValueError):
            continue

    def is_below(process: int) -> bool:
        while process > 1:
            process = parents.get(process, 0)
            if process == mpiexec.pid:
                return True
        return False

    return {process: rank for process, rank in ranks.items() if rank >= 0 and is_below(process)}


def of_rank(mpiexec: subprocess.Popen[str], rank: int) -> int:
    return next(process for process, found in processes(mpiexec).items() if found == rank)


def wait_for_epochs(path: str, epochs: int, process: subprocess.Popen[str]) -> None:
    """Until so many are written."""
    table = Path(path, "metrics.csv")
    began = time.monotonic()
    while not table.exists() or table.read_bytes().count(b"\n") <= epochs:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 60
        time.sleep(0.02)


def finished(path: str, ranks: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A stopped run, resumed by so many ranks for some epochs; and the same, trained by one that nobody stopped."""
    epochs = Path(path, "metrics.csv").read_bytes().count(b"\n") + 10
    changes = [f"training.epochs={epochs}", "-q"]
    if ranks == 1:
        resumed = subprocess.run([*NNCLI, "resume", path, *changes], capture_output=True, text=True, check=False)
    else:
        resumed = run(ranks, "resume", path, *changes)
    assert resumed.returncode == 0, resumed.stderr
    alone = nncli.train(nncli.load_config("c.yaml", [f"training.epochs={epochs}"]), directory="alone")
    return content(Path(path)), content(alone)


@needs_mpi
def test_any_number_of_ranks_has_the_bits_of_one_process() -> None:
    whole = content(nncli.train(nncli.load_config("c.yaml"), directory="alone"))
    assert whole["summary"]["status"] == "completed"
    for ranks in (1, 2, 3, 4):
        found = run(ranks, "train", "c.yaml", "--run", f"of {ranks}")
        assert found.returncode == 0, found.stderr
        assert found.stdout.count("completed") == 1
        assert found.stderr.count("epoch 12/12") == 1
        assert content(Path(f"of {ranks}")) == whole


@needs_mpi
def test_rows_on_disk_are_dealt_out_likewise() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    np.savez("t.npz", X=X, y=X[:, 0] * X[:, 1] > 0)
    Path("c.yaml").write_text(CONFIG.replace("{source: wine}", "{path: t.npz, target: y, stored: true}"))
    whole = content(nncli.train(nncli.load_config("c.yaml"), directory="alone"))
    found = run(2, "train", "c.yaml", "--run", "both", "-q")
    assert found.returncode == 0, found.stderr
    assert content(Path("both")) == whole
    assert Path("both/cache/contents.json").is_file()


@needs_mpi
def test_two_threads_in_each_of_two_ranks_and_compiled_loops() -> None:
    pytest.importorskip("numba")
    changes = ["training.shards=5", "training.batch_size=30", "training.epochs=3", "model.layers.1.norm=layer"]
    whole = content(nncli.train(nncli.load_config("c.yaml", [*changes, "training.threads=1"]), directory="alone"))
    found = run(2, "train", "c.yaml", *changes, "training.threads=4", "training.kernels=numba", "--run", "two", "-q")
    assert found.returncode == 0, found.stderr
    again = content(Path("two"))
    del whole["summary"]["compiled"], again["summary"]["compiled"]
    assert again == whole


@needs_mpi
def test_an_ensemble_is_trained_by_all_of_them() -> None:
    changes = ["ensemble=2", "training.epochs=3", "model.layers.1.norm=layer"]
    whole = ensemble_content(nncli.train(nncli.load_config("c.yaml", changes), directory="alone"))
    assert run(2, "train", "c.yaml", *changes, "--run", "two", "-q").returncode == 0
    assert ensemble_content(Path("two")) == whole


@needs_mpi
@pytest.mark.parametrize(("number", "rank", "resumed_by"), [(signal.SIGINT, None, 1), (signal.SIGTERM, 2, 4)])
def test_a_signal_to_any_of_them_stops_all_and_any_number_goes_on(
    number: signal.Signals, rank: int | None, resumed_by: int
) -> None:
    """To mpiexec, which hands it to all (None), or to one that is not the first."""
    with start(3, "train", "c.yaml", "--run", "run", *ENDLESS[:-1]) as process:
        wait_for_epochs("run", 20, process)
        os.kill(process.pid if rank is None else of_rank(process, rank), number)
        _, err = ended(process)
    assert process.returncode == 128 + number
    assert err.count("interrupted; nncli resume run goes on\n") == 1
    assert json.loads(Path("run/summary.json").read_text())["status"] == "interrupted"
    again, whole = finished("run", resumed_by)
    assert again == whole


@needs_mpi
@pytest.mark.parametrize(("rank", "resumed_by", "options"), [(1, 2, ()), (0, 1, ("-disable-auto-cleanup",))])
def test_a_rank_that_is_killed_ends_the_others_and_the_run_goes_on(
    rank: int, resumed_by: int, options: tuple[str, ...]
) -> None:
    """mpiexec kills the rest, rank 0 among them, and says so: what goes on is the newest checkpoint."""
    with start(2, "train", "c.yaml", "--run", "run", *ENDLESS, options=options) as process:
        wait_for_epochs("run", 40, process)
        os.kill(of_rank(process, rank), signal.SIGKILL)
        out, err = ended(process)
        assert processes(process) == {}
    assert process.returncode == 9
    assert "Killed (signal 9)" in out + err
    again, whole = finished("run", resumed_by)
    assert again == whole


@needs_mpi
@pytest.mark.skipif(FORKER is None, reason="needs mpiexec.gforker of MPICH, which leaves the others alone")
@pytest.mark.parametrize(("rank", "resumed_by"), [(2, 2)])
def test_where_the_others_are_left_alone_they_say_who_is_gone(rank: int, resumed_by: int) -> None:
    """Rank 0 also saves the batch before, so that nothing is lost; without it, the others end by themselves."""
    with start(3, "train", "c.yaml", "--run", "run", *ENDLESS[:-1], mpiexec=FORKER) as process:
        wait_for_epochs("run", 40, process)
        victim = of_rank(process, rank)
        os.kill(victim, signal.SIGKILL)
        _, err = ended(process)
        assert processes(process) == {}
    problem = f"rank {rank} (process {victim} on {os.uname().nodename}) ended before the others"
    summary = json.loads(Path("run/summary.json").read_text())
    if rank:
        assert err.count(f"run: {problem}; nncli resume run goes on\n") == 1
        assert (summary["status"], summary["problem"]) == ("interrupted", problem)
    else:
        assert f": {problem}\n" in err
    again, whole = finished("run", resumed_by)
    assert again == whole
    if rank:
        entry = json.loads(Path("run/environment.json").read_text())["resumed"][-1]
        assert entry["from"]["step"] == summary["steps"]


@needs_mpi
def test_whom_all_wait_for_is_said() -> None:
    patient = "import sys, nncli.ranks.mpi as m; m.PATIENCE = 0.5; from nncli.cli.main import main; main()"
    with start(2, "train", "c.yaml", "--run", "run", *ENDLESS[:-1], program=[sys.executable, "-c", patient]) as process:
        wait_for_epochs("run", 5, process)
        stopped = of_rank(process, 1)
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(2)
        os.kill(stopped, signal.SIGCONT)
        os.kill(process.pid, signal.SIGINT)
        _, err = ended(process)
    where = f"rank 1 (process {stopped} on {os.uname().nodename})"
    assert err.count(f"warning: {where} is stopped (SIGSTOP): all others wait\n") == 1
    assert process.returncode == 130


@needs_mpi
def test_what_is_wrong_is_said_once_and_ends_all_of_them() -> None:
    found = run(3, "train", "c.yaml", "training.shards=2")
    said = "override 'training.shards=2'  training.shards: a batch in 2 shards is no work for 3 ranks; "
    said += "training.shards=3 has some for each, or start fewer: mpiexec -n 2\n"
    assert (found.returncode, found.stdout, found.stderr) == (2, "", said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], "training.shards=3 has some for each, or start one: leave mpiexec out"),
        (["training.batch_size=2"], "start one: leave mpiexec out"),
        (["training.batch_size=2", "training.shards=2"], "start fewer: mpiexec -n 2"),
        (["optimizer=lbfgs", "training.batch_size=full"], "start one: leave mpiexec out"),
    ],
)
def test_the_remedy_for_too_many_ranks_is_one_that_helps(changes: list[str], said: str) -> None:
    Path("p.yaml").write_text("data: {path: rows.csv}\nmodel: {layers: [{activation: softmax}]}\n")
    Path("rows.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    ranks = Ranks()
    ranks.size = 3
    with pytest.raises(nncli.NncliError) as refused:
        api.train(nncli.load_config("p.yaml", ["data.target=y", *changes]), ranks=ranks)
    (problem,) = refused.value.problems
    assert problem.remedy == said
    assert not Path("runs").exists()


def test_a_run_is_not_told_to_take_other_shards_than_it_has() -> None:
    api.train(nncli.load_config("c.yaml", ["training.epochs=1"]), directory="run")
    ranks = Ranks()
    ranks.size = 5
    with pytest.raises(nncli.NncliError) as refused:
        nncli.resume("run", ["training.epochs=2"], ranks=ranks)
    assert [problem.remedy for problem in refused.value.problems] == ["start fewer: mpiexec -n 4"]


def test_shards_that_are_too_few_for_the_ranks_are_refused_before_any_row_is_read() -> None:
    ranks = Ranks()
    ranks.size = 3
    config = nncli.load_config("c.yaml", ["data={path: not there.csv, target: y}", "training.shards=2"])
    with pytest.raises(nncli.NncliError, match="a batch in 2 shards is no work for 3 ranks"):
        api.train(config, ranks=ranks)


@pytest.mark.parametrize(
    ("line", "name"), [("validate c.yaml", "nncli validate"), ("train c.yaml --seeds 2", "nncli train --seeds")]
)
def test_other_commands_are_not_done_several_times(
    line: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ranks = Ranks()
    ranks.size = 2
    monkeypatch.setattr(command, "launched", lambda: ranks)
    monkeypatch.setattr(sys, "argv", ["nncli", *line.split()])
    with pytest.raises(SystemExit) as end:
        command.main()
    said = f"{name}: runs in one process, and 2 were started together; leave mpiexec out: nncli train and nncli resume "
    assert (end.value.code, capsys.readouterr().err) == (2, f"{said}share the work\n")


@needs_mpi
def test_a_divergence_in_another_process_is_named_as_in_one() -> None:
    rows = [f"{i % 7},{i % 5},{i % 2}" for i in range(60)]
    rows[17] = "1e30,1e30,1"
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]))
    changes = ["data={path: t.csv, target: y, split: {validation: 0, test: 0}, preprocess: {numeric: none}}"]
    changes += ["model.input.noise=0", "optimizer={name: sgd, learning_rate: 1e9}", "schedule=constant", "loss=mse"]
    changes += ["model.layers=[{units: 4, activation: relu}, {activation: identity}]", "training.clip_norm=null"]
    alone = subprocess.run(
        [*NNCLI, "train", "c.yaml", *changes, "--run", "run", "-q"], capture_output=True, text=True, check=False
    )
    assert "is not finite" in alone.stderr
    assert alone.returncode == 3
    shutil.rmtree("run")
    found = run(4, "train", "c.yaml", *changes, "--run", "run", "-q")
    assert (found.returncode, found.stderr) == (3, alone.stderr)


@pytest.fixture
def two_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setattr(sys, "argv", ["nncli", "train", "c.yaml"])
    yield
    assert not Path("runs").exists()


@pytest.mark.usefixtures("two_started")
@pytest.mark.parametrize("rank", [0, 1])
def test_several_processes_without_mpi4py_do_not_train_several_times(
    rank: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMI_RANK", str(rank))
    monkeypatch.setattr("nncli.ranks.launch.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    said = "2 processes were started together, and mpi4py is not installed; "
    said += "pip install 'nncli[mpi]', or start one: without mpiexec\n"
    assert capsys.readouterr().err == (said if rank == 0 else "")


def test_a_rank_that_is_interrupted_while_it_starts_is_ended_by_the_signal() -> None:
    """One that exited by itself would leave the others waiting in MPI's start, and mpiexec with them."""
    Path("mpi4py.py").write_text("import os, signal\n\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join([str(Path.cwd()), *sys.path])
    settings = os.environ | {"PMI_SIZE": "2", "PMI_RANK": "1", "PYTHONPATH": path}
    found = subprocess.run(
        [*NNCLI, "train", "c.yaml"], env=settings, capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (-signal.SIGINT, "", "")


MEASURED = """
import tracemalloc
from nncli.api import train
from nncli.builder import build
from nncli.cli.helping import help_rank_0
from nncli.config.loader import load_config
from nncli.ranks import launched
from nncli.run import Run
from nncli.starting import start
from nncli.training import memory

def nothing(*_):
    pass

ranks = launched()
if ranks.rank:
    help_rank_0(ranks)
else:
    memory.COPIES_TO_SAVE = 0  # of the two copies that safetensors makes, one is not Python's
    rows = "data.source={name: blobs, n_samples: 20000, n_features: 30}"
    config = load_config("c.yaml", ["training={epochs: 1, batch_size: 2000, shards: 4, kernels: numpy}", rows])
    train(config, directory="imports", ranks=ranks)
    tracemalloc.start()
    experiment = build(config)
    experiment.release_cells()
    told = memory.memory_of(experiment, ranks)
    run = Run.create("measured")
    tracemalloc.reset_peak()
    with run.locked():
        start(run, experiment, began=nothing, warned=nothing, observe=nothing, ranks=ranks)
    print(told.total, tracemalloc.get_traced_memory()[1])
    ranks.end(0)
"""


@needs_mpi
def test_the_memory_that_the_first_of_them_takes_is_foretold() -> None:
    found = run(2, program=[sys.executable, "-c", MEASURED])
    assert found.returncode == 0, found.stderr
    foretold, measured = map(int, found.stdout.split())
    assert foretold == pytest.approx(measured, rel=0.05)
