"""A run from a stranger: nothing in it leads out of it, neither to be read nor to be written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nncli.errors import RunError
from nncli.run import Run
from nncli.run.environment import differences
from nncli.run.lock import NAME, locked


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """What belongs to the user, outside of the run."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    (folder / ".tmpAbCdEf").write_text("of another program")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "weights").mkdir(parents=True)
    (folder / "config.yaml").write_text("data: {source: iris}\n")
    return folder


def test_a_lock_that_is_a_link_does_not_write_over_what_it_leads_to(run: Path, precious: Path) -> None:
    (run / NAME).symlink_to(precious / "thesis.txt")
    with pytest.raises(RunError, match=r"\.lock: is a link, not a file; remove it"), locked(run):
        pass
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_lock_that_is_a_pipe_is_refused_and_not_waited_for(run: Path) -> None:
    os.mkfifo(run / NAME)
    with pytest.raises(RunError, match=r"\.lock: is a pipe, not a file"), locked(run):
        pass


def test_who_holds_a_lock_is_told_on_one_line(run: Path) -> None:
    with locked(run):
        (run / NAME).write_text("\x1b[2Jnobody\nat all\n")
        with pytest.raises(RunError) as error, locked(run):
            pass
    assert str(error.value).endswith(r"is in use by \x1b[2Jnobody\nat all; wait until it has ended, or stop it")


@pytest.mark.parametrize("name", ["config.yaml", "weights"])
def test_a_run_whose_parts_lie_elsewhere_is_not_opened(run: Path, precious: Path, name: str) -> None:
    if name == "weights":
        (run / name).rmdir()
        (run / name).symlink_to(precious, target_is_directory=True)
    else:
        (run / name).unlink()
        (run / name).symlink_to(precious / "thesis.txt")
    with pytest.raises(RunError, match=f"{name}: is a link; a run keeps all of it in itself"):
        Run.open(run)
    assert (precious / ".tmpAbCdEf").exists()


@pytest.mark.parametrize(
    "name", ["metrics.csv", "summary.json", "environment.json", "preprocess.json", "weights/best.safetensors"]
)
def test_files_that_are_links_are_neither_read_nor_written_through(run: Path, precious: Path, name: str) -> None:
    (run / name).symlink_to(precious / "thesis.txt")
    opened = Run.open(run)
    read = {".json": lambda: opened.read_json(name), ".csv": opened.metrics.rows}
    with pytest.raises(RunError, match="is a link"):
        read.get(Path(name).suffix, lambda: opened.load_weights("best"))()
    if name.endswith(".json"):
        opened.write_json(name, {})
        assert not (run / name).is_symlink()
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_run_may_itself_be_named_by_a_link(run: Path) -> None:
    (run.parent / "link").symlink_to(run, target_is_directory=True)
    assert Run.open(run.parent / "link").path == run.resolve()


def test_what_an_environment_says_is_one_short_line() -> None:
    before = {"python": "3\x1b[2J\n" + "9" * 1000}
    now = {"python": "3.13", "platform": None, "processor": None, "packages": {}, "threadpools": []}
    (said,) = differences(before, now)
    assert said.startswith(r"python was 3\x1b[2J\n999")
    assert len(said) < 150


def test_a_file_with_no_room_for_it_is_not_read(run: Path) -> None:
    with (run / "weights" / "best.safetensors").open("wb") as file:
        file.truncate(2**39)  # it takes no room on the disk
    with pytest.raises(RunError, match=r"best\.safetensors: is too large \(550 GB\) to be read: .* has"):
        Run.open(run).load_weights("best")
