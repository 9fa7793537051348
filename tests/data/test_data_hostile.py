"""Data files from strangers: nothing is opened that is no file, and no memory is taken that there is not."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nncli import machine
from nncli.data import parquet
from nncli.data.files import is_folder, read_table
from nncli.data.idx import read_idx_folder
from nncli.data.room import MOST_COLUMNS
from nncli.data.table import Table
from nncli.data.zstd import LARGEST_BLOCK, most_content
from nncli.errors import DataError
from nncli.machine import Limit

MB = 10**6


def read(path: Path) -> Table:
    return read_table(path, target=("y",), features=None, drop=())


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_idx_folder(path) if path.is_dir() else read(path)
    return str(error.value)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_limits", lambda held: iter([Limit(10 * MB, "this machine has")]))


@contextmanager
def taking_at_most(size: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


# -- what is no file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst", "t.parquet", "t.npz"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    remedy = "save its content as a file: a table is read more than once"
    assert refusal(tmp_path / name) == f"{tmp_path / name}: a pipe, not a file; {remedy}"


def test_a_device_is_refused_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "t.csv").symlink_to("/dev/zero")
    assert "t.csv: a device, not a file" in refusal(tmp_path / "t.csv")


def test_a_link_to_a_table_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("a,y\n1,2\n")
    (tmp_path / "t.csv").symlink_to(tmp_path / "real.txt")
    assert read(tmp_path / "t.csv").features.tolist() == [[1]]


def test_a_pipe_among_idx_files_is_no_idx_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    assert "a folder without IDX files" in refusal(tmp_path)


def test_what_cannot_even_be_looked_at_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for name, reason in (("x" * 300 + ".csv", "File name too long"), ("loop.csv", "Too many levels of symbolic links")):
        with pytest.raises(DataError, match=f"cannot be read: {reason}; look at its name and rights"):
            is_folder(tmp_path / name)
    assert not is_folder(tmp_path / "null\0character")
    assert "no such file" in refusal(tmp_path / "null\0character.csv")


# -- what unpacks to more than there is ------------------------------------------------------------------------------

MORE = "or more, and has to be in memory 2 times; this machine has 10 MB; if it is no mistake,"


@pytest.mark.usefixtures("little_memory")
def test_a_gzip_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,2\n" * 10 * MB, mtime=0))
    assert (tmp_path / "t.csv.gz").stat().st_size < MB
    with taking_at_most(12 * MB):
        assert f"t.csv.gz: it holds 5.2 MB {MORE}" in refusal(tmp_path / "t.csv.gz")


@pytest.mark.usefixtures("little_memory")
def test_a_text_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as file:
        file.truncate(10**12)
    with taking_at_most(MB):
        assert f"t.csv: it holds 1.0 TB {MORE}" in refusal(tmp_path / "t.csv")


def run_frame(blocks: int) -> bytes:
    """zstd: so many blocks that each say "128 KiB of the letter x" in 4 bytes."""
    block = LARGEST_BLOCK << 3 | 1 << 1
    last = (block | 1).to_bytes(3, "little") + b"x"
    return b"\x28\xb5\x2f\xfd\x00\x58" + (block.to_bytes(3, "little") + b"x") * (blocks - 1) + last


@pytest.mark.usefixtures("little_memory")
def test_a_zstd_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    (tmp_path / "t.csv.zst").write_bytes(run_frame(8192))
    assert f"t.csv.zst: it holds 1.1 GB {MORE}" in refusal(tmp_path / "t.csv.zst")


def test_what_a_zstd_file_can_hold_is_no_less_than_what_it_holds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for rows in (1, 1000, 200_000):
        for values in (rng.integers(0, 2**62, rows), np.zeros(rows, np.int64)):
            frame = pl.DataFrame({"a": values, "y": values})
            frame.lazy().sink_csv(tmp_path / "t.csv.zst", compression="zstd")
            content = len(frame.write_csv())
            with (tmp_path / "t.csv.zst").open("rb") as file:
                most = most_content(file)
            assert content <= most <= content + 3 * LARGEST_BLOCK
            assert len(read(tmp_path / "t.csv.zst")) == rows


def test_a_zstd_file_is_counted_through_its_frames_and_up_to_its_damage() -> None:
    three = run_frame(3)
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    for content, blocks in (
        (three, 3),
        (three + skipped + three, 6),
        (three[:-4], 2),
        (three[:-1], 3),
        (b"\x28\xb5\x2f\xfd", 0),
        (b"", 0),
        (b"text", 0),
    ):
        assert most_content(io.BytesIO(content)) == blocks * LARGEST_BLOCK


@pytest.mark.usefixtures("little_memory")
def test_short_rows_are_not_filled_up_to_a_wide_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(10_000)) + ",y\n" + "1\n" * 1000)
    assert "t.csv line 2: a row of 1, and the header has 10001 columns" in refusal(tmp_path / "t.csv")


def test_a_wide_header_takes_no_time(tmp_path: Path) -> None:
    names = [f"column {i}" for i in range(200_000)]
    (tmp_path / "t.csv").write_text(",".join([*names, "column 7"]) + "\n1\n")
    assert "t.csv line 1: the header names 'column 7' 2 times" in refusal(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("," * (MOST_COLUMNS + 1) + "\n1\n")
    assert "t.csv line 1: 1,000,002 columns, and a network takes 1,000,000 at most" in refusal(tmp_path / "t.csv")


@pytest.mark.usefixtures("little_memory")
def test_a_long_label_among_many_short_ones_does_not_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n" * 50_000 + f"1,{'v' * 200}\n")
    assert f"t.csv: it holds 40 MB {MORE}" in refusal(tmp_path / "t.csv")


def test_text_that_begins_as_zlib_does_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x\x01,y\n1,2\n")
    assert refusal(tmp_path / "t.csv") == "t.csv: it begins as a zlib file does; unpack it first"


# -- parquet ---------------------------------------------------------------------------------------------------------


def test_a_parquet_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_limits", lambda held: iter([Limit(2 * 10**9, "this machine has")]))
    ones = {f"c{i}": pl.repeat(1.0, 10 * MB, eager=True) for i in range(2)}
    pl.DataFrame(ones).select(*(pl.col("c0").alias(f"c{i}") for i in range(15)), y="c1").write_parquet(
        tmp_path / "t.parquet"
    )
    assert (tmp_path / "t.parquet").stat().st_size < 10 * MB
    assert "t.parquet: it holds 1.3 GB or more" in refusal(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "program",
    ["import os; os.abort()", 'print(\'{"columns": 2, "rows": 3}\', flush=True); input(); import os; os.abort()'],
)
def test_a_parquet_file_at_which_polars_aborts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"a": [1.0, 2.0], "y": [1, 2]}).write_parquet(tmp_path / "t.parquet")
    assert len(read(tmp_path / "t.parquet")) == 2
    monkeypatch.setattr(parquet, "TRIAL", program)
    message = "t.parquet: not a whole parquet file: polars breaks off where it reads it; write it again"
    assert refusal(tmp_path / "t.parquet") == message
    assert capfd.readouterr() == ("", "")


def test_a_name_with_signs_of_a_pattern_is_one_file(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "y": [1, 2]})
    frame.write_parquet(tmp_path / "t[1]*.parquet")
    frame.lazy().sink_csv(tmp_path / "t[1]*.csv.zst", compression="zstd")
    for name in ("t[1]*.parquet", "t[1]*.csv.zst"):
        assert read(tmp_path / name).origin == name


def test_nothing_is_imported_from_the_folder_that_we_are_in(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1.0, 2.0], "y": [1, 2]}).write_parquet(tmp_path / "t.parquet")
    for module in ("polars", "json", "resource"):
        (tmp_path / f"{module}.py").write_text("open('ran', 'w')")
    program = "from pathlib import Path; from nncli.data.parquet import read_parquet; read_parquet(Path('t.parquet'))"
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True)
    assert not (tmp_path / "ran").exists()


# -- arrays ----------------------------------------------------------------------------------------------------------


def npy(descr: str, shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def archive(X: bytes, kind: int = zipfile.ZIP_DEFLATED) -> Path:
        buffer = io.BytesIO()
        np.save(buffer, np.arange(2))
        with zipfile.ZipFile(tmp_path / "t.npz", "w", kind) as file:
            file.writestr("X.npy", X)
            file.writestr("y.npy", buffer.getvalue())
        return tmp_path / "t.npz"

    return archive


@pytest.mark.parametrize(
    ("descr", "shape", "size"),
    [
        ("'<f8'", "(2, 2147483648)", "34,359,738,368"),
        ("'<f8'", "(4611686018427387904, 4611686018427387904)", "170,141,183,460,469,231,731,687,303,715,884,105,728"),
        ("'<U99999999'", "(2,)", "799,999,992"),
        ("'<f8'", "(2, 1)", "16"),
        ("'<f8'", "(-1, 1)", "-8"),
        ("'<f8'", "(-2, -1)", "16"),
    ],
)
def test_an_array_is_as_large_as_it_says(archive: Callable[..., Path], descr: str, shape: str, size: str) -> None:
    data = bytes(8) if shape != "(-2, -1)" else bytes(16)
    path = archive(npy(descr, shape, data))
    with taking_at_most(5 * MB):
        assert f"'X' is said to hold {size} bytes, and there are" in read_npz_refusal(path)


def read_npz_refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_table(path, target=(), features=None, drop=())
    return str(error.value)


@pytest.mark.usefixtures("little_memory")
def test_an_archive_that_unpacks_to_more_than_there_is_is_refused(archive: Callable[..., Path]) -> None:
    path = archive(npy("'|u1'", "(100, 1000000)", bytes(100 * MB)))
    assert path.stat().st_size < MB
    with taking_at_most(5 * MB):
        assert f"t.npz: it holds 100 MB {MORE}" in read_npz_refusal(path)


def test_an_array_of_more_columns_than_a_network_takes_is_refused(archive: Callable[..., Path]) -> None:
    path = archive(npy("'|u1'", "(2, 1000001)", bytes(2_000_002)))
    assert "t.npz: 1,000,001 columns, and a network takes 1,000,000 at most" in read_npz_refusal(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(archive: Callable[..., Path], kind: int) -> None:
    assert "'X' is compressed in an unusual way" in read_npz_refusal(archive(npy("'<f8'", "(2, 1)", bytes(16)), kind))


def test_a_size_that_the_archive_cannot_hold_is_not_believed(archive: Callable[..., Path]) -> None:
    path = archive(npy("'<f8'", "(2, 1)", bytes(16)), zipfile.ZIP_STORED)
    content = path.read_bytes()
    declared = struct.pack("<I", 16 + 128)
    path.write_bytes(content.replace(declared, struct.pack("<I", 2**31)))
    with taking_at_most(5 * MB):
        assert "'X' is said to hold 2,147,483,648 bytes, more than the file can" in read_npz_refusal(path)


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
@pytest.mark.parametrize("order", "<>")
def test_text_that_is_none_is_refused(tmp_path: Path, code: int, order: str) -> None:
    y = np.frombuffer(struct.pack(f"{order}2I", ord("a"), code), f"{order}U1")
    np.savez(tmp_path / "t.npz", X=np.ones((2, 1)), y=y)
    assert "array 'y' holds what is no text" in read_npz_refusal(tmp_path / "t.npz")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': (" * 30,
        b"(" * 5000,
        b"'''",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 1L)}",
        b"\xff\xfe\0",
    ],
)
def test_a_header_that_python_cannot_read_is_a_refusal(archive: Callable[..., Path], header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    assert "t.npz: not a whole .npz archive" in read_npz_refusal(archive(content))


class Bomb:
    """Run by whoever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


def test_objects_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("t.npz", X=np.array([[Bomb()], [1]], object), y=np.arange(2))
    assert "it holds Python objects, which could run code and are not loaded" in read_npz_refusal(Path("t.npz"))
    assert not Path("unpickled").exists()


# -- IDX -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path: Path) -> Callable[[tuple[int, int, int]], Path]:
    def images(shape: tuple[int, int, int]) -> Path:
        content = struct.pack(">4I", 0x803, *shape) + bytes(shape[0] * shape[1] * shape[2])
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content, mtime=0))
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, shape[0]) + bytes(shape[0]))
        return tmp_path

    return images


@pytest.mark.usefixtures("little_memory")
def test_images_that_there_is_no_room_for_are_refused(images: Callable[[tuple[int, int, int]], Path]) -> None:
    folder = images((1000, 100, 100))
    with taking_at_most(MB):
        assert f"train-images-idx3-ubyte.gz: it holds 10 MB {MORE}" in refusal(folder)


def test_images_of_more_pixels_than_a_network_takes_are_refused(images: Callable[[tuple[int, int, int]], Path]) -> None:
    assert "1,002,000 columns, and a network takes 1,000,000 at most" in refusal(images((2, 1000, 1002)))
