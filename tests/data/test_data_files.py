"""Text tables and parquet: what is read, and that every fault is named with its place and its remedy."""

import gzip
import math
import subprocess
import sys
from functools import partial

import numpy as np
import polars as pl
import pytest

from nncli.data.files import read_table
from nncli.errors import DataError

# without the time of day, which would give a test another name in each worker
packed = partial(gzip.compress, mtime=0)


@pytest.fixture
def read(tmp_path):
    def read(content, name="t.csv", target=("y",), features=None, drop=()):
        if isinstance(content, pl.DataFrame):
            content.write_parquet(tmp_path / name)
        elif content is not None:
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(tmp_path / name, target=target, features=features, drop=drop)

    return read


@pytest.fixture
def refused(read):
    def refused(*arguments, **keywords):
        with pytest.raises(DataError) as error:
            read(*arguments, **keywords)
        return str(error.value)

    return refused


def test_a_numeric_table_is_read_as_written(read):
    table = read("a,b,y\n1,2.5,3\n-4e-3,+6,7\n")
    assert table.features.tolist() == [[1, 2.5], [-0.004, 6]]
    assert table.features.dtype == np.float64
    assert table.features.flags.c_contiguous
    assert table.feature_names == ("a", "b")
    assert table.target.tolist() == [3, 7]
    assert table.target.dtype == np.int64
    assert (table.target_names, table.categorical, table.origin) == (("y",), False, "t.csv")
    assert table.place(1) == "t.csv line 3"


def test_floats_are_read_to_the_last_bit(read):
    values = np.random.default_rng(0).standard_normal(500) * 10.0 ** np.random.default_rng(1).integers(-30, 30, 500)
    text = "a,y\n" + "".join(f"{value!r},0\n" for value in values.tolist())
    np.testing.assert_array_equal(read(text).features[:, 0], values)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a,y\r\n1,2\r\n3,4\r\n", "t.csv"),
        ("\ufeffa,y\n1,2\n3,4", "t.csv"),
        ("\n\na,y\n1,2\n3,4\n\n\n", "t.csv"),
        (' a , y \n 1, 2\n"3",4 \n', "t.csv"),
        ("a\ty\n1\t2\n3\t4\n", "t.tsv"),
        ("a,y\n1,2\n3,4\n", "T.CSV"),
        (packed(b"a,y\n1,2\n3,4\n"), "my.table.csv.gz"),
        (packed(b"a\ty\n1\t2\n3\t4\n"), "t.tsv.gz"),
    ],
)
def test_line_ends_blanks_separators_and_compression_do_not_matter(read, content, name):
    table = read(content, name)
    assert table.features.tolist() == [[1], [3]]
    assert table.target.tolist() == [2, 4]
    assert table.feature_names == ("a",)


def test_zstd_is_read_and_its_lines_are_known(read, tmp_path):
    pl.DataFrame({"a,y": ["1,2", "x,4"]}).lazy().sink_csv(
        tmp_path / "t.csv.zst", compression="zstd", quote_style="never"
    )
    with pytest.raises(DataError, match=r"t\.csv\.zst line 3, column 'a': 'x' is not a number"):
        read(None, "t.csv.zst")
    with pytest.raises(DataError, match=r"t\.csv\.zst: not a zstd file: it begins with 61 2c 79 0a; compress it again"):
        read("a,y\n1,2\n", "t.csv.zst")


def test_a_cell_of_several_lines_turns_lines_into_rows(read):
    table = read('a,note,y\n1,"two\nlines",2\n3,one,4\n', drop=("note",))
    assert table.place(1) == "t.csv row 2"
    assert table.features.tolist() == [[1], [3]]


def test_the_line_counts_from_the_top_of_the_file_also_after_empty_lines(refused):
    assert refused("\n\na,y\n1,2\n2,3\nx,4\n").startswith("t.csv line 6, column 'a': 'x' is not a number; ")


@pytest.mark.parametrize(
    ("cells", "target", "categorical"),
    [
        (["b", "a"], ["b", "a"], True),
        (["1", "x"], ["1", "x"], True),
        (["True", "FALSE"], ["true", "false"], True),
        (["1", "0"], [1, 0], False),
        (["1.0", "2"], [1.0, 2.0], False),
        (["99999999999999999999", "1"], [1e20, 1.0], False),
    ],
)
def test_text_and_booleans_in_the_target_are_classes_and_numbers_stay_numbers(read, cells, target, categorical):
    table = read("a,y\n" + "".join(f"1,{cell}\n" for cell in cells))
    assert table.target.tolist() == target
    assert table.categorical is categorical


def test_booleans_among_the_features_are_zeros_and_ones(read):
    assert read("a,b,y\ntrue,1,0\nFalse,2,0\n").features.tolist() == [[1, 1], [0, 2]]


def test_several_targets_are_a_matrix_in_the_order_asked_for(read):
    table = read("a,u,v\n1,2,3.5\n4,5,6\n", target=("v", "u"))
    assert table.target.tolist() == [[3.5, 2], [6, 5]]
    assert table.target_names == ("v", "u")


def test_columns_left_out_may_hold_anything(read):
    assert read("a,name,y\n1,,2\n2,Bob,3\n", drop=("name",)).feature_names == ("a",)
    assert read("a,name,y\n1,,2\n2,Bob,3\n", features=("a",)).feature_names == ("a",)


FILL = "fill the cell or delete the row; `data.drop: [{0}]` leaves the column out".format
LEARN = "fill the cell or delete the row: a row without 'y' cannot be learned from"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "t.csv: the file is empty; give it a header line and rows"),
        ("\n\n", "t.csv: the file is empty; give it a header line and rows"),
        ("a,y\n", "t.csv: a header and no rows; a training needs some"),
        ("a,speces\n1,2\n", "t.csv: `data.target`: no column 'y', there are a, speces"),
        (
            "a,y,a,a\n1,2,3,4\n",
            "t.csv line 1: the header names 'a' 3 times; give every column a name of its own",
        ),
        (
            ",a,y\n0,1,2\n",
            "t.csv line 1: column 1 has no name; name it in the header, or leave it out "
            "(pandas writes its index so, and not with `index=False`)",
        ),
        (
            "a;y\n1;2\n",
            "t.csv line 1: a single column 'a;y': it seems to be separated by ';', not by ','; "
            "save it with commas as .csv, or with tabs as .tsv",
        ),
        ("a,y\n1,2\nnone,3\n4,5\n", f"t.csv line 3, column 'a': 'none' is not a number; {FILL('a')}"),
        ("a,y\n1,2\n-inf,3\n4,5\n", f"t.csv line 3, column 'a': -inf is not finite; {FILL('a')}"),
        ("a,y\n1,2\n1e999,3\n4,5\n", f"t.csv line 3, column 'a': 1e999 is not finite; {FILL('a')}"),
        ("a,y\n1,2\n3,\n4,5\n", f"t.csv line 3, column 'y': empty cell; {LEARN}"),
        ("a,y\n1,u\n3,\n4,v\n", f"t.csv line 3, column 'y': empty cell; {LEARN}"),
        ("a,y\n1,2\n3,inf\n", f"t.csv line 3, column 'y': inf is not finite; {LEARN}"),
        (
            "a,b,y\n1,2,3\n4,5\n6,7,8\n",
            "t.csv line 3: a row of 2, and the header has 3 columns; "
            "a row needs one for each of a, b, y; a cell that contains ',' needs quotes",
        ),
        (
            "a,y\n1,2\n4,5,6\n",
            "t.csv line 3: a row of 3, and the header has 2 columns; "
            "a row needs one for each of a, y; a cell that contains ',' needs quotes",
        ),
        ("a,y\n1,2\n\n4,5\n", "t.csv line 3: empty line; delete it"),
        (
            'a,y\n1,2\n3,"4\n5,6\n',
            "t.csv line 2: the row after it cannot be read: unexpected end of data; "
            "close its quotes; a quote within quotes is written twice",
        ),
        ('"a,y\n1,2\n', "t.csv line 1: the header cannot be read: unexpected end of data; look at its quotes"),
        (b"a,y\n1,2\n3,caf\xe9\n", "t.csv line 3: not UTF-8: byte 0xe9; save the file as UTF-8"),
        ("a,y\n1,2\n".encode("utf-16"), "t.csv line 1: not UTF-8: byte 0xff; save the file as UTF-8"),
        (
            "a,y\n1," + "z" * 201 + "\n",
            f"t.csv line 2, column 'y': a label of 201 characters ('{'z' * 20}'...); "
            "class names have 200 at most: is this the right target column?",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_remedy(refused, content, message):
    assert refused(content) == message


def test_text_beyond_the_first_hundred_thousand_rows_is_found(refused):
    assert refused("a,y\n" + "1,2\n" * 100_000 + "oops,2\n").startswith(
        "t.csv line 100002, column 'a': 'oops' is not a number; "
    )


def test_all_faults_of_the_cells_come_at_once_and_by_line(refused):
    lines = refused("a,b,y\n1,2,3\n4,x,\nz,inf,inf\n7,1,1\n").split("\n")
    places = [line.partition(": ")[0] for line in lines]
    assert places == [
        "t.csv line 3, column 'b'",
        "t.csv line 3, column 'y'",
        "t.csv line 4, column 'a'",
        "t.csv line 4, column 'b'",
        "t.csv line 4, column 'y'",
    ]


def test_many_bad_cells_and_many_bad_rows_are_shortened(refused):
    assert refused("a,y\n" + "inf,1\n" * 22).endswith("\nand 17 more")
    assert refused("a,y\n" + "1\n" * 22 + "1,2\n").endswith("\nand 17 more")


def test_several_targets_with_text_among_them_are_refused(refused):
    assert refused("a,u,v\n1,x,3\n", target=("u", "v")) == (
        "t.csv: the target 'u' holds text; several target columns must all be numbers, or true and false; "
        "name one column, or turn the text into numbers"
    )


def test_no_target_named_lists_the_columns(refused):
    assert refused("a,b\n1,2\n", target=()) == "t.csv: no target column given; name one with `data.target`: a, b"


def test_an_unknown_suffix_lists_the_known_ones(refused):
    assert refused("a", "t.xls") == (
        "t.xls: unknown kind of file '.xls'; known are .csv, .tsv (each also .gz or .zst), .parquet, .npz, "
        "folders of .npy files, and folders of IDX files"
    )


def test_a_missing_file_comes_back_with_the_nearest(refused, tmp_path):
    (tmp_path / "train.csv").write_text("a,y\n1,2\n")
    assert refused(None, "trian.csv") == f"{tmp_path}/trian.csv: no such file; did you mean 'train.csv'?"
    assert refused(None, "qqq").endswith("qqq: no such file; look at its spelling and folder")
    assert "nowhere/t.csv: no folder" in refused(None, "nowhere/t.csv")


def test_a_folder_is_not_read_as_a_table(tmp_path):
    with pytest.raises(DataError, match="a folder, not a file; name one file: "):
        read_table(tmp_path, target=("y",), features=None, drop=())


@pytest.mark.parametrize("cut", [1, 12, -1])
def test_a_cut_off_gzip_file_is_refused(refused, cut):
    message = refused(packed(b"a,y\n1,2\n" * 1000)[:cut], "t.csv.gz")
    assert message.startswith("t.csv.gz: not a whole gzip file: ")
    assert message.endswith("; compress or download it again")


def test_parquet_keeps_its_types(read):
    frame = pl.DataFrame({"a": [1.5, 2.5], "b": [True, False], "y": ["1", "2"], "when": ["x", None]})
    table = read(frame, "t.parquet", drop=("when",))
    assert table.features.tolist() == [[1.5, 1], [2.5, 0]]
    assert table.target.tolist() == ["1", "2"]
    assert table.categorical
    assert table.place(1) == "t.parquet row 2"
    single = read(frame.select(pl.col("a").cast(pl.Float32), "y"), "s.parquet")
    assert single.features.dtype == np.float32
    small = read(pl.DataFrame({"a": [1, 255], "y": [True, False]}, {"a": pl.UInt8, "y": pl.Boolean}), "u.parquet")
    assert small.features.dtype == np.uint8
    assert small.target.tolist() == ["true", "false"]


def test_parquet_columns_that_are_no_numbers_and_missing_cells_are_named(refused, read):
    frame = pl.DataFrame({"a": [1.5, math.inf], "t": [1, 2], "d": ["2020-01-01", "2020-01-02"], "y": [1, 2]})
    frame = frame.with_columns(pl.col("d").str.to_date(), pl.col("t").cast(pl.Time))
    assert refused(frame, "t.parquet").split("\n") == [
        "t.parquet, column 't': it holds Time, and features are numbers; turn it into numbers; "
        "`data.drop: [t]` leaves it out",
        f"t.parquet row 2, column 'a': inf is not finite; {FILL('a')}",
    ]
    assert "column 'd': it holds Date, and a target is text" in refused(
        frame.drop("t", "a").with_columns(a=1), "t.parquet", target=("d",), drop=("y",)
    )
    categories = pl.DataFrame({"a": [1, 2], "y": ["u", "v"]}, {"a": pl.Int8, "y": pl.Categorical})
    assert read(categories, "c.parquet").target.tolist() == ["u", "v"]


def test_a_foreign_parquet_file_is_refused(refused):
    message = refused(b"PAR1 nothing else", "t.parquet")
    assert message.startswith("t.parquet: not a whole parquet file: ")
    assert message.endswith("; write it again")


def test_a_numeric_csv_is_read_and_split_without_scikit_learn(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    code = (
        "import sys, pathlib, numpy; from nncli.data.files import read_table;"
        "from nncli.data.dataset import make_dataset;"
        f"table = read_table(pathlib.Path({str(tmp_path / 't.csv')!r}), target=('y',), features=None, drop=());"
        "make_dataset(table, classification=True, rng=numpy.random.default_rng(0));"
        "print(sorted({'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
