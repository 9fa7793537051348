"""Files of a run: whole or not there, every byte checked, and no file that is none."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from nncli.errors import RunError
from nncli.run import Checkpoints, State, files
from nncli.run.lock import locked
from nncli.run.log import Log
from nncli.run.tensors import OPEN, digest_of, read_tensors, write_tensors

KIND = "nncli-test-1"
TENSORS = {
    "layers.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layers.0.bias": np.array([0.5, -1, 0], np.float32),
    "a double": np.array([np.pi, np.nan, np.inf]),
}


def test_tensors_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", KIND, TENSORS, 'notes with "quotes" and é')
    found, notes = read_tensors(tmp_path / "t", KIND)
    assert notes == 'notes with "quotes" and é'
    assert digest_of(found) == digest_of(TENSORS)
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


def test_the_same_tensors_make_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_tensors(tmp_path / name, KIND, TENSORS, "notes")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_programs_can_read_them(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    write_tensors(tmp_path / "t", KIND, TENSORS)
    assert digest_of(load_file(tmp_path / "t")) == digest_of(TENSORS)


def test_every_byte_that_is_flipped_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_tensors(path, KIND, TENSORS, "notes")
    raw = path.read_bytes()
    flips = (0x01, 0x80, 0x29, 0xFF)  # 0x29 makes a tab of a blank, which JSON would not mind
    for i in range(len(raw)):
        for flip in flips:
            path.write_bytes(raw[:i] + bytes([raw[i] ^ flip]) + raw[i + 1 :])
            with pytest.raises(RunError, match="damaged"):
                read_tensors(path, KIND)


def test_every_byte_that_is_missing_or_too_many_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_tensors(path, KIND, TENSORS, "notes")
    raw = path.read_bytes()
    for part in (*(raw[:i] for i in range(len(raw))), raw + b"\0", b"\0" + raw, raw + raw):
        path.write_bytes(part)
        with pytest.raises(RunError, match="damaged"):
            read_tensors(path, KIND)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", "nncli-test-2", TENSORS)
    with pytest.raises(RunError, match="is of kind 'nncli-test-2', and not 'nncli-test-1'"):
        read_tensors(tmp_path / "t", KIND)


def test_a_file_of_safetensors_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save

    for metadata in (None, {"format": "pt"}, {"nncli": OPEN}, {"nncli": f"{'f' * 64} {KIND} "}):
        (tmp_path / "t").write_bytes(save(TENSORS, metadata))
        with pytest.raises(RunError, match="damaged"):
            read_tensors(tmp_path / "t", KIND)


def test_a_header_that_declares_more_than_there_is_allocates_nothing(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    for raw in (
        len(header).to_bytes(8, "little") + header,
        (2**62).to_bytes(8, "little") + header,
        b"\xff" * 8,
        b"",
    ):
        (tmp_path / "t").write_bytes(raw)
        with pytest.raises(RunError, match="damaged"):
            read_tensors(tmp_path / "t", KIND)


# -- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fsync", "replace", "chmod"])
def test_what_cannot_be_written_leaves_what_was_there_and_no_rubbish(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    files.write(path, "before")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if name == "fsync" else Path, name, fail)
    with pytest.raises(RunError, match=r"a\.json: cannot write it: No space left on device"):
        files.write(path, "after")
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_has_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot write it: No such file or directory"):
        files.write(tmp_path / "gone" / "a.json", "x")


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.json.x1y2.partial", ".tmpNE7Ze3", "a.json", ".hidden", "b.partial", ".tmp-of-mine"):
        (tmp_path / name).write_text("")
    files.sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".hidden", ".tmp-of-mine", "a.json", "b.partial"]


def test_many_that_save_at_once_do_not_meet(tmp_path: Path) -> None:
    texts = [str(i) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=files.write, args=(tmp_path / "a", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in texts
    assert os.listdir(tmp_path) == ["a"]


# -- reading -------------------------------------------------------------------------------------------------------


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunError, match="is a pipe, not a file"):
        files.read(tmp_path / "pipe", 100)


def test_devices_folders_and_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a device, not a file"):
        files.read(Path("/dev/zero"), 100)
    with pytest.raises(RunError, match="cannot read it: Is a directory"):
        files.read(tmp_path, 100)
    with pytest.raises(RunError, match="is a link"):
        files.read(tmp_path / "link", 100)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0" * 101)
    with pytest.raises(RunError, match=r"is larger \(101 bytes\) than it can be \(100 bytes\)"):
        files.read(tmp_path / "a", 100)
    assert files.read(tmp_path / "a", 101) == b"0" * 101


# -- checkpoints ---------------------------------------------------------------------------------------------------


def state(i: int) -> State:
    return State({"theta": np.full(3, i, np.float32)}, {"step": i})


def test_the_newest_come_first_and_only_so_many_are_kept(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, keep=3)
    for i in range(6):
        kept.save(state(i))
    assert [found.numbers["step"] for _, found in kept.load() if isinstance(found, State)] == [5, 4, 3]


def test_one_that_is_damaged_is_told_and_the_one_before_it_is_there(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    kept.save(state(1))
    newest = kept.save(state(2))
    newest.write_bytes(newest.read_bytes()[:-1])
    (_, damaged), (_, whole) = kept.load()
    assert isinstance(damaged, RunError)
    assert isinstance(whole, State)
    assert whole.numbers == {"step": 1}


def test_one_that_cannot_be_written_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path, keep=1)
    kept.save(state(1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        with pytest.raises(RunError, match="No space left"):
            kept.save(state(2))
    assert [path.name for path, found in kept.load() if isinstance(found, State)] == ["000001.safetensors"]


def test_a_folder_of_checkpoints_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    for i in range(1, 4):
        (tmp_path / f"precious/{i}.safetensors").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/checkpoints").symlink_to(tmp_path / "precious")
    kept = Checkpoints(tmp_path / "run")
    with pytest.raises(RunError, match="is a link"):
        kept.save(state(1))
    with pytest.raises(RunError, match="is a link"):
        list(kept.load())
    assert len(os.listdir(tmp_path / "precious")) == 3


# -- metrics -------------------------------------------------------------------------------------------------------


def test_metrics_are_cut_to_where_a_checkpoint_was(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = Log(path)
    first.append({"epoch": 1, "loss": 0.5, "other": None})
    place = first.position()
    first.append({"epoch": 2, "loss": 0.25})
    path.write_bytes(path.read_bytes() + b"3,0.1")  # the machine stopped in the middle of a row
    second = Log(path)
    second.cut(place)
    second.append({"epoch": 2, "loss": 0.125})
    assert path.read_text() == "epoch,loss,other\n1,0.5,\n2,0.125,\n"
    assert second.position()["bytes"] == len(path.read_bytes())
    third = Log(path)
    third.cut(second.position())
    assert third.rows() == [
        {"epoch": "1", "loss": "0.5", "other": ""},
        {"epoch": "2", "loss": "0.125", "other": ""},
    ]


def test_metrics_that_were_changed_or_lost_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = Log(path)
    first.append({"epoch": 1, "loss": 0.5})
    place = first.position()
    whole = path.read_bytes()
    for content in (whole[:-1], whole.replace(b"0.5", b"0.6"), b""):
        path.write_bytes(content)
        with pytest.raises(RunError, match="is not as the training left it"):
            Log(path).cut(place)
        assert path.read_bytes() == content
    path.unlink()
    with pytest.raises(RunError, match="No such file"):
        Log(path).cut(place)


# -- the lock ------------------------------------------------------------------------------------------------------


def test_a_second_one_is_told_who_has_the_run(tmp_path: Path) -> None:
    with locked(tmp_path):
        for _ in range(2):  # that one was refused takes nothing away
            message = f"is in use by process {os.getpid()}; wait until it has ended"
            with pytest.raises(RunError, match=message), locked(tmp_path):
                pass
    with locked(tmp_path):
        pass
