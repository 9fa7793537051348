"""NumPy archives and IDX files: arrays with declared types and sizes."""

import gzip
import struct
from functools import partial

import numpy as np
import pytest

from nncli.data.files import read_table
from nncli.data.idx import read_idx_folder
from nncli.errors import DataError

# without the time of day, which would give a test another name in each worker
packed = partial(gzip.compress, mtime=0)


def read_npz(tmp_path, target=(), features=None, drop=(), **arrays):
    np.savez_compressed(tmp_path / "t.npz", **arrays)
    return read_table(tmp_path / "t.npz", target=target, features=features, drop=drop)


def test_npz_reads_X_and_y_by_default(tmp_path):  # noqa: N802
    table = read_npz(tmp_path, X=np.arange(6).reshape(3, 2), y=np.array(["u", "v", "w"]))
    assert table.features.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert table.feature_names == ("X_0", "X_1")
    assert table.target.tolist() == ["u", "v", "w"]
    assert table.target_names == ("y",)
    assert table.categorical
    assert table.place(2) == "t.npz row 3"


def test_a_folder_of_arrays_is_read_as_an_archive_of_them(tmp_path):
    arrays = {"X": np.arange(24.0).reshape(4, 3, 2), "z": np.asfortranarray(np.ones((4, 2), "f4")), "y": np.arange(4)}
    archive = read_npz(tmp_path, features=("X", "z"), drop=("X_1",), **arrays)
    (tmp_path / "t").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "t" / f"{name}.npy", array)
    folder = read_table(tmp_path / "t", target=(), features=("X", "z"), drop=("X_1",))
    assert folder.feature_names == archive.feature_names
    assert folder.features.dtype == archive.features.dtype
    assert folder.features.tolist() == archive.features.tolist()
    assert folder.target.tolist() == archive.target.tolist()
    assert folder.place(2) == "t row 3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y.write_bytes(y.read_bytes()[:-1]),
            r"t/y\.npy: not a whole \.npy file: it is said to hold 16 bytes",
        ),
        (lambda y: y.write_bytes(b"no array"), r"t/y\.npy: not a whole \.npy file: .*; write it with `numpy\.save"),
        (lambda y: np.save(y, np.array([{}, 1], object)), r"t/y\.npy: it holds Python objects, which could run code"),
        (lambda y: y.unlink(), r"t: no array 'y'.*; `data\.target` and `data\.features` name files without \.npy"),
        (lambda y: (y.unlink(), y.symlink_to("X.npy")), r"t/y\.npy: a link, not a file; put the file itself there"),
        (lambda y: np.save(y, np.arange(3)), r"t: arrays of different lengths: X 2, y 3"),
    ],
)
def test_what_is_wrong_with_a_folder_of_arrays_is_named(tmp_path, change, message):
    (tmp_path / "t").mkdir()
    np.save(tmp_path / "t/X.npy", np.zeros((2, 3)))
    np.save(tmp_path / "t/y.npy", np.arange(2))
    change(tmp_path / "t/y.npy")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "t", target=(), features=None, drop=())


@pytest.mark.parametrize(
    ("given", "kept"),
    [("u1", "u1"), ("?", "u1"), ("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i1", "f8"), ("u4", "f8"), ("f16", "f8")],
)
def test_npz_keeps_small_types_of_features(tmp_path, given, kept):
    if given == "f16" and np.dtype(np.longdouble).itemsize != 16:
        pytest.skip("no 16-byte long double here")
    assert read_npz(tmp_path, X=np.ones((2, 1), given), y=np.arange(2)).features.dtype == np.dtype(kept)


@pytest.mark.parametrize(
    ("y", "target", "categorical"),
    [
        (np.array([1, 2], np.uint8), [1, 2], False),
        (np.array([True, False]), ["true", "false"], True),
        (np.array([[1.5], [2.5]], np.float32), [1.5, 2.5], False),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], False),
        (np.array([2**64 - 1, 0], np.uint64), [2.0**64, 0], False),
    ],
)
def test_npz_targets(tmp_path, y, target, categorical):
    table = read_npz(tmp_path, X=np.zeros((2, 1)), y=y)
    assert table.target.tolist() == target
    assert table.categorical is categorical


def test_npz_joins_named_arrays_flattens_images_and_drops_columns(tmp_path):
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    table = read_npz(
        tmp_path,
        target=("label",),
        features=("images", "age"),
        drop=("images_1",),
        images=images,
        age=np.array([7, 8]),
        label=np.arange(2),
    )
    assert table.feature_names == ("images_0", "images_2", "images_3", "age")
    assert table.features.tolist() == [[0, 2, 3, 7], [4, 6, 7, 8]]


@pytest.mark.parametrize(
    ("arrays", "keywords", "message"),
    [
        (
            {"X": np.ones((2, 1)), "z": np.ones(2)},
            {},
            "no array 'y', there are X, z; `data.target` and `data.features`",
        ),
        ({"images": np.ones((2, 1)), "y": np.ones(2)}, {"features": ("imags",)}, "did you mean 'images'?"),
        ({"X": np.ones((2, 1)), "y": np.ones(3)}, {}, "arrays of different lengths: X 2, y 3; a row of each belongs"),
        (
            {"X": np.ones((2, 1)), "y": np.ones((2, 1, 1))},
            {},
            "array 'y' has the shape (2, 1, 1); it should be (n,) or",
        ),
        ({"X": np.array(3.0), "y": np.ones(1)}, {}, "array 'X' has the shape (); it should be (n, d)"),
        ({"X": np.ones((2, 0)), "y": np.ones(2)}, {}, "array 'X' (2, 0) has no column"),
        ({"X": np.ones((2, 1), complex), "y": np.ones(2)}, {}, "array 'X' holds complex128; save it as numbers"),
        ({"X": np.array([["u"], ["v"]]), "y": np.ones(2)}, {}, "array 'X' holds <U1; save it as numbers"),
        ({"X": np.ones((0, 1)), "y": np.ones(0)}, {}, "no rows"),
        ({"X": np.ones((2, 1)), "y": np.array([1, None])}, {}, "it holds Python objects, which could run code"),
        ({"X": np.array([[1], [np.inf]]), "y": np.ones(2)}, {}, "t.npz row 2, column 'X_0': inf is not finite"),
        (
            {"X": np.ones((2, 1)), "y": np.ones(2)},
            {"drop": ("X_7",)},
            "`data.drop`: no column 'X_7', did you mean 'X_0'",
        ),
        ({"X": np.ones((2, 1)), "y": np.ones(2)}, {"features": ("y",)}, "array 'y' is named twice; name it once"),
        (
            {"X": np.ones((2, 1)), "y": np.array(["u", "v"]), "z": np.ones(2)},
            {"target": ("y", "z")},
            "several target columns, and some hold text; several must all be numbers",
        ),
    ],
)
def test_npz_faults_are_named(tmp_path, arrays, keywords, message):
    with pytest.raises(DataError) as error:
        read_npz(tmp_path, **keywords, **arrays)
    assert message in str(error.value)
    assert str(error.value).startswith("t.npz")


def test_a_foreign_or_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, X=np.ones((50, 3)), y=np.ones(50))
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[300] ^= 255  # within the data of X: its checksum no longer fits
    for content in (b"", b"x" * 100, whole[: len(whole) // 2], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.npz: not .* archive.*; write it with `numpy\.savez"):
            read_table(path, target=(), features=None, drop=())


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


IMAGES = np.arange(24).reshape(4, 2, 3)
LABELS = np.array([3, 1, 4, 1])


@pytest.fixture
def mnist(tmp_path):
    def write(part, images=IMAGES, labels=LABELS, pack=lambda content: content, suffix=""):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = array if isinstance(array, bytes) else idx(array)
            (tmp_path / f"{part}-{name}-ubyte{suffix}").write_bytes(pack(content))
        return tmp_path

    return write


@pytest.mark.parametrize(("pack", "suffix"), [(lambda content: content, ""), (packed, ".gz")])
def test_idx_folder_is_read(mnist, pack, suffix):
    train, test = read_idx_folder(mnist("train", pack=pack, suffix=suffix))
    assert test is None
    assert train.features.dtype == np.uint8
    assert train.features.tolist() == IMAGES.reshape(4, 6).tolist()
    assert train.feature_names == ("pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2")
    assert train.target.tolist() == [3, 1, 4, 1]
    assert train.categorical
    assert train.place(0) == f"train-images-idx3-ubyte{suffix} row 1"


def test_the_t10k_pair_becomes_the_test_table(mnist):
    mnist("train")
    _, test = read_idx_folder(mnist("t10k", IMAGES[:2], LABELS[:2]))
    assert test is not None
    assert len(test) == 2


HEADER = "cut off: its header promises 4 x 2 x 3 bytes; download it again"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx(IMAGES)[:-1], LABELS, f"train-images-idx3-ubyte: {HEADER}"),
        (idx(IMAGES) + b"x", LABELS, "train-images-idx3-ubyte: more bytes than the 24 of its header (4, 2, 3)"),
        (idx(IMAGES)[:7], LABELS, "train-images-idx3-ubyte: cut off in its header; download it again"),
        (b"", LABELS, "it begins with nothing, not 00 00 08 03; download it again, or look whether images and labels"),
        (
            idx(LABELS),
            LABELS,
            "train-images-idx3-ubyte: not an IDX file of bytes in 3 dimensions: it begins with 00 00 08 01",
        ),
        (
            IMAGES,
            b"<html>",
            "train-labels-idx1-ubyte: not an IDX file of bytes in 1 dimensions: it begins with 3c 68 74 6d",
        ),
        (
            IMAGES,
            LABELS[:3],
            "train-images-idx3-ubyte, train-labels-idx1-ubyte: 4 images and 3 labels; take both files",
        ),
        (IMAGES[:, :0], LABELS, "train-images-idx3-ubyte: no pixels: 4 images of 0 x 3"),
        (IMAGES[:0], LABELS[:0], "train-images-idx3-ubyte: no pixels: 0 images of 2 x 3"),
        (
            bytes([0, 0, 8, 3]) + b"\xff" * 12,
            LABELS,
            "cut off: its header promises 4294967295 x 4294967295 x 4294967295",
        ),
    ],
)
def test_idx_faults_are_named(mnist, images, labels, message):
    with pytest.raises(DataError) as error:
        read_idx_folder(mnist("train", images, labels))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(idx(IMAGES)[:-1]), HEADER),
        (packed(idx(IMAGES) + b"x"), "more bytes than the 24 of its header"),
        (packed(idx(IMAGES))[:-9], "not a whole gzip file: "),
        (idx(IMAGES), "not a whole gzip file: Not a gzipped file"),
        (packed(bytes([0, 0, 8, 3]) + b"\xff" * 12), "cut off: its header promises 4294967295 x"),
    ],
)
def test_compressed_idx_faults_are_named(mnist, content, message):
    folder = mnist("train", pack=packed, suffix=".gz")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_idx_folder(folder)
    assert f"train-images-idx3-ubyte.gz: {message}" in str(error.value)


def test_a_folder_without_idx_files_or_with_half_a_pair_is_refused(tmp_path, mnist):
    with pytest.raises(DataError, match=r"a folder without IDX files; it should hold train-images-idx3-ubyte and"):
        read_idx_folder(tmp_path)
    (mnist("train") / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has no train-labels-idx1-ubyte beside it"):
        read_idx_folder(tmp_path)


def test_training_and_test_images_of_different_sizes_are_refused(mnist):
    mnist("train")
    with pytest.raises(DataError, match=r"the test images have 4 pixels, those for training 6; take both pairs"):
        read_idx_folder(mnist("t10k", IMAGES[:, :, :2]))
