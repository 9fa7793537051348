"""What a run is asked while somebody may write to it: whether it is held, and its last row."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from nncli.errors import RunError
from nncli.run import Run
from nncli.run.lock import held, locked
from nncli.run.log import END, Log


def test_a_run_is_held_while_it_is_locked_and_no_longer(tmp_path: Path) -> None:
    assert not held(tmp_path)
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        assert held(tmp_path)
    assert not held(tmp_path)
    assert (tmp_path / ".lock").exists()


def test_a_lock_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to("elsewhere")
    with pytest.raises(RunError, match="is a link"):
        held(tmp_path)


def test_who_asks_keeps_nobody_from_the_run(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / ".lock").touch()
    with (tmp_path / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)

        def answered() -> None:
            time.sleep(0.01)
            fcntl.flock(file, fcntl.LOCK_UN)

        thread = threading.Thread(target=answered)
        thread.start()
        with locked(tmp_path):
            assert held(tmp_path)
        thread.join()


def test_the_last_row_is_that_of_the_whole_table(tmp_path: Path) -> None:
    log = Log(tmp_path / "metrics.csv")
    assert log.last_row() == {}
    rows = [{"epoch": i, "seconds": i / 7, "validation_loss": None if i % 2 else 1 / (i + 1)} for i in range(5_000)]
    log.append(*rows[:-1])
    assert (tmp_path / "metrics.csv").stat().st_size > END
    assert log.last_row() == rows[-2]
    log.append(rows[-1])
    assert log.last_row() == {"epoch": 4999, "seconds": 4999 / 7}


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"epoch,train_loss\n1,0.5\n2,0.2", {"epoch": 1.0, "train_loss": 0.5}),
        (b"epoch,train_loss\n", {}),
        (b"epoch,train_loss", {}),
        (b"", {}),
        (b"a" * 100_000, {}),
        (b"epoch,train_loss\nnan,x\n", {}),
    ],
)
def test_a_row_that_is_being_written_does_not_count(content: bytes, row: dict[str, float], tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    assert Run(tmp_path).metrics.last_row() == row


def test_a_table_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"epoch,\xff\n1,2\n")
    with pytest.raises(RunError, match="is no table of metrics"):
        Run(tmp_path).metrics.last_row()
